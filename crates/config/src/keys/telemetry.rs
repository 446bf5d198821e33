//! The keys of samples and exporters.
//!
//! Read next: [`super::KEYS`], where they stand in the order of the template.

use super::entry::{Key, key, number};
use crate::value::Kind;

/// Shortest and longest time between two samples, milliseconds.
const SAMPLE_MS: (u64, u64) = (100, 3_600_000);
/// Most spans that may wait (about a kilobyte each).
const QUEUE_MAX: u64 = 65_536;
/// Most spans of one export; a larger one passes the message bound of many collectors.
const BATCH_MAX: u64 = 8_192;

pub(super) const AUTH_TOKEN: Key = key(
    "telemetry_auth_token",
    &["TB_TELEMETRY_AUTH_TOKEN", "RPP_NODE_OTLP_AUTH_TOKEN"],
    Kind::Secret,
    "Bearer token that is sent with every export to the collectors of `rollout.telemetry`.",
)
.unset("no token is sent", "replace-me-with-the-collector-token");

pub(super) const ENABLED: Key = key(
    "rollout.telemetry.enabled",
    &["TB_ROLLOUT_TELEMETRY_ENABLED", "TB_ENABLE_TELEMETRY"],
    Kind::Bool,
    "Master switch of samples and exporters. With `false` nothing is sampled and nothing exported; `/metrics` stays.",
)
.default("true", "false");

pub(super) const SAMPLE_INTERVAL: Key = key(
    "rollout.telemetry.sample_interval_ms",
    &["TB_ROLLOUT_TELEMETRY_SAMPLE_INTERVAL_MS"],
    number(SAMPLE_MS.0, SAMPLE_MS.1),
    "Time between two samples: a record of the log target `telemetry` with channel, gates and health. Metrics are exported as often.",
)
.unit("milliseconds")
.default("10000", "30000")
.live();

pub(super) const TRACE_SAMPLE_RATIO: Key = key(
    "rollout.telemetry.trace_sample_ratio",
    &["TB_ROLLOUT_TELEMETRY_TRACE_SAMPLE_RATIO"],
    Kind::Weight,
    "Share of the traces whose spans are exported: 0 exports none, 1 all. All nodes choose the same ones.",
)
.default("1.0", "0.25")
.live();

pub(super) const ENDPOINT: Key = key(
    "rollout.telemetry.endpoint",
    &["TB_ROLLOUT_TELEMETRY_ENDPOINT", "RPP_NODE_OTLP_ENDPOINT"],
    Kind::Url,
    "Collector that takes spans over OTLP/gRPC, and metrics where no HTTP endpoint is set.",
)
.unset("no spans over gRPC", "http://127.0.0.1:4317");

pub(super) const HTTP_ENDPOINT: Key = key(
    "rollout.telemetry.http_endpoint",
    &["TB_ROLLOUT_TELEMETRY_HTTP_ENDPOINT"],
    Kind::Url,
    "Collector that takes metrics over OTLP/HTTP at `/v1/metrics`, and spans at `/v1/traces` where no gRPC endpoint is set.",
)
.unset("no metrics over HTTP", "http://127.0.0.1:4318");

pub(super) const SECONDARY_ENDPOINT: Key = key(
    "rollout.telemetry.secondary_endpoint",
    &["TB_ROLLOUT_TELEMETRY_SECONDARY_ENDPOINT"],
    Kind::Url,
    "Collector that is given, over OTLP/gRPC, each batch of spans that the first one did not take.",
)
.unset("no second collector", "http://127.0.0.1:14317");

pub(super) const TIMEOUT: Key = key(
    "rollout.telemetry.timeout_ms",
    &["TB_ROLLOUT_TELEMETRY_TIMEOUT_MS", "RPP_NODE_OTLP_TIMEOUT_MS"],
    number(100, 60_000),
    "Longest time of one export.",
)
.unit("milliseconds")
.default("5000", "2000");

pub(super) const QUEUE_SIZE: Key = key(
    "rollout.telemetry.queue_size",
    &["TB_ROLLOUT_TELEMETRY_QUEUE_SIZE"],
    number(1, QUEUE_MAX),
    "Most spans that wait for the exporter. One more is dropped, counted and warned of; raise it when the collector lags.",
)
.unit("spans")
.default("4096", "16384");

pub(super) const BATCH_SIZE: Key = key(
    "rollout.telemetry.batch_size",
    &["TB_ROLLOUT_TELEMETRY_BATCH_SIZE"],
    number(1, BATCH_MAX),
    "Most spans of one export; at most the queue. Raise it when the collector lags.",
)
.unit("spans")
.default("512", "1024");

pub(super) const GRPC_CA: Key = key(
    "rollout.telemetry.grpc_tls.ca_file",
    &["TB_ROLLOUT_TELEMETRY_GRPC_CA_FILE"],
    Kind::Path,
    "File of the authorities that vouch for the collectors over gRPC, PEM. A certificate of anybody else is refused.",
)
.unset("the authorities of the web", "tls/collector.pem");

pub(super) const HTTP_CA: Key = key(
    "rollout.telemetry.http_tls.ca_file",
    &["TB_ROLLOUT_TELEMETRY_HTTP_CA_FILE"],
    Kind::Path,
    "File of the authorities that vouch for the collector over HTTP, PEM. A certificate of anybody else is refused.",
)
.unset("the authorities of the web", "tls/collector.pem");
