//! What a node tells collectors: samples in its log, spans and metrics over OTLP.
//!
//! Read next: `crate::keys::telemetry` for the keys, `docs/deployment_observability.md`.

use std::path::PathBuf;
use std::time::Duration;

use super::Reader;
use crate::secret::Secret;
use crate::value::Value;

/// Samples and exporters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// Whether there are samples and exporters at all.
    pub enabled: bool,
    /// Time between two samples, and between two exports of metrics.
    pub sample_interval: Duration,
    /// Traces of a million that are exported.
    pub trace_sample_ppm: u32,
    /// The collector that is asked over gRPC.
    pub endpoint: Option<String>,
    /// The collector that is asked over HTTP.
    pub http_endpoint: Option<String>,
    /// The collector that gets, over gRPC, the spans that the first did not take.
    pub secondary_endpoint: Option<String>,
    /// Longest time of one export.
    pub timeout: Duration,
    /// Most spans that wait.
    pub queue_size: usize,
    /// Most spans of one export; at most the queue.
    pub batch_size: usize,
    /// File of the authorities of the collector over gRPC; `None`: those of the web.
    pub grpc_ca: Option<PathBuf>,
    /// File of the authorities of the collector over HTTP; `None`: those of the web.
    pub http_ca: Option<PathBuf>,
    /// Bearer token sent with every export.
    pub auth_token: Option<Secret>,
}

impl Reader<'_> {
    pub(super) fn telemetry(&self) -> TelemetryConfig {
        let text = |key: &str| match self.value(key) {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        };
        TelemetryConfig {
            enabled: self.flag("rollout.telemetry.enabled"),
            sample_interval: Duration::from_millis(self.number("rollout.telemetry.sample_interval_ms")),
            trace_sample_ppm: self.weight("rollout.telemetry.trace_sample_ratio"),
            endpoint: text("rollout.telemetry.endpoint"),
            http_endpoint: text("rollout.telemetry.http_endpoint"),
            secondary_endpoint: text("rollout.telemetry.secondary_endpoint"),
            timeout: Duration::from_millis(self.number("rollout.telemetry.timeout_ms")),
            queue_size: self.count("rollout.telemetry.queue_size"),
            batch_size: self.count("rollout.telemetry.batch_size"),
            grpc_ca: self.path_if_set("rollout.telemetry.grpc_tls.ca_file"),
            http_ca: self.path_if_set("rollout.telemetry.http_tls.ca_file"),
            auth_token: match self.value("telemetry_auth_token") {
                Value::Secret(token) => Some(token.clone()),
                _ => None,
            },
        }
    }
}
