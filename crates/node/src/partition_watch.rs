//! Suspects a partition from who is missing.
//!
//! ```text
//! whole ──more than a third of the expected peers missing, two at least──► suspected ──no longer so──► whole
//! ```
//!
//! Model: pure; somebody looks every second and says who is connected and what time it is. Expected are the peers
//! that were connected since the start, and as many more as the configuration names.
//!
//! Rules
//! - A peer counts as missing only after [`GRACE`], so that a reconnect is no partition.
//! - A peer that was not configured and stays away for [`FORGET`] is expected no longer: it left.
//! - At most [`SEEN_MAX`] peers are remembered; further ones are not watched.
//! - One missing peer is never a partition: it looks the same whether it is down or cut off, and the alert of that node
//!   says so already. Nor is a third: so many validators of equal power may be away and the chain goes on. Beyond that
//!   this side may have no quorum, or is cut off itself.
//!
//! `affected` counts every missing peer, suspected or not. `consensus_*` and `/health/ready` say whether the chain
//! goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use p2p::PeerKey;

/// How long a peer may be away before it counts as missing.
pub const GRACE: Duration = Duration::from_secs(2);
/// How long a peer that left is expected back.
pub const FORGET: Duration = Duration::from_secs(600);
/// Peers that are remembered.
pub const SEEN_MAX: usize = 256;
/// A partition is suspected when more than this part of the expected peers is missing: one in so many …
pub const SHARE: usize = 3;
/// … and at least so many: one process that is down is no partition.
pub const MISSING_MIN: usize = 2;

/// What a look shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Peers that should be here.
    pub expected: usize,
    /// Those of them that are missing.
    pub affected: usize,
    /// How long a partition has been suspected; `None` without one.
    pub suspected_for: Option<Duration>,
    /// Whether this look changed that.
    pub change: Option<Change>,
}

/// A change between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A partition is suspected from now on.
    Suspected,
    /// It is over.
    Recovered {
        /// How long it was suspected.
        after: Duration,
    },
}

/// The watch of one node.
#[derive(Debug)]
pub struct Watch {
    configured: usize,
    started: Instant,
    /// Peers that were connected, and since when they are not.
    seen: BTreeMap<PeerKey, Option<Instant>>,
    suspected_since: Option<Instant>,
}

impl Watch {
    /// A watch of a node whose configuration names so many peers.
    pub fn new(configured: usize, now: Instant) -> Self {
        Self { configured, started: now, seen: BTreeMap::new(), suspected_since: None }
    }

    /// Looks once.
    pub fn look(&mut self, connected: &BTreeSet<PeerKey>, now: Instant) -> Seen {
        for peer in connected {
            if self.seen.len() < SEEN_MAX || self.seen.contains_key(peer) {
                self.seen.insert(*peer, None);
            }
        }
        for (peer, away) in &mut self.seen {
            if !connected.contains(peer) {
                away.get_or_insert(now);
            }
        }
        self.seen.retain(|_, away| away.is_none_or(|since| now.duration_since(since) < FORGET));
        let missing = |away: &&Option<Instant>| away.is_some_and(|since| now.duration_since(since) >= GRACE);
        // Peers that the configuration names and that never came.
        let never = self.configured.saturating_sub(self.seen.len());
        let never = if now.duration_since(self.started) >= GRACE { never } else { 0 };
        let affected = self.seen.values().filter(missing).count().saturating_add(never);
        let expected = self.configured.max(self.seen.len());
        let is_suspected = affected >= MISSING_MIN && affected.saturating_mul(SHARE) > expected;
        let change = match (self.suspected_since, is_suspected) {
            (None, true) => {
                self.suspected_since = Some(now);
                Some(Change::Suspected)
            }
            (Some(since), false) => {
                self.suspected_since = None;
                Some(Change::Recovered { after: now.duration_since(since) })
            }
            (None, false) | (Some(_), true) => None,
        };
        let suspected_for = self.suspected_since.map(|since| now.duration_since(since));
        Seen { expected, affected, suspected_for, change }
    }
}
