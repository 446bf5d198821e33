//! Metrics that the consensus engine registers itself, as far as dashboards and alerts use them.
//!
//! Their names have no unit suffix, so the help says the unit. The engine's text is joined to ours in the answer to `GET /metrics` (`registry.rs`), so these rows make no cells.
//! They are here so that a query is checked against one catalogue, and so that `docs/metrics.md` says what a reader
//! of a dashboard sees. `scripts/check_dashboards_live.sh` finds a row that the engine stopped serving.

use crate::areas::BLOCKS;
use crate::metric::Metric;

/// The label that the engine puts on each of its series: the name of the node in its configuration.
const MONIKER: &[&str] = &["moniker"];

/// The engine's metrics that are used. A histogram's bounds are the engine's own; what stands here only says its kind.
pub const METRICS: &[Metric] = &[
    Metric::gauge("malachitebft_core_consensus_connected_peers")
        .labels(MONIKER)
        .help("Peers that the consensus engine is connected to"),
    Metric::counter("malachitebft_core_consensus_equivocation_votes_total")
        .labels(MONIKER)
        .help("Pairs of conflicting votes that the engine saw"),
    Metric::counter("malachitebft_core_consensus_equivocation_proposals_total")
        .labels(MONIKER)
        .help("Pairs of conflicting proposals that the engine saw"),
    Metric::gauge("malachitebft_core_consensus_node_safety_failure")
        .labels(MONIKER)
        .help("1 once the engine stopped for safety, as after a failed write of its log, until the process restarts"),
    Metric::histogram("malachitebft_core_consensus_time_per_step", BLOCKS)
        .labels(&["moniker", "step"])
        .help("Seconds that consensus spent in each step of a round"),
    Metric::histogram("malachitebft_core_consensus_signature_signing_time", BLOCKS)
        .labels(MONIKER)
        .help("Seconds that one signature took, the write of the double-sign guard included"),
    Metric::counter("malachitebft_sync_value_requests_sent_total")
        .labels(MONIKER)
        .help("Requests for decided blocks sent to peers"),
    Metric::counter("malachitebft_sync_value_responses_received_total")
        .labels(MONIKER)
        .help("Answers with decided blocks received from peers"),
    Metric::counter("malachitebft_sync_value_request_timeouts_total")
        .labels(MONIKER)
        .help("Requests for decided blocks that no peer answered in time"),
];
