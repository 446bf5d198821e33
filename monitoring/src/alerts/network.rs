//! Peers are missing, messages are thrown away.

use crate::alert::{Alert, Drill, Severity};
use crate::alerts::{JOB, NODE};

/// The alerts.
pub const ALERTS: &[Alert] = &[
    Alert {
        name: "NoPeers",
        severity: Severity::Critical,
        lasting: "1m",
        expr: "p2p_peers == 0 and on (instance, job) node_info{role!~\"solo|wallet\"} == 1",
        summary: "{{ $labels.instance }} is connected to nobody",
        drill: Drill {
            series: &[
                ("p2p_peers{@}", "3x20 0x20 3x20"),
                ("node_info{@,role=\"validator\"}", "1x60"),
                ("p2p_peers{@2}", "0x60"),
                ("node_info{@2,role=\"solo\"}", "1x60"),
            ],
            quiet_at: "5m",
            fires_at: "8m",
            labels: NODE,
            clear_at: "12m",
        },
    },
    // The node suspects nothing while so few are missing that the chain goes on: one process that is down pages once, as NodeDown.
    Alert {
        name: "PartitionSuspected",
        severity: Severity::Critical,
        lasting: "1m",
        expr: "partition_watch_suspected == 1",
        summary: "{{ $labels.instance }} misses more than a third of the peers it expects: the network may be cut",
        drill: Drill {
            series: &[("partition_watch_suspected{@}", "0x20 1x20 0x20")],
            quiet_at: "5m",
            fires_at: "8m",
            labels: NODE,
            clear_at: "12m",
        },
    },
    // The floor: with two peers the loss of one is no emergency.
    Alert {
        name: "PeersBelowFloor",
        severity: Severity::Warning,
        lasting: "5m",
        expr: "p2p_peers < 2 and on (instance, job) node_info{role!~\"solo|wallet\"} == 1",
        summary: "{{ $labels.instance }} has had fewer than two peers for five minutes",
        drill: Drill {
            series: &[("p2p_peers{@}", "3x20 1x40 2x20"), ("node_info{@,role=\"full\"}", "1x90")],
            quiet_at: "8m",
            fires_at: "12m",
            labels: NODE,
            clear_at: "17m",
        },
    },
    Alert {
        name: "ConsensusAlone",
        severity: Severity::Critical,
        lasting: "1m",
        expr: "malachitebft_core_consensus_connected_peers == 0 and on (instance, job) consensus_validators > 1",
        summary: "Consensus of {{ $labels.instance }} is connected to no other validator",
        drill: Drill {
            series: &[
                ("malachitebft_core_consensus_connected_peers{@,moniker=\"a\"}", "3x20 0x20 2x20"),
                ("consensus_validators{@}", "4x60"),
            ],
            quiet_at: "5m",
            fires_at: "8m",
            labels: &[("instance", "node1:26658"), ("job", JOB), ("moniker", "a")],
            clear_at: "12m",
        },
    },
    Alert {
        name: "GossipDropped",
        severity: Severity::Warning,
        lasting: "5m",
        expr: "instance:p2p_dropped:rate5m > 1",
        summary: "{{ $labels.instance }} drops more than one message a second, reason {{ $labels.reason }}",
        drill: Drill {
            series: &[("p2p_dropped_total{@,reason=\"rate_limited\"}", "0x20 0+30x40 1200x60")],
            quiet_at: "6m",
            fires_at: "14m",
            labels: &[("instance", "node1:26658"), ("job", JOB), ("reason", "rate_limited")],
            clear_at: "25m",
        },
    },
    // A node of another chain tries again and again; a single stranger does not pass ten.
    Alert {
        name: "HandshakesRefused",
        severity: Severity::Warning,
        lasting: "5m",
        expr: "increase(p2p_handshakes_total{result=\"refused\"}[10m]) > 10",
        summary: "{{ $labels.instance }} refused more than ten handshakes in ten minutes",
        drill: Drill {
            series: &[("p2p_handshakes_total{@,result=\"refused\"}", "0x20 0+1x40 40x80")],
            quiet_at: "6m",
            fires_at: "15m",
            labels: &[("instance", "node1:26658"), ("job", JOB), ("result", "refused")],
            clear_at: "30m",
        },
    },
    Alert {
        name: "PeerStoreNotWritten",
        severity: Severity::Warning,
        lasting: "0m",
        expr: "increase(overlay_persist_failure_total[10m]) > 0",
        summary: "{{ $labels.instance }} could not write its peer store",
        drill: Drill {
            series: &[("overlay_persist_failure_total{@}", "0x20 1x80")],
            quiet_at: "4m",
            fires_at: "7m",
            labels: NODE,
            clear_at: "20m",
        },
    },
];
