//! Whether what nodes tell is whole: samples, spans, exports, scrapes.

use crate::board::{Board, Unit};
use crate::boards::{lines, named, number, query, row};

/// The board.
pub const BOARD: Board = Board {
    name: "telemetry",
    title: "telemetry anomalies",
    about: "Where telemetry is missing or late. Every panel is 0 or flat while nothing is wrong.",
    panels: &[
        number(
            "Targets that are down",
            "Nodes that Prometheus cannot scrape.",
            Unit::Count,
            &[query("count(up{@}) - sum(up{@})")],
        ),
        number(
            "Nodes without samples",
            "Nodes whose telemetry is switched off.",
            Unit::Count,
            &[query("count(telemetry_enabled{@}) - sum(telemetry_enabled{@})")],
        ),
        lines(
            "Heights without a sample",
            "Finalized heights since the newest sample: it must keep falling back.",
            Unit::Count,
            &[query("consensus_finalized_height{@} - telemetry_sample_height{@}")],
        ),
        lines(
            "Samples that could not be encoded",
            "In ten minutes. One is a fault of the program.",
            Unit::Count,
            &[query("increase(telemetry_encode_failures_total{@}[10m])")],
        ),
        lines(
            "Spans lost",
            "Per second: the queue was full, or no collector took them.",
            Unit::PerSecond,
            &[query("rate(telemetry_spans_dropped_total{@}[5m])")],
        ),
        lines(
            "Exports that failed",
            "Per second, by what was sent.",
            Unit::PerSecond,
            &[named("sum by (signal) (rate(telemetry_export_failures_total{@}[5m]))", "{{signal}}")],
        ),
        lines(
            "Rounds that exporters do",
            "Spans and metrics that collectors took, per second. Zero is right where no collector is named.",
            Unit::PerSecond,
            &[
                named("sum(rate(telemetry_spans_exported_total{@}[5m]))", "spans"),
                named("sum(rate(telemetry_metric_exports_total{@}[5m]))", "metrics"),
            ],
        ),
        row("Remote Signers", "Validators whose key is in another process, and searches for such processes."),
        lines(
            "Remote signers: searches",
            "Runs of wallet discover-signers in ten minutes, and those that found a signer.",
            Unit::Count,
            &[
                named("increase(remote_signer_discovery_total{@}[10m])", "{{instance}} runs"),
                named("increase(remote_signer_discovery_success_total{@}[10m])", "{{instance}} found one"),
            ],
        ),
        lines(
            "Remote signers: searches that found one",
            "Over all runs of wallet discover-signers with the home of the node; 1 when all found a signer, 0 before the first.",
            Unit::Share,
            &[query("remote_signer_discovery_success_ratio{@}")],
        ),
        lines(
            "Remote signers: requests without a signature",
            "Per second: refused, or not answered in time. The validator abstains each time.",
            Unit::PerSecond,
            &[query("rate(remote_signer_request_total{@}[5m]) - rate(remote_signer_success_total{@}[5m])")],
        ),
        lines(
            "Remote signers: time to a signature, 99th percentile",
            "A good part of it is the signer's disk: a signature is durable before it leaves.",
            Unit::Seconds,
            &[query(
                "histogram_quantile(0.99, sum by (instance, job, le) (rate(remote_signer_latency_seconds_bucket{@}[5m])))",
            )],
        ),
    ],
};
