//! Compaction: the room of removed values comes back from the disk, one space at a time.
//!
//! ```text
//!   a piece of pruning ─► bytes that it removed, space by space, in the same batch ─► Removed
//!   removed of a space ≥ the asked least, and ≥ a REWRITE_SHARE-th of its tables ─► due ─► rewritten without them ─► counted from 0
//! ```
//!
//! Rules
//! - A space is rewritten only when at least a [`REWRITE_SHARE`]-th of its tables was removed. So for each byte that comes back about
//!   [`REWRITE_SHARE`] bytes are read at most, and one less is written, however large the space is.
//! - What was removed is durable with the piece that removed it, so a restart forgets nothing. A crash between the rewriting and the count
//!   rewrites the space once more.
//! - A space is rewritten by one call of the engine, which nothing interrupts. The caller waits, and looks at its pause before the next one.
//! - Whole tables are never dropped by a range of keys, which the engine could do without rewriting: a table holds the removals of values in
//!   other tables too, and values without their removals would be there again (ADR 0045).
//!
//! Read next: `prune.rs`, which removes, and `node/src/pruning/mod.rs`, which decides when.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::backend::StoreSizes;
use crate::columns::{Column, REMOVED, Space};
use crate::commit::put;
use crate::crash::{CrashPoint, reach};
use crate::error::StorageError;
use crate::open::Store;
use crate::value::decode;

/// The part of a space that must have been removed before the rest of it is rewritten: one in so many bytes.
pub const REWRITE_SHARE: u64 = 4;
/// The spaces that pruning removes from.
pub const PRUNED_SPACES: [Space; 3] = [Space::Blocks, Space::Receipts, Space::Index];

/// About how many bytes were removed of each space and not yet given back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Removed {
    /// Blocks, certificates and headers.
    pub blocks: u64,
    /// Receipts, operations and closing events.
    pub receipts: u64,
    /// Entries of the indexes.
    pub index: u64,
}

impl Removed {
    /// Those of one space; none of a space that pruning leaves alone.
    pub fn of(&mut self, space: Space) -> Option<&mut u64> {
        match space {
            Space::Blocks => Some(&mut self.blocks),
            Space::Receipts => Some(&mut self.receipts),
            Space::Index => Some(&mut self.index),
            Space::Meta | Space::State => None,
        }
    }

    /// Adds what an operation on a column removes.
    pub(crate) fn add(&mut self, column: Column, bytes: usize) {
        if let Some(removed) = self.of(column.space()) {
            *removed = removed.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
    }

    /// The sum with another.
    pub(crate) const fn and(&self, other: &Self) -> Self {
        Self {
            blocks: self.blocks.saturating_add(other.blocks),
            receipts: self.receipts.saturating_add(other.receipts),
            index: self.index.saturating_add(other.index),
        }
    }
}

const fn size_of(sizes: &StoreSizes, space: Space) -> u64 {
    match space {
        Space::Meta => sizes.meta_bytes,
        Space::Blocks => sizes.blocks_bytes,
        Space::Receipts => sizes.receipts_bytes,
        Space::Index => sizes.index_bytes,
        Space::State => sizes.state_bytes,
    }
}

impl Store {
    /// About how many bytes were removed and not yet given back.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn removed(&self) -> Result<Removed, StorageError> {
        let Some(payload) = self.payload(Column::Meta, REMOVED)? else { return Ok(Removed::default()) };
        decode(&payload).map_err(|reason| self.damaged(Column::Meta, REMOVED, reason))
    }

    /// The first space of which at least `least` bytes were removed, and a [`REWRITE_SHARE`]-th of its tables.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn compaction_due(&self, least: u64) -> Result<Option<Space>, StorageError> {
        let (mut removed, sizes) = (self.removed()?, self.backend().sizes()?);
        Ok(PRUNED_SPACES.into_iter().find(|space| {
            let enough = least.max(size_of(&sizes, *space) / REWRITE_SHARE).max(1);
            removed.of(*space).is_some_and(|removed| *removed >= enough)
        }))
    }

    /// Rewrites a space without what was removed of it. Blocks go on meanwhile; the caller waits. Gives the bytes that were read to do it.
    ///
    /// # Errors
    /// A failed call of the engine, or a failed write, which poisons the store.
    pub fn compact(&self, space: Space) -> Result<u64, StorageError> {
        self.check_poison()?;
        let mut before = self.removed()?;
        reach(CrashPoint::CompactBefore);
        let bytes = self.backend().compact(space)?;
        let mut writer = self.writer()?;
        // Pieces went on meanwhile: what they removed waits for the next time.
        let mut removed = self.removed()?;
        if let (Some(now), Some(seen)) = (removed.of(space), before.of(space).filter(|seen| **seen > 0)) {
            *now = now.saturating_sub(*seen);
            let ops = vec![put(Column::Meta, REMOVED, &primitives::encode(&removed))];
            self.durable_beyond_limit(&mut writer, ops, self.head(), |_| {})?;
        }
        drop(writer);
        reach(CrashPoint::CompactAfter);
        Ok(bytes)
    }
}
