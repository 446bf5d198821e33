//! Nodes that should be alike are not.

use crate::alert::{Alert, Drill, Severity};
use crate::alerts::JOB;

/// The alerts.
pub const ALERTS: &[Alert] = &[
    // An upgrade of all nodes of one operator is done within the hour, or it was forgotten.
    Alert {
        name: "VersionsDiffer",
        severity: Severity::Warning,
        lasting: "1h",
        expr: "count by (job) (count by (job, version) (node_info)) > 1",
        summary: "Nodes of {{ $labels.job }} have run different versions for more than an hour",
        drill: Drill {
            series: &[
                ("node_info{@,version=\"0.1.0\"}", "1x40 _x360"),
                ("node_info{@,version=\"0.2.0\"}", "_x40 1x360"),
                ("node_info{@2,version=\"0.1.0\"}", "1x339 _x60"),
                ("node_info{@2,version=\"0.2.0\"}", "_x339 1x60"),
            ],
            quiet_at: "65m",
            fires_at: "80m",
            labels: &[("job", JOB)],
            clear_at: "95m",
        },
    },
    Alert {
        name: "GenesisDiffers",
        severity: Severity::Critical,
        lasting: "1m",
        expr: "count by (job) (count by (job, genesis) (node_info)) > 1",
        summary: "Nodes of {{ $labels.job }} run chains with different genesis files",
        drill: Drill {
            series: &[
                ("node_info{@,genesis=\"aa\"}", "1x100"),
                ("node_info{@2,genesis=\"aa\"}", "1x19 _x21 1x60"),
                ("node_info{@2,genesis=\"bb\"}", "_x20 1x20 _x60"),
            ],
            quiet_at: "4m",
            fires_at: "8m",
            labels: &[("job", JOB)],
            clear_at: "16m",
        },
    },
];
