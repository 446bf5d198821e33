//! The floors of free room: where work stops, where blocks stop, and where both go on.

use std::path::Path;

use node::disk::Disk;
use telemetry::Metrics;

fn disk(low: u64, full: u64) -> Disk {
    Disk::new(Path::new("."), (low, full), Metrics::new().storage)
}

#[test]
fn work_stops_below_the_floor_and_goes_on_an_eighth_above_it() {
    let disk = disk(800, 0);
    assert_eq!((disk.is_low(), disk.low()), (false, None), "nothing is low before the first look");
    let looks =
        [(801, false), (800, false), (799, true), (0, true), (800, true), (899, true), (900, false), (800, false)];
    for (free, low) in looks {
        disk.saw(free);
        assert_eq!(disk.is_low(), low, "{free}");
        assert_eq!(disk.low(), low.then_some((free, 800)), "{free}");
        assert!(!disk.is_full(), "{free}: without a second floor nothing is ever full");
    }
    let most = self::disk(u64::MAX, 0);
    most.saw(u64::MAX - 1);
    assert!(most.is_low());
}

#[test]
fn blocks_stop_below_the_second_floor_which_is_never_above_the_first() {
    let disk = disk(800, 400);
    let looks = [(400, false), (399, true), (0, true), (400, true), (449, true), (450, false), (400, false)];
    for (free, full) in looks {
        disk.saw(free);
        assert_eq!((disk.is_low(), disk.is_full()), (true, full), "{free}");
        assert_eq!(disk.full(), full.then_some((free, 400)), "{free}");
    }
    let small = self::disk(80, 400);
    small.saw(81);
    assert!(!small.is_full(), "the smaller of the two counts");
    small.saw(79);
    assert!(small.is_full() && small.is_low());
    let only = self::disk(0, 400);
    only.saw(399);
    assert!(only.is_full() && only.is_low() && only.low().is_none(), "who begins no block takes no work");
    let none = self::disk(0, 0);
    none.saw(0);
    assert!(!none.is_full() && !none.is_low(), "without floors nothing is ever low");
}
