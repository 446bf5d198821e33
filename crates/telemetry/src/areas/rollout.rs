//! Channel and gates of a node, and what its samples and exporters do.

use crate::handles::{Counter, CounterFamily, Gauge, GaugeFamily, InfoFamily};
use crate::metric::Metric;

/// What is exported, as a label.
pub const SIGNALS: &[&str] = &["traces", "metrics"];

area! {
    /// Channel and gates of a node, and what its samples and exporters do.
    Rollout {
        "Rollout channel of this node"
        channel: InfoFamily<1> = Metric::info("rollout_channel_info").labels(&["channel"]);
        "1 while the gate is in force on this node, else 0"
        gates: GaugeFamily<1> = Metric::gauge("rollout_gate_active").labels(&["gate"]);
        "Files beside the program that attest it as a release: parts, sums, provenance, signature"
        attestations_seen: Gauge = Metric::gauge("release_attestation_seen");
        "1 when these files hold for the program and an accepted signer made them, else 0"
        attestations_valid: Gauge = Metric::gauge("release_attestation_valid");
        "Such files that are missing; 4 where the program is no installed release"
        attestations_missing: Gauge = Metric::gauge("release_attestation_missing");
        "1 when samples and exporters are on, else 0"
        enabled: Gauge = Metric::gauge("telemetry_enabled");
        "Samples that were written to the log target telemetry"
        samples: Counter = Metric::counter("telemetry_samples_total");
        "Finalized height of the newest sample"
        sample_height: Gauge = Metric::gauge("telemetry_sample_height");
        "Samples that could not be encoded"
        encode_failures: Counter = Metric::counter("telemetry_encode_failures_total");
        "Spans that a collector took"
        spans_exported: Counter = Metric::counter("telemetry_spans_exported_total");
        "Spans that were lost, because the queue was full or no collector took them"
        spans_dropped: Counter = Metric::counter("telemetry_spans_dropped_total");
        "Exports of metrics that a collector took"
        metric_exports: Counter = Metric::counter("telemetry_metric_exports_total");
        "Exports that failed, by what was sent"
        export_failures: CounterFamily<1> =
            Metric::counter("telemetry_export_failures_total").labels(&["signal"]).values(&[SIGNALS]);
    }
}
