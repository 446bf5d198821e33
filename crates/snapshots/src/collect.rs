//! The chunks of a snapshot, as they come from others: what is missing, what is kept, and nothing kept without a check.
//!
//! ```text
//!   manifest ──► missing ── next ──► asked of somebody ── take: check, write, sync, rename ──► kept ──► snapshot, restore
//!                   ▲                        │ refused, or no answer
//!                   └──────── put_back ──────┘
//! ```
//!
//! Rules
//! - A chunk is checked against the header before it is kept, and again when a collection begins with what is there.
//! - A file with a chunk's name is whole: it is written under another name, synced and renamed.
//! - Chunks that are kept outlive the process. They are kept under their hash, so a chunk that two snapshots share is asked for
//!   once. In the folder nothing else is touched, since an operator may have named it.
//!
//! It asks nobody: who is asked, and who is asked no more, is for the caller to say.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use primitives::Hash;
use primitives::defect::{Defect, is_seeded};
use storage::{CrashPoint, Files};

use crate::error::{SnapshotError, io};
use crate::manifest::{ChunkEntry, Manifest};
use crate::shelf::{MANIFEST, Snapshot, chunk_path, write};

/// The chunks of one snapshot in one folder.
#[derive(Debug)]
pub struct Collection {
    manifest: Arc<Manifest>,
    folder: PathBuf,
    files: Arc<dyn Files>,
    resumed: usize,
    missing: Mutex<VecDeque<ChunkEntry>>,
}

impl Collection {
    /// Makes the folder ready: chunks that this snapshot shares with an earlier one stay if they are whole, the others go.
    ///
    /// # Errors
    /// A folder that cannot be read or written.
    pub fn open(files: Arc<dyn Files>, folder: &Path, manifest: Arc<Manifest>) -> Result<Self, SnapshotError> {
        files.create_folders(folder).map_err(io("create", folder))?;
        let needed = manifest.chunks().iter().map(|chunk| chunk.id).collect();
        clear(files.as_ref(), folder, &needed)?;
        write(files.as_ref(), &folder.join(MANIFEST), &manifest.to_bytes())?;
        let kept = Snapshot::open_on(&files, folder)?;
        let is_whole = |entry: &ChunkEntry| {
            kept.chunk_file(&entry.id).is_ok_and(|file| manifest.check_chunk(entry, &file).is_ok())
        };
        let missing: VecDeque<ChunkEntry> =
            manifest.chunks().iter().filter(|entry| !is_whole(entry)).copied().collect();
        let resumed = manifest.chunks().len().saturating_sub(missing.len());
        Ok(Self { manifest, folder: folder.to_owned(), files, resumed, missing: Mutex::new(missing) })
    }

    fn missing(&self) -> MutexGuard<'_, VecDeque<ChunkEntry>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is collected.
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }

    /// Chunks that were there at the beginning.
    pub fn resumed(&self) -> usize {
        self.resumed
    }

    /// Chunks that nobody was asked for or that were put back.
    pub fn left(&self) -> usize {
        self.missing().len()
    }

    /// A chunk to ask for; the caller takes it or puts it back.
    pub fn next(&self) -> Option<ChunkEntry> {
        self.missing().pop_front()
    }

    /// A chunk that did not come.
    pub fn put_back(&self, entry: ChunkEntry) {
        self.missing().push_front(entry);
    }

    /// Checks the file of a chunk and keeps it.
    ///
    /// # Errors
    /// The disk's ([`SnapshotError::Io`]), or what is wrong with the file; nothing is kept then.
    pub fn take(&self, entry: &ChunkEntry, file: &[u8]) -> Result<(), SnapshotError> {
        if !is_seeded(Defect::TakesAnyChunk) {
            self.manifest.check_chunk(entry, file)?;
        }
        let path = chunk_path(&self.folder, &entry.id);
        let new = path.with_extension("new");
        write(self.files.as_ref(), &new, file)?;
        self.files.rename(&new, &path).map_err(io("rename", &new))?;
        self.files.reach(CrashPoint::ChunkKept).map_err(io("go on with", &path))
    }

    /// The snapshot whose chunks were taken. Whoever uses it checks them again.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot, SnapshotError> {
        Snapshot::open_on(&self.files, &self.folder)
    }

    /// Removes what was kept: it has served.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn remove(&self) -> Result<(), SnapshotError> {
        clear(self.files.as_ref(), &self.folder, &BTreeSet::new())
    }
}

/// Removes the manifest and the chunks that are not `needed`, whole or not, and no file of another name.
fn clear(files: &dyn Files, folder: &Path, needed: &BTreeSet<Hash>) -> Result<(), SnapshotError> {
    for path in files.list(folder).map_err(io("read", folder))? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let goes = match name.rsplit_once('.') {
            Some((hash, "chunk")) => hash.parse().is_ok_and(|hash: Hash| !needed.contains(&hash)),
            Some((hash, "new")) => hash.parse::<Hash>().is_ok(),
            _ => name == MANIFEST,
        };
        if goes {
            files.remove_file(&path).map_err(io("remove", &path))?;
        }
    }
    Ok(())
}
