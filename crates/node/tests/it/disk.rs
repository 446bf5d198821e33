//! The floor of free room: where work stops, and where it goes on.

use node::disk::Disk;

#[test]
fn work_stops_below_the_floor_and_goes_on_an_eighth_above_it() {
    let disk = Disk::new(800);
    assert_eq!((disk.is_low(), disk.low()), (false, None), "nothing is low before the first look");
    let looks =
        [(801, false), (800, false), (799, true), (0, true), (800, true), (899, true), (900, false), (800, false)];
    for (free, low) in looks {
        let was = disk.is_low();
        assert_eq!(disk.saw(free), low != was, "{free}");
        assert_eq!(disk.is_low(), low, "{free}");
        assert_eq!(disk.low(), low.then_some((free, 800)), "{free}");
    }
    let none = Disk::new(0);
    assert!(!none.saw(0) && !none.is_low(), "without a floor nothing is ever low");
    let most = Disk::new(u64::MAX);
    assert!(most.saw(u64::MAX - 1) && most.is_low());
}
