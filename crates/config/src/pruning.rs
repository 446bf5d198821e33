//! What a node deletes of old blocks, and how fast.
//!
//! Read next: `node.rs`, which reads it from the settings.

use std::time::Duration;

/// How a node prunes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PruningConfig {
    /// Whether the gate `pruning` is on; with false nothing is deleted.
    pub is_on: bool,
    /// Newest blocks that are kept whatever happens.
    pub retention_depth: u64,
    /// Most windows without a proof whose blocks are kept.
    pub open_windows_max: u64,
    /// Pause between two pieces.
    pub pause: Duration,
    /// Transactions that wait, above which pruning waits too.
    pub backlog_max: usize,
    /// Bytes of removed blocks after which the disk gets its room back.
    pub compact_bytes: u64,
    /// Nothing is deleted while this is true.
    pub emergency_pause: bool,
}
