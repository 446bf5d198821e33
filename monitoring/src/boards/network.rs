//! Peers, handshakes, gossip.

use crate::board::{Board, Unit};
use crate::boards::{lines, named, query};

/// The board.
pub const BOARD: Board = Board {
    name: "network",
    title: "network",
    about: "Peers that come and go, handshakes, and how gossip fans out.",
    panels: &[
        lines("Peers", "Peers whose handshake is done.", Unit::Count, &[query("p2p_peers{@}")]),
        lines(
            "Peers that joined and left",
            "In ten minutes. Many of both is churn: nodes that restart, or a network that breaks and heals.",
            Unit::Count,
            &[
                named(
                    "sum by (instance) (increase(p2p_handshakes_total{result=\"completed\",@}[10m]))",
                    "{{instance}} joined",
                ),
                named(
                    "sum by (instance) (increase(p2p_handshakes_total{result=\"completed\",@}[10m])) \
                     - sum by (instance) (delta(p2p_peers{@}[10m]))",
                    "{{instance}} left",
                ),
            ],
        ),
        lines(
            "Peers of the consensus engine",
            "Connections of the other swarm, which carries proposals and votes.",
            Unit::Count,
            &[query("malachitebft_core_consensus_connected_peers{@}")],
        ),
        lines(
            "Handshakes",
            "Ended per second, by result. Refused ones speak another protocol or have another genesis file.",
            Unit::PerSecond,
            &[named("sum by (instance, result) (rate(p2p_handshakes_total{@}[5m]))", "{{instance}} {{result}}")],
        ),
        lines(
            "Connections by transport",
            "Attempts and successes per second.",
            Unit::PerSecond,
            &[
                named("sum by (provider) (rate(transport_handshake_attempt_total{@}[5m]))", "{{provider}} attempts"),
                named("sum by (provider) (rate(transport_provider_connect_total{@}[5m]))", "{{provider}} connected"),
            ],
        ),
        lines(
            "Gossip messages",
            "Per second, by direction.",
            Unit::PerSecond,
            &[named(
                "sum by (instance, direction) (rate(p2p_gossip_messages_total{@}[5m]))",
                "{{instance}} {{direction}}",
            )],
        ),
        lines(
            "Gossip fanout",
            "Messages sent for each received. It rises when few nodes carry the gossip of many.",
            Unit::Count,
            &[query(
                "sum by (instance) (rate(p2p_gossip_messages_total{direction=\"out\",@}[5m])) \
                 / sum by (instance) (rate(p2p_gossip_messages_total{direction=\"in\",@}[5m]))",
            )],
        ),
        lines(
            "Traffic",
            "Bytes per second, by direction.",
            Unit::BytesPerSecond,
            &[named(
                "sum by (instance, direction) (rate(p2p_traffic_bytes_total{@}[5m]))",
                "{{instance}} {{direction}}",
            )],
        ),
        lines(
            "Transactions gossiped",
            "Per second, by direction.",
            Unit::PerSecond,
            &[named(
                "sum by (instance, direction) (rate(p2p_transactions_total{@}[5m]))",
                "{{instance}} {{direction}}",
            )],
        ),
        lines(
            "Messages dropped",
            "Per second, by reason.",
            Unit::PerSecond,
            &[named("sum by (reason) (instance:p2p_dropped:rate5m{@})", "{{reason}}")],
        ),
        lines(
            "Partition suspected",
            "1 while more than a third of the expected peers, and at least two, are missing; and how many are missing at all.",
            Unit::Count,
            &[
                named("partition_watch_suspected{@}", "{{instance}} suspected"),
                named("partition_watch_affected_peers{@}", "{{instance}} missing"),
            ],
        ),
        lines(
            "Partitions",
            "How long the present one has been suspected, seconds.",
            Unit::Seconds,
            &[query("partition_watch_duration_seconds{@}")],
        ),
        lines("Banned peers", "Peers that are banned now.", Unit::Count, &[query("p2p_banned_peers{@}")]),
        lines(
            "Writes of the peer store",
            "Per second: attempts, successes, and those given up.",
            Unit::PerSecond,
            &[
                named("sum(rate(overlay_persist_attempts_total{@}[5m]))", "attempts"),
                named("sum(rate(overlay_persist_success_total{@}[5m]))", "successes"),
                named("sum(rate(overlay_persist_failure_total{@}[5m]))", "given up"),
            ],
        ),
        lines(
            "Blocks fetched from peers",
            "Requests, answers and time-outs of value sync, per second.",
            Unit::PerSecond,
            &[
                named("sum(rate(malachitebft_sync_value_requests_sent_total{@}[5m]))", "requests"),
                named("sum(rate(malachitebft_sync_value_responses_received_total{@}[5m]))", "answers"),
                named("sum(rate(malachitebft_sync_value_request_timeouts_total{@}[5m]))", "time-outs"),
            ],
        ),
        lines(
            "Handshakes of the transport that failed",
            "Per second, by reason.",
            Unit::PerSecond,
            &[named("sum by (reason) (rate(transport_handshake_failure_total{@}[5m]))", "{{reason}}")],
        ),
        lines(
            "Partitions suspected and ended",
            "Since the start.",
            Unit::Count,
            &[
                named("partition_watch_suspicions_total{@}", "{{instance}} suspected"),
                named("partition_watch_recoveries_total{@}", "{{instance}} ended"),
            ],
        ),
    ],
};
