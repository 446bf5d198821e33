//! The way of transactions through this node, under the names that pipeline dashboards ask for.
//!
//! Times of the contract's names are in milliseconds, which the rules for names except by name.

use crate::handles::{Counter, CounterFamily, HistogramFamily};
use crate::metric::{Metric, Unit};

/// Bounds for one stage of the way, milliseconds: those above 30 s are for the last one, as a proof takes minutes.
const STAGE_MS: &[f64] = &[
    1.0,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    200.0,
    300.0,
    500.0,
    750.0,
    1_000.0,
    1_500.0,
    2_000.0,
    5_000.0,
    30_000.0,
    60_000.0,
    180_000.0,
    600_000.0,
    1_800_000.0,
    7_200_000.0,
];

area! {
    /// The way of transactions through this node.
    Pipeline {
        "Time from the stage before to this one, milliseconds; only finalized transactions count"
        latency: HistogramFamily<1> = Metric::histogram("pipeline_stage_latency_ms", STAGE_MS)
            .unit(Unit::Milliseconds)
            .labels(&["stage"]);
        "Transactions that stopped, by the last stage that they had reached here"
        errors: CounterFamily<1> = Metric::counter("pipeline_errors_total")
            .labels(&["stage"])
            .values(&[&["received", "admitted", "gossiped", "proposed", "decided"]]);
        "Batches of transactions from peers, by what became of them (accepted, ignored, rejected)"
        gossip_events: CounterFamily<1> = Metric::counter("pipeline_gossip_events_total")
            .labels(&["verdict"])
            .values(&[&["accepted", "ignored", "rejected"]]);
        "Times that a round had another proposer than the round before it"
        proposer_changes: Counter = Metric::counter("pipeline_leader_rotations_total");
    }
}
