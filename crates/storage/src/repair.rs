//! Builds a store anew from what can be read of a damaged one, and takes what cannot be read from somebody who has it.
//!
//! ```text
//!   head's hash (the mark) ─► body(head) ─ parent ─► body(head − 1) ─ parent ─► … ─► base
//!                               │ whole here? else asked for: header hash, both roots, operations digest
//!                               ▼
//!   home/store.repair/store ── every value again, synced ──► home/store.repaired
//!   home/store ──► home/store.damaged-<batch>      home/store.repaired ──► home/store
//! ```
//!
//! Rules
//! - Nothing is believed that does not lead to the head: each block is named by its child, the head by the mark, which has a checksum of its own and
//!   names the last acknowledged batch. Who gave the bytes does not matter.
//! - The state is not asked for here: when it cannot be read, or the journals or lists of the engine are damaged, the store is refused and
//!   the way back is a snapshot.
//! - The damaged store is moved aside and never changed. A crash leaves it in place, or the new one, or the name `store.repaired`, which the
//!   next start takes.
//! - Indexes are not copied: they are made again from blocks and receipts.

use std::fs;
use std::path::{Path, PathBuf};

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::block::{BLOCK_OPS_MAX, BLOCK_TRANSACTIONS_MAX};
use primitives::receipt::receipts_root;
use primitives::{
    Block, BoundedBytes, BoundedVec, ClosingEvents, CommitCertificate, Hash, Header, Height, LedgerDigest, LedgerOp,
    Receipt, encode,
};

use crate::backend::{Op, Range};
use crate::batch::CommitBatch;
use crate::check::{Digest, transactions_root};
use crate::columns::{Column, GENESIS, QUARANTINE, SCHEMA, SEQUENCE, TIP};
use crate::commit::{block_ops, put};
use crate::error::StorageError;
use crate::headers::read_header;
use crate::history::{flag, history_of};
use crate::mark::Head;
use crate::open::{Store, StoreConfig, Verify};

/// Largest block in bytes, as the network bounds it.
const BLOCK_BYTES_MAX: usize = primitives::block::BLOCK_BYTES_MAX;
/// Values that are copied in one batch.
const COPIED_VALUES: usize = 4_096;
/// Bytes that are copied in one batch, about.
const COPIED_BYTES: usize = 8 * 1024 * 1024;

/// Where the new store is filled.
const PLACE: &str = "store.repair";

/// Everything that a store keeps of one decided block; what one node gives another that has lost it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Body {
    /// Canonical bytes of the block.
    pub block: BoundedBytes<BLOCK_BYTES_MAX>,
    /// The certificate that decided it.
    pub certificate: Option<CommitCertificate>,
    /// One receipt per transaction.
    pub receipts: BoundedVec<Receipt, BLOCK_TRANSACTIONS_MAX>,
    /// Ledger operations.
    pub operations: BoundedVec<LedgerOp, BLOCK_OPS_MAX>,
    /// What the end of the block did by itself.
    pub closing: ClosingEvents,
}

impl Body {
    /// Whether this is what was decided: the block has this hash, and its header commits to the rest. The operations are judged by
    /// [`Body::follows`].
    pub(crate) fn is_of(&self, hash: &Hash) -> Option<Block> {
        let block = Block::from_bytes(&self.block).ok()?;
        let certified = self.certificate.as_ref().is_none_or(|certificate| certificate.block == *hash);
        let whole = block.header.hash() == *hash
            && certified
            && transactions_root(&block) == block.header.transactions_root
            && last_commit(&block) == block.header.last_commit
            && receipts_root(&self.receipts, &self.closing) == block.header.receipts_root
            && self.receipts.len() == block.transactions.len();
        whole.then_some(block)
    }

    /// Whether the operations lead from the digest of the height before to that of `header`.
    pub(crate) fn follows(&self, before: LedgerDigest, header: &Header, digest: &Digest) -> bool {
        (digest.absorb)(before, &self.operations) == header.ops_digest
    }
}

/// What repair has to know that the store does not.
pub struct Trust<'a> {
    /// How operations are digested.
    pub digest: Digest,
    /// Whether a certificate decides a header, by the validators in this store's state. Asked for the last block alone: every other
    /// certificate is the one that the block after it holds.
    pub certifies: &'a dyn Fn(&Store, &Header, &CommitCertificate) -> bool,
}

/// Asks for a height; `judge` says whether an answer is right, so that another source can be asked.
pub type Source<'a> = dyn FnMut(Height, &dyn Fn(&Body) -> bool) -> Option<Body> + 'a;

/// What a repair did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// The last height.
    pub head: Height,
    /// Heights that were whole.
    pub kept: u64,
    /// Heights that were taken from others.
    pub refetched: Vec<Height>,
    /// Where the damaged store is.
    pub aside: PathBuf,
}

/// Why a store was not repaired; it is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The store cannot be read at all, or the new one cannot be written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Nobody gave a height that was asked for.
    #[error(
        "height {height} is damaged and no source has it whole; next: name a node, a stopped store or an export that has every block, or begin again from a snapshot"
    )]
    NoSource {
        /// The height.
        height: Height,
    },
}

impl Store {
    /// Everything that is kept of `height`; none above the head, at genesis and where the body was pruned.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn body(&self, height: Height) -> Result<Option<Body>, StorageError> {
        let (Some(block), Some(receipts)) = (self.block(height)?, self.receipts(height)?) else { return Ok(None) };
        let (Some(operations), Some(closing)) = (self.operations(height)?, self.closing(height)?) else {
            return Ok(None);
        };
        let certificate = self.certificate(height)?;
        let too_large = |what, bytes, bound| StorageError::TooLarge { what, bytes, bound };
        let (block_bytes, receipt_count, operation_count) = (block.len(), receipts.len(), operations.len());
        Ok(Some(Body {
            block: BoundedBytes::new(block).ok_or_else(|| too_large("block", block_bytes, BLOCK_BYTES_MAX))?,
            certificate,
            receipts: BoundedVec::new(receipts)
                .ok_or_else(|| too_large("list of receipts", receipt_count, BLOCK_TRANSACTIONS_MAX))?,
            operations: BoundedVec::new(operations)
                .ok_or_else(|| too_large("list of operations", operation_count, BLOCK_OPS_MAX))?,
            closing,
        }))
    }

    /// Builds the store in `home` anew. Nobody else may use it meanwhile. `progress` hears the heights done and all of them.
    ///
    /// # Errors
    /// [`RepairError`]; the damaged store is where it was.
    pub fn repair(
        home: &Path,
        genesis: &Hash,
        trust: &Trust<'_>,
        source: &mut Source<'_>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Repaired, RepairError> {
        let repaired = Self::repair_beside(home, genesis, trust, source, progress);
        if !matches!(repaired, Ok(_) | Err(RepairError::Storage(StorageError::InUse { .. }))) {
            discard(home);
        }
        repaired
    }

    fn repair_beside(
        home: &Path,
        genesis: &Hash,
        trust: &Trust<'_>,
        source: &mut Source<'_>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Repaired, RepairError> {
        let rebuild = Rebuild::begin(home, genesis)?;
        let mut work = rebuild.work(trust);
        work.copy_state()?;
        let head = rebuild.head;
        work.bodies(head.height, head.block, source, progress)?;
        let Work { mut refetched, kept, .. } = work;
        refetched.reverse();
        let aside = rebuild.finish(Vec::new())?;
        Ok(Repaired { head: head.height, kept, refetched, aside })
    }

    pub(crate) fn finish_repair(&self, head: Head, mut last: Vec<Op>) -> Result<(), StorageError> {
        let mut writer = self.writer()?;
        last.push(flag(true));
        self.durable_beyond_limit(&mut writer, last, Some(head), |_| {})
    }
}

/// A damaged store and the one that is built in its place.
pub(crate) struct Rebuild {
    pub(crate) old: Store,
    new: Store,
    pub(crate) head: Head,
    home: PathBuf,
    place: PathBuf,
}

impl Rebuild {
    /// Opens the damaged store as it is and an empty one beside it.
    pub(crate) fn begin(home: &Path, genesis: &Hash) -> Result<Self, StorageError> {
        let config = StoreConfig::Disk { path: home.to_owned(), verify: Verify::Recent };
        let old = Store::open_unverified(&config, genesis)?;
        let head = old.head().ok_or(StorageError::NotInitialised)?;
        let place = home.join(PLACE);
        if place.exists() {
            fs::remove_dir_all(&place).map_err(io("remove", &place))?;
        }
        let new = Store::open(&StoreConfig::Disk { path: place.clone(), verify: Verify::Full }, genesis)?;
        Ok(Self { old, new, head, home: home.to_owned(), place })
    }

    pub(crate) fn work<'a>(&'a self, trust: &'a Trust<'a>) -> Work<'a> {
        Work::between(&self.old, &self.new, trust)
    }

    /// Writes the head with `last`, and puts the new store in the place of the damaged one; gives where that one is.
    pub(crate) fn finish(self, last: Vec<Op>) -> Result<PathBuf, StorageError> {
        // The head last: until then the new store has none, and is refused as an empty one.
        self.new.finish_repair(self.head, last)?;
        let batch = self.old.backend().opened_mark().batch;
        let Self { old, new, home, place, .. } = self;
        drop((old, new));
        swap(&home, &place, batch)
    }
}

/// What a header says of the certificate that its block holds.
fn last_commit(block: &Block) -> Hash {
    block.last_commit.as_ref().map_or(Hash::default(), CommitCertificate::hash)
}

fn io(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> StorageError {
    move |source| StorageError::Io { action, path: path.to_owned(), source }
}

/// Removes the new store of a repair that failed, unless another process is at it; what cannot be removed now is removed by the next one.
pub(crate) fn discard(home: &Path) {
    let _ = fs::remove_dir_all(home.join(PLACE));
}

fn sync(folder: &Path) -> Result<(), StorageError> {
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("sync", folder))
}

/// Puts the new store in the place of the damaged one, which is moved aside; gives where it is.
fn swap(home: &Path, place: &Path, batch: u64) -> Result<PathBuf, StorageError> {
    let (store, repaired) = (home.join("store"), home.join("store.repaired"));
    if repaired.exists() {
        fs::remove_dir_all(&repaired).map_err(io("remove", &repaired))?;
    }
    let mut aside = home.join(format!("store.damaged-{batch}"));
    let mut number = 1_u32;
    while aside.exists() {
        number = number.saturating_add(1);
        aside = home.join(format!("store.damaged-{batch}-{number}"));
    }
    let rename = |from: &Path, to: &Path| -> Result<(), StorageError> {
        fs::rename(from, to).map_err(io("rename", from))?;
        sync(home)
    };
    rename(&place.join("store"), &repaired)?;
    rename(&store, &aside)?;
    rename(&repaired, &store)?;
    fs::remove_dir_all(place).map_err(io("remove", place))?;
    Ok(aside)
}

/// The two stores.
pub(crate) struct Work<'a> {
    pub(crate) old: &'a Store,
    new: &'a Store,
    pub(crate) trust: &'a Trust<'a>,
    refetched: Vec<Height>,
    kept: u64,
}

impl<'a> Work<'a> {
    pub(crate) fn between(old: &'a Store, new: &'a Store, trust: &'a Trust<'a>) -> Self {
        Self { old, new, trust, refetched: Vec::new(), kept: 0 }
    }
}

impl Work<'_> {
    fn write(&self, ops: Vec<Op>) -> Result<(), StorageError> {
        let mut writer = self.new.writer()?;
        self.new.durable_beyond_limit(&mut writer, ops, None, |_| {})
    }

    /// Copies what is neither body nor index: every value is checked against its checksum on the way.
    pub(crate) fn copy_state(&mut self) -> Result<(), StorageError> {
        let columns = [
            Column::Candidates,
            Column::Slots,
            Column::State,
            Column::Nodes,
            Column::Proofs,
            Column::ChainProof,
            Column::Headers,
        ];
        for column in columns {
            self.copy_column(column)?;
        }
        let mut ops = Vec::new();
        // What is the new store's own stays.
        let own = [SCHEMA, GENESIS, TIP, SEQUENCE, QUARANTINE];
        self.old.visit(Column::Meta, &Range::default(), |key, payload| {
            if !own.contains(&key) {
                ops.push(put(Column::Meta, key, payload));
            }
            Ok(true)
        })?;
        ops.push(flag(false));
        let first = self.old.first_hash()?;
        if first == Height::GENESIS {
            let genesis = *self.old.genesis();
            ops.push(put(Column::Hashes, &genesis.0, &0_u64.to_le_bytes()));
        }
        if let Some(base) = self.old.base()? {
            ops.push(put(Column::Hashes, &base.header.hash().0, &base.header.height.0.to_le_bytes()));
        }
        self.old.visit(Column::Headers, &Range::default(), |_, payload| {
            let (header, _) = read_header(payload)?;
            ops.push(put(Column::Hashes, &header.hash().0, &header.height.0.to_le_bytes()));
            Ok(true)
        })?;
        for some in ops.chunks(COPIED_VALUES) {
            self.write(some.to_vec())?;
        }
        if let Some(base) = self.old.base()? {
            self.new.set_base_height(base.header.height);
        }
        Ok(())
    }

    fn copy_column(&self, column: Column) -> Result<(), StorageError> {
        let mut from = Vec::new();
        loop {
            let (mut ops, mut bytes) = (Vec::new(), 0);
            let range = Range { from: from.clone(), ..Range::default() };
            self.old.visit(column, &range, |key, payload| {
                bytes += payload.len();
                ops.push(put(column, key, payload));
                Ok(ops.len() < COPIED_VALUES && bytes < COPIED_BYTES)
            })?;
            let Some(last) = ops.last() else { return Ok(()) };
            // The key after the last one.
            from = [last.key.as_slice(), &[0]].concat();
            self.write(ops)?;
        }
    }

    /// From the head down to the base; each block names the one before.
    fn bodies(
        &mut self,
        head: Height,
        hash: Hash,
        source: &mut Source<'_>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), RepairError> {
        let base = self.old.base_height();
        if head == base {
            return Ok(());
        }
        let all = head.0.saturating_sub(base.0);
        let (mut height, mut hash) = (head, hash);
        let (mut body, mut block) = self.whole(height, &hash, None, source)?;
        loop {
            let previous = height.previous().expect("a height above the base is above genesis");
            let below = if previous == base {
                None
            } else {
                Some(self.whole(previous, &block.header.parent, block.last_commit.as_ref(), source)?)
            };
            let before = match &below {
                Some((_, block)) => block.header.ops_digest,
                None => self.digest_of_base()?,
            };
            if !body.follows(before, &block.header, &self.trust.digest) {
                let digest = &self.trust.digest;
                let judge = |other: &Body| other.is_of(&hash).is_some() && other.follows(before, &block.header, digest);
                let other = source(height, &judge).filter(|other| judge(other));
                let certificate = body.certificate;
                body = Body { certificate, ..other.ok_or(RepairError::NoSource { height })? };
                self.note_refetched(height);
            }
            self.put_body(height, hash, &body, &block)?;
            progress(head.0.saturating_sub(previous.0), all);
            let Some(next) = below else { break };
            (height, hash) = (previous, block.header.parent);
            (body, block) = next;
        }
        self.kept = all.saturating_sub(u64::try_from(self.refetched.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    fn note_refetched(&mut self, height: Height) {
        // The operations of a height are judged after the rest of it.
        if !self.refetched.contains(&height) {
            self.refetched.push(height);
        }
    }

    pub(crate) fn digest_of_base(&self) -> Result<LedgerDigest, StorageError> {
        Ok(self.old.base()?.map_or(self.trust.digest.start, |base| base.header.ops_digest))
    }

    /// The body of a height with this hash, from here or from others. `child` is the certificate that the block after it holds; none for
    /// the head.
    fn whole(
        &mut self,
        height: Height,
        hash: &Hash,
        child: Option<&CommitCertificate>,
        source: &mut Source<'_>,
    ) -> Result<(Body, Block), RepairError> {
        let here = match self.old.body(height) {
            Ok(body) => body,
            Err(StorageError::Poisoned { cause }) => return Err(StorageError::Poisoned { cause }.into()),
            Err(error) => {
                tracing::warn!(%height, %error, "a height cannot be read");
                None
            }
        };
        if let Some(body) = here
            && let Some(block) = body.is_of(hash)
        {
            return Ok((body, block));
        }
        let judge = |body: &Body| {
            let Some(block) = body.is_of(hash) else { return false };
            let certifies = |certificate| (self.trust.certifies)(self.old, &block.header, certificate);
            child.is_some() || body.certificate.as_ref().is_none_or(certifies)
        };
        let mut body = source(height, &judge).filter(|body| judge(body)).ok_or(RepairError::NoSource { height })?;
        let block = body.is_of(hash).ok_or(RepairError::NoSource { height })?;
        if child.is_some() {
            body.certificate = child.cloned();
        }
        self.note_refetched(height);
        Ok((body, block))
    }

    pub(crate) fn put_body(&self, height: Height, hash: Hash, body: &Body, block: &Block) -> Result<(), StorageError> {
        let receipts = body.receipts.to_vec();
        let batch = CommitBatch {
            height,
            block_hash: hash,
            block: encode(block),
            certificate: body.certificate.clone(),
            history: history_of(block, &receipts),
            receipts,
            operations: body.operations.to_vec(),
            closing: body.closing.clone(),
            transactions: block.transaction_ids(),
            slots: Vec::new(),
            state: Vec::new(),
            nodes_new: Vec::new(),
            nodes_stale: Vec::new(),
        };
        self.write(block_ops(&batch))
    }
}
