//! From one moment of a store to chunks and a manifest.
//!
//! Rules
//! - The roots are computed again from what was read and compared with the header before a byte is written: a copy of a
//!   damaged state is never made.
//! - The chunks come one by one, so that a copy takes memory for the state once and not twice.

use std::collections::BTreeMap;

use primitives::{
    Amount, Block, BoundedBytes, BoundedVec, CommitCertificate, Domain, Header, LedgerSlot, SecretKey, SlotIndex,
    Timestamp, ValidatorSet, hash,
};
use state::{StateView, staking, view};
use storage::Frozen;
use tree::state::split;
use tree::{LedgerTree, StateLeaf, StatePart};

use crate::chunk::{Chunk, StateEntry};
use crate::error::SnapshotError;
use crate::manifest::{ChainProofReference, ChunkEntry, ChunkKind, LEDGER_LEVEL, LEDGER_SLOTS, Manifest, Parts};

/// Bytes that a chunk of the module state is filled to.
const STATE_CHUNK_BYTES: usize = 256 * 1024;

/// How far a copy, a check or a restore is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Chunks done.
    pub done: usize,
    /// Of how many.
    pub count: usize,
}

/// Who makes a snapshot.
pub struct Maker<'a> {
    /// The name of the chain.
    pub chain_id: &'a str,
    /// Signs the manifest.
    pub key: &'a SecretKey,
    /// The time that the manifest names.
    pub now: Timestamp,
}

/// Takes the file of a chunk, of so many.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(&ChunkEntry, usize, &[u8]) -> Result<(), SnapshotError>;

impl Maker<'_> {
    /// Hands every chunk to `sink` and gives the manifest.
    pub(crate) fn make(
        &self,
        frozen: &Frozen,
        sink: Sink<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Manifest, SnapshotError> {
        let (header, certificate) = last(frozen)?;
        let ledger = LedgerTree::new(frozen.slots()?).map_err(|_| SnapshotError::OtherRoot { what: "ledger" })?;
        if ledger.root() != header.ledger_root || ledger.next_slot() != header.next_slot {
            return Err(SnapshotError::OtherRoot { what: "ledger" });
        }
        let entries: BTreeMap<Vec<u8>, Vec<u8>> = frozen.state()?.into_iter().collect();
        let validators = deciders(&entries, &header)?;
        let leaves = entries.iter().map(|(key, value)| StateLeaf::new(key, value)).collect();
        let (root, parts) = split(leaves, STATE_CHUNK_BYTES, &|leaf| leaf.key().len() + leaf.value().len() + 8);
        if root != header.state_root {
            return Err(SnapshotError::OtherRoot { what: "module state" });
        }
        let ranges = (0_u32..).zip(ledger.slots().chunks(usize::try_from(LEDGER_SLOTS).unwrap_or(usize::MAX)));
        let count = ranges.clone().count() + parts.len();
        let ranges = ranges.map(|(index, slots)| (ChunkKind::Ledger(index), ledger_chunk(&ledger, index, slots)));
        let parts = parts.iter().map(|part| (ChunkKind::State(part.prefix), state_chunk(part)));
        let mut chunks = Vec::with_capacity(count);
        for (kind, chunk) in ranges.chain(parts) {
            let (entry, file) = chunk?.pack(kind)?;
            sink(&entry, count, &file)?;
            chunks.push(entry);
            progress(Progress { done: chunks.len(), count });
        }
        let chain_proof = frozen.chain_proof()?.map(|(windows, bytes)| ChainProofReference {
            windows,
            bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            id: hash(Domain::Snapshot, &[&bytes]),
        });
        let chain_id = self.chain_id.to_owned();
        let parts = Parts { chain_id, header, certificate, validators, chain_proof, chunks };
        Manifest::sign(parts, self.key, self.now)
    }
}

/// The last header and the certificate that decided it.
fn last(frozen: &Frozen) -> Result<(Header, Option<CommitCertificate>), SnapshotError> {
    if let Some((block, certificate)) = frozen.block()? {
        let block = Block::from_bytes(&block).map_err(|_| SnapshotError::OtherRoot { what: "last block" })?;
        return Ok((block.header, certificate));
    }
    let base = frozen.base()?.filter(|base| base.header.height == frozen.head().height);
    base.map(|base| (base.header, base.certificate)).ok_or(SnapshotError::NothingFinalized)
}

/// The set that decided the last block.
pub(crate) fn deciders(entries: &BTreeMap<Vec<u8>, Vec<u8>>, header: &Header) -> Result<ValidatorSet, SnapshotError> {
    let state = Entries(entries);
    let sets = [view::validators(&state), view::previous_validators(&state)].into_iter().flatten();
    let sets = sets.chain(staking::past_sets(&state).unwrap_or_default());
    sets.into_iter().find(|set| set.hash() == header.validators).ok_or(SnapshotError::NoValidators)
}

fn too_large(what: &'static str) -> SnapshotError {
    SnapshotError::TooLarge { what, size: usize::MAX, bound: 0 }
}

fn ledger_chunk(ledger: &LedgerTree, index: u32, slots: &[LedgerSlot]) -> Result<Chunk, SnapshotError> {
    let path = BoundedVec::new(ledger.path(LEDGER_LEVEL, index)).ok_or_else(|| too_large("the path of a range"))?;
    let slots = BoundedVec::new(slots.to_vec()).ok_or_else(|| too_large("a range of slots"))?;
    Ok(Chunk::Ledger { slots, path })
}

fn state_chunk(part: &StatePart<'_>) -> Result<Chunk, SnapshotError> {
    let bytes = |bytes: &[u8]| {
        let (size, bound) = (bytes.len(), usize::try_from(crate::manifest::CHUNK_BYTES_MAX).unwrap_or(usize::MAX));
        let what = "one key of the module state (bytes)";
        BoundedBytes::new(bytes.to_vec()).ok_or(SnapshotError::TooLarge { what, size, bound })
    };
    let entries: Result<Vec<StateEntry>, SnapshotError> = part
        .leaves
        .iter()
        .map(|leaf| Ok(StateEntry { key: bytes(leaf.key())?, value: bytes(leaf.value())? }))
        .collect();
    Ok(Chunk::State {
        entries: BoundedVec::new(entries?).ok_or_else(|| too_large("a part of the module state"))?,
        path: BoundedVec::new(part.path.clone()).ok_or_else(|| too_large("the path of a part"))?,
    })
}

/// The module state as the state's own functions read it; no ledger.
struct Entries<'a>(&'a BTreeMap<Vec<u8>, Vec<u8>>);

impl StateView for Entries<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key).cloned()
    }
    fn scan(&self, prefix: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let entries = self.0.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        entries.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect()
    }
    fn slot(&self, _: SlotIndex) -> Option<LedgerSlot> {
        None
    }
    fn next_slot(&self) -> u32 {
        0
    }
    fn supply(&self) -> Amount {
        Amount::ZERO
    }
}
