//! Queues fill up or are not drained, transactions take long.

use crate::alert::{Alert, Drill, Severity};
use crate::alerts::{JOB, NODE};

/// The alerts.
pub const ALERTS: &[Alert] = &[
    // A full queue refuses with `queue_full`; nobody is driven out. Four fifths leave time to act.
    Alert {
        name: "MempoolQueueNearLimit",
        severity: Severity::Warning,
        lasting: "1m",
        expr: "instance:mempool_queue_usage:ratio >= 0.8",
        summary: "The queue {{ $labels.queue }} of {{ $labels.instance }} is at least 80 % full",
        drill: Drill {
            series: &[
                ("mempool_queue_depth{@,queue=\"transactions\"}", "1500x20 1600x20 1599x20"),
                ("mempool_queue_depth{@,queue=\"votes\"}", "0x60"),
                ("mempool_queue_limit{@}", "2000x60"),
            ],
            quiet_at: "5m",
            fires_at: "8m",
            labels: &[("instance", "node1:26658"), ("job", JOB), ("queue", "transactions")],
            clear_at: "13m",
        },
    },
    // Two minutes are over a hundred blocks at the default interval; each of them drains these queues.
    Alert {
        name: "QueueNotDrained",
        severity: Severity::Warning,
        lasting: "1m",
        expr: "min_over_time(mempool_queue_depth{queue=~\"identities|votes\"}[2m]) > 0 \
               and delta(mempool_queue_depth{queue=~\"identities|votes\"}[2m]) >= 0",
        summary: "The queue {{ $labels.queue }} of {{ $labels.instance }} has not shrunk for three minutes",
        drill: Drill {
            series: &[
                ("mempool_queue_depth{@,queue=\"identities\"}", "0x20 5x20 4 3 2 1 0x20"),
                ("mempool_queue_depth{@,queue=\"transactions\"}", "0x20 50x50"),
            ],
            quiet_at: "6m",
            fires_at: "9m",
            labels: &[("instance", "node1:26658"), ("job", JOB), ("queue", "identities")],
            clear_at: "13m",
        },
    },
    Alert {
        name: "VotesRefused",
        severity: Severity::Warning,
        lasting: "0m",
        expr: "increase(mempool_votes_rejected_total[5m]) > 0",
        summary: "{{ $labels.instance }} refused votes because its vote queue was full",
        drill: Drill {
            series: &[("mempool_votes_rejected_total{@}", "0x20 7x60")],
            quiet_at: "4m",
            fires_at: "7m",
            labels: NODE,
            clear_at: "15m",
        },
    },
    // Finality takes about a second; ten blocks of waiting mean that fees have to rise first or that blocks are full.
    Alert {
        name: "TransactionsSlow",
        severity: Severity::Warning,
        lasting: "5m",
        expr: "instance:transaction_finalized_seconds:p95_5m > 10",
        summary: "Transactions received by {{ $labels.instance }} take more than ten seconds, at the 95th percentile",
        drill: Drill {
            series: &[
                ("transaction_stage_seconds_bucket{@,stage=\"finalized\",le=\"8.0\"}", "0+15x20 300x40 300+15x60"),
                ("transaction_stage_seconds_bucket{@,stage=\"finalized\",le=\"30.0\"}", "0+15x20 300+5x40 500+15x60"),
                ("transaction_stage_seconds_bucket{@,stage=\"finalized\",le=\"+Inf\"}", "0+15x20 300+5x40 500+15x60"),
            ],
            quiet_at: "5m",
            fires_at: "14m",
            labels: NODE,
            clear_at: "25m",
        },
    },
];
