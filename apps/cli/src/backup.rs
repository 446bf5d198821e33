//! Backups of a home: a snapshot of its chain, and the files that cannot be had from anybody else.
//!
//! ```text
//! <dir>/<height, 20 digits>-<time, 13 digits>/
//!   backup.json        what it is of, every file with its size and BLAKE3, where each belongs
//!   backup.json.b3     BLAKE3 of backup.json
//!   snapshot/          one snapshot, checked against its header when it is read
//!   files/             the files, numbered
//! ```
//! A sealed one has the same files, each encrypted, and `backup.sealed.json` ([`sealed`]).
//!
//! Rules
//! - It is filled under another name, synced and renamed: a backup is there whole or not at all.
//! - A file belongs to a name, not to a path: below the home, or where a key of the configuration says. So a restore
//!   into a home whose keys say something else is noticed ([`Belongs`]).
//! - Secrets are in it only when they are asked for; then the backup is as secret as they are.
//! - A restore writes over nothing. A guard that is older than the one that is there is never taken, and one that takes
//!   the place of a lost one only with a reason, which is kept beside it: nobody knows what the key signed meanwhile.

mod create;
mod restore;
pub mod sealed;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use config::{Home, NodeConfig};
use primitives::{Hash, Height, Timestamp};
use rpc::ExitCode;
use serde::{Deserialize, Serialize};
use snapshots::{Progress, Snapshot};

use crate::exit::Failure;

pub use create::{Wanted, create};
pub use restore::{Given, Restored, restore};

/// The format of the list.
pub const FORMAT: u32 = 1;
/// The list.
pub const INDEX: &str = "backup.json";
/// Its checksum.
pub const INDEX_SUM: &str = "backup.json.b3";
/// The folder of the snapshot.
pub const SNAPSHOT: &str = "snapshot";
/// The folder of the files.
pub const FILES: &str = "files";
/// Largest list that is read, bytes.
const INDEX_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Most files of a backup.
pub const FILES_MAX: usize = 100_000;

/// Where a file belongs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Belongs {
    /// At this path below the home.
    Home(String),
    /// Where this key of the configuration says.
    Key(String),
    /// Below the folder of the chain data.
    Data(String),
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFile {
    /// Its name below `files/`.
    pub name: String,
    /// Where it belongs.
    pub belongs: Belongs,
    /// Its size.
    pub bytes: u64,
    /// BLAKE3 of its bytes, in hexadecimal.
    pub blake3: String,
    /// Who may do what with it, as nine bits: the disk of a backup may keep none.
    pub mode: u32,
}

/// What a backup is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// [`FORMAT`].
    pub format: u32,
    /// Schema of the store that it was made from.
    pub schema: u32,
    /// Name of the chain.
    pub chain_id: String,
    /// The chain.
    pub genesis: Hash,
    /// Height of the snapshot.
    pub height: Height,
    /// When it was made.
    pub made_at: Timestamp,
    /// Whether secrets are in it.
    pub with_keys: bool,
    /// The highest height that the guard had signed; none without a guard.
    pub guard_height: Option<Height>,
    /// What the keys of the configuration said that name files outside the chain data.
    pub paths: BTreeMap<String, String>,
    /// The files.
    pub files: Vec<BackupFile>,
}

/// A backup on disk whose list was read and checked.
#[derive(Debug, Clone)]
pub struct Backup {
    /// The folder of its files.
    pub path: PathBuf,
    /// Where people find it: another folder, where it was sealed.
    pub shown: PathBuf,
    /// Its list.
    pub index: Index,
}

/// A backup that is not whole.
pub fn refused(error: impl std::fmt::Display) -> Failure {
    Failure::new(ExitCode::Damaged, "backup_refused", error, "use another backup; this one is not what was written")
}

impl Backup {
    /// The folder of the backup in this folder, or of the newest of the backups in it.
    ///
    /// # Errors
    /// [`Failure`] where there is none.
    pub fn find(path: &Path) -> Result<PathBuf, Failure> {
        let own = path.join(INDEX).exists().then(|| path.to_owned());
        own.map_or_else(|| newest(path), Ok)
    }

    /// The backup of this folder, which is not sealed.
    ///
    /// # Errors
    /// [`Failure`] where its list is not what was written.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let file = path.join(INDEX);
        let size = fs::metadata(&file).map_err(|cause| Failure::disk(&file, &cause))?.len();
        if size > INDEX_BYTES_MAX {
            return Err(refused(format!("{} is too large", file.display())));
        }
        let text = fs::read(&file).map_err(|cause| Failure::disk(&file, &cause))?;
        let sum = path.join(INDEX_SUM);
        let said = fs::read_to_string(&sum).map_err(|cause| Failure::disk(&sum, &cause))?;
        if said.trim() != blake3::hash(&text).to_hex().as_str() {
            return Err(refused(format!("{} does not have the checksum beside it", file.display())));
        }
        let index: Index = serde_json::from_slice(&text).map_err(|error| refused(format!("its list: {error}")))?;
        if index.format != FORMAT {
            let what = format!("the backup has format {}, this build reads {FORMAT}", index.format);
            return Err(Failure::new(ExitCode::Refused, "other_format", what, "use the build that made it"));
        }
        if index.files.len() > FILES_MAX || index.files.iter().any(|file| !file.is_plain()) {
            return Err(refused("its list names files that no backup has"));
        }
        Ok(Self { path: path.to_owned(), shown: path.to_owned(), index })
    }

    /// Checks every byte: files by their checksums, the snapshot against its header.
    ///
    /// # Errors
    /// [`Failure`] for the first that does not hold.
    pub fn verify(&self, progress: &mut dyn FnMut(Progress)) -> Result<Snapshot, Failure> {
        for file in &self.index.files {
            self.check(file)?;
        }
        let snapshot = Snapshot::find(&self.path.join(SNAPSHOT))?;
        snapshot.manifest.check_chain(&self.index.genesis)?;
        if snapshot.height() != self.index.height {
            return Err(refused("its snapshot is of another height than its list says"));
        }
        snapshot.read(progress, &mut |_, _| {})?;
        Ok(snapshot)
    }

    /// Checks one file; gives where it is.
    pub(crate) fn check(&self, file: &BackupFile) -> Result<PathBuf, Failure> {
        let path = self.path.join(FILES).join(&file.name);
        let (bytes, sum) = digest(&path)?;
        if bytes != file.bytes || sum != file.blake3 {
            return Err(refused(format!("{} does not have the bytes that the list says", path.display())));
        }
        Ok(path)
    }
}

impl BackupFile {
    /// Whether its names stay inside their folders.
    fn is_plain(&self) -> bool {
        let plain = |text: &str| {
            let path = Path::new(text);
            !text.is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)))
        };
        let belongs = match &self.belongs {
            Belongs::Home(path) | Belongs::Data(path) => plain(path),
            Belongs::Key(_) => true,
        };
        plain(&self.name) && Path::new(&self.name).components().count() == 1 && belongs
    }
}

/// The newest backup in a folder of backups.
fn newest(folder: &Path) -> Result<PathBuf, Failure> {
    let missing = || {
        let what = format!("there is no backup in {}", folder.display());
        Failure::new(ExitCode::NotFound, "backup_missing", what, "name the folder that tb backup create wrote to")
    };
    if !folder.exists() {
        return Err(missing());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|cause| Failure::disk(folder, &cause))? {
        let path = entry.map_err(|cause| Failure::disk(folder, &cause))?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.join(INDEX).exists() {
            found.push(path);
        }
    }
    found.sort();
    found.pop().ok_or_else(missing)
}

/// Size and BLAKE3 of a file.
///
/// # Errors
/// [`Failure`] for one that cannot be read.
pub fn digest(path: &Path) -> Result<(u64, String), Failure> {
    let failed = |cause| Failure::disk(path, &cause);
    let mut file = File::open(path).map_err(failed)?;
    let (mut hasher, mut bytes, mut part) = (blake3::Hasher::new(), 0_u64, vec![0_u8; 65_536]);
    loop {
        let read = file.read(&mut part).map_err(failed)?;
        if read == 0 {
            return Ok((bytes, hasher.finalize().to_hex().to_string()));
        }
        hasher.update(part.get(..read).unwrap_or_default());
        bytes = bytes.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
}

/// The keys of the configuration that name files of a backup, with what they say now.
pub(crate) fn key_paths(config: &NodeConfig) -> [(&'static str, PathBuf); 5] {
    let p2p = &config.p2p;
    [
        ("p2p.overlay_db_path", p2p.overlay_db.clone()),
        ("p2p.peer_db_path", p2p.peer_db.clone()),
        ("p2p.quic_peer_db_path", p2p.quic_peer_db.clone()),
        ("p2p.peer_key_history_path", p2p.peer_key_history.clone()),
        ("proof_tracker_path", config.proof_tracker.clone()),
    ]
}

/// A path as a backup remembers it: below the home without the home, others as they are.
pub(crate) fn said(home: &Home, path: &Path) -> String {
    path.strip_prefix(home.root()).unwrap_or(path).display().to_string()
}

/// Hands a folder's entries to the disk.
pub(crate) fn sync_folder(path: &Path) -> Result<(), Failure> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|cause| Failure::disk(path, &cause))
}

/// Who may do what with a file: its lowest nine bits.
pub(crate) const MODE_BITS: u32 = 0o777;
/// The folder of a backup is closed to other users, whatever is in it.
pub(crate) const FOLDER_MODE: u32 = 0o700;

/// Copies a file with its permissions and hands it to the disk.
pub(crate) fn copy_synced(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::copy(from, to).map_err(|cause| Failure::disk(from, &cause))?;
    File::open(to).and_then(|file| file.sync_all()).map_err(|cause| Failure::disk(to, &cause))
}
