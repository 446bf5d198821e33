//! The load generator: what it counts and what it reports.

use std::collections::BTreeMap;

use cli::bench::count::Tally;
use cli::bench::report::{Percentiles, Report, per_second};
use primitives::{Hash, TransactionId};
use proptest::prelude::*;

fn id(byte: u8) -> TransactionId {
    TransactionId(Hash([byte; 32]))
}

#[test]
fn only_what_stands_in_a_block_counts() {
    let tally = Tally::default();
    tally.sending([id(1), id(2), id(3), id(4)].into_iter());
    tally.admitted(3);
    tally.rejected(id(4), "queue_full");
    assert_eq!(tally.in_flight(), 3);
    // Somebody else's transfer, and one of ours twice.
    tally.block(&[id(9), id(1), id(2)], 1_000);
    tally.block(&[id(2)], 500);
    assert_eq!(tally.in_flight(), 1);
    let counted = tally.finish();
    assert_eq!(counted.latencies_ms.len(), 2);
    assert_eq!((counted.admitted, counted.missing, counted.blocks, counted.block_bytes), (3, 1, 2, 1_500));
    assert_eq!(counted.rejected, BTreeMap::from([("queue_full".to_owned(), 1)]));
    assert!(counted.last_counted.is_some());
}

#[test]
fn a_retried_transfer_keeps_its_first_moment() {
    let tally = Tally::default();
    tally.sending([id(1)].into_iter());
    std::thread::sleep(std::time::Duration::from_millis(30));
    tally.sending([id(1)].into_iter());
    tally.block(&[id(1)], 1);
    assert!(tally.finish().latencies_ms[0] >= 30);
}

proptest! {
    #[test]
    fn percentiles_are_the_nearest_rank(values in prop::collection::vec(0_u64..1_000, 1..200)) {
        let mut sorted = values.clone();
        sorted.sort_unstable();
        let Percentiles { p50, p95, p99 } = Percentiles::of(values);
        for (percent, found) in [(50, p50), (95, p95), (99, p99)] {
            let found = found.expect("there are values");
            // The definition: the least value that is not below `percent` of all.
            let least = sorted.iter().copied().find(|value| {
                let below = sorted.iter().filter(|other| *other <= value).count();
                below * 100 >= percent * sorted.len()
            });
            prop_assert_eq!(Some(found), least);
        }
    }
}

#[test]
fn rates_are_whole_numbers_and_nothing_divides_by_zero() {
    assert_eq!(per_second(10, 0), 0);
    assert_eq!(per_second(1, 3_000), 0);
    assert_eq!(per_second(45_000, 9_000), 5_000);
    assert_eq!(per_second(u64::MAX, 1), u64::MAX);
    assert_eq!(Percentiles::of(Vec::new()), Percentiles::default());
}

#[test]
fn the_report_reads_well() {
    let report = Report {
        targets: vec!["http://a".to_owned()],
        senders: 200,
        rate: 0,
        elapsed_ms: 10_000,
        admitted: 50_010,
        finalized: 50_000,
        finalized_per_second: 5_000,
        blocks: 10,
        block_bytes: 12_345_678,
        bytes_per_second: 1_234_567,
        finality_ms: Percentiles { p50: Some(900), p95: Some(1_800), p99: None },
        rejected: BTreeMap::from([("queue_full".to_owned(), 1_200), ("fee_too_low".to_owned(), 1)]),
        failed_requests: BTreeMap::new(),
        missing: 10,
    };
    let text = report.describe();
    for part in [
        "50,000 transfers in 10.00 s",
        "5,000 tx/s, 1.23 MB/s of blocks",
        "p50 900 ms  p95 1.80 s  p99 -",
        "fee_too_low 1, queue_full 1,200",
        "failed requests  none",
    ] {
        assert!(text.contains(part), "the report lacks {part:?}:\n{text}");
    }
}
