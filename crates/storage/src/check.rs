//! Checks what is kept of one height against the hashes that the chain committed to, and not only against our own checksums.
//!
//! ```text
//!   header(h).parent = hash of header(h − 1)          the chain of headers
//!   header(h) ─► transactions root ─► block           ─► places of transactions, history
//!             ─► receipts root ─────► receipts, closing events
//!             ─► operations digest ─► operations, after those of h − 1
//!   certificate ─► names height and hash of header(h)
//! ```
//!
//! Model: a look at one height answers a list of [`Finding`]s, empty for a height that is whole. A walk over all heights and
//! [`Store::check_pruning`] together lead every body to the head, whose block consensus decided.
//!
//! Rules
//! - Damage is an answer and no failure: only a disk that refuses, or a store that is closed, is an error.
//! - Values are read through every checksum on the way, so a value that cannot be read is a finding too.
//! - A height that is pruned or committed meanwhile is no finding.

use primitives::merkle;
use primitives::receipt::receipts_root;
use primitives::{Block, CommitCertificate, Hash, Header, Height, LedgerDigest, LedgerOp, encode};

use crate::audit::BadFile;
use crate::batch::TransactionPlace;
use crate::columns::Column;
use crate::error::StorageError;
use crate::history::{entry_key, entry_op, history_of};
use crate::open::Store;
use crate::prune::Checkpoint;

/// Something that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The column.
    pub column: &'static str,
    /// The height that it belongs to.
    pub height: Height,
    /// What is wrong.
    pub reason: String,
}

/// How ledger operations are digested; the store knows no trees.
#[derive(Debug, Clone, Copy)]
pub struct Digest {
    /// That of genesis.
    pub start: LedgerDigest,
    /// That after some operations.
    pub absorb: fn(LedgerDigest, &[LedgerOp]) -> LedgerDigest,
}

/// The root over the transactions of a block.
pub(crate) fn transactions_root(block: &Block) -> Hash {
    let leaves: Vec<Hash> = block.transactions.iter().map(|one| merkle::leaf(&encode(one))).collect();
    merkle::root(&leaves)
}

/// One height while it is looked at.
struct Look<'a> {
    store: &'a Store,
    height: Height,
    findings: Vec<Finding>,
}

impl Look<'_> {
    fn found(&mut self, column: Column, reason: impl Into<String>) {
        self.findings.push(Finding { column: column.name(), height: self.height, reason: reason.into() });
    }

    /// A value, or a finding where it cannot be read; none for a height without a body.
    fn read<T>(
        &mut self,
        column: Column,
        read: impl FnOnce(&Store, Height) -> Result<Option<T>, StorageError>,
    ) -> Result<Option<T>, StorageError> {
        match read(self.store, self.height) {
            Ok(value) => Ok(value),
            Err(error @ (StorageError::Damaged { .. } | StorageError::DamagedFile { .. })) => {
                let text = error.to_string();
                self.found(column, text.split("; next: ").next().unwrap_or_default());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl Store {
    /// Looks at everything that is kept of `height`.
    ///
    /// # Errors
    /// A disk that refuses, or a store that is closed. Damage is no error.
    pub fn check_height(&self, height: Height, digest: &Digest) -> Result<Vec<Finding>, StorageError> {
        let mut look = Look { store: self, height, findings: Vec::new() };
        if self.is_quarantined(height) {
            look.found(Column::Blocks, "it is quarantined: nobody has given it whole yet");
            return Ok(look.findings);
        }
        let Some((header, certificate)) = look.read(Column::Blocks, Self::header)? else { return Ok(look.findings) };
        let hash = header.hash();
        if header.height != height || header.genesis != *self.genesis() {
            look.found(Column::Blocks, "it is the block of another height or chain");
        }
        if certificate.is_some_and(|certificate| certificate.height != height || certificate.block != hash) {
            look.found(Column::Blocks, "its certificate is that of another block");
        }
        match look.read(Column::Hashes, |store, _| store.height_of(&hash))? {
            Some(found) if found == height => {}
            _ => look.found(Column::Hashes, "the hash of the block does not lead to it"),
        }
        let before = self.before(&mut look)?;
        if before.as_ref().is_some_and(|(parent, _)| *parent != header.parent) {
            look.found(Column::Blocks, "its parent is not the block of the height before");
        }
        let is_kept = height >= self.oldest();
        if is_kept {
            self.check_body(&mut look, &header, before.and_then(|(_, digest)| digest), digest)?;
        }
        // What was pruned while it was looked at is gone, and not damaged.
        let was_pruned = is_kept && height < self.oldest();
        Ok(if was_pruned { Vec::new() } else { look.findings })
    }

    /// Hash and operations digest of the height before, where they are kept; the digest of genesis is the caller's to know.
    fn before(&self, look: &mut Look<'_>) -> Result<Option<(Hash, Option<LedgerDigest>)>, StorageError> {
        match look.height.previous() {
            None | Some(Height::GENESIS) => Ok(Some((*self.genesis(), None))),
            // A header before this one that is damaged is a finding of its own height.
            Some(previous) => match self.header(previous) {
                Ok(found) => Ok(found.map(|(header, _)| (header.hash(), Some(header.ops_digest)))),
                Err(StorageError::Damaged { .. } | StorageError::DamagedFile { .. }) => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    fn check_body(
        &self,
        look: &mut Look<'_>,
        header: &Header,
        before: Option<LedgerDigest>,
        digest: &Digest,
    ) -> Result<(), StorageError> {
        let block = look.read(Column::Blocks, Self::block)?.map(|bytes| Block::from_bytes(&bytes));
        let receipts = look.read(Column::Receipts, Self::receipts)?;
        let operations = look.read(Column::Operations, Self::operations)?;
        let closing = look.read(Column::Closing, Self::closing)?;
        if let (Some(receipts), Some(closing)) = (&receipts, &closing)
            && receipts_root(receipts, closing) != header.receipts_root
        {
            look.found(Column::Receipts, "receipts and closing events do not have the root of the header");
        }
        let before = if look.height == Height(1) { Some(digest.start) } else { before };
        if let (Some(operations), Some(before)) = (&operations, before)
            && (digest.absorb)(before, operations) != header.ops_digest
        {
            look.found(Column::Operations, "the operations do not have the digest of the header");
        }
        let Some(Ok(block)) = block else { return Ok(()) };
        if transactions_root(&block) != header.transactions_root {
            look.found(Column::Blocks, "the transactions do not have the root of the header");
        }
        if block.last_commit.as_ref().map_or(Hash::default(), CommitCertificate::hash) != header.last_commit {
            look.found(Column::Blocks, "the certificate in the block is not the one that its header names");
        }
        for (index, id) in (0..).zip(block.transaction_ids()) {
            let place = look.read(Column::Transactions, |store, _| store.transaction(&id))?;
            if place != Some(TransactionPlace { height: look.height, index }) {
                look.found(Column::Transactions, format!("transaction {id} is not found at its place"));
            }
        }
        let Some(receipts) = receipts else { return Ok(()) };
        for entry in history_of(&block, &receipts) {
            let (key, expected) = (entry_key(&entry), entry_op(&entry).value);
            if self.backend().get(Column::History, &key)? != expected {
                look.found(Column::History, format!("the entry of {} is not what the block says", entry.address));
            }
        }
        Ok(())
    }

    /// Reads every data file of the engine against its list of them, which also finds what hides behind caches. `look` hears how many bytes were
    /// read since it was last asked, and stops everything with false.
    ///
    /// # Errors
    /// A disk that refuses, or lists of files that are damaged.
    pub fn bad_files(&self, look: &mut dyn FnMut(u64) -> bool) -> Result<Vec<BadFile>, StorageError> {
        self.check_poison()?;
        self.backend().bad_files(look)
    }

    /// Compares the checkpoint of pruning with the header at its height.
    ///
    /// # Errors
    /// A disk that refuses, or a store that is closed. Damage is no error.
    pub fn check_pruning(&self) -> Result<Vec<Finding>, StorageError> {
        let mut look = Look { store: self, height: self.base_height(), findings: Vec::new() };
        let Some(pruning) = look.read(Column::Meta, |store, _| store.pruning())? else { return Ok(look.findings) };
        look.height = pruning.checkpoint.height;
        let Some((header, _)) = look.read(Column::Headers, Self::header)? else {
            look.found(Column::Headers, "the header of the pruning checkpoint is missing");
            return Ok(look.findings);
        };
        if Checkpoint::of(&header) != pruning.checkpoint {
            look.found(Column::Meta, "the roots of the pruning checkpoint are not those of the header");
        }
        Ok(look.findings)
    }
}
