//! The engine on disk: fjall, a log-structured merge tree.
//!
//! ```text
//! home/lock            held while a process has the store open
//! home/store/head      the mark (`mark.rs`)
//! home/store/engine/   fjall: version, N.jnl journals, keyspaces/N/{current, vN, tables/N}
//! home/store.new/      a store that is being created; removed at the next start
//! ```
//! - Creation is atomic: a new store is filled below `store.new` and renamed when it is durable.
//! - One batch of ours is one journal record, which the engine checksums and applies as a whole.
//! - Memory is bounded by the constants below.
//! - The engine's files are audited before it opens them (`audit.rs`), because it repairs what it does not
//!   understand by deleting it. A panic inside the engine is caught and returned as an error.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot};
use primitives::Hash;

use super::memory::Map;
use super::{Backend, Op, Range, StoreSizes, View, Visitor};
use crate::audit::{self, Audit, BadFile};
use crate::columns::{Column, SEQUENCE, Space};
use crate::error::StorageError;
use crate::mark::{Mark, MarkFile};
use crate::open::Verify;
use crate::value::seal;

/// Bytes of engine blocks kept in memory.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of unflushed writes kept in memory, per space.
const MEMTABLE_BYTES: u64 = 16 * 1024 * 1024;
/// Bytes of journals before the engine forces a flush.
const JOURNAL_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Threads that flush and merge.
const WORKER_THREADS: usize = 2;
/// Files the engine keeps open.
const OPEN_FILES_MAX: usize = 256;

/// The open engine.
pub(crate) struct Disk {
    // Fields drop in order: the engine closes before the lock is released.
    spaces: Vec<Keyspace>,
    database: Database,
    mark_file: MarkFile,
    opened_mark: Mark,
    place: PathBuf,
    _lock: File,
}

fn io(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> StorageError {
    move |source| StorageError::Io { action, path: path.to_owned(), source }
}

/// Runs an engine call; an error or a panic becomes [`StorageError::Engine`].
fn engine<T>(action: &'static str, place: &Path, call: impl FnOnce() -> fjall::Result<T>) -> Result<T, StorageError> {
    let failed = |cause: String| StorageError::Engine { action, place: place.display().to_string(), cause };
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) if is_damage(&error) => {
            Err(StorageError::DamagedFile { path: place.to_owned(), reason: format!("cannot {action}: {error}") })
        }
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            Err(failed(format!("the engine panicked: {text}")))
        }
    }
}

/// True for errors that say that a file's content makes no sense, false for those of the operating system.
fn is_damage(error: &fjall::Error) -> bool {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => {
            error.kind() == std::io::ErrorKind::UnexpectedEof || error.kind() == std::io::ErrorKind::InvalidData
        }
        fjall::Error::Poisoned | fjall::Error::KeyspaceDeleted | fjall::Error::Locked => false,
        _ => true,
    }
}

fn sync_directory(path: &Path) -> Result<(), StorageError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(io("sync", path))
}

pub(crate) fn take_lock(home: &Path) -> Result<File, StorageError> {
    let path = home.join("lock");
    let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = open.map_err(io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StorageError::InUse { path: home.to_owned() }),
        Err(TryLockError::Error(error)) => Err(io("lock", &path)(error)),
    }
}

fn open_database(path: &Path) -> Result<Database, StorageError> {
    engine("open", path, || {
        Database::builder(path)
            .cache_size(CACHE_BYTES)
            .max_cached_files(Some(OPEN_FILES_MAX))
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .worker_threads(WORKER_THREADS)
            .manual_journal_persist(true)
            .open()
    })
}

fn open_spaces(database: &Database, path: &Path) -> Result<Vec<Keyspace>, StorageError> {
    let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES).manual_journal_persist(true);
    Space::ALL
        .into_iter()
        .map(|space| engine("open a space", path, || database.keyspace(space.name(), options)))
        .collect()
}

/// An empty batch that carries its floor. Nobody else makes batches meanwhile: the store has one writer.
fn batch_with_floor(database: &Database, meta: &Keyspace) -> fjall::OwnedWriteBatch {
    let mut batch = database.batch();
    let floor = seal(Column::Meta, SEQUENCE, &database.seqno().to_le_bytes());
    batch.insert(meta, Column::Meta.engine_key(SEQUENCE), floor);
    batch
}

/// Fills `store.new` and renames it.
fn create(home: &Path, genesis: &Hash, map: Map, mark: &Mark) -> Result<(), StorageError> {
    let new = home.join("store.new");
    if new.try_exists().map_err(io("inspect", &new))? {
        fs::remove_dir_all(&new).map_err(io("remove", &new))?;
    }
    fs::create_dir(&new).map_err(io("create", &new))?;
    let path = new.join("engine");
    let database = open_database(&path)?;
    let spaces = open_spaces(&database, &path)?;
    let meta = &spaces[0];
    engine("write", &path, || {
        let mut batch = batch_with_floor(&database, meta);
        for (key, value) in map {
            batch.insert(meta, key, value);
        }
        batch.commit()?;
        database.persist(PersistMode::SyncAll)
    })?;
    drop(spaces);
    drop(database);
    MarkFile::create(&new.join("head"), genesis, mark)?;
    sync_directory(&new)?;
    fs::rename(&new, home.join("store")).map_err(io("rename", &new))?;
    sync_directory(home)
}

impl Disk {
    /// Opens the store below `home`, creating it with the meta entries `fresh` when there is none.
    pub(crate) fn open(
        home: &Path,
        genesis: &Hash,
        verify: Verify,
        fresh: (Map, Mark),
    ) -> Result<(Self, Audit), StorageError> {
        fs::create_dir_all(home).map_err(io("create", home))?;
        let lock = take_lock(home)?;
        let store = home.join("store");
        let repaired = home.join("store.repaired");
        if !store.try_exists().map_err(io("inspect", &store))?
            && repaired.try_exists().map_err(io("inspect", &repaired))?
        {
            // A repair ended between moving the damaged store aside and putting this one in its place (`repair.rs`).
            fs::rename(&repaired, &store).map_err(io("rename", &repaired))?;
            sync_directory(home)?;
        }
        if !store.try_exists().map_err(io("inspect", &store))? {
            create(home, genesis, fresh.0, &fresh.1)?;
        }
        let (mark_file, opened_mark) = MarkFile::open(&store.join("head"), genesis)?;
        let path = store.join("engine");
        let mut audit = audit::engine_files(&path, verify, &opened_mark)?;
        audit.marks_mended = mark_file.mended();
        let database = open_database(&path)?;
        for space in Space::ALL {
            if !engine("open a space", &path, || Ok(database.keyspace_exists(space.name())))? {
                return Err(StorageError::DamagedFile {
                    path: path.join("keyspaces"),
                    reason: format!("space {} is missing", space.name()),
                });
            }
        }
        let spaces = open_spaces(&database, &path)?;
        Ok((Self { spaces, database, mark_file, opened_mark, place: store, _lock: lock }, audit))
    }

    fn space(&self, column: Column) -> &Keyspace {
        space_of(&self.spaces, column)
    }
}

/// One moment of the engine, in every space.
struct Moment {
    snapshot: Snapshot,
    spaces: Vec<Keyspace>,
    place: PathBuf,
}

impl Moment {
    fn space(&self, column: Column) -> &Keyspace {
        space_of(&self.spaces, column)
    }
}

impl View for Moment {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        engine("read a value", &self.place, || {
            let value = self.snapshot.get(self.space(column), column.engine_key(key))?;
            Ok(value.map(|value| value.to_vec()))
        })
    }

    fn visit(&self, column: Column, range: &Range, visitor: &mut Visitor<'_>) -> Result<(), StorageError> {
        let (from, to) = range.engine_keys(column);
        engine("read a range", &self.place, || walk(self.snapshot.range(self.space(column), from..to), false, visitor))
    }
}

/// The space of a column.
fn space_of(spaces: &[Keyspace], column: Column) -> &Keyspace {
    space_at(spaces, column.space())
}

fn space_at(spaces: &[Keyspace], space: Space) -> &Keyspace {
    let position = Space::ALL.iter().position(|known| *known == space);
    &spaces[position.expect("every space is in Space::ALL and opened in its order")]
}

/// Hands entries to the visitor until it has enough.
fn walk(mut entries: fjall::Iter, reverse: bool, visitor: &mut Visitor<'_>) -> fjall::Result<()> {
    while let Some(entry) = if reverse { entries.next_back() } else { entries.next() } {
        let (key, value) = entry.into_inner()?;
        if let ControlFlow::Break(()) = visitor(&key[1..], &value) {
            break;
        }
    }
    Ok(())
}

impl Backend for Disk {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        engine("read a value", &self.place, || {
            Ok(self.space(column).get(column.engine_key(key))?.map(|value| value.to_vec()))
        })
    }

    fn visit(&self, column: Column, range: &Range, visitor: &mut Visitor<'_>) -> Result<(), StorageError> {
        let (from, to) = range.engine_keys(column);
        if from >= to {
            return Ok(());
        }
        engine("read a range", &self.place, || walk(self.space(column).range(from..to), range.reverse, visitor))
    }

    fn freeze(&self) -> Result<Box<dyn View>, StorageError> {
        let snapshot = engine("freeze", &self.place, || Ok(self.database.snapshot()))?;
        Ok(Box::new(Moment { snapshot, spaces: self.spaces.clone(), place: self.place.clone() }))
    }

    fn write(&self, batch: Vec<Op>) -> Result<(), StorageError> {
        engine("write a batch", &self.place, || {
            let mut engine_batch = batch_with_floor(&self.database, self.space(Column::Meta));
            for op in batch {
                let key = op.column.engine_key(&op.key);
                match op.value {
                    Some(value) => engine_batch.insert(self.space(op.column), key, value),
                    None => engine_batch.remove(self.space(op.column), key),
                }
            }
            engine_batch.commit()
        })
    }

    fn sync(&self) -> Result<(), StorageError> {
        engine("sync", &self.place, || self.database.persist(PersistMode::SyncData))
    }

    fn opened_mark(&self) -> Mark {
        self.opened_mark
    }

    fn write_mark(&self, mark: &Mark) -> Result<(), StorageError> {
        self.mark_file.write(mark)
    }

    fn flush(&self) -> Result<(), StorageError> {
        // A sealed journal goes once no space needs it, so every space writes its newest values; the active one stays until the engine seals it.
        engine("flush the journals", &self.place, || {
            self.spaces.iter().try_for_each(Keyspace::rotate_memtable_and_wait)
        })
    }

    fn bad_files(&self, look: &mut dyn FnMut(u64) -> bool) -> Result<Vec<BadFile>, StorageError> {
        audit::running_files(&self.place.join("engine"), look)
    }

    fn journal_bytes(&self) -> Result<u64, StorageError> {
        engine("measure the journals", &self.place, || self.database.journal_disk_space())
    }

    fn compact(&self, space: Space) -> Result<u64, StorageError> {
        let space = space_at(&self.spaces, space);
        engine("take back room", &self.place, || {
            // What is removed in memory only would leave the tables as they are.
            space.rotate_memtable_and_wait()?;
            let bytes = space.disk_space();
            space.major_compact()?;
            Ok(bytes)
        })
    }

    fn sizes(&self) -> Result<StoreSizes, StorageError> {
        let of = |column: Column| self.space(column).disk_space();
        Ok(StoreSizes {
            journal_bytes: self.journal_bytes()?,
            blocks_bytes: of(Column::Blocks),
            receipts_bytes: of(Column::Receipts),
            index_bytes: of(Column::Transactions),
            state_bytes: of(Column::Slots),
            meta_bytes: of(Column::Meta),
        })
    }

    fn place(&self) -> String {
        self.place.display().to_string()
    }
}
