//! What a node deletes of its past, and from where it gives that again.

use std::time::Duration;

use super::Reader;
use crate::pruning::PruningConfig;
use crate::reconstruction::{ArchivePlace, ReconstructionConfig, S3Config};
use crate::value::Value;

impl Reader<'_> {
    pub(super) fn pruning(&self) -> PruningConfig {
        PruningConfig {
            is_on: self.flag("rollout.feature_gates.pruning"),
            retention_depth: self.number("pruning.retention_depth"),
            open_windows_max: self.number("pruning.open_windows_max"),
            pause: Duration::from_millis(self.number("pruning.pause_ms")),
            backlog_max: self.count("pruning.backlog_max"),
            compact_bytes: self.number("pruning.compact_bytes"),
            compact_bytes_per_sec: self.number("pruning.compact_bytes_per_sec"),
            emergency_pause: self.flag("pruning.emergency_pause"),
        }
    }

    pub(super) fn reconstruction(&self) -> ReconstructionConfig {
        // What is no address is a problem that the rules name.
        let archive = match self.value("reconstruction.archive") {
            Value::Text(text) => ArchivePlace::parse(text, |path| self.home.resolve(path)).ok(),
            _ => None,
        };
        let endpoint = match self.value("reconstruction.s3_endpoint") {
            Value::Text(url) => Some(url.clone()),
            _ => None,
        };
        let s3 = S3Config {
            endpoint,
            region: self.text("reconstruction.s3_region").to_owned(),
            path_style: self.flag("reconstruction.s3_path_style"),
            allow_http: self.flag("reconstruction.s3_allow_http"),
            ca: self.path_if_set("reconstruction.s3_ca_file"),
            credentials_file: self.path_if_set("reconstruction.s3_credentials_file"),
        };
        ReconstructionConfig { is_on: self.flag("rollout.feature_gates.reconstruction"), archive, s3 }
    }
}
