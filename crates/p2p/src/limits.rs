//! What one peer may send, and what it has sent before: rate limits and replay protection.
//!
//! Model: pure values; time is milliseconds from any fixed start, given by the caller. A
//! [`PeerLimiter`] belongs to one peer, so a peer over its limit costs nobody else anything. A
//! [`ReplayWindow`] remembers the digests of the last N messages and nothing older.
//!
//! Rules
//! - Every limit is at least 1: [`LimitsConfig::clamped`] raises what is lower and reports it.
//! - A message over a limit is dropped *before* its digest is remembered, so a flooder that
//!   repeats an honest message cannot make us refuse the honest copy.
//! - Windows slide in [`SLOTS`] steps; a peer never gets more than its budget in any window.
//!
//! Read next: `score.rs` (what a breach costs), `handlers/gossip.rs` (the order of the checks).

use std::collections::{BTreeSet, VecDeque};

use primitives::Hash;

use crate::wire::MESSAGE_BYTES_MAX;

/// Steps in which a sliding window moves.
pub const SLOTS: usize = 10;
/// The longest allowed window, seconds.
pub const RATE_WINDOW_SECS_MAX: u64 = 3_600;
/// The shortest pause between pulls that is not off, milliseconds: other nodes limit requests too.
pub const CHAIN_SYNC_INTERVAL_MS_MIN: u64 = 50;
/// The longest pause between pulls, milliseconds.
pub const CHAIN_SYNC_INTERVAL_MS_MAX: u64 = 3_600_000;
/// The most digests the replay protector may be told to remember (about 100 MB).
pub const REPLAY_WINDOW_MAX: u64 = 1_048_576;

/// The limits on what one peer may send to us, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Gossip messages (batches and announcements) of one peer per second. At least 1.
    pub gossip_rate_limit_per_sec: u64,
    /// Digests of recent messages that the replay protector remembers. At least 1.
    pub replay_window_size: u64,
    /// Length of the sliding window of the two budgets below, seconds. At least 1.
    pub rate_window_secs: u64,
    /// Requests other than gossip (handshakes, heights) of one peer per second; the budget of a
    /// window is this times `rate_window_secs`. At least 1.
    pub max_per_sec: u64,
    /// Bytes of one peer per second, all requests together; the budget of a window is this times
    /// `rate_window_secs`. At least one message of the largest size.
    pub max_bytes_per_sec: u64,
    /// Pause between two pulls of every peer's height, milliseconds; 0 turns the pulls off.
    pub chain_sync_interval_ms: u64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            gossip_rate_limit_per_sec: 2_000,
            replay_window_size: 65_536,
            rate_window_secs: 1,
            max_per_sec: 100,
            max_bytes_per_sec: 32 * 1024 * 1024,
            chain_sync_interval_ms: 500,
        }
    }
}

/// A configured limit that was out of range, and what is in force instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "p2p.{field} = {configured} is out of range; {effective} is in force. Set it to a value between {min} and {max}"
)]
pub struct ClampWarning {
    /// Name of the field of [`LimitsConfig`].
    pub field: &'static str,
    /// What was configured.
    pub configured: u64,
    /// What is in force.
    pub effective: u64,
    /// The lowest allowed value.
    pub min: u64,
    /// The highest allowed value.
    pub max: u64,
}

impl LimitsConfig {
    /// The limits that are in force, and one warning for each value that had to be changed.
    pub fn clamped(mut self) -> (Self, Vec<ClampWarning>) {
        let message_bytes = u64::try_from(MESSAGE_BYTES_MAX).expect("the largest message is 256 KiB");
        let mut warnings = Vec::new();
        let mut clamp = |field: &'static str, value: &mut u64, min: u64, max: u64| {
            let effective = (*value).clamp(min, max);
            if effective != *value {
                warnings.push(ClampWarning { field, configured: *value, effective, min, max });
                *value = effective;
            }
        };
        clamp("gossip_rate_limit_per_sec", &mut self.gossip_rate_limit_per_sec, 1, u64::from(u32::MAX));
        clamp("replay_window_size", &mut self.replay_window_size, 1, REPLAY_WINDOW_MAX);
        clamp("rate_window_secs", &mut self.rate_window_secs, 1, RATE_WINDOW_SECS_MAX);
        clamp("max_per_sec", &mut self.max_per_sec, 1, u64::from(u32::MAX));
        if self.chain_sync_interval_ms != 0 {
            let (min, max) = (CHAIN_SYNC_INTERVAL_MS_MIN, CHAIN_SYNC_INTERVAL_MS_MAX);
            clamp("chain_sync_interval_ms", &mut self.chain_sync_interval_ms, min, max);
        }
        clamp("max_bytes_per_sec", &mut self.max_bytes_per_sec, message_bytes, u64::from(u32::MAX));
        (self, warnings)
    }
}

/// Counts what happened in the last `window` milliseconds against a budget.
#[derive(Debug, Clone)]
pub struct SlidingWindow {
    budget: u64,
    slot_ms: u64,
    /// Amounts of the newest slot and the `SLOTS` before it; index = slot number modulo length.
    slots: [u64; SLOTS + 1],
    newest: u64,
}

impl SlidingWindow {
    /// A window of `window_ms` milliseconds that admits `budget` in total.
    pub fn new(window_ms: u64, budget: u64) -> Self {
        let steps = u64::try_from(SLOTS).expect("a small constant");
        Self { budget, slot_ms: window_ms.div_ceil(steps).max(1), slots: [0; SLOTS + 1], newest: 0 }
    }

    /// True, and counted, when `amount` more fits the budget at `now_ms`; a refused amount is not
    /// counted. A clock that steps back is read as standing still.
    pub fn take(&mut self, now_ms: u64, amount: u64) -> bool {
        self.slide(now_ms);
        let used = self.slots.iter().fold(0_u64, |sum, slot| sum.saturating_add(*slot));
        if used.saturating_add(amount) > self.budget {
            return false;
        }
        let index = self.index(self.newest);
        self.slots[index] = self.slots[index].saturating_add(amount);
        true
    }

    fn index(&self, slot: u64) -> usize {
        let length = u64::try_from(self.slots.len()).expect("a small constant");
        usize::try_from(slot % length).expect("it is below a small constant")
    }

    fn slide(&mut self, now_ms: u64) {
        let current = now_ms / self.slot_ms;
        let length = u64::try_from(self.slots.len()).expect("a small constant");
        let passed = current.saturating_sub(self.newest).min(length);
        for step in 1..=passed {
            let index = self.index(self.newest.saturating_add(step));
            self.slots[index] = 0;
        }
        self.newest = self.newest.max(current);
    }
}

/// Which limit a message broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exceeded {
    /// `gossip_rate_limit_per_sec`.
    GossipRate,
    /// `max_per_sec`.
    Requests,
    /// `max_bytes_per_sec`.
    Bytes,
}

/// The budgets of one peer.
#[derive(Debug, Clone)]
pub struct PeerLimiter {
    gossip: SlidingWindow,
    requests: SlidingWindow,
    bytes: SlidingWindow,
}

impl PeerLimiter {
    /// Full budgets under `limits`, which must be clamped.
    pub fn new(limits: &LimitsConfig) -> Self {
        let window_ms = limits.rate_window_secs.saturating_mul(1_000);
        let budget = |per_second: u64| per_second.saturating_mul(limits.rate_window_secs);
        Self {
            gossip: SlidingWindow::new(1_000, limits.gossip_rate_limit_per_sec),
            requests: SlidingWindow::new(window_ms, budget(limits.max_per_sec)),
            bytes: SlidingWindow::new(window_ms, budget(limits.max_bytes_per_sec)),
        }
    }

    /// Counts one gossip message of `bytes`.
    ///
    /// # Errors
    /// The first limit it breaks: gossip rate, then bytes.
    pub fn gossip(&mut self, now_ms: u64, bytes: usize) -> Result<(), Exceeded> {
        if !self.gossip.take(now_ms, 1) {
            return Err(Exceeded::GossipRate);
        }
        self.bytes(now_ms, bytes)
    }

    /// Counts one other request of `bytes`.
    ///
    /// # Errors
    /// The first limit it breaks: requests, then bytes.
    pub fn request(&mut self, now_ms: u64, bytes: usize) -> Result<(), Exceeded> {
        if !self.requests.take(now_ms, 1) {
            return Err(Exceeded::Requests);
        }
        self.bytes(now_ms, bytes)
    }

    fn bytes(&mut self, now_ms: u64, bytes: usize) -> Result<(), Exceeded> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if self.bytes.take(now_ms, bytes) { Ok(()) } else { Err(Exceeded::Bytes) }
    }
}

/// The digests of the last N messages.
#[derive(Debug, Clone)]
pub struct ReplayWindow {
    size: usize,
    order: VecDeque<Hash>,
    seen: BTreeSet<Hash>,
}

impl ReplayWindow {
    /// Remembers the last `size` digests (at least 1).
    pub fn new(size: u64) -> Self {
        let size = usize::try_from(size.clamp(1, REPLAY_WINDOW_MAX)).expect("the bound is 2^20");
        Self { size, order: VecDeque::new(), seen: BTreeSet::new() }
    }

    /// True when `digest` is new; it is remembered and the oldest beyond N is forgotten.
    pub fn insert(&mut self, digest: Hash) -> bool {
        if !self.seen.insert(digest) {
            return false;
        }
        self.order.push_back(digest);
        while self.order.len() > self.size {
            if let Some(oldest) = self.order.pop_front() {
                self.seen.remove(&oldest);
            }
        }
        true
    }

    /// True when `digest` is among the remembered ones.
    pub fn contains(&self, digest: &Hash) -> bool {
        self.seen.contains(digest)
    }

    /// Forgets `digest` wherever it is; true when it was remembered.
    pub fn remove(&mut self, digest: &Hash) -> bool {
        let is_known = self.seen.remove(digest);
        if is_known {
            self.order.retain(|known| known != digest);
        }
        is_known
    }

    /// Forgets the newest digest if it is `digest`: for a message that could not be handled and may
    /// come again. An older digest stays.
    pub fn take_back(&mut self, digest: &Hash) {
        if self.order.back() == Some(digest) {
            self.order.pop_back();
            self.seen.remove(digest);
        }
    }
}
