//! The room on the disk: below a floor the node takes no more work, and below a lower one it begins no more blocks, before the disk is full
//! and a write fails.
//!
//! ```text
//!   every second, and before each step of a block: free bytes of the data folder's disk
//!     below disk_free_min_bytes  ─► low:  transactions and snapshots are refused, not ready (`disk_low`); blocks go on
//!     below disk_free_stop_bytes ─► full: and no height, offer or commit is begun, nothing is pruned or scrubbed (`disk_full`)
//!     an eighth above            ─► fine again, without a restart
//! ```
//!
//! Rules
//! - What is finalized is read throughout: a node on a full disk answers every question and gives blocks to peers.
//! - The second floor is never above the first: the smaller of the two counts. What lies below it is for what is under way when the
//!   node stops: a batch, the journals, tables that are being merged.
//! - It takes more room to come back than to go, so that a node at the floor does not change its mind every second.
//! - A disk that does not say how much is free changes nothing.
//!
//! Read next: `consensus/src/room.rs`, which asks before each step.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use consensus::Room;
use telemetry::areas::Storage as StorageMetrics;

/// Pause between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// What is known of the disk.
#[derive(Debug)]
pub struct Disk {
    place: PathBuf,
    low: Floor,
    full: Floor,
    free: AtomicU64,
    metrics: StorageMetrics,
}

/// A floor of free room, and whether the disk is below it.
#[derive(Debug)]
struct Floor {
    bytes: u64,
    is_below: AtomicBool,
}

impl Floor {
    const fn new(bytes: u64) -> Self {
        Self { bytes, is_below: AtomicBool::new(false) }
    }

    fn is_below(&self) -> bool {
        self.is_below.load(Ordering::Relaxed)
    }

    /// Takes a look; true when it changed the verdict.
    fn saw(&self, free: u64) -> bool {
        let enough = if self.is_below() { self.bytes.saturating_add(self.bytes / 8) } else { self.bytes };
        let below = self.bytes > 0 && free < enough;
        self.is_below.swap(below, Ordering::Relaxed) != below
    }
}

impl Disk {
    /// The disk of `place` with these floors, bytes: below the first no work is taken, below the second no block is begun. 0: none. Nothing
    /// is low before the first look.
    pub fn new(place: &Path, (low, full): (u64, u64), metrics: StorageMetrics) -> Self {
        let full = if low == 0 { full } else { full.min(low) };
        let free = AtomicU64::new(u64::MAX);
        Self { place: place.to_owned(), low: Floor::new(low), full: Floor::new(full), free, metrics }
    }

    /// Whether the node takes no more work.
    pub fn is_low(&self) -> bool {
        self.low.is_below() || self.is_full()
    }

    /// Whether the node begins no more blocks.
    pub fn is_full(&self) -> bool {
        self.full.is_below()
    }

    /// Free bytes and the floor, while the disk is low.
    pub fn low(&self) -> Option<(u64, u64)> {
        self.low.is_below().then(|| (self.free.load(Ordering::Relaxed), self.low.bytes))
    }

    /// Free bytes and the second floor, while the disk is full.
    pub fn full(&self) -> Option<(u64, u64)> {
        self.is_full().then(|| (self.free.load(Ordering::Relaxed), self.full.bytes))
    }

    /// Hears how many bytes are free, and says what that changes.
    pub fn saw(&self, free: u64) {
        self.free.store(free, Ordering::Relaxed);
        let (low, full) = (self.low.saw(free), self.full.saw(free));
        self.metrics.disk_free.set(free);
        self.metrics.disk_low.set_bool(self.is_low());
        self.metrics.disk_full.set_bool(self.is_full());
        match (low, self.low()) {
            (true, Some((free, floor))) => tracing::error!(
                free,
                floor,
                "the disk is nearly full: no more transactions are taken; free room, or lower disk_free_min_bytes"
            ),
            (true, None) => tracing::info!(free, "the disk has room again: transactions are taken"),
            (false, _) => {}
        }
        match (full, self.full()) {
            (true, Some((free, floor))) => tracing::error!(
                event = "storage.disk_full",
                free,
                floor,
                "the disk is full: no more blocks are begun, and everything is still read; free room, or lower disk_free_stop_bytes"
            ),
            (true, None) => tracing::info!(event = "storage.disk_room", free, "the disk has room again: blocks go on"),
            (false, _) => {}
        }
    }

    /// Takes one look at the disk.
    pub fn look(&self) {
        if let Some(free) = free(&self.place) {
            self.saw(free);
        }
    }

    /// What consensus asks before each step.
    pub fn room(self: &Arc<Self>) -> Room {
        let disk = Arc::clone(self);
        Room::new(move || {
            disk.look();
            !disk.is_full()
        })
    }
}

/// Free bytes of the disk that holds `path`, for who is not its administrator.
pub fn free(path: &Path) -> Option<u64> {
    let found = nix::sys::statvfs::statvfs(path).ok()?;
    Some(found.blocks_available().saturating_mul(found.fragment_size()))
}

/// Looks again and again until the process ends.
pub async fn watch(disk: Arc<Disk>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let seen = Arc::clone(&disk);
        // A disk that hangs must not hold up the runtime.
        if tokio::task::spawn_blocking(move || seen.look()).await.is_err() {
            return;
        }
    }
}
