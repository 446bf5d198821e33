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
        table("Channels", "Rollout channel of each node.", &[query("rollout_channel_info{@}")]),
        table(
            "Gates",
            "1 where a gate is in force; nodes of one chain agree on those of the chain.",
            &[query("rollout_gate_active{@}")],
        ),
        lines(
            "Telemetry",
            "Whether samples and exporters are on, samples per second, and the height of the newest sample.",
            Unit::Count,
            &[
                named("telemetry_enabled{@}", "{{instance}} on"),
                named("rate(telemetry_samples_total{@}[5m])", "{{instance}} samples per second"),
                named("telemetry_sample_height{@}", "{{instance}} height"),
            ],
        ),
        lines(
            "Exports",
            "Spans and metrics that collectors took, and spans that were lost, per second.",
            Unit::Count,
            &[
                named("rate(telemetry_spans_exported_total{@}[5m])", "{{instance}} spans"),
                named("rate(telemetry_metric_exports_total{@}[5m])", "{{instance}} metrics"),
                named("rate(telemetry_spans_dropped_total{@}[5m])", "{{instance}} lost"),
            ],
        ),
        lines(
            "Release attestations",
            "Files that attest the program of a node as a release: how many are there and missing, and 1 where they hold.",
            Unit::Count,
            &[
                named("release_attestation_seen{@}", "{{instance}} there"),
                named("release_attestation_missing{@}", "{{instance}} missing"),
                named("release_attestation_valid{@}", "{{instance}} valid"),
            ],
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
        lines(
            "Changes of the configuration file",
            "While a node ran, in an hour: taken, and not taken because of a problem. An alert fires for one that was not taken.",
            Unit::Count,
            &[
                named("increase(config_reloads_total{@}[1h])", "{{instance}} taken"),
                named("increase(config_reload_failures_total{@}[1h])", "{{instance}} not taken"),
            ],
        ),
    ],
};
