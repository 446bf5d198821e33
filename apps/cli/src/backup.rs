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
//! - It is filled under another name, synced and renamed: a backup is there whole or not at all. What an interrupted one left
//!   is removed by the next; one writes to a folder of backups at a time.
//! - A file belongs to a name, not to a path: below the home, or where a key of the configuration says. So a restore
//!   into a home whose keys say something else is noticed ([`Belongs`]).
//! - Its checksums find what chance did, not what somebody did: the header of its snapshot is judged before anything of it is used
//!   (`commands/snapshot_trust.rs`).
//! - Secrets are in it only when they are asked for; then the backup is as secret as they are.
//! - A restore writes over nothing. A guard that is older than the one that is there is never taken, and one that takes
//!   the place of a lost one only with a reason: nobody knows what the key signed meanwhile. The reason is durable before
//!   the first file is written, and the guard comes last of all: a home that is half restored signs nothing.
//!
//! Read next: `create.rs`, `files.rs`, `restore.rs`, `spec/recovery.md` (RCV-27, 28, 58 to 62).

mod create;
mod files;
mod restore;
pub mod sealed;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use config::{Home, NodeConfig};
use primitives::{Genesis, Hash, Height, Timestamp};
use rpc::ExitCode;
use serde::{Deserialize, Serialize};
use snapshots::{Progress, Shelf, Snapshot, SnapshotError};
use wallet::stream::StreamKey;

use crate::exit::Failure;
use crate::provision::GENESIS_BYTES_MAX;

pub use create::{Wanted, create};
use files::Folder;
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
/// Largest file with its checksum that is read, bytes.
const INDEX_SUM_BYTES_MAX: u64 = 1024;
/// The guard below a home.
const GUARD: &str = "guard/guard.log";
/// Why old guards were taken, below a home.
const OVERRIDES: &str = "guard/overrides.log";
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
    folder: Folder,
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

    /// The backup of this folder, whose files are sealed under `key` if there is one.
    ///
    /// # Errors
    /// [`Failure`] where its list is not what was written.
    pub fn open(path: &Path, key: Option<Arc<StreamKey>>) -> Result<Self, Failure> {
        let folder = Folder::new(path, key);
        let text = folder.bytes(INDEX, INDEX_BYTES_MAX)?;
        let said = folder.bytes(INDEX_SUM, INDEX_SUM_BYTES_MAX)?;
        if String::from_utf8_lossy(&said).trim() != blake3::hash(&text).to_hex().as_str() {
            return Err(refused(format!("{} does not have the checksum beside it", path.join(INDEX).display())));
        }
        let index: Index = serde_json::from_slice(&text).map_err(|error| refused(format!("its list: {error}")))?;
        if index.format != FORMAT {
            let what = format!("the backup has format {}, this build reads {FORMAT}", index.format);
            return Err(Failure::new(ExitCode::Refused, "other_format", what, "use the build that made it"));
        }
        if index.files.len() > FILES_MAX || index.files.iter().any(|file| !file.is_plain()) {
            return Err(refused("its list names files that no backup has"));
        }
        Ok(Self { folder, index })
    }

    /// The same at another place.
    fn at(self, path: PathBuf) -> Self {
        Self { folder: self.folder.at(path), index: self.index }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Refuses a backup of a store that this build cannot write.
    ///
    /// # Errors
    /// [`Failure`] `newer_schema`.
    pub fn check_schema(&self) -> Result<(), Failure> {
        let (found, here) = (self.index.schema, storage::columns::SCHEMA_VERSION);
        if found <= here {
            return Ok(());
        }
        let what = format!("the backup is of a store with schema {found}, this build writes schema {here}");
        Err(Failure::new(ExitCode::Refused, "newer_schema", what, "use the build that made the backup, or a newer one"))
    }

    /// The genesis of its chain, as its genesis file says it.
    ///
    /// # Errors
    /// [`Failure`] for a backup without one, or with one of another chain than its list says.
    pub fn genesis(&self) -> Result<Genesis, Failure> {
        let file = self.file(&Belongs::Home("genesis.json".to_owned()));
        let file = file.ok_or_else(|| refused("it has no genesis file"))?;
        let text = String::from_utf8(self.bytes(file, GENESIS_BYTES_MAX)?).map_err(refused)?;
        let genesis = Genesis::from_json(&text).map_err(refused)?;
        if genesis.hash() != self.index.genesis {
            return Err(refused("its genesis file is of another chain than its list says"));
        }
        Ok(genesis)
    }

    /// Checks every byte: files by their checksums, the snapshot against its header.
    ///
    /// # Errors
    /// [`Failure`] for the first that does not hold.
    pub fn verify(&self, progress: &mut dyn FnMut(Progress)) -> Result<Snapshot, Failure> {
        let snapshot = self.snapshot()?;
        let files = self.index.files.len();
        let count = files.saturating_add(snapshot.manifest.chunks().len());
        for (done, file) in (1..).zip(&self.index.files) {
            self.copy(file, self.path(), &mut io::sink())?;
            progress(Progress { done, count });
        }
        let told = &mut |chunks: Progress| progress(Progress { done: files.saturating_add(chunks.done), count });
        snapshot.read(told, &mut |_, _| {}).map_err(unsealed)?;
        Ok(snapshot)
    }

    /// Its snapshot; chunks are not checked.
    fn snapshot(&self) -> Result<Snapshot, Failure> {
        let path = self.path().join(SNAPSHOT);
        let listed = Shelf::on(self.folder.files(), &path).list()?.into_iter().next();
        let snapshot = listed.ok_or(SnapshotError::Missing { path })?.1.map_err(unsealed)?;
        snapshot.manifest.check_chain(&self.index.genesis)?;
        if snapshot.height() != self.index.height {
            return Err(refused("its snapshot is of another height than its list says"));
        }
        Ok(snapshot)
    }

    /// The file that belongs there, if it is in the backup.
    fn file(&self, belongs: &Belongs) -> Option<&BackupFile> {
        self.index.files.iter().find(|file| file.belongs == *belongs)
    }

    /// Hands the bytes of a file to `to`; `place` is where they go.
    fn copy(&self, file: &BackupFile, place: &Path, to: &mut dyn Write) -> Result<(), Failure> {
        let (bytes, sum) = self.folder.copy(&file.stored(), place, to)?;
        if bytes != file.bytes || sum != file.blake3 {
            let path = self.path().join(file.stored());
            return Err(refused(format!("{} does not have the bytes that the list says", path.display())));
        }
        Ok(())
    }

    /// The bytes of a file of at most so many.
    fn bytes(&self, file: &BackupFile, bytes_max: u64) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        if file.bytes > bytes_max {
            let path = self.path().join(file.stored());
            return Err(refused(format!("{} is too large", path.display())));
        }
        self.copy(file, self.path(), &mut bytes)?;
        Ok(bytes)
    }
}

/// A file of a snapshot that is not what was sealed.
fn unsealed(error: SnapshotError) -> Failure {
    match &error {
        SnapshotError::Io { path, source, .. } if source.kind() == io::ErrorKind::InvalidData => {
            refused(format!("{}: {source}", path.display()))
        }
        _ => error.into(),
    }
}

impl BackupFile {
    /// Its name below the backup.
    fn stored(&self) -> String {
        format!("{FILES}/{}", self.name)
    }

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
/// Its files as well.
pub(crate) const FILE_MODE: u32 = 0o600;
