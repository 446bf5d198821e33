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
    /// Bytes that must have been removed of a space before it is rewritten.
    pub compact_bytes: u64,
    /// Bytes that rewriting may read each second, on the average.
    pub compact_bytes_per_sec: u64,
    /// Nothing is deleted while this is true.
    pub emergency_pause: bool,
}
