//! The room on the disk: below a floor the node takes no more work, before the disk is full and a write fails.
//!
//! ```text
//!   every second: free bytes of the data folder's disk ── below the floor ──► low: transactions and snapshots are refused,
//!                                                      ── an eighth above ──► fine again       not ready (`disk_low`)
//! ```
//!
//! Rules
//! - Blocks that others decide are still made durable, and everything is still read: a full node stays a full node.
//! - It takes more room to come back than to go, so that a node at the floor does not change its mind every second.
//! - A disk that does not say how much is free changes nothing.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::shared::Shared;

/// Pause between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// What is known of the disk.
#[derive(Debug)]
pub struct Disk {
    floor: u64,
    free: AtomicU64,
    low: AtomicBool,
}

impl Disk {
    /// With this floor, bytes; 0: none. Nothing is low before the first look.
    pub const fn new(floor: u64) -> Self {
        Self { floor, free: AtomicU64::new(u64::MAX), low: AtomicBool::new(false) }
    }

    /// Whether the node takes no more work.
    pub fn is_low(&self) -> bool {
        self.low.load(Ordering::Relaxed)
    }

    /// Free bytes and the floor, while the disk is low.
    pub fn low(&self) -> Option<(u64, u64)> {
        self.is_low().then(|| (self.free.load(Ordering::Relaxed), self.floor))
    }

    /// Takes a look; true when it changed the verdict.
    pub fn saw(&self, free: u64) -> bool {
        self.free.store(free, Ordering::Relaxed);
        let was = self.is_low();
        let enough = if was { self.floor.saturating_add(self.floor / 8) } else { self.floor };
        let low = self.floor > 0 && free < enough;
        self.low.store(low, Ordering::Relaxed);
        low != was
    }
}

/// Free bytes of the disk that holds `path`, for who is not its administrator.
pub fn free(path: &Path) -> Option<u64> {
    let found = nix::sys::statvfs::statvfs(path).ok()?;
    Some(found.blocks_available().saturating_mul(found.fragment_size()))
}

/// Takes one look.
pub fn look(shared: &Shared) {
    let Some(free) = free(&shared.config.data_dir) else { return };
    let changed = shared.disk.saw(free);
    let metrics = &shared.metrics.storage;
    metrics.disk_free.set(free);
    metrics.disk_low.set_bool(shared.disk.is_low());
    match (changed, shared.disk.low()) {
        (true, Some((free, floor))) => {
            tracing::error!(
                free,
                floor,
                "the disk is nearly full: no more transactions are taken; free room, or lower disk_free_min_bytes"
            );
        }
        (true, None) => tracing::info!(free, "the disk has room again: transactions are taken"),
        (false, _) => {}
    }
}

/// Looks again and again until the process ends.
pub async fn watch(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let seen = Arc::clone(&shared);
        // A disk that hangs must not hold up the runtime.
        if tokio::task::spawn_blocking(move || look(&seen)).await.is_err() {
            return;
        }
    }
}
