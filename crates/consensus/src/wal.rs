//! The check of the write-ahead log before the engine opens it.
//!
//! Why: on damage the engine cuts its log at the bad entry and goes on, and so forgets what it signed
//! and on what it locked. This chain refuses to start instead. A *torn tail* is no damage: a process that
//! dies while it appends leaves a last entry that ends early, and nothing was sent that depended on it.
//!
//! ```text
//! file   = version 4 = 1 ‖ height 8 ‖ entry …                          (big-endian)
//! entry  = compressed 1 = 0 ‖ length 8 ‖ CRC-32 4 ‖ data
//! data   = tag 1 ‖ length 8 ‖ payload        votes, proposals, values, polkas: our codec
//!        = 2 ‖ step 1 ‖ round 8               timeouts
//! ```
//! When a height starts, the engine writes the new height and then cuts the entries; a crash between the two
//! leaves entries of a finalized height. They are *stale*: [`clear`] finishes what was begun.
//!
//! Every field is covered: the data by its CRC, the length by the second length inside the data, the height by the
//! heights inside the payloads and by the store, the other bytes by having one legal value. A log without entries
//! names the store's last height or the one after it, a stale one the height of its entries or the one after the
//! store's last: one of the two may stand for the other unseen, and neither holds anything that could be lost.
//! [`create`] makes the log before the engine does, so that a header of height 0 is no legal one.
//!
//! A log that is gone is no damage and takes the validator's lock with it; the double-sign guard then keeps the lock
//! (`VoteSigner::recover`).

use std::fs::{File, TryLockError};
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use primitives::block::BLOCK_BYTES_MAX;
use primitives::{Address, Height};

use crate::codec::{wal_message, wal_offer_height, wal_polka_height};
use crate::crash::WalCrashPoint;
use crate::signer::{LogSync, LoggedMessage};

/// Makes the log at `path` durable, whoever wrote to it; a log that is not there has nothing to lose.
pub(crate) fn syncer(path: PathBuf, crash_at: Option<WalCrashPoint>) -> LogSync {
    Arc::new(move || {
        WalCrashPoint::BeforeSync.pass(crash_at);
        match File::open(&path) {
            Ok(log) => log.sync_all()?,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
            Err(cause) => return Err(cause),
        }
        WalCrashPoint::AfterSync.pass(crash_at);
        Ok(())
    })
}

/// Largest data of one entry: a block and room for what describes it.
pub const ENTRY_BYTES_MAX: usize = BLOCK_BYTES_MAX + 64 * 1024;

const VERSION: u32 = 1;
const HEADER_BYTES: u64 = 12;
const ENTRY_HEADER_BYTES: u64 = 13;
/// Most messages of our own that are read from one log, the newest: more than a guard keeps of one height.
pub const OWN_MESSAGES_MAX: usize = 8_192;
/// Tag and inner length.
const INNER_HEADER_BYTES: usize = 9;
const TAG_MESSAGE: u8 = 1;
const TAG_TIMEOUT: u8 = 2;
const TAG_OFFER: u8 = 4;
const TAG_POLKA: u8 = 8;
const TIMEOUT_BYTES: usize = 10;

/// A log that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalSummary {
    /// The height it is about.
    pub height: Height,
    /// Whole entries.
    pub entries: u64,
    /// Bytes of an unfinished last entry.
    pub torn_bytes: u64,
    /// The entries are of a finalized height: call [`clear`] before the log is opened.
    pub stale: bool,
    /// The messages of the validator that was asked for, oldest first; at most [`OWN_MESSAGES_MAX`].
    pub own: Vec<LoggedMessage>,
}

/// Why the engine must not open the log.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// It cannot be read.
    #[error("cannot read the consensus log {}: {source}; check the file's permissions and the disk", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Someone has it open.
    #[error(
        "the consensus log {} is in use by another process; two nodes must never share one home: stop the other \
         node first",
        path.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A byte is not what was written.
    #[error(
        "the consensus log {} is damaged at byte {offset}: {what}. The node does not start, because it could \
         forget what it signed; check the disk and restore the file. If the double-sign guard of the key is \
         intact, the log may be moved away instead: the guard then holds the key to its last precommit, and the \
         node abstains where that could contradict it",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the bad entry starts.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// The store lost heights that the log knows.
    #[error(
        "the consensus log {} is damaged, or the store has lost blocks: the log is at height {log}, the store ends \
         at height {finalized}. The node does not start; restore both from the same moment, or move the data \
         directory away and start again to sync from peers. The double-sign guard stays where it is",
        path.display()
    )]
    StoreBehind {
        /// The file.
        path: PathBuf,
        /// Height of the log.
        log: Height,
        /// Last finalized height in the store.
        finalized: Height,
    },
}

/// Reads the whole log at `path`; `None` when there is none yet. `finalized` is the store's last height, `own` the
/// validator whose messages are picked out.
///
/// # Errors
/// [`WalError`]: do not start the engine.
pub fn inspect(path: &Path, finalized: Height, own: Option<Address>) -> Result<Option<WalSummary>, WalError> {
    let io = |source| WalError::Io { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    if is_locked(&file) {
        return Err(WalError::InUse { path: path.to_owned() });
    }
    let size = file.metadata().map_err(io)?.len();
    if size == 0 {
        return Ok(None);
    }
    let mut reader = Reader { inner: BufReader::new(file), offset: 0, size };
    let summary = read_log(&mut reader, finalized, own).map_err(|error| match error {
        ReadError::Io(source) => io(source),
        ReadError::Damaged(offset, what) => WalError::Damaged { path: path.to_owned(), offset, what },
    })?;
    if summary.height > finalized.next() {
        return Err(WalError::StoreBehind { path: path.to_owned(), log: summary.height, finalized });
    }
    Ok(Some(summary))
}

/// True while an engine has the log at `path` open.
pub fn is_in_use(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| is_locked(&file))
}

// The engine holds an exclusive lock as long as the log is open. Ours goes when the file is closed.
fn is_locked(file: &File) -> bool {
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Cuts a stale log down to its header.
///
/// # Errors
/// [`WalError::Io`].
pub fn clear(path: &Path) -> Result<(), WalError> {
    let io = |source| WalError::Io { path: path.to_owned(), source };
    let file = File::options().write(true).open(path).map_err(io)?;
    file.set_len(HEADER_BYTES).map_err(io)?;
    file.sync_all().map_err(io)
}

/// Makes an empty log of the height after `finalized`, durable when this returns, in a folder that is made too.
///
/// # Errors
/// [`WalError::Io`].
pub fn create(path: &Path, finalized: Height) -> Result<(), WalError> {
    let io = |source| WalError::Io { path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(io)?;
    let staged = path.with_extension("new");
    let mut file = File::create(&staged).map_err(io)?;
    file.write_all(&VERSION.to_be_bytes()).map_err(io)?;
    file.write_all(&finalized.next().0.to_be_bytes()).map_err(io)?;
    file.sync_all().map_err(io)?;
    std::fs::rename(&staged, path).map_err(io)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
}

enum ReadError {
    Io(std::io::Error),
    Damaged(u64, String),
}

struct Reader {
    inner: BufReader<File>,
    offset: u64,
    size: u64,
}

impl Reader {
    fn left(&self) -> u64 {
        self.size.saturating_sub(self.offset)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes).map_err(ReadError::Io)?;
        self.offset = self.offset.saturating_add(u64::try_from(N).unwrap_or(u64::MAX));
        Ok(bytes)
    }

    fn take_vec(&mut self, length: usize) -> Result<Vec<u8>, ReadError> {
        let mut bytes = vec![0; length];
        self.inner.read_exact(&mut bytes).map_err(ReadError::Io)?;
        self.offset = self.offset.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        Ok(bytes)
    }
}

fn read_log(reader: &mut Reader, finalized: Height, own: Option<Address>) -> Result<WalSummary, ReadError> {
    let damaged = |offset, what: String| Err(ReadError::Damaged(offset, what));
    if reader.left() < HEADER_BYTES {
        return damaged(0, "the header is cut short".to_owned());
    }
    if u32::from_be_bytes(reader.take()?) != VERSION {
        return damaged(0, "the version is not 1".to_owned());
    }
    let height = Height(u64::from_be_bytes(reader.take()?));
    let mut summary = WalSummary { height, entries: 0, torn_bytes: 0, stale: false, own: Vec::new() };
    let mut named: Option<Height> = None;
    while reader.left() > 0 {
        let start = reader.offset;
        let entry = read_entry(reader).map_err(|error| match error {
            ReadError::Damaged(_, what) => ReadError::Damaged(start, what),
            io => io,
        })?;
        let found = match entry {
            Entry::Torn => {
                summary.torn_bytes = reader.size.saturating_sub(start);
                break;
            }
            Entry::Timeout => None,
            Entry::OfHeight(found) => Some(found),
            Entry::Message(message) => {
                let (found, _, _) = message.place();
                if Some(message.sender()) == own {
                    if summary.own.len() >= OWN_MESSAGES_MAX {
                        summary.own.remove(0);
                    }
                    summary.own.push(message);
                }
                Some(found)
            }
        };
        summary.entries = summary.entries.saturating_add(1);
        if let (Some(found), Some(named)) = (found, named)
            && found != named
        {
            return damaged(start, format!("an entry of height {found} follows one of height {named}"));
        }
        named = named.or(found);
    }
    let next = finalized.next();
    let legal = match named {
        // The store may end below the log: then blocks were lost, which is told apart.
        Some(named) if named > finalized => height == named,
        Some(named) => height == named || height == next,
        None if summary.entries > 0 => height >= finalized,
        None => height >= finalized && height.0 > 0,
    };
    match (legal, named) {
        (true, named) => Ok(WalSummary { stale: named.is_some_and(|named| named != height), ..summary }),
        (false, Some(named)) => damaged(0, format!("the header says height {height}, the entries say {named}")),
        (false, None) => damaged(0, format!("the header says height {height}, the store ends at {finalized}")),
    }
}

enum Entry {
    Timeout,
    OfHeight(Height),
    Message(LoggedMessage),
    Torn,
}

fn read_entry(reader: &mut Reader) -> Result<Entry, ReadError> {
    let damaged = |what: &str| Err(ReadError::Damaged(0, what.to_owned()));
    if reader.left() < ENTRY_HEADER_BYTES {
        return Ok(Entry::Torn);
    }
    if reader.take::<1>()? != [0] {
        return damaged("an entry claims to be compressed");
    }
    let length = usize::try_from(u64::from_be_bytes(reader.take()?)).unwrap_or(usize::MAX);
    let crc = u32::from_be_bytes(reader.take()?);
    if length > ENTRY_BYTES_MAX {
        return damaged("an entry claims to be larger than any block");
    }
    let left = usize::try_from(reader.left()).unwrap_or(usize::MAX);
    if left < length {
        let present = reader.take_vec(left)?;
        let torn = is_length_confirmed(&present, length);
        return if torn { Ok(Entry::Torn) } else { damaged("an entry's two lengths differ") };
    }
    let data = reader.take_vec(length)?;
    if crc32fast::hash(&data) != crc {
        return damaged("an entry's checksum does not match");
    }
    read_data(&data).map_err(|what| ReadError::Damaged(0, what))
}

/// True when the data that is there says the same length as the entry's header, or is too short to say.
fn is_length_confirmed(present: &[u8], length: usize) -> bool {
    match present {
        [] => true,
        [TAG_TIMEOUT, ..] => length == TIMEOUT_BYTES,
        [TAG_MESSAGE | TAG_OFFER | TAG_POLKA, rest @ ..] => match rest.first_chunk::<8>() {
            Some(inner) => inner_length(*inner) == Some(length),
            None => true,
        },
        _ => false,
    }
}

fn inner_length(bytes: [u8; 8]) -> Option<usize> {
    usize::try_from(u64::from_be_bytes(bytes)).ok()?.checked_add(INNER_HEADER_BYTES)
}

fn read_data(data: &[u8]) -> Result<Entry, String> {
    let (tag, rest) = data.split_first().ok_or("an entry is empty")?;
    if *tag == TAG_TIMEOUT {
        let whole = data.len() == TIMEOUT_BYTES;
        return if whole { Ok(Entry::Timeout) } else { Err("a timeout has the wrong length".to_owned()) };
    }
    let (inner, payload) = rest.split_first_chunk::<8>().ok_or("an entry is too short")?;
    if inner_length(*inner) != Some(data.len()) {
        return Err("an entry's two lengths differ".to_owned());
    }
    let height = match *tag {
        TAG_MESSAGE => return wal_message(payload).map(Entry::Message).map_err(|error| error.to_string()),
        TAG_OFFER => wal_offer_height(payload),
        TAG_POLKA => wal_polka_height(payload),
        other => return Err(format!("an entry has the unknown tag {other}")),
    };
    height.map(Entry::OfHeight).map_err(|error| error.to_string())
}
