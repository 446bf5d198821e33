//! A process is gone, not ready, restarts, or grows.

use crate::alert::{Alert, Drill, Severity};
use crate::alerts::{JOB, NODE};

/// The alerts.
pub const ALERTS: &[Alert] = &[
    Alert {
        name: "NodeDown",
        severity: Severity::Critical,
        lasting: "1m",
        expr: "up{job=\"the-block\"} == 0",
        summary: "{{ $labels.instance }} does not answer GET /metrics",
        drill: Drill {
            series: &[("up{@}", "1x20 0x20 1x20")],
            quiet_at: "5m",
            fires_at: "8m",
            labels: NODE,
            clear_at: "12m",
        },
    },
    // Without this alert a wrong scrape configuration looks like a quiet night.
    Alert {
        name: "TelemetryStalled",
        severity: Severity::Critical,
        lasting: "2m",
        expr: "absent_over_time(consensus_finalized_height{job=\"the-block\"}[2m])",
        summary: "Prometheus has seen no height of {{ $labels.job }} for four minutes: the other alerts are blind",
        drill: Drill {
            series: &[("consensus_finalized_height{@}", "0+15x20 _x40 315+15x20")],
            quiet_at: "5m",
            fires_at: "14m",
            labels: &[("job", JOB)],
            clear_at: "18m",
        },
    },
    Alert {
        name: "NodeNotReady",
        severity: Severity::Warning,
        lasting: "2m",
        expr: "node_ready == 0",
        summary: "{{ $labels.instance }} says that it is not ready; GET /health/ready names the reasons",
        drill: Drill {
            series: &[("node_ready{@}", "1x20 0x20 1x20")],
            quiet_at: "6m",
            fires_at: "9m",
            labels: NODE,
            clear_at: "12m",
        },
    },
    Alert {
        name: "NodeSyncing",
        severity: Severity::Warning,
        lasting: "15m",
        expr: "node_syncing == 1",
        summary: "{{ $labels.instance }} has been catching up for more than a quarter of an hour",
        drill: Drill {
            series: &[("node_syncing{@}", "0x20 1x80 0x20")],
            quiet_at: "15m",
            fires_at: "23m",
            labels: NODE,
            clear_at: "27m",
        },
    },
    // A vote or two are lost when the signer is started again; more than that is a signer that is away, or refuses.
    Alert {
        name: "RemoteSignerFailing",
        severity: Severity::Warning,
        lasting: "1m",
        expr: "increase(remote_signer_request_total[2m]) - increase(remote_signer_success_total[2m]) > 5",
        summary: "{{ $labels.instance }} gets no signatures from the remote signer of its validator",
        drill: Drill {
            series: &[
                ("remote_signer_request_total{@}", "0+30x60"),
                ("remote_signer_success_total{@}", "0+30x20 600x20 630+30x20"),
            ],
            quiet_at: "5m",
            fires_at: "8m",
            labels: NODE,
            clear_at: "14m",
        },
    },
    // One restart is an upgrade.
    Alert {
        name: "NodeRestarts",
        severity: Severity::Warning,
        lasting: "0m",
        expr: "resets(node_uptime_seconds[15m]) > 1",
        summary: "{{ $labels.instance }} restarted more than once in a quarter of an hour",
        drill: Drill {
            series: &[("node_uptime_seconds{@}", "0+15x20 0+15x8 0+15x120")],
            // The first restart does not fire.
            quiet_at: "6m",
            fires_at: "10m",
            labels: NODE,
            clear_at: "30m",
        },
    },
    // An idle node needs a few tens of MB and a full mempool some hundreds: 4 GiB are a leak or a machine to enlarge.
    Alert {
        name: "MemoryHigh",
        severity: Severity::Warning,
        lasting: "10m",
        expr: "process_resident_memory_bytes > 4294967296",
        summary: "{{ $labels.instance }} uses more than 4 GiB of memory",
        drill: Drill {
            series: &[("process_resident_memory_bytes{@}", "1000000000x20 5000000000x60 1000000000x20")],
            quiet_at: "14m",
            fires_at: "18m",
            labels: NODE,
            clear_at: "22m",
        },
    },
    // The node runs on with the old values. Who is not told learns it at the next start, which refuses the file.
    Alert {
        name: "ConfigReloadFailed",
        severity: Severity::Warning,
        lasting: "0m",
        expr: "increase(config_reload_failures_total[1h]) > 0",
        summary: "{{ $labels.instance }} did not take a change of its configuration file and would refuse to start with it",
        drill: Drill {
            series: &[("config_reload_failures_total{@}", "0x40 1x300")],
            quiet_at: "9m",
            fires_at: "12m",
            labels: NODE,
            clear_at: "75m",
        },
    },
];
