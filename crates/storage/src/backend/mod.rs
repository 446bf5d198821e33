//! What the store needs of an engine: ordered bytes, atomic batches, an explicit sync, and the mark.
//!
//! Rules
//! - A batch is atomic: after a crash all of it is there or nothing.
//! - A batch is visible after [`Backend::write`] and durable after [`Backend::sync`].
//! - Batches survive in order: batch n is never there without batch n − 1.
//!
//! Three engines keep them: [`disk`] (fjall), [`memory`] and [`faulty`], which breaks on demand.

pub(crate) mod disk;
pub(crate) mod faulty;
pub(crate) mod memory;

use std::ops::ControlFlow;

use crate::audit::BadFile;
use crate::columns::{Column, Space};
use crate::error::StorageError;
use crate::mark::Mark;

/// One change of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Op {
    /// Where.
    pub(crate) column: Column,
    /// The key within the column.
    pub(crate) key: Vec<u8>,
    /// The sealed value, or `None` to remove the key.
    pub(crate) value: Option<Vec<u8>>,
}

/// Which keys of a column to visit, in which order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Range {
    /// First key (inclusive).
    pub(crate) from: Vec<u8>,
    /// Key after the last (exclusive); `None` for the end of the column.
    pub(crate) to: Option<Vec<u8>>,
    /// Last key first.
    pub(crate) reverse: bool,
}

impl Range {
    /// The same range as engine keys: inclusive start, exclusive end.
    pub(crate) fn engine_keys(&self, column: Column) -> (Vec<u8>, Vec<u8>) {
        let end = match &self.to {
            Some(to) => column.engine_key(to),
            None => vec![column.id().saturating_add(1)],
        };
        (column.engine_key(&self.from), end)
    }
}

/// Called with each key and sealed value; stops the visit with `Break`.
pub(crate) type Visitor<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Bytes that the store takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreSizes {
    /// Journals: recent batches, bounded.
    pub journal_bytes: u64,
    /// Blocks and their certificates.
    pub blocks_bytes: u64,
    /// Receipts.
    pub receipts_bytes: u64,
    /// Indexes by hash and by address.
    pub index_bytes: u64,
    /// Ledger slots, module state and its tree.
    pub state_bytes: u64,
    /// Store facts and candidates.
    pub meta_bytes: u64,
}

impl StoreSizes {
    /// All of it.
    pub const fn total(&self) -> u64 {
        self.journal_bytes
            .saturating_add(self.blocks_bytes)
            .saturating_add(self.receipts_bytes)
            .saturating_add(self.index_bytes)
            .saturating_add(self.state_bytes)
            .saturating_add(self.meta_bytes)
    }
}

/// What one moment of an engine answers.
pub(crate) trait View: Send + Sync {
    /// The sealed value of a key.
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError>;
    /// Visits keys in order.
    fn visit(&self, column: Column, range: &Range, visitor: &mut Visitor<'_>) -> Result<(), StorageError>;
}

/// An engine under the store.
pub(crate) trait Backend: Send + Sync {
    /// The sealed value of a key.
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError>;
    /// Visits keys in order, as they were when the visit began.
    fn visit(&self, column: Column, range: &Range, visitor: &mut Visitor<'_>) -> Result<(), StorageError>;
    /// Applies a batch, not yet durable.
    fn write(&self, batch: Vec<Op>) -> Result<(), StorageError>;
    /// Makes every batch durable.
    fn sync(&self) -> Result<(), StorageError>;
    /// Everything as it is now, whatever is written later.
    fn freeze(&self) -> Result<Box<dyn View>, StorageError>;
    /// The mark that was durable when the store was opened.
    fn opened_mark(&self) -> Mark;
    /// Makes a mark durable.
    fn write_mark(&self, mark: &Mark) -> Result<(), StorageError>;
    /// Gives the room of removed values of a space back, and says how many bytes it read for that. Engines without a disk have it back at once.
    fn compact(&self, _space: Space) -> Result<u64, StorageError> {
        Ok(0)
    }
    /// Writes what is in memory to tables, so that sealed journals can go. Engines without journals have nothing to do.
    fn flush(&self) -> Result<(), StorageError> {
        Ok(())
    }
    /// Reads every data file against the engine's own list of them (`audit.rs`). Engines without files have none that is bad.
    fn bad_files(&self, _look: &mut dyn FnMut(u64) -> bool) -> Result<Vec<BadFile>, StorageError> {
        Ok(Vec::new())
    }
    /// Bytes of the journals.
    fn journal_bytes(&self) -> Result<u64, StorageError> {
        Ok(0)
    }
    /// Bytes taken.
    fn sizes(&self) -> Result<StoreSizes, StorageError>;
    /// The directory, or the kind of store, for messages.
    fn place(&self) -> String;
}
