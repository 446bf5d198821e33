//! Faults of a whole network, as the Prometheus of its operator sees them: who is woken, and that nobody else is.
//!
//! A drill shows one alert by its own series. A scene plays those of four nodes at once and names every critical alert
//! that fires; all others must be quiet, so that one fault is one page and not one for each node that notices it.

/// For whom an alert fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pager {
    /// Once for all nodes of the job.
    Job,
    /// For each of these nodes, the first is 1.
    Nodes(&'static [usize]),
}

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scene {
    /// What happens.
    pub(crate) name: &'static str,
    /// Series and values in promtool's notation, as in a [`Drill`](crate::Drill); the fault begins after five minutes.
    pub(crate) series: &'static [(&'static str, &'static str)],
    /// When it is looked at.
    pub(crate) at: &'static str,
    /// The critical alerts that fire then.
    pub(crate) pages: &'static [(&'static str, Pager)],
}

/// All scenes.
pub(crate) const SCENES: &[Scene] = &[
    // Each of the other three misses one peer of three, which is no partition: see `node/src/partition_watch.rs`.
    Scene {
        name: "one validator of four is killed and the chain goes on",
        series: &[
            ("up{@}", "1x60"),
            ("up{@2}", "1x60"),
            ("up{@3}", "1x60"),
            ("up{@4}", "1x20 0x40"),
            ("node_info{@,role=\"validator\"}", "1x60"),
            ("node_info{@2,role=\"validator\"}", "1x60"),
            ("node_info{@3,role=\"validator\"}", "1x60"),
            ("node_info{@4,role=\"validator\"}", "1x20 stale"),
            ("consensus_finalized_height{@}", "0+15x60"),
            ("consensus_finalized_height{@2}", "0+15x60"),
            ("consensus_finalized_height{@3}", "0+15x60"),
            ("consensus_finalized_height{@4}", "0+15x20 stale"),
            ("consensus_validators{@}", "4x60"),
            ("p2p_peers{@}", "3x20 2x40"),
            ("p2p_peers{@2}", "3x20 2x40"),
            ("p2p_peers{@3}", "3x20 2x40"),
            ("p2p_peers{@4}", "3x20 stale"),
            ("malachitebft_core_consensus_connected_peers{@,moniker=\"a\"}", "3x20 2x40"),
            ("partition_watch_affected_peers{@}", "0x20 1x40"),
            ("partition_watch_affected_peers{@2}", "0x20 1x40"),
            ("partition_watch_affected_peers{@3}", "0x20 1x40"),
            ("partition_watch_suspected{@}", "0x60"),
            ("partition_watch_suspected{@2}", "0x60"),
            ("partition_watch_suspected{@3}", "0x60"),
            ("partition_watch_suspected{@4}", "0x20 stale"),
        ],
        at: "12m",
        pages: &[("NodeDown", Pager::Nodes(&[4]))],
    },
    Scene {
        name: "the network of four validators is cut into halves",
        series: &[
            ("up{@}", "1x60"),
            ("up{@2}", "1x60"),
            ("up{@3}", "1x60"),
            ("up{@4}", "1x60"),
            ("node_info{@,role=\"validator\"}", "1x60"),
            ("node_info{@2,role=\"validator\"}", "1x60"),
            ("node_info{@3,role=\"validator\"}", "1x60"),
            ("node_info{@4,role=\"validator\"}", "1x60"),
            ("consensus_finalized_height{@}", "0+15x20 300x40"),
            ("consensus_finalized_height{@2}", "0+15x20 300x40"),
            ("consensus_finalized_height{@3}", "0+15x20 300x40"),
            ("consensus_finalized_height{@4}", "0+15x20 300x40"),
            ("consensus_validators{@}", "4x60"),
            ("p2p_peers{@}", "3x20 1x40"),
            ("p2p_peers{@2}", "3x20 1x40"),
            ("p2p_peers{@3}", "3x20 1x40"),
            ("p2p_peers{@4}", "3x20 1x40"),
            ("malachitebft_core_consensus_connected_peers{@,moniker=\"a\"}", "3x20 1x40"),
            ("partition_watch_affected_peers{@}", "0x20 2x40"),
            ("partition_watch_suspected{@}", "0x20 1x40"),
            ("partition_watch_suspected{@2}", "0x20 1x40"),
            ("partition_watch_suspected{@3}", "0x20 1x40"),
            ("partition_watch_suspected{@4}", "0x20 1x40"),
        ],
        at: "12m",
        pages: &[
            ("HeightStalled", Pager::Nodes(&[1, 2, 3, 4])),
            ("ChainHalted", Pager::Job),
            ("PartitionSuspected", Pager::Nodes(&[1, 2, 3, 4])),
        ],
    },
    Scene {
        name: "a prover fails once and never comes back",
        series: &[
            ("consensus_finalized_height{@}", "0+15x420"),
            ("rpp_runtime_proof_generation_failures_total{@,backend=\"plonky3\"}", "0x20 1x400"),
            ("proof_backend_recoveries_total{@}", "0x420"),
            ("proof_backend_healthy{@}", "1x20 0x400"),
        ],
        at: "95m",
        pages: &[("ProverFailing", Pager::Nodes(&[1]))],
    },
];
