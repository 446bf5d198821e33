//! What waits, what is refused, how long a transaction takes.

use crate::board::{Board, Unit};
use crate::boards::{lines, named, query};

/// The board.
pub const BOARD: Board = Board {
    name: "mempool",
    title: "mempool",
    about: "What waits for a block, what is refused, and how long a transaction takes.",
    panels: &[
        lines(
            "Entries of the queues",
            "By queue: transactions, identities, votes. Identities and votes are drained by every block.",
            Unit::Count,
            &[named("mempool_queue_depth{@}", "{{instance}} {{queue}}")],
        ),
        lines(
            "Use of the queues",
            "Entries over limit. An alert fires at 0.8.",
            Unit::Share,
            &[named("instance:mempool_queue_usage:ratio{@}", "{{instance}} {{queue}}")],
        ),
        lines(
            "Waiting by lane",
            "Pending ones can be included now; queued ones wait for an earlier nonce.",
            Unit::Count,
            &[named("sum by (lane, state) (mempool_lane_depth{@})", "{{lane}} {{state}}")],
        ),
        lines(
            "Oldest waiting transaction",
            "Age by lane. A gap in a payer's nonces keeps its later transactions waiting.",
            Unit::Seconds,
            &[named("max by (lane) (mempool_oldest_age_seconds{@})", "{{lane}}")],
        ),
        lines(
            "Admitted",
            "Transactions per second, by state.",
            Unit::PerSecond,
            &[named("sum by (state) (rate(mempool_admitted_total{@}[5m]))", "{{state}}")],
        ),
        lines(
            "Refused",
            "Transactions per second, by reason.",
            Unit::PerSecond,
            &[named("sum by (reason) (rate(mempool_rejected_total{@}[5m]))", "{{reason}}")],
        ),
        lines(
            "Left without being included",
            "Transactions per second, by reason; expiry among them.",
            Unit::PerSecond,
            &[
                named("sum by (reason) (rate(mempool_dropped_total{@}[5m]))", "{{reason}}"),
                named("sum(rate(mempool_replaced_total{@}[5m]))", "replaced"),
                named("sum(rate(mempool_expired_total{@}[5m]))", "expired, all reasons"),
            ],
        ),
        lines(
            "Votes refused",
            "Votes per second that found the vote queue full.",
            Unit::PerSecond,
            &[query("rate(mempool_votes_rejected_total{@}[5m])")],
        ),
        lines(
            "Time to each stage, 95th percentile",
            "Seconds from receiving a transaction.",
            Unit::Seconds,
            &[named(
                "histogram_quantile(0.95, sum by (stage, le) (rate(transaction_stage_seconds_bucket{@}[5m])))",
                "{{stage}}",
            )],
        ),
        lines(
            "Memory of the mempool",
            "Size of all waiting transactions, and the payers they belong to.",
            Unit::Bytes,
            &[named("mempool_size_bytes{@}", "{{instance}}"), named("mempool_senders{@}", "{{instance}} payers")],
        ),
        lines(
            "Finalized by outcome",
            "Transactions per second.",
            Unit::PerSecond,
            &[named("sum by (outcome) (rate(transactions_finalized_total{@}[5m]))", "{{outcome}}")],
        ),
        lines(
            "Votes from too far ahead",
            "Refused per second: this node is behind, or a peer makes them up.",
            Unit::PerSecond,
            &[query("rate(mempool_votes_too_far_total{@}[5m])")],
        ),
    ],
};
