//! How a node looks after its store.
//!
//! Read next: `node.rs`, which reads it from the settings.

/// The upkeep of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageConfig {
    /// Whether a start builds a damaged store anew.
    pub mend: bool,
    /// Whether a start takes the chain again from others where mending does not help.
    pub rebuild: bool,
    /// Bytes of stored blocks that are checked each second; 0: none.
    pub scrub_bytes_per_sec: u64,
    /// Bytes of journals above which they are flushed.
    pub journal_bytes_max: u64,
}
