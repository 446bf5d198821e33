//! Which messages wait for later heights.
//!
//! The engine keeps votes and proposals of heights it has not reached. Its own queue makes room by dropping the
//! farthest height; here nothing that was kept leaves. So this door stands before it, in the network codec, and
//! decides what the engine gets to see:
//!
//! ```text
//! present height h     h+1      h+2            h+16    │ farther
//! handled at once   [ share ][ share ]  …   [ share ]  │ refused
//! ```
//!
//! Rules (CON-27)
//! - each of the next [`QUEUED_HEIGHTS_MAX`] heights has an even share of `mempool_limit`, which no other height can
//!   take; a full share refuses the newcomer and loses nobody;
//! - the window starts after the present height and slides when the next height starts, which takes what waited for
//!   it; a message beyond the window is refused;
//! - an identical message, the signature included, is kept once. One that differs only in the signature is another:
//!   otherwise a forged copy could keep the true one out;
//! - the engine never has fewer places than this door gives away ([`Capacity::of_engine`]), so its own rule never applies.
//!
//! The door learns of a new height after the engine, never before. So what it lets in is in the engine's window too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use primitives::Height;
use primitives::defect::{Defect, is_seeded};

use crate::blocks::PROPOSED_BLOCKS_MAX;

/// Later heights for which messages may wait.
pub const QUEUED_HEIGHTS_MAX: u64 = 16;

/// The bounds of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Later heights.
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

    /// What the engine behind a door of this capacity is given: the present height has a place of its own, and blocks
    /// that wait for the next height count apart.
    pub fn of_engine(self) -> Self {
        let blocks = u64::try_from(PROPOSED_BLOCKS_MAX).unwrap_or(u64::MAX);
        Self { heights: self.heights.saturating_add(1), per_height: self.per_height.saturating_add(blocks) }
    }

    /// The same with room for everything under [`Defect::OpensTheDoor`].
    pub fn given_to_engine(self) -> Self {
        let Self { heights, per_height } = self.of_engine();
        let times = if is_seeded(Defect::OpensTheDoor) { 16 } else { 1 };
        Self { heights: heights.saturating_mul(times), per_height }
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It is for the present height, or for one that is over: nothing waits.
    Present,
    /// It waits for its height.
    Kept,
    /// The same message waits already.
    Duplicate,
    /// Refused: the share of its height is full.
    Full,
    /// Refused: its height is beyond the window.
    TooFar,
}

impl Arrival {
    /// Whether the engine gets to see it.
    pub fn is_admitted(self) -> bool {
        matches!(self, Self::Present | Self::Kept)
    }

    /// The name of a refusal, for logs.
    pub fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Full => Some("vote_queue_full"),
            Self::TooFar => Some("vote_height_too_far"),
            Self::Present | Self::Kept | Self::Duplicate => None,
        }
    }
}

/// What tells one message from another: a hash of all its bytes.
pub type MessageId = [u8; 32];

#[derive(Debug, Default)]
struct Waiting {
    present: Height,
    by_height: BTreeMap<Height, BTreeSet<MessageId>>,
    full: u64,
    too_far: u64,
}

/// How full the queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoteQueueStatus {
    /// Messages waiting for later heights.
    pub waiting: u64,
    /// Most that may wait.
    pub limit: u64,
    /// Refused since the start because the share of their height was full.
    pub rejected: u64,
    /// Refused since the start because their height was beyond the window.
    pub too_far: u64,
}

/// Decides what waits for later heights. Clones share one state.
#[derive(Debug, Clone)]
pub struct VoteQueue {
    limit: u64,
    capacity: Capacity,
    waiting: Arc<Mutex<Waiting>>,
}

impl VoteQueue {
    /// An empty queue of at most `limit` messages at a node that works on height `present`.
    pub fn new(limit: u64, present: Height) -> Self {
        let waiting = Waiting { present, ..Waiting::default() };
        Self { limit, capacity: Capacity::of(limit), waiting: Arc::new(Mutex::new(waiting)) }
    }

    /// A message for `height` arrived; `id` is asked for only when it could be kept.
    pub fn arrived(&self, height: Height, id: impl FnOnce() -> MessageId) -> Arrival {
        if is_seeded(Defect::OpensTheDoor) {
            return Arrival::Present;
        }
        let mut waiting = self.lock();
        let Some(ahead) = height.0.checked_sub(waiting.present.0).filter(|ahead| *ahead > 0) else {
            return Arrival::Present;
        };
        if ahead > self.capacity.heights {
            waiting.too_far = waiting.too_far.saturating_add(1);
            return Arrival::TooFar;
        }
        let (share, id) = (waiting.by_height.entry(height).or_default(), id());
        if share.contains(&id) {
            return Arrival::Duplicate;
        }
        if count(share) >= self.capacity.per_height {
            waiting.full = waiting.full.saturating_add(1);
            return Arrival::Full;
        }
        share.insert(id);
        Arrival::Kept
    }

    /// `height` has started: the engine has taken what waited for it, and the window slides.
    pub fn started(&self, height: Height) {
        let mut waiting = self.lock();
        waiting.present = height;
        waiting.by_height.retain(|later, _| *later > height);
    }

    /// How full the queue is.
    pub fn status(&self) -> VoteQueueStatus {
        let waiting = self.lock();
        VoteQueueStatus {
            waiting: waiting.by_height.values().map(count).fold(0, u64::saturating_add),
            limit: self.limit,
            rejected: waiting.full,
            too_far: waiting.too_far,
        }
    }

    // The state stays consistent between any two calls, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(share: &BTreeSet<MessageId>) -> u64 {
    u64::try_from(share.len()).unwrap_or(u64::MAX)
}
