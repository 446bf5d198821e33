//! Files of a rebuild: a store that was filled anew takes the place of a damaged one, and the consensus log goes aside with it.
//!
//! ```text
//!   data/store.rebuilding ─► data/store.rebuilt      data/wal ─► data/wal.damaged-<n>      data/store ─► data/store.damaged-<n>
//!   data/store.rebuilt ─► data/store
//! ```
//! Model: each move is one rename, made durable before the next. The log goes before the store, so that no store ever meets a log that is
//! ahead of it.
//!
//! Rules
//! - Nothing but an unfinished or unused new store is ever removed. At most [`ASIDE_MAX`] damaged stores lie aside; then nothing is moved.
//! - A crash leaves the damaged store in place, or no store and a whole `store.rebuilt`, which [`Places::settle`] puts in its place.
//! - The right to use the damaged store is held meanwhile.
//!
//! Read next: `spec/recovery.md`, RCV-39 to 45.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use primitives::Hash;

use crate::backend::disk::take_lock;
use crate::crash::{CrashPoint, reach};
use crate::error::StorageError;
use crate::mark::{Mark, MarkFile};

/// Most damaged stores that lie aside.
pub const ASIDE_MAX: usize = 3;
/// Highest number in the name of one.
const NUMBER_MAX: u32 = 1_000;

/// Where a store, its consensus log, and what takes their place lie. All of them are in one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    store: PathBuf,
    log: PathBuf,
}

/// What was moved aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// The damaged store.
    pub store: PathBuf,
    /// The consensus log; none where there was none.
    pub log: Option<PathBuf>,
}

/// The right to use a damaged store, until it is dropped.
#[derive(Debug)]
pub struct Held(#[expect(dead_code, reason = "held, never read: closing it gives the lock back")] File);

fn io(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> StorageError {
    move |source| StorageError::Io { action, path: path.to_owned(), source }
}

fn exists(path: &Path) -> Result<bool, StorageError> {
    path.try_exists().map_err(io("inspect", path))
}

impl Places {
    /// Of this store and log.
    pub const fn new(store: PathBuf, log: PathBuf) -> Self {
        Self { store, log }
    }

    /// Where the new store is filled.
    pub fn filling(&self) -> PathBuf {
        self.named(&self.store, "rebuilding")
    }

    fn rebuilt(&self) -> PathBuf {
        self.named(&self.store, "rebuilt")
    }

    fn named(&self, path: &Path, suffix: &str) -> PathBuf {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        path.with_file_name(format!("{name}.{suffix}"))
    }

    fn folder(&self) -> &Path {
        self.store.parent().unwrap_or(Path::new("."))
    }

    /// Finishes a rebuild that was interrupted between moving the damaged store aside and putting the new one in its place; true when it did.
    /// Call it before anything opens the store.
    ///
    /// # Errors
    /// A failed file operation.
    pub fn settle(&self) -> Result<bool, StorageError> {
        if exists(&self.store)? || !exists(&self.rebuilt())? {
            return Ok(false);
        }
        self.rename(&self.rebuilt(), &self.store)?;
        Ok(true)
    }

    /// Takes the right to use the damaged store.
    ///
    /// # Errors
    /// [`StorageError::InUse`], or a failed file operation.
    pub fn hold(&self) -> Result<Held, StorageError> {
        take_lock(&self.store).map(Held)
    }

    /// What the damaged store acknowledged last.
    ///
    /// # Errors
    /// [`StorageError::DamagedFile`] and [`StorageError::OtherChain`].
    pub fn mark(&self, genesis: &Hash) -> Result<Mark, StorageError> {
        MarkFile::open(&self.store.join("store").join("head"), genesis).map(|(_, mark)| mark)
    }

    /// Damaged stores that lie aside.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn asides(&self) -> Result<Vec<PathBuf>, StorageError> {
        let prefix = self.named(&self.store, "damaged-");
        let prefix = prefix.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut found = Vec::new();
        for entry in fs::read_dir(self.folder()).map_err(io("read", self.folder()))? {
            let entry = entry.map_err(io("read", self.folder()))?;
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                found.push(entry.path());
            }
        }
        found.sort();
        Ok(found)
    }

    /// Bytes that the damaged store takes.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn bytes(&self) -> Result<u64, StorageError> {
        let (mut bytes, mut folders) = (0_u64, vec![self.store.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(io("read", &folder))? {
                let entry = entry.map_err(io("read", &folder))?;
                let path = entry.path();
                let found = entry.metadata().map_err(io("inspect", &path))?;
                if found.is_dir() {
                    folders.push(path);
                } else {
                    bytes = bytes.saturating_add(found.len());
                }
            }
        }
        Ok(bytes)
    }

    /// Removes what an earlier rebuild left unfinished or unused. Without a store in its place nothing is unused.
    ///
    /// # Errors
    /// A failed file operation.
    pub fn clear(&self) -> Result<(), StorageError> {
        if !exists(&self.store)? {
            return Ok(());
        }
        for path in [self.filling(), self.rebuilt()] {
            if exists(&path)? {
                fs::remove_dir_all(&path).map_err(io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Puts the store that was filled in the place of the damaged one. Both must be closed.
    ///
    /// # Errors
    /// A failed file operation, or too many damaged stores aside; the damaged store is where it was.
    pub fn put_in_place(&self) -> Result<Aside, StorageError> {
        let asides = self.asides()?;
        if asides.len() >= ASIDE_MAX {
            return Err(StorageError::TooManyAside { folder: self.folder().to_owned(), count: asides.len() });
        }
        let (store_aside, log_aside) = self.free_names()?;
        self.rename(&self.filling(), &self.rebuilt())?;
        reach(CrashPoint::RebuildFilled);
        let has_log = exists(&self.log)?;
        if has_log {
            self.rename(&self.log, &log_aside)?;
        }
        reach(CrashPoint::RebuildLogAside);
        if let Err(error) = self.rename(&self.store, &store_aside) {
            if has_log {
                self.rename(&log_aside, &self.log)?;
            }
            return Err(error);
        }
        reach(CrashPoint::RebuildStoreAside);
        self.rename(&self.rebuilt(), &self.store)?;
        reach(CrashPoint::RebuildInPlace);
        Ok(Aside { store: store_aside, log: has_log.then_some(log_aside) })
    }

    fn free_names(&self) -> Result<(PathBuf, PathBuf), StorageError> {
        for number in 1..=NUMBER_MAX {
            let suffix = format!("damaged-{number}");
            let (store, log) = (self.named(&self.store, &suffix), self.named(&self.log, &suffix));
            if !exists(&store)? && !exists(&log)? {
                return Ok((store, log));
            }
        }
        let count = usize::try_from(NUMBER_MAX).unwrap_or(usize::MAX);
        Err(StorageError::TooManyAside { folder: self.folder().to_owned(), count })
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), StorageError> {
        fs::rename(from, to).map_err(io("rename", from))?;
        File::open(self.folder()).and_then(|folder| folder.sync_all()).map_err(io("sync", self.folder()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a damaged store, a log and a store that was filled.
    fn folder() -> (tempfile::TempDir, Places) {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, word) in [("store", "damaged"), ("wal", "log"), ("store.rebuilding", "new")] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("word"), word).unwrap();
        }
        let places = Places::new(at("store"), at("wal"));
        (folder, places)
    }

    fn word(path: &Path) -> String {
        fs::read_to_string(path.join("word")).unwrap_or_default()
    }

    #[test]
    fn the_new_store_takes_the_place_and_nothing_is_lost() {
        let (_folder, places) = folder();
        let held = places.hold().unwrap();
        assert!(matches!(places.hold(), Err(StorageError::InUse { .. })), "nobody else may use it");
        let aside = places.put_in_place().unwrap();
        drop(held);
        assert_eq!(word(&places.store), "new");
        assert_eq!(
            (word(&aside.store), aside.log.as_deref().map(word)),
            ("damaged".to_owned(), Some("log".to_owned()))
        );
        assert!(!places.log.exists() && !places.settle().unwrap());
        assert_eq!(places.asides().unwrap(), [aside.store]);
    }

    #[test]
    fn a_rebuild_that_ended_between_two_moves_is_finished_and_an_unused_store_is_not_taken() {
        let (_folder, places) = folder();
        fs::rename(places.filling(), places.rebuilt()).unwrap();
        assert!(!places.settle().unwrap(), "the store is there");
        assert_eq!(word(&places.store), "damaged");
        fs::rename(&places.store, places.store.with_file_name("store.damaged-1")).unwrap();
        assert!(places.settle().unwrap());
        assert_eq!(word(&places.store), "new");
        fs::create_dir(places.filling()).unwrap();
        places.clear().unwrap();
        assert!(!places.filling().exists() && places.store.exists());
        fs::rename(&places.store, places.rebuilt()).unwrap();
        places.clear().unwrap();
        assert_eq!(word(&places.rebuilt()), "new", "it is all there is");
    }

    #[test]
    fn a_store_that_cannot_be_moved_brings_its_log_back() {
        let (_folder, places) = folder();
        fs::remove_dir_all(&places.store).unwrap();
        assert!(matches!(places.put_in_place(), Err(StorageError::Io { .. })));
        assert_eq!(word(&places.log), "log");
    }

    #[test]
    fn no_more_than_the_bound_lie_aside() {
        let (folder, places) = folder();
        for number in 1..=ASIDE_MAX {
            fs::create_dir(folder.path().join(format!("store.damaged-{number}"))).unwrap();
        }
        assert!(matches!(places.put_in_place(), Err(StorageError::TooManyAside { count: ASIDE_MAX, .. })));
        assert_eq!((word(&places.store), word(&places.log)), ("damaged".to_owned(), "log".to_owned()));
    }
}
