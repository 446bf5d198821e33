//! Reads the engine's journals without changing them.
//!
//! ```text
//! record = start ‖ items ‖ end, one per batch
//! start  = 1 ‖ item count 4 LE ‖ sequence 8 LE
//! item   = 2 ‖ kind 1 ‖ compression 1 (0) ‖ keyspace 8 LE ‖ key length 2 LE ‖ value length 4 LE
//!            ‖ stored length 4 LE ‖ key ‖ value
//! clear  = 4 ‖ keyspace 8 LE
//! end    = 3 ‖ XXH3-64 of the items 8 LE ‖ "FJL" 3
//! ```
//! The engine's checksum leaves out the sequence, which decides what is newer: a flipped bit there would bring old
//! values back. Each batch therefore carries its *floor*, the next sequence when it was made, and the scan checks
//! that sequences and floors rise in turns: sequence n−1 < floor n ≤ sequence n.
//!
//! A journal is followed by zeros (it is allocated ahead) or by nothing. Anything else after the last whole
//! record is a *tail*: torn by a crash, or damage. Which of the two it is says the mark: each batch of ours
//! holds its number, so the newest number in whole records is compared with the acknowledged one.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use xxhash_rust::xxh3::Xxh3Default;

use crate::audit::damaged;
use crate::columns::{Column, SEQUENCE, TIP};
use crate::commit::VALUE_BYTES_MAX;
use crate::error::StorageError;
use crate::mark::Mark;
use crate::value::{decode, unseal};

/// How far a sequence may lie above its floor: the engine takes a few numbers for its own work in between.
const SEQUENCE_SLACK: u64 = 1 << 20;
const TRAILER: [u8; 4] = *b"FJL\x03";

/// What follows the last whole record.
#[derive(Debug)]
pub(crate) struct JournalTail {
    /// Where it begins, bytes from the start of the file.
    pub(crate) offset: u64,
    /// Why it is no record.
    pub(crate) reason: &'static str,
}

/// What a journal holds.
#[derive(Debug)]
pub(crate) struct JournalScan {
    /// The newest batch of ours in whole records.
    pub(crate) newest: Option<u64>,
    /// What follows them, other than zeros.
    pub(crate) tail: Option<JournalTail>,
    /// Bytes read.
    pub(crate) bytes: usize,
}

/// What the records of a journal say about order.
#[derive(Debug, Default, Clone, Copy)]
struct Record {
    sequence: u64,
    /// The number of our batch in it, if it holds one.
    batch: Option<u64>,
    floor: Option<u64>,
}

struct Reader {
    input: BufReader<File>,
    position: u64,
}

/// Why a record is not whole.
enum Broken {
    /// Zeros up to the end of the file, or the end itself.
    Clean,
    Torn(&'static str),
    Io(std::io::Error),
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Self::Torn("the record ends early"),
            _ => Self::Io(error),
        }
    }
}

impl Reader {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Broken> {
        self.input.read_exact(bytes)?;
        self.position += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let mut bytes = [0_u8; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads to the end and says whether all of it is zero.
    fn rest_is_zero(&mut self) -> Result<bool, Broken> {
        let mut chunk = vec![0_u8; 64 * 1024];
        loop {
            let read = self.input.read(&mut chunk)?;
            if read == 0 {
                return Ok(true);
            }
            self.position += u64::try_from(read).unwrap_or(0);
            if chunk[..read].iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
        }
    }

    /// One record.
    fn record(&mut self) -> Result<Record, Broken> {
        let mut tag = [0_u8; 1];
        if self.input.read(&mut tag)? == 0 {
            return Err(Broken::Clean);
        }
        self.position += 1;
        match tag[0] {
            1 => {}
            0 if self.rest_is_zero()? => return Err(Broken::Clean),
            _ => return Err(Broken::Torn("no record starts here")),
        }
        let count = u32::from_le_bytes(self.array()?);
        let mut record = Record { sequence: u64::from_le_bytes(self.array()?), ..Record::default() };
        let mut hasher = Xxh3Default::new();
        for _ in 0..count {
            self.item(&mut hasher, &mut record)?;
        }
        if self.array()? != [3] {
            return Err(Broken::Torn("the record holds more items than it says"));
        }
        let digest = u64::from_le_bytes(self.array()?);
        if self.array()? != TRAILER {
            return Err(Broken::Torn("the record has no trailer"));
        }
        if hasher.digest() != digest {
            return Err(Broken::Torn("the record's checksum does not fit"));
        }
        let floor = record.floor.unwrap_or(record.sequence);
        if record.sequence < floor || record.sequence - floor > SEQUENCE_SLACK {
            return Err(Broken::Torn("the record's sequence does not fit its floor"));
        }
        Ok(record)
    }

    fn item(&mut self, hasher: &mut Xxh3Default, record: &mut Record) -> Result<(), Broken> {
        let tag: [u8; 1] = self.array()?;
        hasher.update(&tag);
        match tag[0] {
            2 => {}
            4 => {
                hasher.update(&self.array::<8>()?);
                return Ok(());
            }
            _ => return Err(Broken::Torn("an item of the record has an unknown tag")),
        }
        let header: [u8; 20] = self.array()?;
        hasher.update(&header);
        let key_length = u16::from_le_bytes([header[10], header[11]]);
        let value_length = u32::from_le_bytes([header[12], header[13], header[14], header[15]]);
        let stored_length = u32::from_le_bytes([header[16], header[17], header[18], header[19]]);
        // Compression is not compiled in, so both lengths are the same.
        let impossible = || Broken::Torn("an item of the record has impossible lengths");
        let length = usize::try_from(value_length).map_err(|_| impossible())?;
        // The bound keeps a damaged length from reserving memory.
        if header[1] != 0 || value_length != stored_length || length > VALUE_BYTES_MAX {
            return Err(impossible());
        }
        let mut key = vec![0_u8; usize::from(key_length)];
        self.fill(&mut key)?;
        let mut value = vec![0_u8; length];
        self.fill(&mut value)?;
        hasher.update(&key);
        hasher.update(&value);
        if key == Column::Meta.engine_key(TIP) {
            record.batch = meta::<Mark>(TIP, &value).map(|mark| mark.batch);
        } else if key == Column::Meta.engine_key(SEQUENCE) {
            record.floor = meta::<u64>(SEQUENCE, &value);
        }
        Ok(())
    }
}

/// A meta value, if it can be trusted.
fn meta<T: borsh::BorshDeserialize>(key: &[u8], value: &[u8]) -> Option<T> {
    decode(unseal(Column::Meta, key, value).ok()?).ok()
}

/// Reads one journal; `last` is the sequence of the newest record in the journals before, and is brought forward.
pub(crate) fn scan(path: &Path, last: &mut Option<u64>) -> Result<JournalScan, StorageError> {
    let io = |source| StorageError::Io { action: "read", path: path.to_owned(), source };
    let input = File::open(path).map_err(io)?;
    let mut reader = Reader { input: BufReader::with_capacity(256 * 1024, input), position: 0 };
    let mut newest = None;
    loop {
        let offset = reader.position;
        let tail = match reader.record() {
            Ok(record) => {
                let floor = record.floor.unwrap_or(record.sequence);
                if last.is_some_and(|last| last >= floor) {
                    let reason =
                        format!("at offset {offset}: the sequence of this record or of the one before is wrong");
                    return Err(damaged(path, reason));
                }
                *last = Some(record.sequence);
                newest = newest.max(record.batch);
                continue;
            }
            Err(Broken::Clean) => None,
            Err(Broken::Torn(reason)) => Some(JournalTail { offset, reason }),
            Err(Broken::Io(error)) => return Err(io(error)),
        };
        let bytes = usize::try_from(reader.position).map_err(|_| damaged(path, "it is too large"))?;
        return Ok(JournalScan { newest, tail, bytes });
    }
}
