//! Clients get errors, wait long, or come without a token.

use crate::alert::{Alert, Drill, Severity};
use crate::alerts::NODE;

/// The alerts.
pub const ALERTS: &[Alert] = &[
    // One request in ten seconds is too little to speak of a share.
    Alert {
        name: "RpcErrors",
        severity: Severity::Warning,
        lasting: "5m",
        expr: "instance:rpc_errors:rate5m / instance:rpc_requests:rate5m > 0.05 \
               and instance:rpc_requests:rate5m > 0.1",
        summary: "More than 5 % of the requests to {{ $labels.instance }} end with a server error",
        drill: Drill {
            series: &[
                ("rpc_requests_total{@,route=\"/blocks\",status=\"200\"}", "0+30x120"),
                ("rpc_requests_total{@,route=\"/blocks\",status=\"500\"}", "0x20 0+5x40 200x60"),
                ("rpc_requests_total{@,route=\"/health/ready\",status=\"503\"}", "0+15x120"),
            ],
            quiet_at: "5m",
            fires_at: "14m",
            labels: NODE,
            clear_at: "25m",
        },
    },
    Alert {
        name: "RpcSlow",
        severity: Severity::Warning,
        lasting: "5m",
        expr: "instance:rpc_request_seconds:p99_5m > 1",
        summary: "{{ $labels.instance }} needs more than a second for an answer, at the 99th percentile",
        drill: Drill {
            series: &[
                ("rpc_request_seconds_bucket{@,route=\"/blocks\",le=\"1.0\"}", "0+15x20 300x40 300+15x60"),
                ("rpc_request_seconds_bucket{@,route=\"/blocks\",le=\"2.5\"}", "0+15x20 300+5x40 500+15x60"),
                ("rpc_request_seconds_bucket{@,route=\"/blocks\",le=\"+Inf\"}", "0+15x20 300+5x40 500+15x60"),
                ("rpc_request_seconds_bucket{@,route=\"/transactions/{id}/wait\",le=\"1.0\"}", "0x120"),
                ("rpc_request_seconds_bucket{@,route=\"/transactions/{id}/wait\",le=\"+Inf\"}", "0+9x120"),
            ],
            quiet_at: "5m",
            fires_at: "14m",
            labels: NODE,
            clear_at: "25m",
        },
    },
    // A client with an old token asks a few times; twenty in five minutes are a client that never stops, or a guess.
    Alert {
        name: "RpcUnauthorized",
        severity: Severity::Warning,
        lasting: "1m",
        expr: "increase(rpc_unauthorized_total[5m]) > 20",
        summary: "{{ $labels.instance }} refused more than twenty requests without a valid token in five minutes",
        drill: Drill {
            series: &[("rpc_unauthorized_total{@}", "0x20 0+5x20 100x60")],
            quiet_at: "5m",
            fires_at: "10m",
            labels: NODE,
            clear_at: "20m",
        },
    },
];
