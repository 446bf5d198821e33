//! Heights, rounds, time to finality.

use crate::board::{Board, Unit};
use crate::boards::{lines, named, query};

/// The board.
pub const BOARD: Board = Board {
    name: "consensus",
    title: "consensus",
    about: "Heights, rounds and the time a decision takes.",
    panels: &[
        lines(
            "Finalized height",
            "One line per node; a line that leaves the others is a node that fell behind.",
            Unit::Count,
            &[query("consensus_finalized_height{@}")],
        ),
        lines(
            "Round",
            "0 on a healthy network; above it, a proposer is missing or the network is slow.",
            Unit::Count,
            &[query("consensus_round{@}")],
        ),
        lines(
            "Time to finality",
            "Seconds from the start of a height to its block being durable.",
            Unit::Seconds,
            &[
                named("instance:consensus_finality_seconds:p50_5m{@}", "{{instance}} p50"),
                named("instance:consensus_finality_seconds:p99_5m{@}", "{{instance}} p99"),
            ],
        ),
        lines(
            "Time between blocks",
            "The mean by header times, and the target from genesis.",
            Unit::Seconds,
            &[
                named("instance:consensus_block_interval_seconds:mean_5m{@}", "{{instance}}"),
                named("max(chain_block_interval_target_seconds{@})", "target"),
            ],
        ),
        lines(
            "Rounds that ended without a decision",
            "Per second. One validator that is down fails every round that it should propose in.",
            Unit::PerSecond,
            &[query("rate(consensus_failed_rounds_total{@}[5m])")],
        ),
        lines(
            "Quorum delay, 95th percentile",
            "Seconds from a proposal being known to two thirds of the power having precommitted it.",
            Unit::Seconds,
            &[query(
                "histogram_quantile(0.95, sum by (instance, le) (rate(consensus_quorum_delay_seconds_bucket{@}[5m])))",
            )],
        ),
        lines(
            "Time per step",
            "Mean seconds that consensus spends in a step. Commit holds the pause up to the next block.",
            Unit::Seconds,
            &[named(
                "sum by (step) (rate(malachitebft_core_consensus_time_per_step_sum{@}[5m])) \
                 / sum by (step) (rate(malachitebft_core_consensus_time_per_step_count{@}[5m]))",
                "{{step}}",
            )],
        ),
        lines(
            "Proposals judged",
            "Per second, by verdict. An invalid one is a fault of its proposer or of this node.",
            Unit::PerSecond,
            &[named("sum by (verdict) (rate(consensus_proposals_total{@}[5m]))", "{{verdict}}")],
        ),
        lines(
            "Round time, 95th percentile",
            "Seconds that a round took, whether it decided or not.",
            Unit::Seconds,
            &[query("histogram_quantile(0.95, sum by (instance, le) (rate(consensus_round_seconds_bucket{@}[5m])))")],
        ),
        lines(
            "Clocks against blocks",
            "Seconds between a node's clock and the time of a block that just became final. A second or so; more where the clock is off.",
            Unit::Seconds,
            &[query("abs(consensus_clock_offset_seconds{@})")],
        ),
        lines(
            "Size of blocks",
            "Mean bytes of a finalized block.",
            Unit::Bytes,
            &[query("rate(consensus_block_size_bytes_sum{@}[5m]) / rate(consensus_block_size_bytes_count{@}[5m])")],
        ),
    ],
};
