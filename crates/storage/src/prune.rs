//! Pruning: bodies of old blocks go, headers and certificates stay longer, and what is left can be checked.
//!
//! ```text
//!  genesis … first ─────────────── base │ base + 1 … head
//!  gone      headers, certificates,     │ blocks, certificates, receipts, operations, closing events,
//!            hashes                     │ transactions, history
//! ```
//!
//! Model: pruning moves the base of the store upwards ([`Base`]). A piece is one atomic batch in the steps of a commit
//! ([`crate::commit`]), so a crash leaves the store as it was before the piece or after it, and never between.
//!
//! Rules
//! - A piece removes at most [`PIECE_HEIGHTS`] heights and reads at most about [`PIECE_BYTES`].
//! - The head keeps its block, whatever is asked for.
//! - A height whose block or receipts are damaged stops the piece before it: damage is not thrown away unseen.
//! - The state is untouched: stale nodes of its tree are removed by the commit that replaces them.
//! - Each piece writes a [`Checkpoint`]: the roots that were committed at its end. They are kept apart from the header, so that one
//!   can be checked against the other ([`Store::pruning`]).
//! - Removed values take room on disk until what is left is rewritten; each piece counts them (`compact.rs`).

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::defect::{Defect, is_seeded};
use primitives::{Block, Hash, Header, Height, LedgerDigest};

use crate::backend::Op;
use crate::base::Base;
use crate::columns::{BASE, Column, PRUNING, REMOVED, hash_key, height_key};
use crate::commit::{Step, put, remove};
use crate::compact::Removed;
use crate::crash::{CrashPoint, reach};
use crate::error::StorageError;
use crate::headers::header_value;
use crate::history::{entry_key, history_of};
use crate::open::Store;
use crate::value::decode;

/// Most heights whose bodies, and most heights whose headers, one piece removes.
pub const PIECE_HEIGHTS: u64 = 64;
/// A piece ends with the block that brings it to this many bytes.
pub const PIECE_BYTES: usize = 4 * 1024 * 1024;

/// What was committed at the end of the pruned range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Checkpoint {
    /// The highest height whose body is gone.
    pub height: Height,
    /// Hash of its block, which names every block before it.
    pub block: Hash,
    /// Root of the ledger after it.
    pub ledger_root: LedgerDigest,
    /// Running digest of every ledger operation up to it.
    pub ops_digest: LedgerDigest,
    /// Root of the module state after it.
    pub state_root: Hash,
}

impl Checkpoint {
    /// That of a header.
    pub fn of(header: &Header) -> Self {
        Self {
            height: header.height,
            block: header.hash(),
            ledger_root: header.ledger_root,
            ops_digest: header.ops_digest,
            state_root: header.state_root,
        }
    }
}

/// What was pruned so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Pruning {
    /// The lowest height whose header and hash are kept; 0 stands for genesis, which has a hash alone.
    pub first: Height,
    /// Heights whose bodies were removed since the store began.
    pub removed: u64,
    /// The end of the pruned range.
    pub checkpoint: Checkpoint,
}

/// How far to prune.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruneTo {
    /// Bodies up to here may go.
    pub bodies: Height,
    /// Headers below this may go. Never above what has lost its body.
    pub headers_from: Height,
}

/// What one piece did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Heights that lost their bodies.
    pub bodies: u64,
    /// Heights that lost their headers.
    pub headers: u64,
    /// Bytes of the removed bodies: blocks and receipts as they were read.
    pub bytes: usize,
}

impl Pruned {
    /// Whether there was nothing to do.
    pub fn is_nothing(&self) -> bool {
        self.bodies == 0 && self.headers == 0
    }
}

/// A piece that is being put together.
struct Piece {
    ops: Vec<Op>,
    done: Pruned,
    /// About how many bytes it removes of each space.
    removed: Removed,
    /// The last height that loses its body.
    last: Option<Base>,
}

impl Store {
    /// What was pruned so far; none before the first piece.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn pruning(&self) -> Result<Option<Pruning>, StorageError> {
        let Some(payload) = self.payload(Column::Meta, PRUNING)? else { return Ok(None) };
        decode(&payload).map(Some).map_err(|reason| self.damaged(Column::Meta, PRUNING, reason))
    }

    /// The lowest height whose hash is known: that of genesis, of the base, or of the oldest header that is kept.
    pub(crate) fn first_hash(&self) -> Result<Height, StorageError> {
        Ok(self.pruning()?.map_or(self.base_height(), |pruning| pruning.first))
    }

    /// Removes the next piece of what `to` allows. Blocks can be committed between two pieces.
    ///
    /// # Errors
    /// A damaged block or receipt, by name and without poison; or a failed write, which poisons the store.
    pub fn prune(&self, to: PruneTo) -> Result<Pruned, StorageError> {
        let mut writer = self.writer()?;
        let head = self.head().ok_or(StorageError::NotInitialised)?;
        let bodies = if is_seeded(Defect::PrunesOneTooMany) { to.bodies.next() } else { to.bodies };
        let last = bodies.min(Height(head.height.0.saturating_sub(1)));
        let mut piece = Piece { ops: Vec::new(), done: Pruned::default(), removed: Removed::default(), last: None };
        self.bodies(last, &mut piece)?;
        let before = self.pruning()?;
        let first = self.first_hash()?;
        let base = piece.last.as_ref().map_or(self.base_height(), |base| base.header.height);
        let next_first = self.headers_below(first, to.headers_from.min(base), &mut piece)?;
        if piece.done.is_nothing() {
            return Ok(piece.done);
        }
        let checkpoint = match (&piece.last, before) {
            (Some(base), _) => Checkpoint::of(&base.header),
            (None, Some(before)) => before.checkpoint,
            // Headers go only where bodies went, so a piece without either is nothing and was answered above.
            (None, None) => return Ok(Pruned::default()),
        };
        let removed = before.map_or(0, |before| before.removed).saturating_add(piece.done.bodies);
        let pruning = Pruning { first: next_first, removed, checkpoint };
        piece.ops.push(put(Column::Meta, PRUNING, &primitives::encode(&pruning)));
        let removed_bytes = self.removed()?.and(&piece.removed);
        piece.ops.push(put(Column::Meta, REMOVED, &primitives::encode(&removed_bytes)));
        if let Some(last) = &piece.last {
            piece.ops.push(put(Column::Meta, BASE, &primitives::encode(last)));
        }
        self.durable_beyond_limit(&mut writer, piece.ops, Some(head), |step| {
            if step == Step::BeforeWrite {
                // Readers hear `pruned` a moment before it is durable; after a crash the height may be there again.
                self.set_base_height(base);
            }
            reach(match step {
                Step::BeforeWrite => CrashPoint::PruneBeforeWrite,
                Step::AfterWrite => CrashPoint::PruneAfterWrite,
                Step::AfterSync => CrashPoint::PruneAfterSync,
                Step::AfterHead => CrashPoint::PruneAfterHead,
            });
        })?;
        Ok(piece.done)
    }

    /// Writes what is in memory to tables, so that journals that the engine has sealed can go. Blocks go on meanwhile; the caller waits.
    ///
    /// # Errors
    /// A failed call of the engine.
    pub fn flush(&self) -> Result<(), StorageError> {
        self.check_poison()?;
        self.backend().flush()
    }

    /// Bytes of the journals: what was written since the tables were.
    ///
    /// # Errors
    /// A failed call of the engine.
    pub fn journal_bytes(&self) -> Result<u64, StorageError> {
        self.check_poison()?;
        self.backend().journal_bytes()
    }

    /// Adds the removal of bodies from the base up to `last`.
    fn bodies(&self, last: Height, piece: &mut Piece) -> Result<(), StorageError> {
        let base = self.base()?;
        let mut height = self.base_height();
        if height < last && self.pruning()?.is_none() {
            // The base that the store began with becomes the oldest header.
            if let Some(base) = base {
                let value = header_value(&base.header, base.certificate.as_ref());
                piece.ops.push(put(Column::Headers, &height_key(height), &value));
            }
        }
        while height < last && piece.done.bodies < PIECE_HEIGHTS && piece.done.bytes < PIECE_BYTES {
            height = height.next();
            piece.last = Some(self.prune_body(height, piece)?);
            piece.done.bodies += 1;
        }
        Ok(())
    }

    /// Adds the removal of one body; gives what stays of it.
    fn prune_body(&self, height: Height, piece: &mut Piece) -> Result<Base, StorageError> {
        let key = height_key(height);
        let missing = |column, what: &str| self.damaged(column, &key, format!("{what} cannot be read"));
        let bytes = self.block(height)?.ok_or_else(|| missing(Column::Blocks, "the block"))?;
        let block = Block::from_bytes(&bytes).map_err(|_| missing(Column::Blocks, "the block"))?;
        let receipts = self.receipts(height)?.ok_or_else(|| missing(Column::Receipts, "the list of receipts"))?;
        let certificate = self.certificate(height)?;
        // First, because readers beside the batch may see it value by value.
        piece.ops.push(put(Column::Headers, &key, &header_value(&block.header, certificate.as_ref())));
        piece.removed.add(Column::Blocks, bytes.len());
        for column in [Column::Blocks, Column::Receipts, Column::Operations, Column::Closing] {
            piece.ops.push(remove(column, &key));
        }
        for receipt in &receipts {
            piece.ops.push(remove(Column::Transactions, &hash_key(&receipt.transaction.0)));
            piece.removed.add(Column::Receipts, RECEIPT_BYTES);
            piece.removed.add(Column::Transactions, INDEX_BYTES);
        }
        for entry in history_of(&block, &receipts) {
            piece.ops.push(remove(Column::History, &entry_key(&entry)));
            piece.removed.add(Column::History, INDEX_BYTES);
        }
        piece.done.bytes = piece.done.bytes.saturating_add(bytes.len()).saturating_add(receipts.len() * RECEIPT_BYTES);
        Ok(Base { header: block.header, certificate })
    }

    /// Adds the removal of headers and hashes from `first` up to below `from`; gives the lowest that stays.
    fn headers_below(&self, first: Height, from: Height, piece: &mut Piece) -> Result<Height, StorageError> {
        let mut height = first;
        while height < from && piece.done.headers < PIECE_HEIGHTS {
            let hash = if height == Height::GENESIS {
                *self.genesis()
            } else {
                // A header that this very piece keeps is not there yet; it can go with a later piece.
                let Some((header, certificate)) = self.kept_header(height)? else { break };
                piece.removed.add(Column::Headers, header_value(&header, certificate.as_ref()).len());
                piece.ops.push(remove(Column::Headers, &height_key(height)));
                header.hash()
            };
            piece.ops.push(remove(Column::Hashes, &hash_key(&hash)));
            piece.removed.add(Column::Hashes, INDEX_BYTES);
            piece.done.headers += 1;
            height = height.next();
        }
        Ok(height)
    }
}

/// About what a receipt and its operations take on disk, bytes.
const RECEIPT_BYTES: usize = 128;
/// About what an entry of an index takes on disk, bytes.
const INDEX_BYTES: usize = 64;
