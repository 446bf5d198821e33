//! What is remembered of peers across restarts: four small JSON files.
//!
//! | file | one entry per | content |
//! |---|---|---|
//! | overlay | peer | addresses, last-seen timestamp |
//! | peer_db | peer | first and last seen, points, bans |
//! | peer_db_quic | peer | the QUIC address that last worked |
//! | key history | (address, key) | when this key first answered there |
//!
//! Rules
//! - A file is written to a temporary name, synced and renamed: a crash leaves the old or the new one.
//! - A damaged file is renamed aside and the store starts empty. Peers can be found again, so losing
//!   them is a warning, not a fault.
//! - Entries are bounded ([`ENTRIES_MAX`]); the one not seen for longest makes room.
//! - A write is tried [`PERSIST_TRIES_MAX`] times, then given up until the next change.
//!
//! Timestamps are milliseconds since the Unix epoch.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::{ADDRESSES_MAX, StorePaths};
use crate::counters::Counters;
use crate::identity::PeerKey;

/// Entries in each file.
pub const ENTRIES_MAX: usize = 1_024;
/// The longest file that is read, bytes.
pub const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Tries of one write.
pub const PERSIST_TRIES_MAX: u32 = 3;
/// Pause between two tries.
pub const PERSIST_PAUSE: Duration = Duration::from_millis(50);

/// An entry of the overlay file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverlayPeer {
    /// The node key.
    pub peer: PeerKey,
    /// Where it listens.
    pub addresses: Vec<String>,
    /// When a connection to it was last open.
    pub last_seen_unix_ms: u64,
}

/// An entry of the peer database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerRecord {
    /// The node key.
    pub peer: PeerKey,
    /// When it was first met.
    pub first_seen_unix_ms: u64,
    /// When its standing last changed or a connection was last open.
    pub last_seen_unix_ms: u64,
    /// Its points.
    pub points: i64,
    /// Bans so far.
    pub bans: u32,
    /// End of a running ban.
    pub banned_until_unix_ms: Option<u64>,
}

/// An entry of the QUIC cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuicPeer {
    /// The node key.
    pub peer: PeerKey,
    /// The address that worked.
    pub address: String,
    /// When it last did.
    pub last_seen_unix_ms: u64,
}

/// An entry of the key history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The address that was dialled.
    pub address: String,
    /// The key that answered.
    pub peer: PeerKey,
    /// When it first did.
    pub first_seen_unix_ms: u64,
}

/// A file that could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreWarning {
    /// The content is not what we write.
    #[error(
        "{path} is damaged ({reason}); it was moved to {moved_to} and the peer store starts empty. Peers are found again through the bootstrap list"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
        /// Where it lies now.
        moved_to: String,
    },
    /// The file cannot be read or moved.
    #[error("{path} cannot be used ({reason}); the peer store starts empty. Check owner and permissions of the file")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's error.
        reason: String,
    },
}

/// The remembered peers.
#[derive(Debug, Default)]
pub struct PeerStore {
    paths: Option<StorePaths>,
    overlay: BTreeMap<PeerKey, OverlayPeer>,
    records: BTreeMap<PeerKey, PeerRecord>,
    quic: BTreeMap<PeerKey, QuicPeer>,
    keys: Vec<KeyRecord>,
    dirty: bool,
}

impl PeerStore {
    /// Reads the files; what is missing or damaged starts empty, the latter with a warning.
    pub fn open(paths: Option<StorePaths>, now_unix_ms: u64) -> (Self, Vec<StoreWarning>) {
        let mut store = Self::default();
        let mut warnings = Vec::new();
        if let Some(paths) = &paths {
            let overlay: Vec<OverlayPeer> = load(&paths.overlay, now_unix_ms, &mut warnings);
            let records: Vec<PeerRecord> = load(&paths.peer_db, now_unix_ms, &mut warnings);
            let quic: Vec<QuicPeer> = load(&paths.peer_db_quic, now_unix_ms, &mut warnings);
            store.keys = load(&paths.key_history, now_unix_ms, &mut warnings);
            store.overlay = overlay.into_iter().take(ENTRIES_MAX).map(|entry| (entry.peer, entry)).collect();
            store.records = records.into_iter().take(ENTRIES_MAX).map(|entry| (entry.peer, entry)).collect();
            store.quic = quic.into_iter().take(ENTRIES_MAX).map(|entry| (entry.peer, entry)).collect();
            store.keys.truncate(ENTRIES_MAX);
        }
        store.paths = paths;
        (store, warnings)
    }

    /// Notes that a connection to `peer` is open. `addresses` replaces what was known unless empty.
    pub fn seen(&mut self, peer: PeerKey, addresses: &[String], now_unix_ms: u64) {
        make_room(&mut self.overlay, &peer, |entry| entry.last_seen_unix_ms);
        let entry = self.overlay.entry(peer).or_insert(OverlayPeer {
            peer,
            addresses: Vec::new(),
            last_seen_unix_ms: now_unix_ms,
        });
        entry.last_seen_unix_ms = now_unix_ms;
        if !addresses.is_empty() {
            entry.addresses = addresses.iter().take(ADDRESSES_MAX).cloned().collect();
        }
        self.dirty = true;
    }

    /// Notes the standing of `peer`.
    pub fn standing(&mut self, peer: PeerKey, points: i64, bans: u32, banned_until: Option<u64>, now_unix_ms: u64) {
        make_room(&mut self.records, &peer, |entry| entry.last_seen_unix_ms);
        let entry = self.records.entry(peer).or_insert(PeerRecord {
            peer,
            first_seen_unix_ms: now_unix_ms,
            last_seen_unix_ms: now_unix_ms,
            points: 0,
            bans: 0,
            banned_until_unix_ms: None,
        });
        entry.last_seen_unix_ms = now_unix_ms;
        (entry.points, entry.bans, entry.banned_until_unix_ms) = (points, bans, banned_until);
        self.dirty = true;
    }

    /// Notes that `peer` answered when `address` was dialled.
    pub fn answered(&mut self, peer: PeerKey, address: &str, quic: bool, now_unix_ms: u64) {
        if quic {
            make_room(&mut self.quic, &peer, |entry| entry.last_seen_unix_ms);
            let entry = QuicPeer { peer, address: address.to_owned(), last_seen_unix_ms: now_unix_ms };
            self.quic.insert(peer, entry);
        }
        if !self.keys.iter().any(|entry| entry.peer == peer && entry.address == address) {
            if self.keys.len() >= ENTRIES_MAX {
                self.keys.remove(0);
            }
            self.keys.push(KeyRecord { address: address.to_owned(), peer, first_seen_unix_ms: now_unix_ms });
        }
        self.dirty = true;
    }

    /// The remembered peers, the most recently seen first; a QUIC address that worked comes first
    /// among the addresses of its peer.
    pub fn candidates(&self) -> Vec<(PeerKey, Vec<String>)> {
        let mut peers: Vec<&OverlayPeer> = self.overlay.values().collect();
        peers.sort_by_key(|entry| std::cmp::Reverse(entry.last_seen_unix_ms));
        let with_quic = |entry: &OverlayPeer| {
            let worked = self.quic.get(&entry.peer).map(|quic| quic.address.clone());
            let others = entry.addresses.iter().filter(|address| Some(*address) != worked.as_ref()).cloned();
            (entry.peer, worked.clone().into_iter().chain(others).take(ADDRESSES_MAX).collect())
        };
        peers.into_iter().map(with_quic).collect()
    }

    /// The remembered standings.
    pub fn records(&self) -> impl Iterator<Item = &PeerRecord> {
        self.records.values()
    }

    /// The files to write, when something changed since the last call and there are paths.
    pub fn take_changes(&mut self) -> Option<StoreFiles> {
        let paths = self.paths.as_ref()?;
        if !std::mem::take(&mut self.dirty) {
            return None;
        }
        Some(StoreFiles(vec![
            (paths.overlay.clone(), to_json(&self.overlay.values().collect::<Vec<_>>())),
            (paths.peer_db.clone(), to_json(&self.records.values().collect::<Vec<_>>())),
            (paths.peer_db_quic.clone(), to_json(&self.quic.values().collect::<Vec<_>>())),
            (paths.key_history.clone(), to_json(&self.keys)),
        ]))
    }

    /// Marks the store as changed, after a write that was given up.
    pub fn mark_changed(&mut self) {
        self.dirty = true;
    }
}

/// The content of all files at one moment.
#[derive(Debug)]
pub struct StoreFiles(Vec<(PathBuf, Vec<u8>)>);

impl StoreFiles {
    /// Writes the files, with a bounded number of tries. Blocks the calling thread.
    ///
    /// # Errors
    /// The last error, after [`PERSIST_TRIES_MAX`] tries.
    pub fn persist(&self, counters: &Counters) -> io::Result<()> {
        let mut tries = 1;
        loop {
            counters.overlay_persist_attempts.inc();
            match self.0.iter().try_for_each(|(path, bytes)| write_whole(path, bytes)) {
                Ok(()) => {
                    counters.overlay_persist_success.inc();
                    return Ok(());
                }
                Err(error) if tries >= PERSIST_TRIES_MAX => {
                    counters.overlay_persist_failure.inc();
                    return Err(error);
                }
                Err(_) => std::thread::sleep(PERSIST_PAUSE),
            }
            tries = tries.saturating_add(1);
        }
    }
}

fn make_room<V>(map: &mut BTreeMap<PeerKey, V>, newcomer: &PeerKey, seen: impl Fn(&V) -> u64) {
    if map.len() < ENTRIES_MAX || map.contains_key(newcomer) {
        return;
    }
    let oldest = map.iter().min_by_key(|(_, value)| seen(value)).map(|(peer, _)| *peer);
    if let Some(oldest) = oldest {
        map.remove(&oldest);
    }
}

fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("entries are plain values with text keys");
    bytes.push(b'\n');
    bytes
}

/// Reads a list, or moves the file aside when it is not one.
fn load<T: DeserializeOwned>(path: &Path, now_unix_ms: u64, warnings: &mut Vec<StoreWarning>) -> Vec<T> {
    let reason = match read_bounded(path) {
        Ok(None) => return Vec::new(),
        Ok(Some(bytes)) => match serde_json::from_slice(&bytes) {
            Ok(list) => return list,
            Err(error) => error.to_string(),
        },
        Err(error) if error.kind() == io::ErrorKind::InvalidData => error.to_string(),
        Err(error) => {
            warnings.push(StoreWarning::Unreadable { path: path.display().to_string(), reason: error.to_string() });
            return Vec::new();
        }
    };
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".damaged-{now_unix_ms}"));
    let moved_to = PathBuf::from(name);
    warnings.push(match fs::rename(path, &moved_to) {
        Ok(()) => {
            StoreWarning::Damaged { path: path.display().to_string(), reason, moved_to: moved_to.display().to_string() }
        }
        Err(error) => StoreWarning::Unreadable { path: path.display().to_string(), reason: error.to_string() },
    });
    Vec::new()
}

fn read_bounded(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    let length = file.take(FILE_BYTES_MAX.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(length).map_or(true, |length| length > FILE_BYTES_MAX) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("longer than {FILE_BYTES_MAX} bytes")));
    }
    Ok(Some(bytes))
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let temporary = PathBuf::from(name);
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    // The rename is durable once the folder is.
    File::open(folder)?.sync_all()
}
