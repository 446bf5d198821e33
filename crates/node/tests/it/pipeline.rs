//! Times between stages, and what is kept of transactions that arrived or stopped.

use node::pipeline::{Pipeline, WAYS_MAX, percentiles};
use node::stages::Stages;
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
fn a_proof_that_comes_minutes_later_is_the_last_stage_of_its_way_and_counted_once() {
    let metrics = Metrics::new();
    let stages = Stages::new(Pipeline::new(metrics.pipeline.clone()));
    let ids = [id(1), id(2), id(9)];
    stages.reach(ids[..2].into(), Stage::Received);
    stages.reach(ids[..2].into(), Stage::Finalized);
    stages.pipeline.finalized(Height(9), stages.get_all(&ids[..1]));
    // Two proofs that are taken at a time cover the same block; nobody saw the third transaction.
    stages.prove(&ids);
    stages.prove(&ids);
    // The block is told of after its proof: the last stage is not counted again.
    stages.pipeline.finalized(Height(9), stages.get_all(&ids[1..]));
    let proven = stages.pipeline.stages().into_iter().find(|(stage, _)| *stage == Stage::Proven).expect("a stage").1;
    assert!(proven.count == 2 && proven.percentiles.is_some(), "{proven:?}");
    let text = metrics.render();
    assert!(text.contains("pipeline_stage_latency_ms_count{stage=\"proven\"} 2\n"), "{text}");
    assert!(text.contains("pipeline_stage_latency_ms_count{stage=\"finalized\"} 2\n"), "{text}");
    let of_proofs = |line: &str| line.contains("stage=\"proven\"") && line.contains("le=\"7200000.0\"");
    assert!(text.lines().any(of_proofs), "proofs take longer than 30 s: {text}");
    let ways = stages.pipeline.newest(5);
    assert_eq!(ways.len(), 2);
    assert!(ways.iter().all(|way| way.progress.stage().0 == Stage::Proven), "{ways:?}");
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
