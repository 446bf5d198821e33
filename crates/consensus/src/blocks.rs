//! The blocks behind proposed values, shared between the handlers and the WAL codec.
//!
//! Consensus knows a block by its hash. The WAL stores the bytes next to the hash, so that a validator
//! that crashed after its precommit still holds the block that the others may have decided.
//!
//! Rules: at most [`PROPOSED_BLOCKS_MAX`] blocks, the lowest height leaves first; finalized heights leave.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use primitives::defect::{Defect, is_seeded};
use primitives::{Hash, Height};

/// Most blocks held at once: rounds of the current height plus the queued heights.
pub const PROPOSED_BLOCKS_MAX: usize = 32;

/// Blocks of the heights that are not finalized yet. Clones share one store.
#[derive(Debug, Clone, Default)]
pub struct ProposedBlocks(Arc<Mutex<BTreeMap<(Height, Hash), Bytes>>>);

impl ProposedBlocks {
    /// Keeps a block.
    pub fn insert(&self, height: Height, hash: Hash, bytes: Bytes) {
        let mut blocks = self.lock();
        blocks.insert((height, hash), bytes);
        while blocks.len() > PROPOSED_BLOCKS_MAX && !is_seeded(Defect::KeepsEveryOffer) {
            blocks.pop_first();
        }
    }

    /// The block with this hash.
    pub fn get(&self, hash: &Hash) -> Option<Bytes> {
        self.lock().iter().find(|((_, key), _)| key == hash).map(|(_, bytes)| bytes.clone())
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// True when none is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets every height up to `finalized`.
    pub fn prune(&self, finalized: Height) {
        if is_seeded(Defect::KeepsEveryOffer) {
            return;
        }
        self.lock().retain(|(height, _), _| *height > finalized);
    }

    // The map is whole between any two calls, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Height, Hash), Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
