//! The mark: an independent record of the last acknowledged batch, so that a store that lost its tail is caught.
//!
//! The engine cannot tell a torn write from damage: a journal that stops making sense is cut there, which is
//! right after a crash and wrong after a flipped bit. The mark is written after each durable batch, to a file of
//! its own. A store that is behind its mark has lost acknowledged data and is refused.
//!
//! ```text
//! file `head`, 8,192 bytes; slot 0 at offset 0, slot 1 at offset 4,096; batch n is marked in slot n mod 2
//! slot = "TBMARK01" 8 ‖ genesis 32 ‖ batch 8 LE ‖ present 1 ‖ height 8 LE ‖ block 32 ‖ checksum 32
//! ```
//! A copy that does not check is *hurt*: by a write that a power cut tore, or by a flipped bit. The start goes on from
//! the other copy, says so by name, and writes the hurt one again. A hurt copy is told from one that was never written
//! by its zeros; the bytes between the two copies are zeros too, and are part of the check.
//!
//! Crash behaviour: a torn slot fails its checksum and the other slot still names the batch before, which is
//! never ahead of the store. The slots lie in different disk sectors.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::{Hash, Height};

use crate::error::StorageError;
use crate::value::file_checksum;

/// The last committed block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Head {
    /// Its height; 0 is the genesis state.
    pub height: Height,
    /// Its hash; the genesis hash at height 0.
    pub block: Hash,
}

/// The last batch of a store and the head after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Mark {
    /// Batches written so far, from 0 at creation.
    pub batch: u64,
    /// The head, none before the genesis state is written.
    pub head: Option<Head>,
}

impl Mark {
    /// The head's height, 0 without one.
    pub fn height(&self) -> Height {
        self.head.map_or(Height::GENESIS, |head| head.height)
    }
}

const MAGIC: &[u8; 8] = b"TBMARK01";
const SLOT_OFFSETS: [u64; 2] = [0, 4_096];
const FILE_BYTES: usize = 8_192;
/// What belongs to one copy: the slot and the zeros behind it.
const COPY_BYTES: usize = 4_096;
const BODY_BYTES: usize = 8 + 32 + 8 + 1 + 8 + 32;
const SLOT_BYTES: usize = BODY_BYTES + 32;

/// The open mark file.
#[derive(Debug)]
pub(crate) struct MarkFile {
    file: File,
    path: PathBuf,
    genesis: Hash,
    mended: u64,
}

fn slot_bytes(genesis: &Hash, mark: &Mark) -> Vec<u8> {
    let head = mark.head.unwrap_or(Head { height: Height::GENESIS, block: Hash::default() });
    let mut bytes = [
        MAGIC.as_slice(),
        genesis.as_bytes(),
        &mark.batch.to_le_bytes(),
        &[u8::from(mark.head.is_some())],
        &head.height.0.to_le_bytes(),
        head.block.as_bytes(),
    ]
    .concat();
    let checksum = file_checksum(&bytes);
    bytes.extend_from_slice(&checksum);
    bytes
}

/// The genesis hash and mark of a slot, or `None` when it is empty, torn or damaged.
fn read_slot(bytes: &[u8]) -> Option<(Hash, Mark)> {
    let (slot, rest) = bytes.split_at_checked(SLOT_BYTES)?;
    let (body, checksum) = slot.split_at_checked(BODY_BYTES)?;
    if rest.iter().any(|byte| *byte != 0) {
        return None;
    }
    if file_checksum(body) != *checksum {
        return None;
    }
    let (magic, rest) = body.split_first_chunk::<8>()?;
    let (genesis, rest) = rest.split_first_chunk::<32>()?;
    let (batch, rest) = rest.split_first_chunk::<8>()?;
    let (present, rest) = rest.split_first_chunk::<1>()?;
    let (height, block) = rest.split_first_chunk::<8>()?;
    let head = Head { height: Height(u64::from_le_bytes(*height)), block: Hash(block.try_into().ok()?) };
    let head = (present[0] == 1).then_some(head);
    (magic == MAGIC).then_some((Hash(*genesis), Mark { batch: u64::from_le_bytes(*batch), head }))
}

fn io(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> StorageError {
    move |source| StorageError::Io { action, path: path.to_owned(), source }
}

impl MarkFile {
    /// Writes a new file with one mark, durable up to its directory entry.
    pub(crate) fn create(path: &Path, genesis: &Hash, mark: &Mark) -> Result<(), StorageError> {
        let mut bytes = vec![0_u8; FILE_BYTES];
        let slot = slot_bytes(genesis, mark);
        bytes[..slot.len()].copy_from_slice(&slot);
        let mut file = File::create_new(path).map_err(io("create", path))?;
        file.write_all(&bytes).map_err(io("write", path))?;
        file.sync_all().map_err(io("sync", path))
    }

    /// Opens the file and reads the newest mark. A hurt copy is named in the log and written again.
    pub(crate) fn open(path: &Path, genesis: &Hash) -> Result<(Self, Mark), StorageError> {
        let damaged = |reason: &str| StorageError::DamagedFile { path: path.to_owned(), reason: reason.to_owned() };
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(damaged("it is missing")),
            Err(error) => return Err(io("open", path)(error)),
        };
        let mut newest: Option<(Hash, Mark)> = None;
        let mut hurt = Vec::new();
        for offset in SLOT_OFFSETS {
            let mut bytes = [0_u8; COPY_BYTES];
            match file.read_exact_at(&mut bytes, offset) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    hurt.push(offset);
                    continue;
                }
                Err(error) => return Err(io("read", path)(error)),
            }
            match read_slot(&bytes) {
                Some((genesis, mark)) => {
                    if newest.as_ref().is_none_or(|(_, other)| other.batch < mark.batch) {
                        newest = Some((genesis, mark));
                    }
                }
                None if bytes.iter().all(|byte| *byte == 0) => {}
                None => hurt.push(offset),
            }
        }
        let (found, mark) = newest.ok_or_else(|| damaged("neither of its two marks is valid"))?;
        if found != *genesis {
            return Err(StorageError::OtherChain {
                place: path.display().to_string(),
                found: found.to_string(),
                expected: genesis.to_string(),
            });
        }
        let mended = u64::try_from(hurt.len()).unwrap_or(u64::MAX);
        let opened = Self { file, path: path.to_owned(), genesis: *genesis, mended };
        for offset in hurt {
            tracing::warn!(
                file = %path.display(),
                offset,
                "one of the two copies of the store's mark is damaged: a flipped bit, or a write that a power cut tore; \
                 going on from the other copy and writing this one again"
            );
            opened.write_copy(&mark, offset)?;
        }
        Ok((opened, mark))
    }

    /// Copies that were hurt and written again by opening.
    pub(crate) fn mended(&self) -> u64 {
        self.mended
    }

    /// Makes a whole copy at `offset`, with the zeros behind it.
    fn write_copy(&self, mark: &Mark, offset: u64) -> Result<(), StorageError> {
        let mut bytes = slot_bytes(&self.genesis, mark);
        bytes.resize(COPY_BYTES, 0);
        self.file.write_all_at(&bytes, offset).map_err(io("write", &self.path))?;
        self.file.sync_all().map_err(io("sync", &self.path))
    }

    /// Makes `mark` durable.
    pub(crate) fn write(&self, mark: &Mark) -> Result<(), StorageError> {
        let offset = SLOT_OFFSETS[usize::from(mark.batch % 2 == 1)];
        self.file.write_all_at(&slot_bytes(&self.genesis, mark), offset).map_err(io("write", &self.path))?;
        self.file.sync_data().map_err(io("sync", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use testkit::Seed;

    use super::*;

    const GENESIS: Hash = Hash([9; 32]);

    fn mark(batch: u64) -> Mark {
        Mark { batch, head: Some(Head { height: Height(batch), block: Hash([1; 32]) }) }
    }

    /// A file with the marks of batches 6 and 7.
    fn two_marks(folder: &Path) -> PathBuf {
        let path = folder.join("head");
        MarkFile::create(&path, &GENESIS, &mark(6)).unwrap();
        let (file, newest) = MarkFile::open(&path, &GENESIS).unwrap();
        assert_eq!(newest, mark(6), "the second copy was never written, which is no damage");
        file.write(&mark(7)).unwrap();
        path
    }

    #[test]
    fn a_hurt_copy_is_written_again_from_the_other() {
        let mut seed = Seed::new();
        let folder = tempfile::tempdir().unwrap();
        let path = two_marks(folder.path());
        let good = std::fs::read(&path).unwrap();
        for (start, left) in [(0, 7), (COPY_BYTES, 6)] {
            for _ in 0..200 {
                let mut bytes = good.clone();
                bytes[start + seed.index(COPY_BYTES)] ^= 1 << seed.below(8);
                std::fs::write(&path, &bytes).unwrap();
                let (opened, newest) = MarkFile::open(&path, &GENESIS).unwrap();
                assert_eq!((newest, opened.mended()), (mark(left), 1));
                assert_eq!(MarkFile::open(&path, &GENESIS).unwrap().0.mended(), 0, "it is whole again");
                // Now the other one may be lost.
                let mut bytes = std::fs::read(&path).unwrap();
                assert_eq!(bytes.len(), FILE_BYTES);
                bytes[COPY_BYTES - start..][..SLOT_BYTES].fill(0xff);
                std::fs::write(&path, &bytes).unwrap();
                assert_eq!(MarkFile::open(&path, &GENESIS).unwrap().1, mark(left));
            }
        }
    }

    #[test]
    fn both_copies_hurt_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = two_marks(folder.path());
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[20] ^= 1;
        bytes[COPY_BYTES + 20] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let error = MarkFile::open(&path, &GENESIS).unwrap_err();
        assert!(matches!(error, StorageError::DamagedFile { .. }), "{error}");
    }
}
