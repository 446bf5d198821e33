//! The first page at night: is the chain alive, is anybody hurt.

use crate::board::{Board, Unit};
use crate::boards::{lines, number, query, table};

/// The board.
pub const BOARD: Board = Board {
    name: "overview",
    title: "overview",
    about: "Is the chain alive, and is anybody hurt. Every firing alert links to its runbook.",
    panels: &[
        number(
            "Height",
            "The highest finalized height of all nodes. It grows by one per block interval.",
            Unit::Count,
            &[query("max(consensus_finalized_height{@})")],
        ),
        number(
            "Nodes ready",
            "Nodes that answer GET /health/ready with 200. It should be the number of nodes.",
            Unit::Count,
            &[query("sum(node_ready{@})")],
        ),
        number("Nodes that answer", "Nodes that Prometheus can scrape.", Unit::Count, &[query("sum(up{@})")]),
        number("Fewest peers", "Peers of the node that has the fewest.", Unit::Count, &[query("min(p2p_peers{@})")]),
        table(
            "Firing alerts",
            "What fires now; docs/runbooks has a section for each.",
            &[query("ALERTS{alertstate=\"firing\",@}")],
        ),
        lines(
            "Finality, 99th percentile",
            "Seconds from the start of a height to its block being durable. Below a second on a healthy network.",
            Unit::Seconds,
            &[query("instance:consensus_finality_seconds:p99_5m{@}")],
        ),
        lines(
            "Finalized transactions",
            "Transactions per second that reached finality.",
            Unit::PerSecond,
            &[query("instance:transactions_finalized:rate5m{@}")],
        ),
        lines(
            "Use of the queues",
            "Entries over limit of each mempool queue. An alert fires at 0.8.",
            Unit::Share,
            &[crate::boards::named("instance:mempool_queue_usage:ratio{@}", "{{instance}} {{queue}}")],
        ),
        lines(
            "Requests that failed",
            "Server errors over all requests, without readiness probes and waits that ran out of time.",
            Unit::Share,
            &[query("instance:rpc_errors:rate5m{@} / instance:rpc_requests:rate5m{@}")],
        ),
    ],
};
