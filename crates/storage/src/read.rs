//! Reads of decided blocks, their indexes and the state. Every value is verified against its checksum.
//!
//! Rule: nothing above the head is visible, even while its commit is half done.

use std::ops::ControlFlow;

use primitives::block::{BLOCK_OPS_MAX, BLOCK_TRANSACTIONS_MAX};
use primitives::{BoundedVec, ClosingEvents, Hash, Height, LedgerOp, LedgerSlot, Receipt, TransactionId};

use crate::backend::{Range, StoreSizes, Visitor};
use crate::batch::{Entry, TransactionPlace};
use crate::columns::{CandidateOrigin, Column, candidate_key, candidate_of_key, hash_key, height_key};
use crate::error::StorageError;
use crate::open::Store;
use crate::value::{Reason, decode, split_block, unseal};

impl Store {
    /// Canonical bytes of the block at `height`; none above the head, at genesis, at and below the base, and where it is quarantined.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn block(&self, height: Height) -> Result<Option<Vec<u8>>, StorageError> {
        self.below_head(Column::Blocks, height, |payload| Ok(split_block(payload)?.1.to_vec()))
    }

    /// Receipts of the block at `height`, one per transaction; none where [`Store::block`] answers none.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn receipts(&self, height: Height) -> Result<Option<Vec<Receipt>>, StorageError> {
        self.below_head(Column::Receipts, height, |payload| {
            decode::<BoundedVec<Receipt, BLOCK_TRANSACTIONS_MAX>>(payload).map(BoundedVec::into_inner)
        })
    }

    /// Ledger operations of the block at `height`, in order; none where [`Store::block`] answers none.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn operations(&self, height: Height) -> Result<Option<Vec<LedgerOp>>, StorageError> {
        self.below_head(Column::Operations, height, |payload| {
            decode::<BoundedVec<LedgerOp, BLOCK_OPS_MAX>>(payload).map(BoundedVec::into_inner)
        })
    }

    /// What the end of the block at `height` did by itself, in order; none where [`Store::block`] answers none.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn closing(&self, height: Height) -> Result<Option<ClosingEvents>, StorageError> {
        self.below_head(Column::Closing, height, decode::<ClosingEvents>)
    }

    /// The height of a decided block.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn height_of(&self, block: &Hash) -> Result<Option<Height>, StorageError> {
        let key = hash_key(block);
        let Some(payload) = self.payload(Column::Hashes, &key)? else { return Ok(None) };
        let height = read_height(&payload).map_err(|reason| self.damaged(Column::Hashes, &key, reason))?;
        Ok(self.is_visible(height).then_some(height))
    }

    /// Where a decided transaction is.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn transaction(&self, id: &TransactionId) -> Result<Option<TransactionPlace>, StorageError> {
        let key = hash_key(&id.0);
        let Some(payload) = self.payload(Column::Transactions, &key)? else { return Ok(None) };
        let place = read_place(&payload).map_err(|reason| self.damaged(Column::Transactions, &key, reason))?;
        Ok(self.is_visible(place.height).then_some(place))
    }

    /// Every ledger slot in slot order, from 0. For the start; takes memory for all of them.
    ///
    /// # Errors
    /// A failed or damaged read, or a slot that is missing.
    pub fn load_slots(&self) -> Result<Vec<LedgerSlot>, StorageError> {
        let mut slots = Vec::new();
        self.visit(Column::Slots, &Range::default(), |key, payload| {
            let expected = u32::try_from(slots.len()).map_err(|_| "there are too many slots")?;
            if *key != expected.to_be_bytes() {
                return Err(format!("slot {expected} is missing before it"));
            }
            slots.push(decode::<LedgerSlot>(payload)?);
            Ok(true)
        })?;
        Ok(slots)
    }

    /// The module state in key order. For the start; takes memory for all of it.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn load_state(&self) -> Result<Vec<Entry>, StorageError> {
        self.load(Column::State)
    }

    /// The nodes of the module-state tree in key order. For the start; takes memory for all of them.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn load_nodes(&self) -> Result<Vec<Entry>, StorageError> {
        self.load(Column::Nodes)
    }

    /// The stored candidate of this height and origin.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn candidate(&self, height: Height, origin: CandidateOrigin) -> Result<Option<Vec<u8>>, StorageError> {
        self.payload(Column::Candidates, &candidate_key(height, origin))
    }

    /// The candidates of `height`: received ones in their order, then built ones by round.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn load_candidates(&self, height: Height) -> Result<Vec<(CandidateOrigin, Vec<u8>)>, StorageError> {
        let range = Range {
            from: candidate_key(height, CandidateOrigin::Received(0)).to_vec(),
            to: Some(candidate_key(height.next(), CandidateOrigin::Received(0)).to_vec()),
            reverse: false,
        };
        let mut candidates = Vec::new();
        self.visit(Column::Candidates, &range, |key, payload| {
            let (_, origin) = candidate_of_key(key).ok_or("its key is not one of a candidate")?;
            candidates.push((origin, payload.to_vec()));
            Ok(true)
        })?;
        Ok(candidates)
    }

    /// Bytes taken on disk, or in memory for stores without a disk.
    ///
    /// # Errors
    /// A failed read.
    pub fn sizes(&self) -> Result<StoreSizes, StorageError> {
        self.check_poison()?;
        self.backend().sizes()
    }

    fn load(&self, column: Column) -> Result<Vec<Entry>, StorageError> {
        let mut entries = Vec::new();
        self.visit(column, &Range::default(), |key, payload| {
            entries.push((key.to_vec(), payload.to_vec()));
            Ok(true)
        })?;
        Ok(entries)
    }

    pub(crate) fn is_visible(&self, height: Height) -> bool {
        self.head().is_some_and(|head| height <= head.height)
    }

    fn below_head<T>(
        &self,
        column: Column,
        height: Height,
        read: impl FnOnce(&[u8]) -> Result<T, Reason>,
    ) -> Result<Option<T>, StorageError> {
        self.check_poison()?;
        if height <= self.base_height() || !self.is_visible(height) || self.is_quarantined(height) {
            return Ok(None);
        }
        let key = height_key(height);
        let absent = || self.damaged(column, &key, "it is missing below the head".to_owned());
        let payload = match self.payload(column, &key)? {
            Some(payload) => payload,
            // It was pruned since the look at the base.
            None if height <= self.base_height() => return Ok(None),
            None => return Err(absent()),
        };
        read(&payload).map(Some).map_err(|reason| self.damaged(column, &key, reason))
    }

    /// The verified payload of a key.
    pub(crate) fn payload(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.check_poison()?;
        let Some(value) = self.backend().get(column, key)? else { return Ok(None) };
        let payload = unseal(column, key, &value).map_err(|reason| self.damaged(column, key, reason))?;
        Ok(Some(payload.to_vec()))
    }

    /// Visits verified payloads until the visitor answers false or a reason why a value is damaged.
    pub(crate) fn visit(
        &self,
        column: Column,
        range: &Range,
        mut visitor: impl FnMut(&[u8], &[u8]) -> Result<bool, Reason>,
    ) -> Result<(), StorageError> {
        let mut failed = None;
        self.visit_sealed(column, range, &mut |key, value| match unseal(column, key, value)
            .and_then(|payload| visitor(key, payload))
        {
            Ok(true) => ControlFlow::Continue(()),
            Ok(false) => ControlFlow::Break(()),
            Err(reason) => {
                failed = Some(self.damaged(column, key, reason));
                ControlFlow::Break(())
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// Visits values as they are stored.
    pub(crate) fn visit_sealed(
        &self,
        column: Column,
        range: &Range,
        visitor: &mut Visitor<'_>,
    ) -> Result<(), StorageError> {
        self.check_poison()?;
        self.backend().visit(column, range, visitor)
    }
}

/// Reads the height of a block's hash.
pub(crate) fn read_height(payload: &[u8]) -> Result<Height, Reason> {
    let bytes = payload.try_into().map_err(|_| "it is not 8 bytes long".to_owned())?;
    Ok(Height(u64::from_le_bytes(bytes)))
}

fn read_place(payload: &[u8]) -> Result<TransactionPlace, Reason> {
    let wrong = || "it is not 12 bytes long".to_owned();
    let (height, index) = payload.split_first_chunk::<8>().ok_or_else(wrong)?;
    let index = index.try_into().map_err(|_| wrong())?;
    Ok(TransactionPlace { height: Height(u64::from_le_bytes(*height)), index: u32::from_le_bytes(index) })
}
