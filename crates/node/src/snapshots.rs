//! The snapshots of a running node: made at the configured heights and on demand, kept by number and age, given to others.
//!
//! ```text
//!   replica finalizes height n·interval ── freeze ──► queue of one ──► thread: copy, retention
//!   POST /snapshots ───────────────────── freeze ───────────────────► copy, retention
//!                                                                        └──► listed ──► GET /snapshots, /state-sync/…
//! ```
//!
//! Rules
//! - A height is frozen while the replica reports it, so that all nodes of a network copy the same heights; that takes no
//!   time. The copy is made by a thread of its own; blocks go on.
//! - One copy is made at a time. A height that comes while the one before is still being copied is left out.
//! - A chunk is compared with its name before it is given. A snapshot with a rotten chunk is given to nobody from that moment on, and is
//!   set aside on the disk ([`Shelf::set_aside`]); the next configured height makes a new one.
//! - Memory is only a list: what is on disk at the start counts, and what is made while the node runs.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use ::config::SnapshotConfig;
use primitives::{Hash, Height, SecretKey, Timestamp};
use snapshots::{ChunkEntry, Maker, Shelf, Snapshot, SnapshotError};
use storage::{Frozen, Store};
use telemetry::areas::Snapshots as SnapshotMetrics;

use crate::clock;
use crate::disk::Disk;

/// The snapshots of one node.
pub struct Snapshots {
    shelf: Shelf,
    config: SnapshotConfig,
    /// A drill: every chunk that is given is altered.
    gives_wrong: bool,
    chain_id: String,
    key: SecretKey,
    metrics: SnapshotMetrics,
    disk: Arc<Disk>,
    /// When the node started; the age while there is none counts from here.
    opened: Timestamp,
    listed: RwLock<Vec<Arc<Snapshot>>>,
    /// Rotten ones that still have their names.
    rotten: Mutex<BTreeSet<PathBuf>>,
    /// Held while one is made or set aside.
    door: Mutex<()>,
    queue: OnceLock<SyncSender<Frozen>>,
    chunks_served: AtomicU64,
    bytes_served: AtomicU64,
}

impl Snapshots {
    /// With what is on disk; starts the thread that makes them where heights are configured.
    ///
    /// # Errors
    /// A folder that cannot be read, or a system without threads.
    pub fn open(
        (config, gives_wrong): (SnapshotConfig, bool),
        chain_id: &str,
        key: SecretKey,
        (metrics, disk): (SnapshotMetrics, Arc<Disk>),
    ) -> Result<Arc<Self>, SnapshotError> {
        let shelf = Shelf::new(&config.dir);
        let own = Arc::new(Self {
            shelf,
            config,
            gives_wrong,
            chain_id: chain_id.to_owned(),
            key,
            metrics,
            disk,
            opened: clock::now(),
            listed: RwLock::default(),
            rotten: Mutex::default(),
            door: Mutex::default(),
            queue: OnceLock::new(),
            chunks_served: AtomicU64::new(0),
            bytes_served: AtomicU64::new(0),
        });
        own.refresh()?;
        if own.config.interval_blocks > 0 {
            let (sender, receiver) = sync_channel::<Frozen>(1);
            let maker = Arc::clone(&own);
            let work = move || {
                while let Ok(frozen) = receiver.recv() {
                    // A failure is logged and counted where it happens; the next height tries again.
                    let _ = maker.make(&frozen);
                }
            };
            let spawned = std::thread::Builder::new().name("snapshots".to_owned()).spawn(work);
            spawned.map_err(|source| SnapshotError::Io {
                action: "start the thread for",
                path: own.shelf.path().to_owned(),
                source,
            })?;
            let _ = own.queue.set(sender);
        }
        Ok(own)
    }

    /// Hears that a height is final, under the replica's lock.
    pub fn finalized(&self, height: Height, store: &Store) {
        let Some(queue) = self.queue.get() else { return };
        if !height.0.is_multiple_of(self.config.interval_blocks) {
            return;
        }
        if self.disk.is_low() {
            tracing::warn!(%height, "no snapshot of this height: the disk has less free room than disk_free_min_bytes");
            self.metrics.skipped.inc();
            return;
        }
        match store.freeze() {
            Ok(frozen) if frozen.head().height == height => {
                if queue.try_send(frozen).is_err() {
                    tracing::warn!(%height, "no snapshot of this height: the one before is still being made");
                    self.metrics.skipped.inc();
                }
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%height, %error, "no snapshot of this height"),
        }
    }

    /// Makes a snapshot of the last finalized height. Answers once it is durable.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn make_now(&self, store: &Store) -> Result<Arc<Snapshot>, SnapshotError> {
        self.make(&store.freeze()?)
    }

    fn make(&self, frozen: &Frozen) -> Result<Arc<Snapshot>, SnapshotError> {
        let _door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        self.clear_rotten();
        let started = Instant::now();
        let maker = Maker { chain_id: &self.chain_id, key: &self.key, now: clock::now() };
        let made = self.shelf.create(frozen, &maker, &mut |_| {});
        let made = made.and_then(|snapshot| {
            self.shelf.prune(self.config.keep, self.config.keep_ms(), clock::now())?;
            self.refresh()?;
            Ok(Arc::new(snapshot))
        });
        match &made {
            Ok(snapshot) => {
                self.metrics.made.inc();
                self.metrics.duration.observe(started.elapsed());
                let (height, bytes) = (snapshot.height().0, snapshot.manifest.packed_bytes());
                let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                tracing::info!(height, bytes, milliseconds, "snapshot made");
            }
            Err(error) => {
                self.metrics.failures.inc();
                tracing::error!(%error, "a snapshot could not be made");
            }
        }
        made
    }

    fn refresh(&self) -> Result<(), SnapshotError> {
        let mut whole = Vec::new();
        for (path, snapshot) in self.shelf.list()? {
            match snapshot {
                Ok(_) if self.is_rotten(&path) => {}
                Ok(snapshot) => whole.push(Arc::new(snapshot)),
                Err(error) => tracing::warn!(path = %path.display(), %error, "a snapshot is not whole"),
            }
        }
        *self.listed.write().unwrap_or_else(PoisonError::into_inner) = whole;
        Ok(())
    }

    /// The snapshots, the highest first.
    pub fn listed(&self) -> Vec<Arc<Snapshot>> {
        self.listed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is given to others: the highest.
    pub fn session(&self) -> Option<Arc<Snapshot>> {
        self.listed.read().unwrap_or_else(PoisonError::into_inner).first().cloned()
    }

    /// A chunk of any snapshot, with its place in that one.
    pub fn find(&self, id: &Hash) -> Option<(Arc<Snapshot>, usize, ChunkEntry)> {
        self.listed().into_iter().find_map(|snapshot| {
            let at = snapshot.manifest.chunks().iter().position(|chunk| chunk.id == *id)?;
            let entry = *snapshot.manifest.chunks().get(at)?;
            Some((snapshot, at, entry))
        })
    }

    /// The file of a chunk for somebody else; it counts as given.
    ///
    /// # Errors
    /// [`SnapshotError::MissingChunk`] and [`SnapshotError::ChunkHash`], after which the snapshot is offered no more, or a file that cannot be
    /// read.
    pub fn give(&self, snapshot: &Snapshot, entry: &ChunkEntry) -> Result<Vec<u8>, SnapshotError> {
        let file = snapshot.whole_file(entry);
        if let Err(error) = &file {
            match snapshot.is_damaged_by(error)? {
                true => self.rots(snapshot, error),
                false => self.forget_gone(),
            }
        }
        let mut file = file?;
        let middle = file.len() / 2;
        if let Some(byte) = file.get_mut(middle).filter(|_| self.gives_wrong) {
            *byte ^= 1;
        }
        self.served(file.len());
        Ok(file)
    }

    /// Offers a snapshot no more, and sets it aside; at once, or when the one that is being made is done.
    pub fn rots(&self, snapshot: &Snapshot, error: &SnapshotError) {
        let is_new = self.rotten.lock().unwrap_or_else(PoisonError::into_inner).insert(snapshot.path.clone());
        if !is_new {
            return;
        }
        let mut listed = self.listed.write().unwrap_or_else(PoisonError::into_inner);
        listed.retain(|one| one.path != snapshot.path);
        drop(listed);
        self.metrics.damaged.inc();
        tracing::error!(
            event = "snapshots.damaged",
            path = %snapshot.path.display(),
            height = %snapshot.height(),
            %error,
            "a snapshot rotted: it is offered no more; look at the disk"
        );
        if let Ok(_door) = self.door.try_lock() {
            self.clear_rotten();
        }
    }

    /// Offers no more what somebody has removed beside this process, such as `tb snapshots prune`.
    pub fn forget_gone(&self) {
        let mut listed = self.listed.write().unwrap_or_else(PoisonError::into_inner);
        // A disk that does not answer has removed nothing.
        listed.retain(|snapshot| snapshot.path.try_exists().unwrap_or(true));
    }

    fn is_rotten(&self, path: &PathBuf) -> bool {
        self.rotten.lock().unwrap_or_else(PoisonError::into_inner).contains(path)
    }

    /// Sets aside what rotted. What cannot be is tried again at the next copy; it is offered to nobody meanwhile.
    fn clear_rotten(&self) {
        self.rotten.lock().unwrap_or_else(PoisonError::into_inner).retain(|path| match self.shelf.set_aside(path) {
            Ok(aside) => {
                tracing::warn!(aside = %aside.display(), "the damaged snapshot is set aside");
                false
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a damaged snapshot could not be set aside");
                path.exists()
            }
        });
    }

    /// Takes a snapshot of another folder on the shelf; older ones go as after one that was made here.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn adopt(&self, other: &Snapshot) -> Result<(), SnapshotError> {
        let _door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        self.shelf.adopt(other)?;
        self.shelf.prune(self.config.keep, self.config.keep_ms(), clock::now())?;
        self.refresh()
    }

    /// Notes that a chunk was given.
    fn served(&self, bytes: usize) {
        self.chunks_served.fetch_add(1, Ordering::Relaxed);
        self.bytes_served.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Chunks and bytes given since the start.
    pub fn given(&self) -> (u64, u64) {
        (self.chunks_served.load(Ordering::Relaxed), self.bytes_served.load(Ordering::Relaxed))
    }

    /// Brings the metrics up to date.
    pub fn measure(&self, now: Timestamp) {
        let (chunks, bytes) = self.given();
        self.metrics.chunks_served.set_total(chunks);
        self.metrics.served.set_total(bytes);
        let listed = self.listed();
        self.metrics.kept.set_len(listed.len());
        self.metrics.interval.set(self.config.interval_blocks);
        let newest = listed.first();
        let since = newest.map_or(self.opened, |newest| newest.manifest.made_at);
        self.metrics.age.set(Duration::from_millis(now.since(since)));
        self.metrics.height.set(newest.map_or(0, |newest| newest.height().0));
        self.metrics.size.set(newest.map_or(0, |newest| newest.manifest.packed_bytes()));
    }
}
