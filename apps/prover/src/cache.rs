//! What a prover keeps on disk: its name, ledgers at window ends, proofs, the chain proof, and what its key should be.
//!
//! ```text
//!   <proof_cache_dir>/
//!     name                           the prover's name, made at random once
//!     keys                           hash of the key that the proofs were made with
//!     circuits/                      keys of the circuits and what goes with them (circuits.rs)
//!     <genesis hash>/
//!       checkpoint-<window>          the ledger before the window: header, operations digest, every slot
//!       proof-<window>               the proof as it is handed in (proof/src/light/window.rs)
//!       part-<window>-<height>       the proof of a part of a large window, from this height on (apps/prover/src/part.rs)
//!       chain                        the longest chain proof that ends with a window, as it is handed in (proof/src/light/chain.rs)
//!       chain-inside                 a longer one that ends inside a window and never leaves the prover
//!
//!   a file:  "TBPC" 1 | checksum 32 (BLAKE3 of the rest) | payload
//! ```
//!
//! Rules
//! - A file is written beside its place, synced and renamed: a crash leaves the old one or the new one.
//! - A file whose checksum does not hold, or that has a circuit of another key, is incomplete: it is never used, [`Cache::check`] names it, [`Cache::clear`]
//!   deletes it, and the service makes it again.
//! - The newest [`CHECKPOINTS_KEPT`] checkpoints stay; the proofs of windows and parts all do: a chain proof that is lost is made
//!   of them again.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use primitives::{BoundedVec, Hash, Height, LedgerDigest, LedgerSlot, decode, encode};
use serde::Serialize;

use crate::circuits;

/// First bytes of a file.
const MAGIC: &[u8; 5] = b"TBPC\x01";
/// Bytes before the payload.
const HEAD_BYTES: usize = MAGIC.len() + 32;
/// Largest file that is read: a ledger of 20 million accounts.
pub const FILE_BYTES_MAX: u64 = 1 << 30;
/// The file of the chain proof.
const CHAIN: &str = "chain";
/// The file of a chain proof that ends inside a window.
const INSIDE: &str = "chain-inside";
/// Checkpoints that stay.
pub const CHECKPOINTS_KEPT: usize = 4;
/// Most slots of a checkpoint.
const SLOTS_MAX: usize = 1 << 30;
/// Most files that one look at the folder lists.
pub const FILES_MAX: usize = 1 << 20;

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {cause}", path.display())]
pub struct CacheError {
    /// The file or folder.
    pub path: PathBuf,
    /// What the system says.
    pub cause: io::Error,
}

/// The ledger before a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last height before the window.
    pub height: Height,
    /// Hash of that height's header; of genesis at height 0.
    pub header: Hash,
    /// Running digest of the ledger's operations.
    pub ops_digest: LedgerDigest,
    /// Every account by slot.
    pub slots: Vec<LedgerSlot>,
}

/// One file of the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its path.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Checksum of its payload, as the file says.
    pub checksum: Option<String>,
    /// Why it is not used; none for a whole file.
    pub incomplete: Option<String>,
}

/// The folder of one chain.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
    chain: PathBuf,
}

pub(crate) fn at<T>(path: &Path, done: io::Result<T>) -> Result<T, CacheError> {
    done.map_err(|cause| CacheError { path: path.to_owned(), cause })
}

fn checksum(payload: &[u8]) -> Hash {
    Hash(*blake3::hash(payload).as_bytes())
}

/// The payload of a whole file, or why it is none.
fn unseal(bytes: &[u8]) -> Result<&[u8], &'static str> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("it is empty, or no file of the proof cache")?;
    let (sum, payload) = rest.split_first_chunk::<32>().ok_or("it ends within its head")?;
    if checksum(payload).as_bytes() == sum { Ok(payload) } else { Err("its checksum does not hold") }
}

/// Deletes a file, if it is there.
fn remove(path: &Path) -> Result<(), CacheError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => at(path, Err(error)),
        _ => Ok(()),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than a file of the proof cache may be"));
    }
    fs::read(path)
}

impl Cache {
    /// The folder `root`, for the chain with this genesis hash. Makes it.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn open(root: &Path, genesis: &Hash) -> Result<Self, CacheError> {
        let chain = root.join(genesis.to_string());
        at(&chain, fs::create_dir_all(&chain))?;
        Ok(Self { root: root.to_owned(), chain })
    }

    /// The name that this prover has among others: kept, or made at random.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn name(&self) -> Result<String, CacheError> {
        let path = self.root.join("name");
        if let Some(payload) = load(&path)?
            && let Ok(name) = String::from_utf8(payload)
        {
            return Ok(name);
        }
        let random = getrandom::u64().map_err(|_| io::Error::other("the system has no randomness"));
        let name = format!("prover-{:016x}", at(&path, random)?);
        save(&path, name.as_bytes())?;
        Ok(name)
    }

    /// Keeps the hash of the key that proofs are made with. Gives the one that was kept, if it was another.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn note_key(&self, key: &LedgerDigest) -> Result<Option<String>, CacheError> {
        let path = self.root.join("keys");
        let kept = load(&path)?.and_then(|payload| String::from_utf8(payload).ok());
        let now = key.to_string();
        if kept.as_ref() == Some(&now) {
            return Ok(None);
        }
        save(&path, now.as_bytes())?;
        Ok(kept)
    }

    /// The proof of a window as it is handed in; none that is whole.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn proof(&self, window: u64) -> Result<Option<Vec<u8>>, CacheError> {
        load(&self.proof_path(window))
    }

    /// Keeps a proof.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn save_proof(&self, window: u64, bytes: &[u8]) -> Result<(), CacheError> {
        save(&self.proof_path(window), bytes)
    }

    /// Drops a proof that a node refused.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn drop_proof(&self, window: u64) -> Result<(), CacheError> {
        remove(&self.proof_path(window))
    }

    /// The proof of the part of a window that starts after `before`; none that is whole.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn part(&self, window: u64, before: Height) -> Result<Option<Vec<u8>>, CacheError> {
        load(&self.part_path(window, before))
    }

    /// Keeps the proof of a part.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn save_part(&self, window: u64, before: Height, bytes: &[u8]) -> Result<(), CacheError> {
        save(&self.part_path(window, before), bytes)
    }

    /// Drops the proof of a part that does not hold.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn drop_part(&self, window: u64, before: Height) -> Result<(), CacheError> {
        remove(&self.part_path(window, before))
    }

    /// The chain proof that ends inside a window; none that is whole.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn inside_proof(&self) -> Result<Option<Vec<u8>>, CacheError> {
        load(&self.chain.join(INSIDE))
    }

    /// Keeps a chain proof that ends inside a window in place of the one before.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn save_inside(&self, bytes: &[u8]) -> Result<(), CacheError> {
        save(&self.chain.join(INSIDE), bytes)
    }

    /// Drops the chain proof that ends inside a window: it does not hold, or a longer one is here.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn drop_inside(&self) -> Result<(), CacheError> {
        remove(&self.chain.join(INSIDE))
    }

    /// The chain proof as it is handed in; none that is whole.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn chain_proof(&self) -> Result<Option<Vec<u8>>, CacheError> {
        load(&self.chain.join(CHAIN))
    }

    /// Keeps a chain proof in place of the one before.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn save_chain(&self, bytes: &[u8]) -> Result<(), CacheError> {
        save(&self.chain.join(CHAIN), bytes)
    }

    /// Drops a chain proof that does not hold.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn drop_chain(&self) -> Result<(), CacheError> {
        remove(&self.chain.join(CHAIN))
    }

    /// Keeps the ledger before `window`, and drops checkpoints beyond the newest.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn save_checkpoint(&self, window: u64, checkpoint: &Checkpoint) -> Result<(), CacheError> {
        let Checkpoint { height, header, ops_digest, slots } = checkpoint;
        let payload = encode(&(*height, *header, *ops_digest, slots));
        save(&self.chain.join(format!("checkpoint-{window}")), &payload)?;
        let windows = self.checkpoints()?;
        for old in windows.iter().rev().skip(CHECKPOINTS_KEPT) {
            let path = self.chain.join(format!("checkpoint-{old}"));
            at(&path, fs::remove_file(&path))?;
        }
        Ok(())
    }

    /// The newest whole checkpoint at or before `window`, with the window that it is before.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn checkpoint(&self, window: u64) -> Result<Option<(u64, Checkpoint)>, CacheError> {
        for found in self.checkpoints()?.into_iter().rev().filter(|found| *found <= window) {
            let Some(payload) = load(&self.chain.join(format!("checkpoint-{found}")))? else { continue };
            type Fields = (Height, Hash, LedgerDigest, BoundedVec<LedgerSlot, SLOTS_MAX>);
            if let Ok((height, header, ops_digest, slots)) = decode::<Fields>(&payload) {
                return Ok(Some((found, Checkpoint { height, header, ops_digest, slots: slots.into_inner() })));
            }
        }
        Ok(None)
    }

    /// Every file of the folder, of all chains.
    ///
    /// # Errors
    /// [`CacheError`]; a folder that is not there has no files.
    pub fn check(root: &Path) -> Result<Vec<Finding>, CacheError> {
        let mut findings = Vec::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => at(&folder, entries)?,
            };
            for entry in entries.take(FILES_MAX) {
                let path = at(&folder, entry)?.path();
                if path.is_dir() && folder == root {
                    folders.push(path);
                } else if path.is_file() {
                    findings.push(finding(path)?);
                }
            }
        }
        findings.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(findings)
    }

    /// Deletes the incomplete files, or with `everything` all of them. Gives what was deleted.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn clear(root: &Path, everything: bool) -> Result<Vec<Finding>, CacheError> {
        let mut findings = Self::check(root)?;
        findings.retain(|finding| everything || finding.incomplete.is_some());
        for finding in &findings {
            at(&finding.path, fs::remove_file(&finding.path))?;
        }
        Ok(findings)
    }

    fn proof_path(&self, window: u64) -> PathBuf {
        self.chain.join(format!("proof-{window}"))
    }

    fn part_path(&self, window: u64, before: Height) -> PathBuf {
        self.chain.join(format!("part-{window}-{before}"))
    }

    /// The windows that there are checkpoints for, in order.
    fn checkpoints(&self) -> Result<Vec<u64>, CacheError> {
        let mut windows = Vec::new();
        for entry in at(&self.chain, fs::read_dir(&self.chain))?.take(FILES_MAX) {
            let name = at(&self.chain, entry)?.file_name();
            let window = name.to_str().and_then(|name| name.strip_prefix("checkpoint-")?.parse::<u64>().ok());
            windows.extend(window);
        }
        windows.sort_unstable();
        Ok(windows)
    }
}

/// The payload of a file; none when it is not there or incomplete.
pub(crate) fn load(path: &Path) -> Result<Option<Vec<u8>>, CacheError> {
    let bytes = match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => at(path, bytes)?,
    };
    match unseal(&bytes) {
        Ok(payload) => Ok(Some(payload.to_vec())),
        Err(reason) => {
            tracing::warn!(target: "plonky3", path = %path.display(), reason, "an incomplete file is made again");
            Ok(None)
        }
    }
}

/// Writes a file, so that a crash leaves the old one or the new one.
pub(crate) fn save(path: &Path, payload: &[u8]) -> Result<(), CacheError> {
    let beside = path.with_extension("part");
    let write = || {
        let mut file = File::create(&beside)?;
        file.write_all(MAGIC)?;
        file.write_all(checksum(payload).as_bytes())?;
        file.write_all(payload)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    at(path, write())
}

fn finding(path: PathBuf) -> Result<Finding, CacheError> {
    let bytes = at(&path, read(&path))?;
    let incomplete = match unseal(&bytes) {
        Ok(payload) => circuits::unused(&path, payload),
        Err(reason) => Some(reason.to_owned()),
    };
    let checksum = bytes.get(MAGIC.len()..HEAD_BYTES).map(hex::encode);
    Ok(Finding { path, bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX), checksum, incomplete })
}
