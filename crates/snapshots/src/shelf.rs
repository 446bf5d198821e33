//! Snapshots as files: one folder each, in one folder.
//!
//! ```text
//!   <dir>/lock                                   held while snapshots are made or removed
//!   <dir>/<height, 20 digits>-<id, 16 digits>/   manifest, <hash>.chunk …
//!   <dir>/.new-<pid>/                            one that is being made; removed by the next who makes one
//!   <dir>/damaged-<name>/                        one that rotted, set aside; nobody is given it
//! ```
//!
//! Rules
//! - Every file is synced, then the folder, then it gets its name, then the folder above is synced.
//! - An older snapshot stays until the new one has its name; [`Shelf::prune`] never removes the newest.
//! - A chunk is given only with the bytes that its name says. A snapshot whose chunk rotted or is gone is set aside; the newest
//!   [`DAMAGED_MAX`] of those stay for a look.
//! - A copy of a height that is there already and whole is not made twice; one that is damaged is replaced.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use primitives::defect::{Defect, is_seeded};
use primitives::{Hash, Height, Timestamp};
use storage::{CrashPoint, Files, Frozen, system_files};

use crate::chunk::{Chunk, chunk_id};
use crate::error::{SnapshotError, io};
use crate::make::{Maker, Progress};
use crate::manifest::{ChunkEntry, MANIFEST_BYTES_MAX, Manifest, PACKED_BYTES_MAX};

/// Most snapshots that are listed.
pub const LISTED_MAX: usize = 1_024;
/// The file of a snapshot that names its chunks.
pub const MANIFEST: &str = "manifest";
const NEW: &str = ".new-";
const DAMAGED: &str = "damaged-";
/// Most damaged snapshots that are kept for a look.
pub const DAMAGED_MAX: usize = 3;

/// A folder of snapshots.
#[derive(Debug, Clone)]
pub struct Shelf {
    path: PathBuf,
    files: Arc<dyn Files>,
}

/// One snapshot on disk whose manifest was read and checked; its chunks were not.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its folder.
    pub path: PathBuf,
    /// What it says it is.
    pub manifest: Manifest,
    files: Arc<dyn Files>,
}

/// A folder that is named as a snapshot, and the snapshot in it or why it is refused.
pub type Listed = (PathBuf, Result<Snapshot, SnapshotError>);

/// Takes a checked chunk.
pub type Taker<'a> = &'a mut dyn FnMut(&ChunkEntry, Chunk);

impl Shelf {
    /// The folder at `path` of this system. Nothing is read or made.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::on(system_files(), path)
    }

    /// The folder at `path` of these files.
    pub fn on(files: Arc<dyn Files>, path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), files }
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
        self.files.create_folders(&self.path).map_err(io("create", &self.path))?;
        let _lock = self.lock()?;
        self.clear()?;
        let new = self.path.join(format!("{NEW}{}", std::process::id()));
        self.files.create_folder(&new).map_err(io("create", &new))?;
        let made = self.fill(&new, frozen, maker, progress).and_then(|manifest| self.name(&new, manifest));
        if made.is_err() {
            // What could not be finished is removed again; the next who makes one tries once more.
            let _ = self.files.remove_folder(&new);
        }
        made
    }

    fn fill(
        &self,
        new: &Path,
        frozen: &Frozen,
        maker: &Maker<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Manifest, SnapshotError> {
        self.reach(CrashPoint::SnapshotBeforeWrite, new)?;
        let (files, mut written) = (&self.files, 0_usize);
        let manifest = maker.make(
            frozen,
            &mut |entry, count, file| {
                if written == count / 2 {
                    self.reach(CrashPoint::SnapshotHalf, new)?;
                }
                written = written.saturating_add(1);
                write(files.as_ref(), &chunk_path(new, &entry.id), file)
            },
            progress,
        )?;
        write(files.as_ref(), &new.join(MANIFEST), &manifest.to_bytes())?;
        self.reach(CrashPoint::SnapshotBeforeSync, new)?;
        if !is_seeded(Defect::RenamesBeforeTheSync) {
            files.sync_folder(new).map_err(io("sync", new))?;
        }
        Ok(manifest)
    }

    /// Gives a folder that is whole its name.
    fn name(&self, new: &Path, manifest: Manifest) -> Result<Snapshot, SnapshotError> {
        let path = self.path.join(folder_name(&manifest));
        if self.files.exists(&path).map_err(io("inspect", &path))? {
            let there = Snapshot::open_on(&self.files, &path);
            match there.and_then(|there| there.read(&mut |_| {}, &mut |_, _| {}).map(|()| there)) {
                Ok(there) => {
                    self.files.remove_folder(new).map_err(io("remove", new))?;
                    return Ok(there);
                }
                Err(error) if error.is_of_the_disk() => return Err(error),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "a damaged snapshot is replaced by a new copy of its height");
                    self.remove(&path)?;
                }
            }
        }
        self.reach(CrashPoint::SnapshotBeforeRename, new)?;
        self.files.rename(new, &path).map_err(io("rename", new))?;
        self.reach(CrashPoint::SnapshotAfterRename, &path)?;
        self.files.sync_folder(&self.path).map_err(io("sync", &self.path))?;
        self.reach(CrashPoint::SnapshotAfterSync, &path)?;
        Ok(Snapshot { path, manifest, files: Arc::clone(&self.files) })
    }

    /// Takes a snapshot of another folder on this shelf: every chunk is checked again and copied. Durable when it returns.
    ///
    /// # Errors
    /// [`SnapshotError`] by name; what was there before is untouched.
    pub fn adopt(&self, other: &Snapshot) -> Result<Snapshot, SnapshotError> {
        self.files.create_folders(&self.path).map_err(io("create", &self.path))?;
        let _lock = self.lock()?;
        self.clear()?;
        let new = self.path.join(format!("{NEW}{}", std::process::id()));
        self.files.create_folder(&new).map_err(io("create", &new))?;
        let made = self.copy(&new, other).and_then(|()| self.name(&new, other.manifest.clone()));
        if made.is_err() {
            // What could not be finished is removed again; the next who makes one tries once more.
            let _ = self.files.remove_folder(&new);
        }
        made
    }

    fn copy(&self, new: &Path, other: &Snapshot) -> Result<(), SnapshotError> {
        for entry in other.manifest.chunks() {
            let file = other.chunk_file(&entry.id)?;
            other.manifest.check_chunk(entry, &file)?;
            write(self.files.as_ref(), &chunk_path(new, &entry.id), &file)?;
        }
        write(self.files.as_ref(), &new.join(MANIFEST), &other.manifest.to_bytes())?;
        self.files.sync_folder(new).map_err(io("sync", new))
    }

    fn reach(&self, point: CrashPoint, path: &Path) -> Result<(), SnapshotError> {
        self.files.reach(point).map_err(io("go on with", path))
    }

    /// The snapshots, the highest first, at most [`LISTED_MAX`]; one whose manifest is refused comes with the refusal.
    /// None where there is no folder.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, SnapshotError> {
        if !self.files.exists(&self.path).map_err(io("inspect", &self.path))? {
            return Ok(Vec::new());
        }
        let mut paths = self.files.list(&self.path).map_err(io("read", &self.path))?;
        paths.retain(|path| is_named(path));
        paths.sort();
        paths.reverse();
        paths.truncate(LISTED_MAX);
        Ok(paths.into_iter().map(|path| (path.clone(), Snapshot::open_on(&self.files, &path))).collect())
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
        if !self.files.exists(&self.path).map_err(io("inspect", &self.path))? {
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

    /// Sets a damaged snapshot aside: it loses its name, so that nobody finds it any more. Gives where it lies. The oldest of more
    /// than [`DAMAGED_MAX`] are removed.
    ///
    /// # Errors
    /// [`SnapshotError::InUse`], or a folder that cannot be renamed or removed.
    pub fn set_aside(&self, path: &Path) -> Result<PathBuf, SnapshotError> {
        let _lock = self.lock()?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let aside = self.path.join(format!("{DAMAGED}{name}"));
        if self.files.exists(&aside).map_err(io("inspect", &aside))? {
            // One of the same name rotted before: the copy that took its place did too.
            self.files.remove_folder(&aside).map_err(io("remove", &aside))?;
        }
        self.files.rename(path, &aside).map_err(io("rename", path))?;
        self.files.sync_folder(&self.path).map_err(io("sync", &self.path))?;
        let mut kept = self.files.list(&self.path).map_err(io("read", &self.path))?;
        kept.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(DAMAGED)));
        kept.sort();
        let surplus = kept.len().saturating_sub(DAMAGED_MAX);
        for old in kept.iter().filter(|path| **path != aside).take(surplus) {
            self.files.remove_folder(old).map_err(io("remove", old))?;
        }
        Ok(aside)
    }

    /// Takes the name away first, so that nobody finds half of a snapshot.
    fn remove(&self, path: &Path) -> Result<(), SnapshotError> {
        let new = self.path.join(format!("{NEW}removed-{}", std::process::id()));
        self.files.rename(path, &new).map_err(io("rename", path))?;
        self.files.sync_folder(&self.path).map_err(io("sync", &self.path))?;
        self.reach(CrashPoint::SnapshotRemoved, &new)?;
        self.files.remove_folder(&new).map_err(io("remove", &new))
    }

    /// Removes what an interrupted process left.
    fn clear(&self) -> Result<(), SnapshotError> {
        for path in self.files.list(&self.path).map_err(io("read", &self.path))? {
            let is_new = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(NEW));
            if is_new {
                tracing::info!(path = %path.display(), "removed what an interrupted snapshot left");
                self.files.remove_folder(&path).map_err(io("remove", &path))?;
            }
        }
        Ok(())
    }

    fn lock(&self) -> Result<Box<dyn Any + Send>, SnapshotError> {
        let path = self.path.join("lock");
        let lock = self.files.lock(&path).map_err(io("lock", &path))?;
        lock.ok_or_else(|| SnapshotError::InUse { path: self.path.clone() })
    }
}

impl Snapshot {
    /// Reads and checks the manifest of the snapshot in this folder of this system.
    ///
    /// # Errors
    /// [`SnapshotError`] by name.
    pub fn open(path: &Path) -> Result<Self, SnapshotError> {
        Self::open_on(&system_files(), path)
    }

    /// The same on these files.
    ///
    /// # Errors
    /// [`SnapshotError`] by name.
    pub fn open_on(files: &Arc<dyn Files>, path: &Path) -> Result<Self, SnapshotError> {
        let file = path.join(MANIFEST);
        let bytes = read(files.as_ref(), &file, MANIFEST_BYTES_MAX)?;
        let bytes = bytes.ok_or_else(|| SnapshotError::Missing { path: path.to_owned() })?;
        Ok(Self { path: path.to_owned(), manifest: Manifest::from_bytes(&bytes)?, files: Arc::clone(files) })
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
        read(self.files.as_ref(), &self.chunk_path(id), bound)?.ok_or(SnapshotError::MissingChunk { id: *id })
    }

    /// The file of a chunk with the bytes that its name says.
    ///
    /// # Errors
    /// [`SnapshotError::MissingChunk`], [`SnapshotError::ChunkHash`], or a file that cannot be read.
    pub fn whole_file(&self, entry: &ChunkEntry) -> Result<Vec<u8>, SnapshotError> {
        let file = self.chunk_file(&entry.id)?;
        if chunk_id(&file) == entry.id { Ok(file) } else { Err(SnapshotError::ChunkHash { id: entry.id }) }
    }

    /// Whether the snapshot is damaged where this was refused, and was not merely removed meanwhile.
    ///
    /// # Errors
    /// A folder that cannot be looked at.
    pub fn is_damaged_by(&self, error: &SnapshotError) -> Result<bool, SnapshotError> {
        match error {
            SnapshotError::ChunkHash { .. } => Ok(true),
            SnapshotError::MissingChunk { .. } => self.files.exists(&self.path).map_err(io("inspect", &self.path)),
            _ => Ok(false),
        }
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
    if is_seeded(Defect::ListsHalfASnapshot) && name.starts_with(NEW) {
        return true;
    }
    name.split_once('-').is_some_and(|(height, id)| {
        let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits(height, 20) && digits(id, 16)
    })
}

/// Where a chunk is in the folder of a snapshot.
pub fn chunk_path(folder: &Path, id: &Hash) -> PathBuf {
    folder.join(format!("{id}.chunk"))
}

/// Writes the manifest of a folder of this system whose chunks are there.
///
/// # Errors
/// A file that cannot be written.
pub fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<(), SnapshotError> {
    write_synced(&folder.join(MANIFEST), &manifest.to_bytes())
}

/// Writes a file of this system and makes it durable.
///
/// # Errors
/// A file that cannot be written.
pub fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), SnapshotError> {
    write(system_files().as_ref(), path, bytes)
}

/// Writes a file and makes it durable.
pub(crate) fn write(files: &dyn Files, path: &Path, bytes: &[u8]) -> Result<(), SnapshotError> {
    files.write_synced(path, bytes).map_err(|(action, source)| io(action, path)(source))
}

/// A file of at most `bound` bytes, or one byte more of a larger one; none where there is no file.
fn read(files: &dyn Files, path: &Path, bound: usize) -> Result<Option<Vec<u8>>, SnapshotError> {
    let most = u64::try_from(bound).unwrap_or(u64::MAX).saturating_add(1);
    files.read(path, most).map_err(io("read", path))
}
