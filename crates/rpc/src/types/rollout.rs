//! What dashboards and `tb rollout check` ask of a node: its channel, its gates, what its telemetry does.
//!
//! - A gate of the chain is the same on every node and has the height from which it is in force; a local one binds this
//!   node alone. Both are in one list, each with its kind.
//! - Counts are since the start of the process.

use std::collections::BTreeMap;

use primitives::{Hash, Height};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::status::GateStatus;
use crate::schema::HashText;

/// `GET /status/rollout`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RolloutStatus {
    /// The rollout channel: `development`, `testnet`, `canary` or `mainnet`.
    pub release_channel: String,
    /// Version of the node program.
    pub version: String,
    /// The commit that a release was built from; absent in a build that is no release.
    pub commit: Option<String>,
    /// Name of the network.
    pub chain_id: String,
    /// The hash that names the chain.
    #[schema(value_type = HashText)]
    pub genesis_hash: Hash,
    /// The last finalized height.
    #[schema(value_type = u64)]
    pub finalized_height: Height,
    /// Heights in one epoch.
    pub epoch_blocks: u64,
    /// When the process started, milliseconds since the Unix epoch; absent from a node of an older version.
    #[serde(default)]
    pub started_at_ms: Option<u64>,
    /// Every gate, those of the chain first.
    pub gates: Vec<GateStatus>,
    /// The keys of `node.toml` that every node of every stage has, with the values in force; empty from a node of an
    /// older version.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// What telemetry does.
    pub telemetry: TelemetryStatus,
}

/// What the telemetry of a node does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TelemetryStatus {
    /// False: no samples and no exporters.
    pub enabled: bool,
    /// Time between two samples, milliseconds.
    pub sample_interval_ms: u64,
    /// Traces of a million that are exported.
    pub trace_sample_ppm: u32,
    /// Samples that were written.
    pub samples: u64,
    /// The finalized height of the newest sample; absent before the first.
    #[schema(value_type = Option<u64>)]
    pub sample_height: Option<Height>,
    /// When it was written, milliseconds since the Unix epoch; absent before the first.
    pub sampled_at_ms: Option<u64>,
    /// Samples that could not be encoded.
    pub encode_failures: u64,
    /// One entry for each collector that is asked.
    pub exporters: Vec<ExporterStatus>,
}

/// What one exporter does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExporterStatus {
    /// What it sends: `traces` or `metrics`.
    pub signal: String,
    /// How: `grpc` or `http`.
    pub protocol: String,
    /// Where to, without any secret.
    pub endpoint: String,
    /// Spans, or exports of metrics, that a collector took.
    pub exported: u64,
    /// Spans that were lost, because the queue was full or no collector took them.
    pub dropped: u64,
    /// Exports that failed.
    pub failures: u64,
    /// Why the last one did; absent when it did not.
    pub last_failure: Option<String>,
}
