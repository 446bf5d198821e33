//! Opening a store: what it must prove before anyone may use it.
//!
//! ```text
//! lock ─▶ audit files ─▶ engine opens ─▶ schema ─▶ chain ─▶ tip against mark ─▶ sync ─▶ verify values
//! ```
//! Each step refuses by name. After a crash the newest durable batch is found by the engine; if it is ahead of
//! the mark by one, the crash came between the two and the mark is brought forward.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use primitives::{Hash, Height};

use crate::audit::Audit;
use crate::backend::disk::Disk;
use crate::backend::faulty::{Faulty, FaultyDisk};
use crate::backend::memory::{Map, Memory};
use crate::backend::{Backend, Range};
use crate::base::Base;
use crate::columns::{Column, GENESIS, HISTORY, PRUNING, SCHEMA, SCHEMA_VERSION, TIP, height_key, height_of_key};
use crate::error::StorageError;
use crate::headers::read_header;
use crate::mark::{Head, Mark};
use crate::migrate::SCHEMA_OLDEST;
use crate::quarantine::Record;
use crate::read::read_height;
use crate::value::{Reason, decode, seal};

/// Columns with one value for each height whose body is kept.
const BODY_COLUMNS: [Column; 4] = [Column::Blocks, Column::Receipts, Column::Operations, Column::Closing];
/// How many they are.
const BODY_COLUMNS_COUNT: u64 = 4;
/// Heights whose values [`Verify::Recent`] reads.
pub const RECENT_HEIGHTS: u64 = 1_000;

/// How much is read and verified at the start. State is always verified in full when it is loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verify {
    /// Every file and every value.
    #[default]
    Full,
    /// Manifests, journals and the last [`RECENT_HEIGHTS`] blocks; older values when they are read.
    Recent,
    /// `Full` where the head is at most at this height, `Recent` above it, so that a long chain does not make a long start.
    FullUpTo(Height),
}

impl Verify {
    /// Whether it is every file and every value in a store with this head.
    pub(crate) fn is_full(self, head: Height) -> bool {
        match self {
            Self::Full => true,
            Self::Recent => false,
            Self::FullUpTo(last) => head <= last,
        }
    }
}

/// Where the store lives.
#[derive(Debug, Clone)]
pub enum StoreConfig {
    /// In a directory, created when it is absent.
    Disk {
        /// The directory.
        path: PathBuf,
        /// What is verified at the start.
        verify: Verify,
    },
    /// In memory; ends with the process.
    Memory,
    /// On a disk whose failures are chosen by a test or the simulator.
    Faulty(FaultyDisk),
}

/// What opening did.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    /// Engine files that were read.
    pub audit: Audit,
    /// Values that were verified.
    pub values: u64,
    /// How long all of it took.
    pub elapsed: Duration,
}

struct Inner {
    backend: Box<dyn Backend>,
    genesis: Hash,
    writer: Mutex<u64>,
    head: RwLock<Option<Head>>,
    poison: OnceLock<String>,
    opening: Opening,
    /// Most bytes that the store may take; 0: no limit.
    limit: AtomicU64,
    /// The height that the history begins after: 0 with genesis.
    base: AtomicU64,
    /// Heights whose bodies are damaged.
    quarantine: RwLock<Record>,
    /// How many views of one moment are kept.
    views: Arc<AtomicU64>,
}

/// The durable storage of one node. Clones are the same store.
///
/// After a failed write every call answers [`StorageError::Poisoned`]: restart to recover.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("place", &self.inner.backend.place()).field("head", &self.head()).finish()
    }
}

/// The meta entries of a new store.
fn fresh(genesis: &Hash) -> (Map, Mark) {
    let mark = Mark { batch: 0, head: None };
    let entries: [(&[u8], Vec<u8>); 4] = [
        (SCHEMA, SCHEMA_VERSION.to_le_bytes().to_vec()),
        (GENESIS, genesis.0.to_vec()),
        (TIP, primitives::encode(&mark)),
        (HISTORY, vec![1]),
    ];
    let sealed = entries.map(|(key, payload)| (Column::Meta.engine_key(key), seal(Column::Meta, key, &payload)));
    (Map::from(sealed), mark)
}

impl Store {
    /// Opens the store of the chain with this genesis hash, creating it when there is none.
    ///
    /// # Errors
    /// The store is refused when another process uses it, when it has another schema or belongs to another chain,
    /// when a file or a value is damaged, or when acknowledged blocks are missing; one variant of
    /// [`StorageError`] each.
    pub fn open(config: &StoreConfig, genesis: &Hash) -> Result<Self, StorageError> {
        Self::open_of_schema(config, genesis, SCHEMA_VERSION..=SCHEMA_VERSION, &mut |_, _| {}).map(|(store, _)| store)
    }

    /// Opens a store without reading its values: what is damaged in them shows when it is read. Files are checked as far as
    /// the configuration says.
    pub(crate) fn open_unverified(config: &StoreConfig, genesis: &Hash) -> Result<Self, StorageError> {
        Self::open_identified(config, genesis, SCHEMA_VERSION..=SCHEMA_VERSION).map(|(store, ..)| store)
    }

    /// Opens a store whose schema is one of these; gives which. `progress` is told how many of how many values of heights are
    /// verified.
    pub(crate) fn open_of_schema(
        config: &StoreConfig,
        genesis: &Hash,
        schemas: RangeInclusive<u32>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(Self, u32), StorageError> {
        let started = Instant::now();
        let (mut store, schema, verify) = Self::open_identified(config, genesis, schemas)?;
        let (tip, audit) = (store.head(), store.inner.opening.audit);
        let values = store.verify(verify, tip, progress)?;
        let opening = Opening { audit, values, elapsed: started.elapsed() };
        Arc::get_mut(&mut store.inner).expect("nobody else has the handle yet").opening = opening;
        tracing::info!(
            place = store.inner.backend.place(),
            height = tip.map_or(0, |head| head.height.0),
            files = audit.files,
            bytes = audit.bytes,
            values,
            milliseconds = u64::try_from(opening.elapsed.as_millis()).unwrap_or(u64::MAX),
            "store opened",
        );
        Ok((store, schema))
    }

    /// Opens a store and looks at its schema, chain and mark.
    fn open_identified(
        config: &StoreConfig,
        genesis: &Hash,
        schemas: RangeInclusive<u32>,
    ) -> Result<(Self, u32, Verify), StorageError> {
        let (map, mark) = fresh(genesis);
        let (backend, audit, verify): (Box<dyn Backend>, _, _) = match config {
            StoreConfig::Disk { path, verify } => {
                let (disk, audit) = Disk::open(path, genesis, *verify, (map, mark))?;
                (Box::new(disk), audit, *verify)
            }
            StoreConfig::Memory => (Box::new(Memory::new(map, mark)), Audit::default(), Verify::Full),
            StoreConfig::Faulty(disk) => {
                let faulty = Faulty::open(disk).unwrap_or_else(|| Faulty::create(disk, map, mark));
                (Box::new(faulty), Audit::default(), Verify::Full)
            }
        };
        let opening = Opening { audit, values: 0, elapsed: Duration::ZERO };
        let mut inner = Inner {
            backend,
            genesis: *genesis,
            writer: Mutex::new(0),
            head: RwLock::new(None),
            poison: OnceLock::new(),
            opening,
            limit: AtomicU64::new(0),
            base: AtomicU64::new(0),
            quarantine: RwLock::default(),
            views: Arc::default(),
        };
        let schema = inner.check_schema(&schemas)?;
        let tip = inner.check_identity()?;
        inner.writer = Mutex::new(tip.batch);
        inner.head = RwLock::new(tip.head);
        let store = Self { inner: Arc::new(inner) };
        if let Some(Base { header, .. }) = store.base()? {
            store.set_base_height(header.height);
        }
        store.load_quarantine()?;
        Ok((store, schema, verify))
    }

    /// The last durable block, or none before [`Store::initialise`].
    pub fn head(&self) -> Option<Head> {
        *self.inner.head.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What opening verified, and how long it took.
    pub fn opening(&self) -> Opening {
        self.inner.opening
    }

    /// Bounds the bytes that the store takes ([`Store::sizes`]): a write beyond is refused before anything is written.
    /// 0: no limit.
    pub fn set_limit(&self, bytes: u64) {
        self.inner.limit.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn base_height(&self) -> Height {
        Height(self.inner.base.load(Ordering::Acquire))
    }

    pub(crate) fn set_base_height(&self, height: Height) {
        self.inner.base.store(height.0, Ordering::Release);
    }

    pub(crate) fn quarantine_record(&self) -> &RwLock<Record> {
        &self.inner.quarantine
    }

    pub(crate) fn views(&self) -> &Arc<AtomicU64> {
        &self.inner.views
    }

    pub(crate) fn limit(&self) -> Option<u64> {
        Some(self.inner.limit.load(Ordering::Relaxed)).filter(|limit| *limit > 0)
    }

    /// The genesis hash of the chain.
    pub fn genesis(&self) -> &Hash {
        &self.inner.genesis
    }

    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.inner.backend
    }

    /// The right to write, with the number of the last batch.
    pub(crate) fn writer(&self) -> Result<MutexGuard<'_, u64>, StorageError> {
        let writer = self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_poison()?;
        Ok(writer)
    }

    pub(crate) fn set_head(&self, head: Option<Head>) {
        *self.inner.head.write().unwrap_or_else(PoisonError::into_inner) = head;
    }

    pub(crate) fn check_poison(&self) -> Result<(), StorageError> {
        match self.inner.poison.get() {
            Some(cause) => Err(StorageError::Poisoned { cause: cause.clone() }),
            None => Ok(()),
        }
    }

    /// Closes the store because of `error`, which is returned.
    pub(crate) fn poison(&self, error: StorageError) -> StorageError {
        if self.inner.poison.set(error.to_string()).is_ok() {
            tracing::error!(%error, "store closed after a failed write");
        }
        error
    }

    pub(crate) fn damaged(&self, column: Column, key: &[u8], reason: Reason) -> StorageError {
        self.inner.damaged(column, key, reason)
    }

    /// Reads values as `verify` says; returns how many.
    fn verify(
        &self,
        verify: Verify,
        head: Option<Head>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<u64, StorageError> {
        let last = head.map_or(Height::GENESIS, |head| head.height);
        let is_full = verify.is_full(last);
        let first = match is_full {
            true => Height(1),
            false => Height(last.0.saturating_sub(RECENT_HEIGHTS).saturating_add(1)),
        };
        let first = first.max(self.oldest());
        let (mut values, heights) = (0_u64, last.0.saturating_add(1).saturating_sub(first.0));
        for (done, column) in (0_u64..).zip(BODY_COLUMNS) {
            let before = done.saturating_mul(heights);
            values += self.verify_heights(column, first, last, &mut |height| {
                let done = before.saturating_add(height.0.saturating_add(1).saturating_sub(first.0));
                progress(done, heights.saturating_mul(BODY_COLUMNS_COUNT));
            })?;
        }
        values += self.verify_all(&[Column::Meta, Column::Candidates])?;
        if is_full {
            values += self.verify_all(&[Column::Transactions, Column::History])?;
            values += self.verify_hashes(head)?;
            values += self.verify_windows()?;
            values += self.verify_headers()?;
        }
        if let Some(head) = head
            && self.height_of(&head.block)? != Some(head.height)
        {
            return Err(self.damaged(Column::Hashes, &head.block.0, "it does not lead to the head".to_owned()));
        }
        Ok(values)
    }

    fn verify_all(&self, columns: &[Column]) -> Result<u64, StorageError> {
        let mut values = 0;
        for column in columns {
            self.visit(*column, &Range::default(), |_, _| {
                values += 1;
                Ok(true)
            })?;
        }
        Ok(values)
    }

    /// Every height from `first` to `last` has exactly one value, quarantined ones apart, and nothing follows.
    fn verify_heights(
        &self,
        column: Column,
        first: Height,
        last: Height,
        seen: &mut dyn FnMut(Height),
    ) -> Result<u64, StorageError> {
        let mut expected = first;
        let range = Range { from: height_key(first).to_vec(), ..Range::default() };
        self.visit(column, &range, |key, _| {
            let height = height_of_key(key).ok_or("its key has another length")?;
            while expected < height && self.is_quarantined(expected) {
                expected = expected.next();
            }
            if height != expected || height > last {
                return Err(format!("height {expected} was expected here, the head is {last}"));
            }
            seen(height);
            expected = expected.next();
            Ok(true)
        })?;
        while expected <= last && self.is_quarantined(expected) {
            expected = expected.next();
        }
        if expected <= last {
            return Err(self.damaged(column, &height_key(expected), "it is missing below the head".to_owned()));
        }
        Ok(expected.0.saturating_sub(first.0))
    }

    /// One header for each height from the oldest that is kept up to the base, if anything was pruned, and each is that of its height.
    fn verify_headers(&self) -> Result<u64, StorageError> {
        let Some(pruning) = self.pruning()? else {
            return self.verify_heights(Column::Headers, Height(1), Height(0), &mut |_| {});
        };
        let (first, base) = (pruning.first.max(Height(1)), self.base_height());
        if pruning.checkpoint.height != base {
            let reason =
                format!("its checkpoint is of height {}, the history begins after {base}", pruning.checkpoint.height);
            return Err(self.damaged(Column::Meta, PRUNING, reason));
        }
        self.visit(Column::Headers, &Range::default(), |key, payload| {
            let (header, _) = read_header(payload)?;
            if height_of_key(key) == Some(header.height) { Ok(true) } else { Err("it is of another height".to_owned()) }
        })?;
        self.verify_heights(Column::Headers, first, base, &mut |_| {})
    }

    /// One hash for each height up to the head, from genesis, the base or the oldest kept header on, which is included.
    fn verify_hashes(&self, head: Option<Head>) -> Result<u64, StorageError> {
        let mut values = 0_u64;
        self.visit(Column::Hashes, &Range::default(), |_, payload| {
            let height = read_height(payload)?;
            values += 1;
            if self.head().is_some_and(|head| height <= head.height) {
                Ok(true)
            } else {
                Err(format!("it leads to height {height}, above the head"))
            }
        })?;
        let first = self.first_hash()?;
        let expected = head.map_or(0, |head| head.height.0.saturating_sub(first.0).saturating_add(1));
        // The hash of a quarantined height may be unknown.
        let unknown = u64::try_from(self.quarantined().len()).unwrap_or(u64::MAX);
        if values <= expected && values >= expected.saturating_sub(unknown) {
            return Ok(values);
        }
        Err(self.damaged(Column::Hashes, &[], format!("{values} block hashes for {expected} heights")))
    }
}

impl Inner {
    fn damaged(&self, column: Column, key: &[u8], reason: Reason) -> StorageError {
        StorageError::Damaged { column: column.name(), key: hex::encode(key), place: self.backend.place(), reason }
    }

    fn meta(&self, key: &[u8]) -> Result<Vec<u8>, StorageError> {
        let wrong = |reason| self.damaged(Column::Meta, key, reason);
        let value = self.backend.get(Column::Meta, key)?.ok_or_else(|| wrong("it is missing".to_owned()))?;
        crate::value::unseal(Column::Meta, key, &value).map(<[u8]>::to_vec).map_err(wrong)
    }

    /// The schema, if it is one of these.
    fn check_schema(&self, schemas: &RangeInclusive<u32>) -> Result<u32, StorageError> {
        let schema = self.meta(SCHEMA)?;
        let schema: [u8; 4] = schema
            .as_slice()
            .try_into()
            .map_err(|_| self.damaged(Column::Meta, SCHEMA, "it is not 4 bytes long".to_owned()))?;
        let found = u32::from_le_bytes(schema);
        let (place, supported) = (self.backend.place(), SCHEMA_VERSION);
        if schemas.contains(&found) {
            Ok(found)
        } else if (SCHEMA_OLDEST..SCHEMA_VERSION).contains(&found) {
            Err(StorageError::OldSchema { place, found, supported })
        } else {
            Err(StorageError::UnknownSchema { place, found, supported })
        }
    }

    /// Chain and completeness; returns the newest batch, durable and marked.
    fn check_identity(&self) -> Result<Mark, StorageError> {
        let place = self.backend.place();
        let found = self.meta(GENESIS)?;
        if found != self.genesis.0 {
            let expected = self.genesis.to_string();
            return Err(StorageError::OtherChain { place, found: hex::encode(found), expected });
        }
        let tip: Mark = decode(&self.meta(TIP)?).map_err(|reason| self.damaged(Column::Meta, TIP, reason))?;
        self.check_mark(&tip)?;
        // A crash may have left the last batch in the page cache only, and its mark unwritten.
        self.backend.sync()?;
        self.backend.write_mark(&tip)?;
        Ok(tip)
    }

    fn check_mark(&self, tip: &Mark) -> Result<(), StorageError> {
        let mark = self.backend.opened_mark();
        if tip.batch < mark.batch {
            return Err(StorageError::LostBlocks {
                place: self.backend.place(),
                stored: tip.batch,
                stored_height: tip.height(),
                marked: mark.batch,
                marked_height: mark.height(),
            });
        }
        let behind = tip.batch - mark.batch;
        if behind > 1 || (behind == 0 && *tip != mark) {
            let reason = format!("the mark says batch {}, the store has batch {}", mark.batch, tip.batch);
            return Err(self.damaged(Column::Meta, TIP, reason));
        }
        Ok(())
    }
}
