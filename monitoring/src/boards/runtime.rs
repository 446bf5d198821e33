//! The process and its clients.

use crate::board::{Board, Unit};
use crate::boards::{lines, named, query};

/// The board.
pub const BOARD: Board = Board {
    name: "runtime",
    title: "runtime",
    about: "The process: memory, processor, files; and the requests of its clients.",
    panels: &[
        lines("Memory", "Bytes in RAM.", Unit::Bytes, &[query("process_resident_memory_bytes{@}")]),
        lines("Processor", "Cores in use.", Unit::Count, &[query("rate(process_cpu_seconds_total{@}[5m])")]),
        lines("Open files", "File descriptors.", Unit::Count, &[query("process_open_fds{@}")]),
        lines("Threads", "Threads of the process.", Unit::Count, &[query("process_threads{@}")]),
        lines(
            "Requests by route",
            "Answered per second.",
            Unit::PerSecond,
            &[named("sum by (route) (rate(rpc_requests_total{@}[5m]))", "{{route}}")],
        ),
        lines(
            "Requests by status",
            "Answered per second.",
            Unit::PerSecond,
            &[named("sum by (status) (rate(rpc_requests_total{@}[5m]))", "{{status}}")],
        ),
        lines(
            "Time of an answer, 99th percentile",
            "Seconds, without waits and streams.",
            Unit::Seconds,
            &[query("instance:rpc_request_seconds:p99_5m{@}")],
        ),
        lines(
            "Requests being answered",
            "Requests and open event streams.",
            Unit::Count,
            &[named("rpc_in_flight{@}", "{{instance}} requests"), named("rpc_streams{@}", "{{instance}} streams")],
        ),
        lines(
            "Requests without a valid token",
            "Per second.",
            Unit::PerSecond,
            &[query("rate(rpc_unauthorized_total{@}[5m])")],
        ),
        lines(
            "Server errors",
            "Per second, without readiness probes and waits that ran out of time.",
            Unit::PerSecond,
            &[query("instance:rpc_errors:rate5m{@}")],
        ),
        lines("Connections", "Open connections of clients.", Unit::Count, &[query("rpc_connections{@}")]),
        lines(
            "Connections that were closed",
            "Per second: for want of room, and TLS handshakes that failed or took too long.",
            Unit::PerSecond,
            &[
                named("rate(rpc_connections_shed_total{@}[5m])", "{{instance}} no room"),
                named("rate(rpc_tls_handshake_failures_total{@}[5m])", "{{instance}} TLS"),
            ],
        ),
        lines(
            "Requests over the rate",
            "Refused per second because their caller had asked too often, by class.",
            Unit::PerSecond,
            &[named("sum by (instance, class) (rate(rpc_rate_limited_total{@}[5m]))", "{{instance}} {{class}}")],
        ),
    ],
};
