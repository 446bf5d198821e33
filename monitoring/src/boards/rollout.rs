//! Which node runs what, and since when.

use crate::board::{Board, Unit};
use crate::boards::{lines, named, number, query, table};

/// The board.
pub const BOARD: Board = Board {
    name: "rollout",
    title: "rollout",
    about: "Which node runs which version on which chain, and whether it is ready.",
    panels: &[
        table("Nodes", "Version, role, chain and genesis hash of each node.", &[query("node_info{@}")]),
        number(
            "Versions",
            "More than one during an upgrade only.",
            Unit::Count,
            &[query("count(count by (version) (node_info{@}))")],
        ),
        number(
            "Genesis files",
            "One, or nodes of different chains are watched together.",
            Unit::Count,
            &[query("count(count by (genesis) (node_info{@}))")],
        ),
        number("Blocks of an epoch", "From genesis.", Unit::Count, &[query("max(chain_epoch_blocks{@})")]),
        number(
            "Restarts",
            "Restarts of all nodes in the last hour.",
            Unit::Count,
            &[query("sum(resets(node_uptime_seconds{@}[1h]))")],
        ),
        lines("Time since start", "Seconds.", Unit::Seconds, &[query("node_uptime_seconds{@}")]),
        lines(
            "Ready and syncing",
            "1 or 0: whether a node is ready, and whether it fetches heights that others have.",
            Unit::Count,
            &[named("node_ready{@}", "{{instance}} ready"), named("node_syncing{@}", "{{instance}} syncing")],
        ),
        lines(
            "Nodes by version",
            "How far an upgrade is.",
            Unit::Count,
            &[named("count by (version) (node_info{@})", "{{version}}")],
        ),
    ],
};
