//! Watches the size of the journals, and has what they hold written to tables when they pass their bound.
//!
//! Model: pure ([`Watch`]); sizes are arguments. The engine seals a journal at 64 MiB and drops it once every space has written what is in it; a
//! space that is hardly written to would hold old journals for long.
//!
//! Rules
//! - After a flush the next one waits until the journals have grown by a quarter of the bound: the active journal stays, however small the bound is.
//! - While the disk is full nothing is flushed: a flush needs room before it gives any back.
//! - A flush that fails is counted and logged, and tried again; a store that is poisoned by it stops the node at its next write.

use std::sync::Arc;
use std::time::Duration;

use storage::{StorageError, Store};

use crate::shared::Shared;

/// Pause between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// When the journals are to be flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    bytes_max: u64,
    after_flush: u64,
}

impl Watch {
    /// With this bound, bytes.
    pub const fn new(bytes_max: u64) -> Self {
        Self { bytes_max, after_flush: 0 }
    }

    /// Whether journals of so many bytes are to be flushed now.
    pub const fn is_due(&self, bytes: u64) -> bool {
        bytes > self.bytes_max && bytes.saturating_sub(self.after_flush) > self.bytes_max / 4
    }

    /// So many bytes were left by a flush.
    pub const fn flushed(&mut self, bytes: u64) {
        self.after_flush = bytes;
    }
}

/// What one look saw and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Bytes of the journals.
    pub bytes: u64,
    /// Bytes that a flush left, when there was one.
    pub left: Option<u64>,
}

/// One look at a store.
///
/// # Errors
/// A failed call of the engine.
pub fn look(store: &Store, watch: &mut Watch) -> Result<Seen, StorageError> {
    let bytes = store.journal_bytes()?;
    if !watch.is_due(bytes) {
        return Ok(Seen { bytes, left: None });
    }
    store.flush()?;
    let left = store.journal_bytes()?;
    watch.flushed(left);
    Ok(Seen { bytes, left: Some(left) })
}

/// Watches until the process ends.
pub async fn run(shared: Arc<Shared>) {
    let mut watch = Watch::new(shared.config.storage.journal_bytes_max);
    let metrics = &shared.metrics.storage;
    loop {
        tokio::time::sleep(EVERY).await;
        if shared.disk.is_full() {
            continue;
        }
        let seen = Arc::clone(&shared);
        let looked = tokio::task::spawn_blocking(move || {
            let result = look(&seen.store, &mut watch);
            (watch, result)
        });
        // An error means that the runtime ends.
        let Ok((after, result)) = looked.await else { return };
        watch = after;
        match result {
            Ok(Seen { bytes, left }) => {
                metrics.journal.set(left.unwrap_or(bytes));
                if let Some(left) = left {
                    metrics.journal_flushes.inc();
                    tracing::info!(bytes, left, "the journals of the store were flushed to tables");
                }
            }
            Err(error) => {
                metrics.journal_flush_failures.inc();
                tracing::error!(%error, "the journals of the store could not be flushed");
            }
        }
    }
}
