//! The guard file: an append-only log of what was signed, drawn to the byte.
//!
//! ```text
//! header           bytes                     record           bytes
//! ├ magic          7     "TBGUARD"           ├ height         8    big-endian
//! ├ version        1     (= 1)               ├ round          4    big-endian
//! ├ public key     32                        ├ step           1    1 proposal, 2 prevote, 3 precommit
//! ├ genesis hash   32                        ├ zero           3
//! ├ lost height    8     0: none             ├ digest         32   of the signed bytes
//! ├ lost round     4                         ├ signature      64
//! ├ zero           28                        └ checksum       16
//! └ checksum       16                                         128
//!                  128
//! ```
//!
//! The lost height and round name the precommit for a block that the consensus log was once found to lack
//! ([`super::ValidatorSigner::recover`]).
//!
//! A checksum is the first 16 bytes of BLAKE3 over the checksum before it (16 zero bytes for the header) and
//! the other 112 bytes, so records cannot be changed, dropped from the middle or put in another order.
//!
//! Crash behaviour
//! - A record counts when it is synced; only then is its signature given out. So a record that is cut short at
//!   the end of the file was never used: it is left out when the file is opened.
//! - Opening writes the log anew and syncs it before any record is used. Otherwise a record that an earlier
//!   process wrote but could not sync would be read back from memory, and its signature given out although a
//!   power cut could still take the record away.
//! - A whole record that does not check is damage, wherever it stands: opening refuses.
//! - The log is rewritten (temporary, sync, rename, sync of the folder) with the records of the highest height
//!   when the height changes and it holds [`COMPACT_BYTES`], or when it would pass [`LOG_BYTES_MAX`].

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use primitives::hash::{Domain, hash};
use primitives::{Hash, Height, PublicKey, Round, Signature};

use super::crash::GuardCrashPoint;
use super::error::GuardError;
use super::{Position, SignedStep};
use crate::durable;

/// First bytes of the file.
const MAGIC: &[u8; 7] = b"TBGUARD";
/// Format version.
const VERSION: u8 = 1;
/// Bytes of the header and of each record.
pub const BLOCK_BYTES: usize = 128;
/// Bytes of a checksum.
const CHECKSUM_BYTES: usize = 16;
/// Bytes that a checksum covers besides the checksum before it.
const BODY_BYTES: usize = BLOCK_BYTES - CHECKSUM_BYTES;
/// From this size on a change of height rewrites the log, bytes.
pub const COMPACT_BYTES: usize = 256 * 1_024;
/// Largest log, bytes. Above all that one height can keep ([`super::HEIGHT_RECORDS_MAX`] records).
pub const LOG_BYTES_MAX: usize = 1_024 * 1_024;

type Checksum = [u8; CHECKSUM_BYTES];
type Block = [u8; BLOCK_BYTES];

/// What was signed, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The place in the protocol.
    pub position: Position,
    /// Digest of the signed bytes.
    pub digest: Hash,
    /// The signature.
    pub signature: Signature,
}

/// The digest of signed bytes.
pub fn digest(bytes: &[u8]) -> Hash {
    hash(Domain::Guard, &[b"m", bytes])
}

fn checksum(before: &Checksum, body: &[u8]) -> Checksum {
    let full = hash(Domain::Guard, &[b"c", before, body]);
    *full.0.first_chunk().expect("a hash has 32 bytes")
}

/// Puts the checksum behind `body`.
fn seal(before: &Checksum, body: &[u8; BODY_BYTES]) -> (Block, Checksum) {
    let sum = checksum(before, body);
    let mut block = [0; BLOCK_BYTES];
    block[..BODY_BYTES].copy_from_slice(body);
    block[BODY_BYTES..].copy_from_slice(&sum);
    (block, sum)
}

/// The body and checksum of a block whose checksum is right.
fn unseal<'a>(before: &Checksum, block: &'a [u8]) -> Option<(&'a [u8; BODY_BYTES], Checksum)> {
    let (body, sum) = block.split_first_chunk::<BODY_BYTES>()?;
    (checksum(before, body)[..] == *sum).then(|| (body, checksum(before, body)))
}

/// The round of a height whose precommit for a block a consensus log has lost.
pub type LostLock = (Height, Round);

fn header(key: &PublicKey, genesis: &Hash, lost: Option<LostLock>) -> (Block, Checksum) {
    let mut body = [0; BODY_BYTES];
    body[..7].copy_from_slice(MAGIC);
    body[7] = VERSION;
    body[8..40].copy_from_slice(key.as_bytes());
    body[40..72].copy_from_slice(genesis.as_bytes());
    if let Some((height, round)) = lost {
        body[72..80].copy_from_slice(&height.0.to_be_bytes());
        body[80..84].copy_from_slice(&round.0.to_be_bytes());
    }
    seal(&[0; CHECKSUM_BYTES], &body)
}

/// The bytes of a whole log, with its last checksum.
fn bytes_of(key: &PublicKey, genesis: &Hash, lost: Option<LostLock>, records: &[Record]) -> (Vec<u8>, Checksum) {
    let (block, mut last) = header(key, genesis, lost);
    let mut bytes = block.to_vec();
    for record in records {
        let (block, sum) = seal(&last, &record.body());
        bytes.extend_from_slice(&block);
        last = sum;
    }
    (bytes, last)
}

impl Record {
    fn body(&self) -> [u8; BODY_BYTES] {
        let mut body = [0; BODY_BYTES];
        body[..8].copy_from_slice(&self.position.height.0.to_be_bytes());
        body[8..12].copy_from_slice(&self.position.round.0.to_be_bytes());
        body[12] = self.position.step.tag();
        body[16..48].copy_from_slice(&self.digest.0);
        body[48..].copy_from_slice(&self.signature.0);
        body
    }

    fn parse(body: &[u8; BODY_BYTES]) -> Option<Self> {
        let (height, rest) = body.split_first_chunk::<8>()?;
        let (round, rest) = rest.split_first_chunk::<4>()?;
        let ([step, zeros @ ..], rest) = rest.split_first_chunk::<4>()?;
        let (digest, signature) = rest.split_first_chunk::<32>()?;
        if *zeros != [0; 3] {
            return None;
        }
        let position = Position {
            height: Height(u64::from_be_bytes(*height)),
            round: Round(u32::from_be_bytes(*round)),
            step: SignedStep::from_tag(*step)?,
        };
        Some(Self { position, digest: Hash(*digest), signature: Signature(signature.try_into().ok()?) })
    }
}

/// The open guard file.
#[derive(Debug)]
pub struct GuardLog {
    path: PathBuf,
    pub(crate) file: File,
    length: usize,
    last: Checksum,
    key: PublicKey,
    genesis: Hash,
    lost: Option<LostLock>,
    /// Where a test stops the process.
    pub(super) crash: Option<GuardCrashPoint>,
}

impl GuardLog {
    /// Makes a log with these records, durable and whole when this returns.
    pub fn create(
        path: &Path,
        key: PublicKey,
        genesis: Hash,
        lost: Option<LostLock>,
        records: &[Record],
    ) -> Result<(), GuardError> {
        let (bytes, _) = bytes_of(&key, &genesis, lost, records);
        durable::stage(path, &bytes)
            .and_then(|staged| durable::install(&staged, path))
            .map_err(|cause| GuardError::Disk { path: path.to_owned(), cause })
    }

    /// Reads and checks the whole log and makes its records durable, without one that is cut short at its end.
    pub fn open(path: &Path, key: PublicKey, genesis: Hash) -> Result<(Self, Vec<Record>), GuardError> {
        let disk = |cause: io::Error| match cause.kind() {
            io::ErrorKind::NotFound => GuardError::Missing { path: path.to_owned() },
            _ => GuardError::Disk { path: path.to_owned(), cause },
        };
        let bytes_max = u64::try_from(LOG_BYTES_MAX).expect("1 MiB fits");
        let bytes = durable::read_bounded(path, bytes_max)
            .map_err(disk)?
            .ok_or_else(|| damaged(path, "it is larger than 1 MiB"))?;
        let (lost, records) = parse(path, &bytes, key, genesis)?;
        let file = File::open(path).map_err(disk)?;
        let (length, last) = (0, [0; CHECKSUM_BYTES]);
        let mut log = Self { path: path.to_owned(), file, length, last, key, genesis, lost, crash: None };
        log.rewrite(&records).map_err(disk)?;
        Ok((log, records))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The precommit for a block that a consensus log has lost.
    pub const fn lost(&self) -> Option<LostLock> {
        self.lost
    }

    /// Writes the log anew with another [`GuardLog::lost`], durable when this returns.
    pub fn set_lost(&mut self, lost: Option<LostLock>, records: &[Record]) -> io::Result<()> {
        self.lost = lost;
        self.rewrite(records)
    }

    /// True when `record` belongs into a rewritten log rather than behind the present one.
    pub fn is_full(&self, height_changes: bool) -> bool {
        let grown = self.length.saturating_add(BLOCK_BYTES);
        grown > LOG_BYTES_MAX || (height_changes && self.length >= COMPACT_BYTES)
    }

    /// Adds `record`, durable when this returns. After an error nothing is known about the file's end.
    pub fn append(&mut self, record: &Record) -> io::Result<()> {
        GuardCrashPoint::BeforeWrite.pass(self.crash);
        let (block, sum) = seal(&self.last, &record.body());
        self.file.write_all(&block)?;
        GuardCrashPoint::AfterWrite.pass(self.crash);
        self.file.sync_data()?;
        GuardCrashPoint::AfterSync.pass(self.crash);
        self.last = sum;
        self.length = self.length.saturating_add(BLOCK_BYTES);
        Ok(())
    }

    /// Replaces the log by one with exactly `records`, durable when this returns.
    pub fn rewrite(&mut self, records: &[Record]) -> io::Result<()> {
        GuardCrashPoint::BeforeWrite.pass(self.crash);
        let (bytes, last) = bytes_of(&self.key, &self.genesis, self.lost, records);
        let staged = durable::stage(&self.path, &bytes)?;
        GuardCrashPoint::AfterWrite.pass(self.crash);
        durable::install(&staged, &self.path)?;
        GuardCrashPoint::AfterSync.pass(self.crash);
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.last = last;
        self.length = bytes.len();
        Ok(())
    }
}

fn damaged(path: &Path, reason: impl Into<String>) -> GuardError {
    GuardError::Damaged { path: path.to_owned(), reason: reason.into() }
}

/// The whole records; what is cut short at the end is left out.
pub(super) fn parse(
    path: &Path,
    bytes: &[u8],
    key: PublicKey,
    genesis: Hash,
) -> Result<(Option<LostLock>, Vec<Record>), GuardError> {
    let (first, rest) =
        bytes.split_first_chunk::<BLOCK_BYTES>().ok_or_else(|| damaged(path, "its header is cut short"))?;
    if first[..7] != *MAGIC {
        return Err(damaged(path, "it does not start like a guard file"));
    }
    // Before the checksum, because another version may compute it in another way.
    if first[7] != VERSION {
        return Err(GuardError::Version { path: path.to_owned(), version: first[7] });
    }
    let (body, mut last) =
        unseal(&[0; CHECKSUM_BYTES], first).ok_or_else(|| damaged(path, "the checksum of its header is wrong"))?;
    let found = PublicKey(body[8..40].try_into().expect("the range has 32 bytes"));
    if found != key {
        return Err(GuardError::OtherKey { path: path.to_owned(), found, wanted: key });
    }
    let found = Hash(body[40..72].try_into().expect("the range has 32 bytes"));
    if found != genesis {
        return Err(GuardError::OtherChain { path: path.to_owned(), found, wanted: genesis });
    }
    let lost = parse_lost(body).ok_or_else(|| damaged(path, "its header has no meaning"))?;
    let mut records: Vec<Record> = Vec::new();
    for (index, block) in rest.chunks_exact(BLOCK_BYTES).enumerate() {
        let (body, sum) =
            unseal(&last, block).ok_or_else(|| damaged(path, format!("the checksum of record {index} is wrong")))?;
        let record = Record::parse(body).ok_or_else(|| damaged(path, format!("record {index} has no meaning")))?;
        if records.last().is_some_and(|before| before.position >= record.position) {
            return Err(damaged(path, format!("record {index} is out of order")));
        }
        records.push(record);
        last = sum;
    }
    Ok((lost, records))
}

/// The lost lock in the header's body; nothing when the bytes are not what [`header`] writes.
fn parse_lost(body: &[u8; BODY_BYTES]) -> Option<Option<LostLock>> {
    let (height, rest) = body[72..].split_first_chunk::<8>()?;
    let (round, zeros) = rest.split_first_chunk::<4>()?;
    let (height, round) = (Height(u64::from_be_bytes(*height)), Round(u32::from_be_bytes(*round)));
    let lost = (height != Height::GENESIS).then_some((height, round));
    let canonical = zeros.iter().all(|byte| *byte == 0) && (lost.is_some() || round.0 == 0);
    canonical.then_some(lost)
}
