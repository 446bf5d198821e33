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
const BODY_BYTES: usize = 8 + 32 + 8 + 1 + 8 + 32;
const SLOT_BYTES: usize = BODY_BYTES + 32;

/// The open mark file.
#[derive(Debug)]
pub(crate) struct MarkFile {
    file: File,
    path: PathBuf,
    genesis: Hash,
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
    let (body, checksum) = bytes.split_at_checked(BODY_BYTES)?;
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

    /// Opens the file and reads the newest mark.
    pub(crate) fn open(path: &Path, genesis: &Hash) -> Result<(Self, Mark), StorageError> {
        let damaged = |reason: &str| StorageError::DamagedFile { path: path.to_owned(), reason: reason.to_owned() };
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(damaged("it is missing")),
            Err(error) => return Err(io("open", path)(error)),
        };
        let mut newest: Option<(Hash, Mark)> = None;
        for offset in SLOT_OFFSETS {
            let mut bytes = [0_u8; SLOT_BYTES];
            match file.read_exact_at(&mut bytes, offset) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => continue,
                Err(error) => return Err(io("read", path)(error)),
            }
            if let Some((genesis, mark)) = read_slot(&bytes)
                && newest.as_ref().is_none_or(|(_, other)| other.batch < mark.batch)
            {
                newest = Some((genesis, mark));
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
        Ok((Self { file, path: path.to_owned(), genesis: *genesis }, mark))
    }

    /// Makes `mark` durable.
    pub(crate) fn write(&self, mark: &Mark) -> Result<(), StorageError> {
        let offset = SLOT_OFFSETS[usize::from(mark.batch % 2 == 1)];
        self.file.write_all_at(&slot_bytes(&self.genesis, mark), offset).map_err(io("write", &self.path))?;
        self.file.sync_data().map_err(io("sync", &self.path))
    }
}
