//! Where snapshots are, when they are made, how many stay, and how fast they travel.
//!
//! Read next: `node.rs`, which reads it from the settings.

use std::path::PathBuf;

/// What a node does with snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotConfig {
    /// Their folder.
    pub dir: PathBuf,
    /// One at each multiple of this height; 0: none.
    pub interval_blocks: u64,
    /// Most that are kept.
    pub keep: usize,
    /// Longest time that they are kept for, hours; 0: no limit.
    pub keep_hours: u64,
    /// Most bytes per second that are given to others; 0: no limit.
    pub serve_bytes_per_sec: u64,
    /// Most bytes per second that are taken from others; 0: no limit.
    pub fetch_bytes_per_sec: u64,
}

impl SnapshotConfig {
    /// Longest time that they are kept for, milliseconds; none without a limit.
    pub fn keep_ms(&self) -> Option<u64> {
        (self.keep_hours > 0).then(|| self.keep_hours.saturating_mul(3_600_000))
    }
}
