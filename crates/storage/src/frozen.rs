//! The store as it was at one moment, while blocks go on: what copies are made from.
//!
//! Model: the engine keeps every value that a [`Frozen`] can see until it is dropped. Making one waits for a commit in
//! hand and takes no time itself; so a copy is exactly the state after one finalized block, and no block waits for it.
//!
//! Rules
//! - It holds every write that was acknowledged before it was made, and nothing of a later one.
//! - Every value is verified against its checksum, as by every read.
//! - Keep it no longer than the copy takes: overwritten values stay on disk meanwhile. [`Store::frozen_views`] counts those that are kept.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use primitives::{CommitCertificate, Hash, Height, LedgerSlot};

use crate::backend::{Range, View};
use crate::base::Base;
use crate::batch::Entry;
use crate::columns::{BASE, CHAIN_PROOF, Column, height_key};
use crate::error::StorageError;
use crate::mark::Head;
use crate::open::Store;
use crate::value::{Reason, decode, split_block, unseal};

/// Canonical bytes of a block and the certificate that decided it.
pub type DecidedBlock = (Vec<u8>, Option<CommitCertificate>);

/// One moment of a store.
pub struct Frozen {
    view: Box<dyn View>,
    head: Head,
    genesis: Hash,
    place: String,
    _counted: Counted,
}

/// One of the views that are kept.
struct Counted(Arc<AtomicU64>);

impl Counted {
    fn new(views: &Arc<AtomicU64>) -> Self {
        views.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(views))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Frozen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frozen").field("place", &self.place).field("head", &self.head).finish_non_exhaustive()
    }
}

impl Store {
    /// The store as it is now.
    ///
    /// # Errors
    /// [`StorageError::NotInitialised`], or a failed call of the engine.
    pub fn freeze(&self) -> Result<Frozen, StorageError> {
        // Nobody writes meanwhile, so what is frozen is the head, and durable.
        let writer = self.writer()?;
        let head = self.head().ok_or(StorageError::NotInitialised)?;
        let view = self.backend().freeze()?;
        drop(writer);
        let _counted = Counted::new(self.views());
        Ok(Frozen { view, head, genesis: *self.genesis(), place: self.backend().place(), _counted })
    }

    /// How many [`Frozen`] of this store are kept. While there is one, the engine gives back no room of values that were overwritten or removed.
    pub fn frozen_views(&self) -> u64 {
        self.views().load(Ordering::Relaxed)
    }
}

impl Frozen {
    /// The last block.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The genesis hash of the chain.
    pub fn genesis(&self) -> &Hash {
        &self.genesis
    }

    /// Canonical bytes of the last block and the certificate that decided it; none when the history begins after it.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn block(&self) -> Result<Option<DecidedBlock>, StorageError> {
        if self.head.height == Height::GENESIS {
            return Ok(None);
        }
        let key = height_key(self.head.height);
        let Some(payload) = self.payload(Column::Blocks, &key)? else { return Ok(None) };
        let read = || -> Result<_, Reason> {
            let (certificate, block) = split_block(&payload)?;
            let certificate = if certificate.is_empty() { None } else { Some(decode(certificate)?) };
            Ok((block.to_vec(), certificate))
        };
        read().map(Some).map_err(|reason| self.damaged(Column::Blocks, &key, reason))
    }

    /// Where the history begins, unless with genesis.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn base(&self) -> Result<Option<Base>, StorageError> {
        let Some(payload) = self.payload(Column::Meta, BASE)? else { return Ok(None) };
        decode(&payload).map(Some).map_err(|reason| self.damaged(Column::Meta, BASE, reason))
    }

    /// The value of the chain proof as it is stored: how many windows it covers, 8 bytes, and its bytes.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn chain_proof(&self) -> Result<Option<(u64, Vec<u8>)>, StorageError> {
        let Some(payload) = self.payload(Column::ChainProof, CHAIN_PROOF)? else { return Ok(None) };
        let (windows, bytes) = payload
            .split_first_chunk::<8>()
            .ok_or_else(|| self.damaged(Column::ChainProof, CHAIN_PROOF, "it ends within its head".to_owned()))?;
        Ok(Some((u64::from_le_bytes(*windows), bytes.to_vec())))
    }

    /// Every ledger slot in slot order, from 0.
    ///
    /// # Errors
    /// A failed or damaged read, or a slot that is missing.
    pub fn slots(&self) -> Result<Vec<LedgerSlot>, StorageError> {
        let mut slots = Vec::new();
        self.visit(Column::Slots, |key, payload| {
            let expected = u32::try_from(slots.len()).map_err(|_| "there are too many slots")?;
            if *key != expected.to_be_bytes() {
                return Err(format!("slot {expected} is missing before it"));
            }
            slots.push(decode::<LedgerSlot>(payload)?);
            Ok(())
        })?;
        Ok(slots)
    }

    /// The module state in key order.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn state(&self) -> Result<Vec<Entry>, StorageError> {
        let mut entries = Vec::new();
        self.visit(Column::State, |key, payload| {
            entries.push((key.to_vec(), payload.to_vec()));
            Ok(())
        })?;
        Ok(entries)
    }

    fn payload(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        let Some(value) = self.view.get(column, key)? else { return Ok(None) };
        let payload = unseal(column, key, &value).map_err(|reason| self.damaged(column, key, reason))?;
        Ok(Some(payload.to_vec()))
    }

    fn visit(
        &self,
        column: Column,
        mut visitor: impl FnMut(&[u8], &[u8]) -> Result<(), Reason>,
    ) -> Result<(), StorageError> {
        let mut failed = None;
        self.view.visit(column, &Range::default(), &mut |key, value| match unseal(column, key, value)
            .and_then(|payload| visitor(key, payload))
        {
            Ok(()) => ControlFlow::Continue(()),
            Err(reason) => {
                failed = Some(self.damaged(column, key, reason));
                ControlFlow::Break(())
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    fn damaged(&self, column: Column, key: &[u8], reason: Reason) -> StorageError {
        StorageError::Damaged { column: column.name(), key: hex::encode(key), place: self.place.clone(), reason }
    }
}
