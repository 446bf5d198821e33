//! Snapshots as files: one folder each, in one folder.
//!
//! ```text
//!   <dir>/lock                                   held while snapshots are made or removed
//!   <dir>/<height, 20 digits>-<id, 16 digits>/   manifest, <hash>.chunk …
//!   <dir>/.new-<pid>/                            one that is being made; removed by the next who makes one
//! ```
//!
//! Rules
//! - Every file is synced, then the folder, then it gets its name, then the folder above is synced.
//! - An older snapshot stays until the new one has its name; [`Shelf::prune`] never removes the newest.
//! - A copy of a height that is there already is not made twice.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use primitives::{Hash, Height, Timestamp};
use storage::Frozen;

use crate::chunk::Chunk;
use crate::crash::{CrashPoint, reach};
use crate::error::{SnapshotError, io};
use crate::make::{Maker, Progress};
use crate::manifest::{ChunkEntry, MANIFEST_BYTES_MAX, Manifest, PACKED_BYTES_MAX};

/// Most snapshots that are listed.
pub const LISTED_MAX: usize = 1_024;
/// The file of a snapshot that names its chunks.
pub const MANIFEST: &str = "manifest";
const NEW: &str = ".new-";

/// A folder of snapshots.
#[derive(Debug, Clone)]
pub struct Shelf {
    path: PathBuf,
}

/// One snapshot on disk whose manifest was read and checked; its chunks were not.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its folder.
    pub path: PathBuf,
    /// What it says it is.
    pub manifest: Manifest,
}

/// A folder that is named as a snapshot, and the snapshot in it or why it is refused.
pub type Listed = (PathBuf, Result<Snapshot, SnapshotError>);

/// Takes a checked chunk.
pub type Taker<'a> = &'a mut dyn FnMut(&ChunkEntry, Chunk);

impl Shelf {
    /// The folder at `path`. Nothing is read or made.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Copies the state of this moment. Durable when it returns.
    ///
    /// # Errors
    /// [`SnapshotError`] by name; what was there before is untouched.
    pub fn create(
        &self,
        frozen: &Frozen,
        maker: &Maker<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Snapshot, SnapshotError> {
        fs::create_dir_all(&self.path).map_err(io("create", &self.path))?;
        let _lock = self.lock()?;
        self.clear()?;
        let new = self.path.join(format!("{NEW}{}", std::process::id()));
        fs::create_dir(&new).map_err(io("create", &new))?;
        let made = fill(&new, frozen, maker, progress).and_then(|manifest| self.name(&new, manifest));
        if made.is_err() {
            // What could not be finished is removed again; the next who makes one tries once more.
            let _ = fs::remove_dir_all(&new);
        }
        made
    }

    /// Gives a folder that is whole its name.
    fn name(&self, new: &Path, manifest: Manifest) -> Result<Snapshot, SnapshotError> {
        let path = self.path.join(folder_name(&manifest));
        if path.try_exists().map_err(io("inspect", &path))? {
            fs::remove_dir_all(new).map_err(io("remove", new))?;
            return Snapshot::open(&path);
        }
        reach(CrashPoint::SnapshotBeforeRename);
        fs::rename(new, &path).map_err(io("rename", new))?;
        reach(CrashPoint::SnapshotAfterRename);
        sync(&self.path)?;
        Ok(Snapshot { path, manifest })
    }

    /// The snapshots, the highest first, at most [`LISTED_MAX`]; one whose manifest is refused comes with the refusal.
    /// None where there is no folder.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, SnapshotError> {
        if !self.path.try_exists().map_err(io("inspect", &self.path))? {
            return Ok(Vec::new());
        }
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(io("read", &self.path))? {
            let path = entry.map_err(io("read", &self.path))?.path();
            if is_named(&path) {
                paths.push(path);
            }
        }
        paths.sort();
        paths.reverse();
        paths.truncate(LISTED_MAX);
        Ok(paths.into_iter().map(|path| (path.clone(), Snapshot::open(&path))).collect())
    }

    /// The highest snapshot whose manifest holds.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn newest(&self) -> Result<Option<Snapshot>, SnapshotError> {
        Ok(self.list()?.into_iter().find_map(|(_, snapshot)| snapshot.ok()))
    }

    /// Removes all but the `keep` highest, and those made more than `age_ms` before `now`. The highest that is whole
    /// stays in any case. Gives what was removed.
    ///
    /// # Errors
    /// [`SnapshotError::InUse`], or a folder that cannot be read or removed.
    pub fn prune(&self, keep: usize, age_ms: Option<u64>, now: Timestamp) -> Result<Vec<PathBuf>, SnapshotError> {
        if !self.path.try_exists().map_err(io("inspect", &self.path))? {
            return Ok(Vec::new());
        }
        let _lock = self.lock()?;
        self.clear()?;
        let whole = self.list()?.into_iter().filter_map(|(_, snapshot)| snapshot.ok());
        let mut removed = Vec::new();
        for (place, snapshot) in whole.enumerate() {
            let is_old = age_ms.is_some_and(|age| now.since(snapshot.manifest.made_at) > age);
            if place > 0 && (place >= keep || is_old) {
                self.remove(&snapshot.path)?;
                removed.push(snapshot.path);
            }
        }
        Ok(removed)
    }

    /// Takes the name away first, so that nobody finds half of a snapshot.
    fn remove(&self, path: &Path) -> Result<(), SnapshotError> {
        let new = self.path.join(format!("{NEW}removed-{}", std::process::id()));
        fs::rename(path, &new).map_err(io("rename", path))?;
        sync(&self.path)?;
        fs::remove_dir_all(&new).map_err(io("remove", &new))
    }

    /// Removes what an interrupted process left.
    fn clear(&self) -> Result<(), SnapshotError> {
        for entry in fs::read_dir(&self.path).map_err(io("read", &self.path))? {
            let path = entry.map_err(io("read", &self.path))?.path();
            let is_new = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(NEW));
            if is_new {
                tracing::info!(path = %path.display(), "removed what an interrupted snapshot left");
                fs::remove_dir_all(&path).map_err(io("remove", &path))?;
            }
        }
        Ok(())
    }

    fn lock(&self) -> Result<File, SnapshotError> {
        let path = self.path.join("lock");
        let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = open.map_err(io("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(SnapshotError::InUse { path: self.path.clone() }),
            Err(TryLockError::Error(error)) => Err(io("lock", &path)(error)),
        }
    }
}

impl Snapshot {
    /// Reads and checks the manifest of the snapshot in this folder.
    ///
    /// # Errors
    /// [`SnapshotError`] by name.
    pub fn open(path: &Path) -> Result<Self, SnapshotError> {
        let file = path.join(MANIFEST);
        let bytes = read(&file, MANIFEST_BYTES_MAX)?.ok_or_else(|| SnapshotError::Missing { path: path.to_owned() })?;
        Ok(Self { path: path.to_owned(), manifest: Manifest::from_bytes(&bytes)? })
    }

    /// The snapshot in this folder, or the highest of the snapshots in it.
    ///
    /// # Errors
    /// [`SnapshotError::Missing`] where there is none, and all of [`Snapshot::open`].
    pub fn find(path: &Path) -> Result<Self, SnapshotError> {
        if path.join(MANIFEST).exists() {
            return Self::open(path);
        }
        let listed = Shelf::new(path).list()?.into_iter().next();
        listed.ok_or_else(|| SnapshotError::Missing { path: path.to_owned() })?.1
    }

    /// Where a chunk is.
    pub fn chunk_path(&self, id: &Hash) -> PathBuf {
        chunk_path(&self.path, id)
    }

    /// The file of a chunk, unchecked.
    ///
    /// # Errors
    /// [`SnapshotError::MissingChunk`], or a file that cannot be read.
    pub fn chunk_file(&self, id: &Hash) -> Result<Vec<u8>, SnapshotError> {
        let bound = usize::try_from(PACKED_BYTES_MAX).unwrap_or(usize::MAX);
        read(&self.chunk_path(id), bound)?.ok_or(SnapshotError::MissingChunk { id: *id })
    }

    /// Reads every chunk, checks it against the header, and hands it over.
    ///
    /// # Errors
    /// The first [`SnapshotError`].
    pub fn read(&self, progress: &mut dyn FnMut(Progress), taker: Taker<'_>) -> Result<(), SnapshotError> {
        let count = self.manifest.chunks().len();
        for (done, entry) in (1..).zip(self.manifest.chunks()) {
            let chunk = self.manifest.check_chunk(entry, &self.chunk_file(&entry.id)?)?;
            taker(entry, chunk);
            progress(Progress { done, count });
        }
        Ok(())
    }

    /// The height.
    pub fn height(&self) -> Height {
        self.manifest.height()
    }
}

/// The folder of a snapshot. Digits in full, so that names sort by height.
pub fn folder_name(manifest: &Manifest) -> String {
    let id = manifest.id().to_string();
    format!("{:020}-{}", manifest.height().0, id.get(..16).unwrap_or_default())
}

fn is_named(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.split_once('-').is_some_and(|(height, id)| {
        let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits(height, 20) && digits(id, 16)
    })
}

/// Where a chunk is in the folder of a snapshot.
pub fn chunk_path(folder: &Path, id: &Hash) -> PathBuf {
    folder.join(format!("{id}.chunk"))
}

fn fill(
    new: &Path,
    frozen: &Frozen,
    maker: &Maker<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Manifest, SnapshotError> {
    let manifest =
        maker.make(frozen, &mut |entry, file| write_synced(&chunk_path(new, &entry.id), file), &mut |now| {
            if now.done == now.count.div_ceil(2) {
                reach(CrashPoint::SnapshotHalf);
            }
            progress(now);
        })?;
    write_manifest(new, &manifest)?;
    sync(new)?;
    Ok(manifest)
}

/// Writes the manifest of a folder whose chunks are there.
///
/// # Errors
/// A file that cannot be written.
pub fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<(), SnapshotError> {
    write_synced(&folder.join(MANIFEST), &manifest.to_bytes())
}

/// Writes a file and makes it durable.
///
/// # Errors
/// A file that cannot be written.
pub fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), SnapshotError> {
    let mut file = File::create(path).map_err(io("create", path))?;
    file.write_all(bytes).map_err(io("write", path))?;
    file.sync_all().map_err(io("sync", path))
}

fn sync(path: &Path) -> Result<(), SnapshotError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(io("sync", path))
}

/// A file of at most `bound` bytes, or one byte more of a larger one; none where there is no file.
fn read(path: &Path, bound: usize) -> Result<Option<Vec<u8>>, SnapshotError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(io("open", path))?,
    };
    let mut bytes = Vec::new();
    let most = u64::try_from(bound).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(io("read", path))?;
    Ok(Some(bytes))
}
