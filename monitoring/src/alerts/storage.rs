//! Reads and writes fail or are slow.

use crate::alert::{Alert, Drill, Severity};
use crate::alerts::NODE;

/// The alerts.
pub const ALERTS: &[Alert] = &[
    // Failed reads only: a write that fails stops the node, and NodeDown fires.
    Alert {
        name: "StorageFault",
        severity: Severity::Critical,
        lasting: "0m",
        expr: "increase(storage_faults_total[10m]) > 0",
        summary: "A read of the store of {{ $labels.instance }} failed while it answered a question",
        drill: Drill {
            series: &[("storage_faults_total{@}", "0x20 1x80")],
            quiet_at: "4m",
            fires_at: "7m",
            labels: NODE,
            clear_at: "20m",
        },
    },
    Alert {
        name: "StoreMarkMended",
        severity: Severity::Warning,
        lasting: "1m",
        expr: "storage_marks_mended_total > 0",
        summary: "{{ $labels.instance }} found a damaged copy of its store's mark at its start and wrote it again",
        drill: Drill {
            series: &[("storage_marks_mended_total{@}", "0x20 1x20 0x20")],
            quiet_at: "5m",
            fires_at: "8m",
            labels: NODE,
            clear_at: "12m",
        },
    },
    Alert {
        name: "DiskRoomLow",
        severity: Severity::Critical,
        lasting: "1m",
        expr: "storage_disk_low > 0",
        summary: "The disk of {{ $labels.instance }} is nearly full: it takes no more transactions",
        drill: Drill {
            series: &[("storage_disk_low{@}", "0x20 1x20 0x20")],
            quiet_at: "5m",
            fires_at: "8m",
            labels: NODE,
            clear_at: "12m",
        },
    },
    Alert {
        name: "StoreQuarantined",
        severity: Severity::Critical,
        lasting: "2m",
        expr: "storage_quarantined_heights > 0",
        summary: "{{ $labels.instance }} has damaged blocks and no peer has given them back yet",
        drill: Drill {
            series: &[("storage_quarantined_heights{@}", "0x20 3x20 0x20")],
            quiet_at: "5m",
            fires_at: "9m",
            labels: NODE,
            clear_at: "12m",
        },
    },
    Alert {
        name: "StoreRebuilt",
        severity: Severity::Warning,
        lasting: "1m",
        expr: "storage_rebuilds_total > 0",
        summary: "{{ $labels.instance }} found its store damaged at its start, moved it aside and took the chain again from others",
        drill: Drill {
            series: &[("storage_rebuilds_total{@}", "0x20 1x20 0x20")],
            quiet_at: "5m",
            fires_at: "8m",
            labels: NODE,
            clear_at: "12m",
        },
    },
    Alert {
        name: "ScrubFoundDamage",
        severity: Severity::Critical,
        lasting: "0m",
        expr: "increase(storage_scrub_findings_total[30m]) > 0 or increase(snapshots_damaged_total[30m]) > 0",
        summary: "{{ $labels.instance }} found something on its disk that is not what was written",
        drill: Drill {
            series: &[("storage_scrub_findings_total{@}", "0x20 1x160")],
            quiet_at: "4m",
            fires_at: "7m",
            labels: NODE,
            clear_at: "40m",
        },
    },
    // The bound of the configuration is 128 MiB; the engine's own is 256 MiB.
    Alert {
        name: "JournalLarge",
        severity: Severity::Warning,
        lasting: "5m",
        expr: "storage_journal_bytes > 536870912",
        summary: "The journals of {{ $labels.instance }} take more than 512 MiB: they are not flushed",
        drill: Drill {
            series: &[("storage_journal_bytes{@}", "67108864x20 600000000x40 67108864x60")],
            quiet_at: "5m",
            fires_at: "14m",
            labels: NODE,
            clear_at: "25m",
        },
    },
    Alert {
        name: "JournalFlushFailed",
        severity: Severity::Warning,
        lasting: "0m",
        expr: "increase(storage_journal_flush_failures_total[30m]) > 0",
        summary: "{{ $labels.instance }} could not write its journals to tables",
        drill: Drill {
            series: &[("storage_journal_flush_failures_total{@}", "0x20 1x160")],
            quiet_at: "4m",
            fires_at: "7m",
            labels: NODE,
            clear_at: "40m",
        },
    },
    Alert {
        name: "SnapshotFailed",
        severity: Severity::Warning,
        lasting: "0m",
        expr: "increase(snapshot_failures_total[30m]) > 0",
        summary: "{{ $labels.instance }} could not make a snapshot",
        drill: Drill {
            series: &[("snapshot_failures_total{@}", "0x20 1x160")],
            quiet_at: "4m",
            fires_at: "7m",
            labels: NODE,
            clear_at: "40m",
        },
    },
    // Three intervals of time and two of heights: neither a chain that stands still nor a node that was away has missed one.
    Alert {
        name: "SnapshotOld",
        severity: Severity::Warning,
        lasting: "5m",
        expr: "snapshot_age_seconds > 3 * snapshot_interval_blocks * chain_block_interval_target_seconds \
               and on (instance, job) snapshot_interval_blocks > 0 \
               and on (instance, job) consensus_finalized_height - snapshot_height > 2 * snapshot_interval_blocks",
        summary: "{{ $labels.instance }} has made no snapshot for more than three of its intervals",
        drill: Drill {
            series: &[
                ("snapshot_age_seconds{@}", "15x20 15+15x60 15x40"),
                ("snapshot_interval_blocks{@}", "100x122"),
                ("snapshot_height{@}", "0+15x20 300x60 1215+15x40"),
                ("consensus_finalized_height{@}", "0+15x122"),
                ("chain_block_interval_target_seconds{@}", "1x122"),
                // No heights are configured; somebody made one by hand, long ago.
                ("snapshot_age_seconds{@2}", "500000+15x122"),
                ("snapshot_interval_blocks{@2}", "0x122"),
                ("snapshot_height{@2}", "10x122"),
                ("consensus_finalized_height{@2}", "500000+15x122"),
                ("chain_block_interval_target_seconds{@2}", "1x122"),
                // A node whose chain stands still.
                ("snapshot_age_seconds{@3}", "0+15x122"),
                ("snapshot_interval_blocks{@3}", "100x122"),
                ("snapshot_height{@3}", "4900x122"),
                ("consensus_finalized_height{@3}", "4950x122"),
                ("chain_block_interval_target_seconds{@3}", "1x122"),
            ],
            quiet_at: "9m",
            fires_at: "18m",
            labels: NODE,
            clear_at: "22m",
        },
    },
    // What peers announce is at most one interval ahead while a copy is being made. A node that has none yet is meant by SnapshotOld.
    Alert {
        name: "SnapshotsBehind",
        severity: Severity::Warning,
        lasting: "10m",
        expr: "state_sync_lag_blocks > 2 * snapshot_interval_blocks \
               and on (instance, job) snapshot_interval_blocks > 0 and on (instance, job) snapshot_height > 0",
        summary: "The newest snapshot of {{ $labels.instance }} is more than two of its intervals behind those of its peers",
        drill: Drill {
            series: &[
                ("state_sync_lag_blocks{@}", "0x20 250x80 0x40"),
                ("snapshot_interval_blocks{@}", "100x140"),
                ("snapshot_height{@}", "300x140"),
                // A node that makes none, and one that is new.
                ("state_sync_lag_blocks{@2}", "100000x140"),
                ("snapshot_interval_blocks{@2}", "0x140"),
                ("snapshot_height{@2}", "10x140"),
                ("state_sync_lag_blocks{@3}", "100000x140"),
                ("snapshot_interval_blocks{@3}", "100x140"),
                ("snapshot_height{@3}", "0x140"),
            ],
            quiet_at: "14m",
            fires_at: "17m",
            labels: NODE,
            clear_at: "27m",
        },
    },
    Alert {
        name: "SnapshotBreakerOpen",
        severity: Severity::Warning,
        lasting: "0m",
        expr: "max_over_time(state_sync_breaker_state[5m]) > 1",
        summary: "Sessions of {{ $labels.instance }} that take a snapshot of its peers failed in a row; none begins for a while",
        drill: Drill {
            series: &[("state_sync_breaker_state{@}", "0x20 2x4 1x4 0x150")],
            quiet_at: "4m",
            fires_at: "7m",
            labels: NODE,
            clear_at: "20m",
        },
    },
    Alert {
        name: "PruningFailed",
        severity: Severity::Warning,
        lasting: "0m",
        expr: "increase(pruning_failures_total[30m]) > 0",
        summary: "{{ $labels.instance }} could not delete old blocks: its disk goes on growing",
        drill: Drill {
            series: &[("pruning_failures_total{@}", "0x20 1x160")],
            quiet_at: "4m",
            fires_at: "7m",
            labels: NODE,
            clear_at: "40m",
        },
    },
    // A node that has just turned its gate on deletes 256 heights a second; one that is still this far behind does not keep up.
    Alert {
        name: "PruningBehind",
        severity: Severity::Warning,
        lasting: "10m",
        expr: "pruning_on > 0 and pruning_lag_blocks > 10000",
        summary: "{{ $labels.instance }} may delete more than 10,000 blocks and does not",
        drill: Drill {
            series: &[("pruning_on{@}", "1x200"), ("pruning_lag_blocks{@}", "0x20 20000x60 0x120")],
            quiet_at: "10m",
            fires_at: "17m",
            labels: NODE,
            clear_at: "25m",
        },
    },
    // Half of the block interval of the default chain: beyond it, a validator is late for the next height.
    Alert {
        name: "CommitSlow",
        severity: Severity::Warning,
        lasting: "5m",
        expr: "instance:storage_commit_seconds:p99_5m > 0.5",
        summary: "{{ $labels.instance }} needs more than half a second to make a block durable, at the 99th percentile",
        drill: Drill {
            series: &[
                ("storage_commit_seconds_bucket{@,le=\"0.5\"}", "0+15x20 300x40 300+15x60"),
                ("storage_commit_seconds_bucket{@,le=\"1.0\"}", "0+15x20 300+5x40 500+15x60"),
                ("storage_commit_seconds_bucket{@,le=\"+Inf\"}", "0+15x20 300+5x40 500+15x60"),
            ],
            quiet_at: "5m",
            fires_at: "14m",
            labels: NODE,
            clear_at: "25m",
        },
    },
];
