//! The way of transactions through the nodes, from the four series `pipeline_…`.

use crate::board::{Board, Unit};
use crate::boards::{lines, named, query};

/// The board.
pub const BOARD: Board = Board {
    name: "pipeline",
    title: "pipeline",
    about: "How long transactions take from stage to stage, where they stop, what peers send, and how often proposers change.",
    panels: &[
        lines(
            "Stage latency, median",
            "Milliseconds from the stage before, over all chosen nodes. decided holds most of a block interval.",
            Unit::Count,
            &[named(
                "histogram_quantile(0.5, sum by (stage, le) (rate(pipeline_stage_latency_ms_bucket{@}[5m])))",
                "{{stage}}",
            )],
        ),
        lines(
            "Stage latency, 95th percentile",
            "Milliseconds from the stage before.",
            Unit::Count,
            &[named(
                "histogram_quantile(0.95, sum by (stage, le) (rate(pipeline_stage_latency_ms_bucket{@}[5m])))",
                "{{stage}}",
            )],
        ),
        lines(
            "Stage latency, 99th percentile",
            "Milliseconds from the stage before.",
            Unit::Count,
            &[named(
                "histogram_quantile(0.99, sum by (stage, le) (rate(pipeline_stage_latency_ms_bucket{@}[5m])))",
                "{{stage}}",
            )],
        ),
        lines(
            "Transactions that stopped",
            "Per second, by the last stage that they had reached. received: refused at the door.",
            Unit::PerSecond,
            &[named("sum by (stage) (rate(pipeline_errors_total{@}[5m]))", "{{stage}}")],
        ),
        lines(
            "Failed gossip",
            "Batches per second with something that can never be valid. Its sender loses points and is banned in the end.",
            Unit::PerSecond,
            &[query("sum by (instance) (rate(pipeline_gossip_events_total{verdict=\"rejected\",@}[5m]))")],
        ),
        lines(
            "Gossip by verdict",
            "Batches per second. Most are ignored in a full mesh: the transactions came another way before.",
            Unit::PerSecond,
            &[named("sum by (verdict) (rate(pipeline_gossip_events_total{@}[5m]))", "{{verdict}}")],
        ),
        lines(
            "Changes of the proposer",
            "Per second. Proposers take turns, so this is near one for each height and round.",
            Unit::PerSecond,
            &[query("rate(pipeline_leader_rotations_total{@}[5m])")],
        ),
    ],
};
