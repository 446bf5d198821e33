//! Times between stages, and what is kept of transactions that arrived or stopped.

use node::pipeline::{Pipeline, WAYS_MAX, percentiles};
use primitives::{Hash, Height, Rejection, Stage, Timestamp, TransactionId};
use replica::stages::{Stop, Tracker};
use telemetry::Metrics;

fn id(number: u8) -> TransactionId {
    TransactionId(Hash([number; 32]))
}

#[test]
fn percentiles_are_times_that_were_seen() {
    assert_eq!(percentiles(&[]), None);
    assert_eq!(percentiles(&[7]), Some([7, 7, 7]));
    let hundred: Vec<u64> = (1..=100).collect();
    assert_eq!(percentiles(&hundred), Some([50, 95, 99]));
}

#[test]
fn a_stage_counts_from_the_latest_one_before_it() {
    let pipeline = Pipeline::new(Metrics::new().pipeline);
    let mut tracker = Tracker::default();
    // Gossip is noted after the proposal, as it may be.
    let times = [
        (Stage::Received, 100),
        (Stage::Admitted, 103),
        (Stage::Proposed, 300),
        (Stage::Gossiped, 310),
        (Stage::Decided, 500),
        (Stage::Finalized, 520),
    ];
    for (stage, time) in times {
        tracker.reach(id(1), stage, Timestamp(time));
    }
    pipeline.finalized(Height(9), vec![(id(1), *tracker.get(&id(1)).expect("it was noted"))]);
    let told: Vec<_> = pipeline.stages().into_iter().map(|(stage, times)| (stage, times.percentiles)).collect();
    let all = |time| Some([time; 3]);
    assert_eq!(
        told,
        [
            (Stage::Admitted, all(3)),
            (Stage::Gossiped, all(207)),
            (Stage::Proposed, all(0)),
            (Stage::Decided, all(190)),
            (Stage::Finalized, all(20)),
            (Stage::Proven, None),
        ]
    );
}

#[test]
fn a_stop_is_counted_where_it_happened_and_the_oldest_way_makes_room() {
    let metrics = Metrics::new();
    let pipeline = Pipeline::new(metrics.pipeline.clone());
    let mut tracker = Tracker::default();
    tracker.reach(id(2), Stage::Received, Timestamp(5));
    tracker.stop(id(2), Stop::Rejected(Rejection::FeeTooLow));
    pipeline.stopped(id(2), *tracker.get(&id(2)).expect("it was noted"));
    assert_eq!(metrics.pipeline.errors.with(["received"]).get(), 1);
    assert_eq!(metrics.pipeline.errors.with(["admitted"]).get(), 0);
    assert_eq!(pipeline.newest(5).len(), 1);
    for _ in 0..WAYS_MAX {
        pipeline.finalized(Height(1), vec![(id(3), *tracker.get(&id(2)).expect("it was noted"))]);
    }
    let newest = pipeline.newest(usize::MAX);
    assert_eq!(newest.len(), WAYS_MAX);
    assert!(newest.iter().all(|way| way.id == id(3)), "the stopped one was the oldest");
}
