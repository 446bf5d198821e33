//! How many messages wait for later heights.
//!
//! The engine keeps votes and proposals of heights it has not reached, in a queue that is bounded by the
//! two numbers of [`Capacity`]; together they allow `mempool_limit` messages. The engine does not say
//! how full its queue is or what it refuses, so this counter stands at the door, in the network codec,
//! and applies the same rules:
//!
//! - a height with a full share refuses the newcomer and loses nobody;
//! - with all heights taken, a higher one is refused, and a lower one takes the place of the highest: otherwise
//!   unchecked messages for far heights would keep out the votes of the next one (CON-27);
//! - the count of a height leaves when the height starts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use primitives::Height;

/// Most later heights for which messages wait.
pub const QUEUED_HEIGHTS_MAX: u64 = 16;

/// The bounds of the engine's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Most later heights.
    pub heights: u64,
    /// Most messages of one height.
    pub per_height: u64,
}

impl Capacity {
    /// Divides `limit` messages over the later heights; their product never exceeds `limit`.
    pub fn of(limit: u64) -> Self {
        let heights = limit.clamp(1, QUEUED_HEIGHTS_MAX);
        Self { heights, per_height: (limit / heights).max(1) }
    }
}

#[derive(Debug, Default)]
struct Counts {
    current: Height,
    waiting: BTreeMap<Height, u64>,
    rejected: u64,
}

/// How full the queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoteQueueStatus {
    /// Messages waiting for later heights.
    pub waiting: u64,
    /// Most that may wait.
    pub limit: u64,
    /// Refused since the start.
    pub rejected: u64,
}

/// Counts what waits for later heights. Clones share one count.
#[derive(Debug, Clone)]
pub struct VoteQueue {
    limit: u64,
    capacity: Capacity,
    counts: Arc<Mutex<Counts>>,
}

impl VoteQueue {
    /// The counter of a queue of at most `limit` messages.
    pub fn new(limit: u64) -> Self {
        Self { limit, capacity: Capacity::of(limit), counts: Arc::default() }
    }

    /// A message for `height` arrived. True when the engine keeps or handles it.
    pub fn arrived(&self, height: Height) -> bool {
        let mut counts = self.lock();
        if height <= counts.current {
            return true;
        }
        let heights = u64::try_from(counts.waiting.len()).unwrap_or(u64::MAX);
        let highest = counts.waiting.last_key_value().map(|(highest, _)| *highest);
        let refused = match counts.waiting.get(&height) {
            Some(count) => *count >= self.capacity.per_height,
            None => heights >= self.capacity.heights && highest.is_some_and(|highest| highest < height),
        };
        if refused {
            counts.rejected = counts.rejected.saturating_add(1);
            return false;
        }
        if !counts.waiting.contains_key(&height) && heights >= self.capacity.heights {
            let evicted = counts.waiting.pop_last().map_or(0, |(_, count)| count);
            counts.rejected = counts.rejected.saturating_add(evicted);
        }
        let count = counts.waiting.entry(height).or_default();
        *count = count.saturating_add(1);
        true
    }

    /// `height` has started: what waited for it, or for less, has been taken.
    pub fn started(&self, height: Height) {
        let mut counts = self.lock();
        counts.current = height;
        counts.waiting.retain(|waiting, _| *waiting > height);
    }

    /// How full the queue is.
    pub fn status(&self) -> VoteQueueStatus {
        let counts = self.lock();
        VoteQueueStatus { waiting: counts.waiting.values().sum(), limit: self.limit, rejected: counts.rejected }
    }

    // Counts stay consistent between any two calls, so a panic elsewhere does not spoil them.
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
