//! The one way in which anything becomes durable.
//!
//! ```text
//! check ─▶ encode ─▶ write (one atomic batch) ─▶ sync ─▶ mark + sync ─▶ head visible ─▶ answer
//!            before_write┘      after_write┘  after_sync┘      after_head┘
//! ```
//! Rules
//! - The durability point is the end of the first sync. The caller is answered after the mark, so a block that
//!   was answered for is caught if it is ever missing.
//! - A crash before the durability point leaves the head before; a crash after it leaves the new head.
//! - A write beyond the limit of the store is refused by `check`, so a store that is full is whole.
//! - Any failure after `check` poisons the store: what is on disk is unknown until the next start.
//! - Readers see a block only after the mark: `head` moves last, and reads above the head answer "none".

use primitives::{Height, SlotIndex};

use crate::backend::{Op, Range};
use crate::batch::{CommitBatch, GenesisBatch};
use crate::columns::{CandidateOrigin, Column, TIP, candidate_key, candidate_of_key, hash_key, height_key, slot_key};
use crate::crash::{CrashPoint, reach};
use crate::error::StorageError;
use crate::history::entry_op;
use crate::mark::{Head, Mark};
use crate::open::Store;
use crate::value::{join_block, seal};

/// Largest stored value in bytes; a larger one is refused before anything is written.
pub const VALUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Longest key in bytes.
pub const KEY_BYTES_MAX: usize = 4_096;
/// Candidates kept; the first in key order (lowest height, received before built) makes room for another.
pub const CANDIDATES_MAX: usize = 256;

/// A place between the steps of a durable write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing is written.
    BeforeWrite,
    /// The batch is written, not synced.
    AfterWrite,
    /// The batch is durable.
    AfterSync,
    /// The mark is durable.
    AfterHead,
}

pub(crate) fn put(column: Column, key: &[u8], payload: &[u8]) -> Op {
    Op { column, key: key.to_vec(), value: Some(seal(column, key, payload)) }
}

pub(crate) fn remove(column: Column, key: &[u8]) -> Op {
    Op { column, key: key.to_vec(), value: None }
}

impl Store {
    /// Makes one decided block durable: the block, its certificate, receipts, indexes and every state change,
    /// all or nothing. Candidates of its height and below are dropped.
    ///
    /// # Errors
    /// [`StorageError::WrongHeight`] for any height but head + 1, and any failed write: both poison the store.
    pub fn commit(&self, batch: &CommitBatch) -> Result<(), StorageError> {
        let mut writer = self.writer()?;
        let head = self.head().ok_or(StorageError::NotInitialised)?;
        let expected = head.height.next();
        if batch.height != expected {
            return Err(self.poison(StorageError::WrongHeight { expected, got: batch.height }));
        }
        let mut ops = block_ops(batch);
        ops.extend(state_ops(batch));
        ops.extend(self.candidates()?.into_iter().filter(|(height, _)| *height <= batch.height).map(drop_candidate));
        let head = Head { height: batch.height, block: batch.block_hash };
        self.durable(&mut writer, ops, Some(head), |step| {
            reach(match step {
                Step::BeforeWrite => CrashPoint::CommitBeforeWrite,
                Step::AfterWrite => CrashPoint::CommitAfterWrite,
                Step::AfterSync => CrashPoint::CommitAfterSync,
                Step::AfterHead => CrashPoint::CommitAfterHead,
            });
        })
    }

    /// Makes the genesis state durable. The head is then height 0 with the genesis hash.
    ///
    /// # Errors
    /// [`StorageError::AlreadyInitialised`], or a failed write, which poisons the store.
    pub fn initialise(&self, batch: &GenesisBatch) -> Result<(), StorageError> {
        let mut writer = self.writer()?;
        if self.head().is_some() {
            return Err(StorageError::AlreadyInitialised);
        }
        let head = Head { height: Height::GENESIS, block: *self.genesis() };
        let ops = state_at_start(&head, batch)?;
        self.durable(&mut writer, ops, Some(head), |_| {})
    }

    /// Makes a candidate durable: a built one before it is offered, a received one before it is voted for. Storing
    /// the same bytes again does nothing.
    ///
    /// # Errors
    /// [`StorageError::CandidateConflict`] for other bytes at the same height and round,
    /// [`StorageError::WrongHeight`] (without poison) for a height that is decided, or a failed write.
    pub fn save_candidate(&self, height: Height, origin: CandidateOrigin, block: &[u8]) -> Result<(), StorageError> {
        let mut writer = self.writer()?;
        let expected = self.head().ok_or(StorageError::NotInitialised)?.height.next();
        if height < expected {
            return Err(StorageError::WrongHeight { expected, got: height });
        }
        let key = candidate_key(height, origin);
        match (self.payload(Column::Candidates, &key)?, origin) {
            (Some(stored), _) if stored == block => return Ok(()),
            (Some(_), CandidateOrigin::Built(round)) => {
                return Err(StorageError::CandidateConflict { height, round });
            }
            (Some(_), CandidateOrigin::Received(_)) | (None, _) => {}
        }
        let stored = self.candidates()?;
        let surplus = (stored.len() + 1).saturating_sub(CANDIDATES_MAX);
        let mut ops: Vec<Op> = stored.into_iter().take(surplus).map(drop_candidate).collect();
        ops.push(put(Column::Candidates, &key, block));
        self.durable(&mut writer, ops, self.head(), |step| match step {
            Step::BeforeWrite => reach(CrashPoint::CandidateBeforeWrite),
            Step::AfterSync => reach(CrashPoint::CandidateAfterSync),
            Step::AfterWrite | Step::AfterHead => {}
        })
    }

    /// Heights and origins of all candidates, in order.
    fn candidates(&self) -> Result<Vec<(Height, CandidateOrigin)>, StorageError> {
        let mut keys = Vec::new();
        self.visit(Column::Candidates, &Range::default(), |key, _| {
            keys.push(candidate_of_key(key).ok_or("its key is not one of a candidate")?);
            Ok(true)
        })?;
        Ok(keys)
    }

    /// Writes one batch, its number and its head, in the steps of the module header. `writer` holds the number
    /// of the last batch.
    pub(crate) fn durable(
        &self,
        writer: &mut u64,
        ops: Vec<Op>,
        head: Option<Head>,
        step: impl Fn(Step),
    ) -> Result<(), StorageError> {
        self.check_room(&ops)?;
        self.durable_beyond_limit(writer, ops, head, step)
    }

    /// The same for a batch that makes room: the limit of the store does not stop it.
    pub(crate) fn durable_beyond_limit(
        &self,
        writer: &mut u64,
        mut ops: Vec<Op>,
        head: Option<Head>,
        step: impl Fn(Step),
    ) -> Result<(), StorageError> {
        check_sizes(&ops)?;
        let mark = Mark { batch: writer.saturating_add(1), head };
        ops.push(put(Column::Meta, TIP, &primitives::encode(&mark)));
        step(Step::BeforeWrite);
        self.backend().write(ops).map_err(|error| self.poison(error))?;
        step(Step::AfterWrite);
        self.backend().sync().map_err(|error| self.poison(error))?;
        step(Step::AfterSync);
        self.backend().write_mark(&mark).map_err(|error| self.poison(error))?;
        step(Step::AfterHead);
        *writer = mark.batch;
        self.set_head(head);
        Ok(())
    }
}

impl Store {
    /// Whether the store may grow by these writes. What compaction would free counts as taken until it is free.
    fn check_room(&self, ops: &[Op]) -> Result<(), StorageError> {
        let Some(limit) = self.limit() else { return Ok(()) };
        let length = |op: &Op| op.value.as_ref().map_or(0, |value| value.len().saturating_add(op.key.len()));
        let adds = ops.iter().map(length).fold(0, usize::saturating_add);
        let (used, adds) = (self.backend().sizes()?.total(), u64::try_from(adds).unwrap_or(u64::MAX));
        if used.saturating_add(adds) > limit {
            return Err(StorageError::Full { place: self.backend().place(), used, adds, limit });
        }
        Ok(())
    }
}

/// The whole state that a store begins with, and the hash of the height that it is of.
pub(crate) fn state_at_start(head: &Head, batch: &GenesisBatch) -> Result<Vec<Op>, StorageError> {
    let mut ops = vec![put(Column::Hashes, &hash_key(&head.block), &head.height.0.to_le_bytes())];
    for (index, slot) in (0..).zip(&batch.slots) {
        let bound = primitives::ledger::SLOTS_MAX;
        let index = SlotIndex::new(index).ok_or(StorageError::TooLarge {
            what: "genesis ledger (in slots)",
            bytes: batch.slots.len(),
            bound: usize::try_from(bound).unwrap_or(usize::MAX),
        })?;
        ops.push(put(Column::Slots, &slot_key(index), &primitives::encode(slot)));
    }
    ops.extend(batch.state.iter().map(|(key, value)| put(Column::State, key, value)));
    ops.extend(batch.nodes.iter().map(|(key, value)| put(Column::Nodes, key, value)));
    Ok(ops)
}

fn drop_candidate((height, origin): (Height, CandidateOrigin)) -> Op {
    remove(Column::Candidates, &candidate_key(height, origin))
}

fn check_sizes(ops: &[Op]) -> Result<(), StorageError> {
    for op in ops {
        let bytes = op.value.as_ref().map_or(0, Vec::len);
        if bytes > VALUE_BYTES_MAX {
            return Err(StorageError::TooLarge { what: op.column.name(), bytes, bound: VALUE_BYTES_MAX });
        }
        if op.key.len() > KEY_BYTES_MAX {
            return Err(StorageError::TooLarge { what: "key", bytes: op.key.len(), bound: KEY_BYTES_MAX });
        }
    }
    Ok(())
}

/// The block itself and its indexes.
pub(crate) fn block_ops(batch: &CommitBatch) -> Vec<Op> {
    let height = height_key(batch.height);
    let certificate = batch.certificate.as_ref().map(primitives::encode).unwrap_or_default();
    let mut ops = vec![
        put(Column::Blocks, &height, &join_block(&certificate, &batch.block)),
        put(Column::Receipts, &height, &primitives::encode(&batch.receipts)),
        put(Column::Operations, &height, &primitives::encode(&batch.operations)),
        put(Column::Closing, &height, &primitives::encode(&batch.closing)),
        put(Column::Hashes, &hash_key(&batch.block_hash), &batch.height.0.to_le_bytes()),
    ];
    for (index, transaction) in (0_u32..).zip(&batch.transactions) {
        let place = [batch.height.0.to_le_bytes().as_slice(), &index.to_le_bytes()].concat();
        ops.push(put(Column::Transactions, &hash_key(&transaction.0), &place));
    }
    ops.extend(batch.history.iter().map(entry_op));
    ops
}

/// The ledger, the module state and its tree.
fn state_ops(batch: &CommitBatch) -> impl Iterator<Item = Op> {
    let slots =
        batch.slots.iter().map(|(index, slot)| put(Column::Slots, &slot_key(*index), &primitives::encode(slot)));
    let state = batch.state.iter().map(|(key, value)| match value {
        Some(value) => put(Column::State, key, value),
        None => remove(Column::State, key),
    });
    // Stale nodes first: a node that is dropped and made again in one block stays.
    let stale = batch.nodes_stale.iter().map(|key| remove(Column::Nodes, key));
    let new = batch.nodes_new.iter().map(|(key, value)| put(Column::Nodes, key, value));
    slots.chain(state).chain(stale).chain(new)
}
