//! A chunk: one aligned sub-tree with its path to the header's root, compressed, named by the hash of its file.
//!
//! ```text
//!   file `<hash>.chunk` = one Zstandard frame of the content;  hash = hash("snapshot", file)
//!   ledger:  0 ‖ n 4 ‖ n × slot 46 ‖ 18 × digest 32                                  slots of the range, siblings from below
//!   state:   1 ‖ n 4 ‖ n × (key ‖ value, each length 4 and bytes) ‖ m 4 ‖ m × sibling       m = bits of the prefix
//!   sibling: 0 empty │ 1 ‖ key hash 32 ‖ value hash 32 │ 2 ‖ left 32 ‖ right 32
//! ```
//!
//! Rules
//! - The order of checks: size of the file, hash, unpacked size while unpacking, form, part, path to the root. The first
//!   two cost nothing that a sender chooses.
//! - At most the size that the manifest says is unpacked, and never more than [`CHUNK_BYTES_MAX`].

use std::io::Read;

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::ledger::LEDGER_DEPTH;
use primitives::{BoundedBytes, BoundedVec, Domain, Hash, LedgerDigest, LedgerSlot, decode, encode, hash};
use tree::{Sibling, StateLeaf, verify_part, verify_range};

use crate::error::SnapshotError;
use crate::manifest::{CHUNK_BYTES_MAX, ChunkEntry, ChunkKind, LEDGER_LEVEL, LEDGER_SLOTS, Manifest};

/// Compression level: quick, and most of what a higher one gains.
const LEVEL: i32 = 3;
/// Largest window that a frame may ask the decoder for, as a power of two.
const WINDOW_LOG_MAX: u32 = 22;
/// Most entries of a state chunk: none is smaller than its two lengths.
const ENTRIES_MAX: usize = 524_288;
/// Most slots of a ledger chunk.
const SLOTS_MAX: usize = 4_096;
/// Bytes of the largest key or value.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// A key of the module state and its value.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StateEntry {
    /// The key.
    pub key: BoundedBytes<BYTES_MAX>,
    /// Its value.
    pub value: BoundedBytes<BYTES_MAX>,
}

/// A piece of the state.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Chunk {
    /// Slots.
    Ledger {
        /// They, from the first of the range on.
        slots: BoundedVec<LedgerSlot, SLOTS_MAX>,
        /// The path, from below.
        path: BoundedVec<LedgerDigest, LEDGER_DEPTH>,
    },
    /// Module state.
    State {
        /// Keys and values, in the order of key hashes.
        entries: BoundedVec<StateEntry, ENTRIES_MAX>,
        /// The path, from below.
        path: BoundedVec<Sibling, 32>,
    },
}

impl Chunk {
    /// The file of the chunk, and how the manifest names it.
    pub(crate) fn pack(&self, kind: ChunkKind) -> Result<(ChunkEntry, Vec<u8>), SnapshotError> {
        let content = encode(self);
        let bound = usize::try_from(CHUNK_BYTES_MAX).unwrap_or(usize::MAX);
        let size = content.len();
        let too_large = || SnapshotError::TooLarge { what: "one key of the module state (bytes)", size, bound };
        let unpacked = u32::try_from(size).ok().filter(|size| *size <= CHUNK_BYTES_MAX).ok_or_else(too_large)?;
        let file = zstd::bulk::compress(&content, LEVEL).map_err(|source| SnapshotError::Io {
            action: "compress a chunk of",
            path: std::path::PathBuf::from("the state"),
            source,
        })?;
        let packed = u32::try_from(file.len()).map_err(|_| too_large())?;
        Ok((ChunkEntry { kind, packed, unpacked, id: chunk_id(&file) }, file))
    }
}

/// The name of a chunk's file.
pub fn chunk_id(file: &[u8]) -> Hash {
    hash(Domain::Snapshot, &[file])
}

impl Manifest {
    /// Reads the file of a chunk and checks it against the header, before anything of it is used.
    ///
    /// # Errors
    /// [`SnapshotError`] by name, with the chunk's.
    pub fn check_chunk(&self, entry: &ChunkEntry, file: &[u8]) -> Result<Chunk, SnapshotError> {
        let id = entry.id;
        let size = || SnapshotError::ChunkSize { id, bound: entry.unpacked };
        if u32::try_from(file.len()) != Ok(entry.packed) {
            return Err(size());
        }
        if chunk_id(file) != id {
            return Err(SnapshotError::ChunkHash { id });
        }
        let content = unpack(file, entry.unpacked.min(CHUNK_BYTES_MAX)).ok_or_else(size)?;
        let chunk: Chunk = decode(&content).map_err(|_| SnapshotError::ChunkEncoding { id })?;
        let header = &self.content.header;
        match (&chunk, entry.kind) {
            (Chunk::Ledger { slots, path }, ChunkKind::Ledger(index)) => {
                if !is_range(header.next_slot, index, slots.len()) {
                    return Err(SnapshotError::ChunkPlace { id });
                }
                if !verify_range(&header.ledger_root, LEDGER_LEVEL, index, slots, path) {
                    return Err(SnapshotError::ChunkRoot { id, root: "ledger" });
                }
            }
            (Chunk::State { entries, path }, ChunkKind::State(prefix)) => {
                let leaves: Vec<StateLeaf<'_>> =
                    entries.iter().map(|entry| StateLeaf::new(&entry.key, &entry.value)).collect();
                if !verify_part(&header.state_root, prefix, &leaves, path) {
                    return Err(SnapshotError::ChunkRoot { id, root: "state" });
                }
            }
            (Chunk::Ledger { .. } | Chunk::State { .. }, _) => return Err(SnapshotError::ChunkPlace { id }),
        }
        Ok(chunk)
    }
}

/// Whether chunk `index` of a ledger of `next_slot` slots has `count`.
fn is_range(next_slot: u32, index: u32, count: usize) -> bool {
    let first = index.saturating_mul(LEDGER_SLOTS);
    u32::try_from(count) == Ok(next_slot.saturating_sub(first).min(LEDGER_SLOTS))
}

/// The content of one frame, if it has exactly `size` bytes. Stops reading one byte after.
fn unpack(file: &[u8], size: u32) -> Option<Vec<u8>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(file).ok()?.single_frame();
    decoder.window_log_max(WINDOW_LOG_MAX).ok()?;
    let mut content = Vec::new();
    let read = decoder.by_ref().take(u64::from(size) + 1).read_to_end(&mut content).ok()?;
    let rest = decoder.finish();
    (u32::try_from(read) == Ok(size) && rest.is_empty()).then_some(content)
}
