//! Heights whose bodies are damaged: recorded, served as missing, and written again once somebody gave them whole.
//!
//! ```text
//!   bad at open (repair.rs: mend) ─┐                          ┌─ readmit: hash, roots, operations digest ─► as before
//!   bad while it runs (a scrub) ───┴─► quarantined height ────┤
//!                                                             └─ nobody has it: stays quarantined, is named
//! ```
//! Model: the record is one value in the column meta. While a height is in it every read of its body answers "none", so that what is
//! wrong is never served. The hash of its block is known from the block after it; below another quarantined height it is
//! learned from that one when it comes back, so heights come back from the highest one down.
//!
//! Rules
//! - The last block and what is below the base are never quarantined.
//! - Nothing is written that does not lead to the head: hash of the child, roots of the header, operations digest of the height before. The
//!   certificate is the one that the child holds. Who gave the bytes does not matter.
//! - At most [`QUARANTINE_MAX`] heights; a store with more is refused as a damaged one.
//!
//! Read next: `repair.rs`.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::defect::{Defect, is_seeded};
use primitives::{Block, BoundedVec, Hash, Header, Height, LedgerDigest, encode};

use crate::backend::Op;
use crate::batch::CommitBatch;
use crate::check::Digest;
use crate::columns::{Column, QUARANTINE, height_key};
use crate::commit::{block_ops, put, remove};
use crate::error::StorageError;
use crate::history::history_of;
use crate::open::Store;
use crate::repair::Body;
use crate::value::decode;

/// Most heights that may be quarantined.
pub const QUARANTINE_MAX: usize = 16_384;

/// Heights and the hashes of their blocks, as far as they are known.
pub(crate) type Record = BTreeMap<Height, Option<Hash>>;

/// A height whose body is not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Quarantined {
    /// The height.
    pub height: Height,
    /// The hash of its block; none until the height after it is back.
    pub block: Option<Hash>,
}

/// Why a body was not taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The height is not quarantined.
    NotQuarantined,
    /// Its hash is not known yet: a height above it comes first.
    NotInTurn,
    /// It is not the body of that block.
    Wrong,
    /// Block and receipts are right, and the operations do not lead to the digest of the header.
    WrongOperations,
}

impl Store {
    /// What is quarantined, lowest first.
    pub fn quarantined(&self) -> Vec<Quarantined> {
        let record = self.quarantine_record().read().unwrap_or_else(PoisonError::into_inner);
        record.iter().map(|(height, block)| Quarantined { height: *height, block: *block }).collect()
    }

    /// Whether the body of this height is quarantined.
    pub fn is_quarantined(&self, height: Height) -> bool {
        self.quarantine_record().read().unwrap_or_else(PoisonError::into_inner).contains_key(&height)
    }

    /// Stops serving the body of `height`; false when it was quarantined before. The values are left as they are.
    ///
    /// # Errors
    /// [`StorageError::Unquarantinable`] for the last block, heights without a body and more than [`QUARANTINE_MAX`] heights; or a failed
    /// write, which poisons the store.
    pub fn quarantine(&self, height: Height) -> Result<bool, StorageError> {
        let mut writer = self.writer()?;
        let head = self.head().ok_or(StorageError::NotInitialised)?;
        let mut record = self.record();
        if height <= self.base_height() || height >= head.height {
            return Err(StorageError::Unquarantinable { height });
        }
        if record.contains_key(&height) {
            return Ok(false);
        }
        if record.len() >= QUARANTINE_MAX {
            return Err(StorageError::Unquarantinable { height });
        }
        // A child that cannot be read is quarantined next, and tells the hash when it comes back.
        let child = self.header(height.next()).ok().flatten();
        record.insert(height, child.map(|(header, _)| header.parent));
        let ops = vec![record_op(&record)];
        self.durable_beyond_limit(&mut writer, ops, Some(head), |_| {})?;
        self.set_record(record);
        Ok(true)
    }

    /// Whether `body` is that of the quarantined block with this hash, as far as one height tells.
    pub fn is_body_of(body: &Body, hash: &Hash) -> Option<Block> {
        body.is_of(hash)
    }

    /// The block of `body`, when it is that of this header and its operations lead from the digest of the height before. The certificate with it is not
    /// looked at.
    pub fn judge_body(body: &Body, header: &Header, before: LedgerDigest, digest: &Digest) -> Option<Block> {
        let block = Body { certificate: None, ..body.clone() }.is_of(&header.hash())?;
        (block.header.height == header.height && body.follows(before, header, digest)).then_some(block)
    }

    /// Writes the body of a quarantined height again. `before` is the operations digest of the height before, for a caller who knows it
    /// from a block that leads to this one; none: it is read here.
    ///
    /// # Errors
    /// A failed write, which poisons the store, or a damaged read. A body that is not right is no error: it is [`Refused`].
    pub fn readmit(
        &self,
        height: Height,
        body: &Body,
        digest: &Digest,
        before: Option<LedgerDigest>,
    ) -> Result<Result<(), Refused>, StorageError> {
        let mut writer = self.writer()?;
        let mut record = self.record();
        let hash = match record.get(&height) {
            None => return Ok(Err(Refused::NotQuarantined)),
            Some(None) => return Ok(Err(Refused::NotInTurn)),
            Some(Some(hash)) => *hash,
        };
        let any = is_seeded(Defect::TakesAnyBody).then(|| Block::from_bytes(&body.block).ok()).flatten();
        let Some(block) = any.or_else(|| body.is_of(&hash)).filter(|block| block.header.height == height) else {
            return Ok(Err(Refused::Wrong));
        };
        let Some(before) = (match before {
            Some(before) => Some(before),
            None => self.digest_before(height, digest)?,
        }) else {
            return Ok(Err(Refused::NotInTurn));
        };
        if !is_seeded(Defect::TakesAnyBody) && !body.follows(before, &block.header, digest) {
            return Ok(Err(Refused::WrongOperations));
        }
        let Some(child) = self.block(height.next())? else { return Ok(Err(Refused::NotInTurn)) };
        let child = Block::from_bytes(&child).map_err(|error| {
            self.damaged(Column::Blocks, &height_key(height.next()), format!("it does not decode: {error}"))
        })?;
        record.remove(&height);
        self.learn_below(height, &block, &mut record)?;
        let receipts = body.receipts.to_vec();
        let batch = CommitBatch {
            height,
            block_hash: hash,
            block: encode(&block),
            certificate: child.last_commit,
            history: history_of(&block, &receipts),
            receipts,
            operations: body.operations.to_vec(),
            closing: body.closing.clone(),
            transactions: block.transaction_ids(),
            slots: Vec::new(),
            state: Vec::new(),
            nodes_new: Vec::new(),
            nodes_stale: Vec::new(),
        };
        let mut ops = block_ops(&batch);
        ops.push(record_op(&record));
        self.durable_beyond_limit(&mut writer, ops, self.head(), |_| {})?;
        self.set_record(record);
        Ok(Ok(()))
    }

    /// The operations digest of the height before; none while that one is quarantined.
    fn digest_before(&self, height: Height, digest: &Digest) -> Result<Option<LedgerDigest>, StorageError> {
        match height.previous() {
            None | Some(Height::GENESIS) => Ok(Some(digest.start)),
            Some(previous) => Ok(self.header(previous)?.map(|(header, _)| header.ops_digest)),
        }
    }

    /// What a block that came back says of the one before it: the hash, where that one is quarantined too; and that it is another one, where
    /// what is here does not have this hash.
    fn learn_below(&self, height: Height, block: &Block, record: &mut Record) -> Result<(), StorageError> {
        let Some(previous) = height.previous().filter(|previous| *previous > self.base_height()) else { return Ok(()) };
        let is_other = match record.get(&previous) {
            Some(_) => true,
            None => self.header(previous)?.is_none_or(|(header, _)| header.hash() != block.header.parent),
        };
        if is_other {
            record.insert(previous, Some(block.header.parent));
        }
        Ok(())
    }

    fn record(&self) -> Record {
        self.quarantine_record().read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_record(&self, record: Record) {
        *self.quarantine_record().write().unwrap_or_else(PoisonError::into_inner) = record;
    }

    /// Reads the record, at the start.
    pub(crate) fn load_quarantine(&self) -> Result<(), StorageError> {
        let Some(payload) = self.payload(Column::Meta, QUARANTINE)? else { return Ok(()) };
        let list: BoundedVec<Quarantined, QUARANTINE_MAX> =
            decode(&payload).map_err(|reason| self.damaged(Column::Meta, QUARANTINE, reason))?;
        self.set_record(list.iter().map(|one| (one.height, one.block)).collect());
        Ok(())
    }
}

/// The write of the record; an empty one is removed.
pub(crate) fn record_op(record: &Record) -> Op {
    if record.is_empty() {
        return remove(Column::Meta, QUARANTINE);
    }
    let list: Vec<Quarantined> =
        record.iter().map(|(height, block)| Quarantined { height: *height, block: *block }).collect();
    put(Column::Meta, QUARANTINE, &encode(&list))
}
