//! The standing of peers: points, decay, bans that end.
//!
//! Model: pure; every peer has integer points around 0. A good batch adds a little, an [`Offence`]
//! takes away by its weight. Points halve towards 0 every [`HALF_LIFE_MS`]. At
//! [`BAN_THRESHOLD`] the peer is banned until a time; after that it starts again at half of the
//! threshold, so that a repeat costs it sooner.
//!
//! Rules
//! - Time is an argument. The table holds at most [`ENTRIES_MAX`] peers; the one with the points
//!   nearest to 0 that is not banned makes room.
//! - A peer that is merely of another chain commits no offence: it is refused, not banned.

use std::collections::BTreeMap;

use crate::identity::PeerKey;

/// Peers with a remembered standing.
pub const ENTRIES_MAX: usize = 1_024;
/// Points at which a peer is banned.
pub const BAN_THRESHOLD: i64 = -100;
/// The most points good behaviour can collect.
pub const POINTS_MAX: i64 = 50;
/// Time in which points halve, milliseconds.
pub const HALF_LIFE_MS: u64 = 60_000;

/// What a peer did wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offence {
    /// A message beyond one of its limits.
    RateExceeded,
    /// A message before its handshake was done.
    BeforeHandshake,
    /// A message that is too long or not a canonical encoding.
    Malformed,
    /// A batch that the node found to hold an invalid transaction.
    InvalidBatch,
    /// A piece of a snapshot that is not what the certified header says, or a manifest that is none.
    WrongSnapshot,
}

impl Offence {
    /// Points that the offence takes away.
    pub const fn penalty(self) -> i64 {
        match self {
            Self::RateExceeded => 1,
            Self::BeforeHandshake => 5,
            Self::Malformed => 20,
            Self::InvalidBatch => 34,
            Self::WrongSnapshot => 50,
        }
    }
}

/// The standing of one peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Points after the last change.
    pub points: i64,
    /// When the points were last decayed, milliseconds.
    pub updated_ms: u64,
    /// When the running ban ends, milliseconds.
    pub banned_until_ms: Option<u64>,
    /// Bans so far.
    pub bans: u32,
}

/// The standing of all peers that have one.
#[derive(Debug, Default)]
pub struct PeerScores {
    ban_ms: u64,
    entries: BTreeMap<PeerKey, Standing>,
}

impl PeerScores {
    /// An empty table; a ban lasts `ban_ms` milliseconds.
    pub fn new(ban_ms: u64) -> Self {
        Self { ban_ms, entries: BTreeMap::new() }
    }

    /// Takes over what is remembered of an earlier run.
    pub fn restore(&mut self, peer: PeerKey, standing: Standing) {
        if self.entries.len() < ENTRIES_MAX {
            self.entries.insert(peer, standing);
        }
    }

    /// Counts an offence; true when it makes the peer banned from here on.
    pub fn offend(&mut self, peer: PeerKey, offence: Offence, now_ms: u64) -> bool {
        let ban_ms = self.ban_ms;
        let standing = self.standing_mut(peer, now_ms);
        standing.points = standing.points.saturating_sub(offence.penalty());
        if standing.points > BAN_THRESHOLD || standing.banned_until_ms.is_some() {
            return false;
        }
        standing.banned_until_ms = Some(now_ms.saturating_add(ban_ms));
        standing.bans = standing.bans.saturating_add(1);
        true
    }

    /// Counts a good batch.
    pub fn reward(&mut self, peer: PeerKey, now_ms: u64) {
        let standing = self.standing_mut(peer, now_ms);
        standing.points = standing.points.saturating_add(1).min(POINTS_MAX);
    }

    /// True while the peer is banned.
    pub fn is_banned(&self, peer: &PeerKey, now_ms: u64) -> bool {
        let until = self.entries.get(peer).and_then(|standing| standing.banned_until_ms);
        until.is_some_and(|until| now_ms < until)
    }

    /// Ends the bans whose time is over and names their peers.
    pub fn end_bans(&mut self, now_ms: u64) -> Vec<PeerKey> {
        let mut free = Vec::new();
        for (peer, standing) in &mut self.entries {
            if standing.banned_until_ms.is_some_and(|until| until <= now_ms) {
                standing.banned_until_ms = None;
                standing.points = BAN_THRESHOLD / 2;
                standing.updated_ms = now_ms;
                free.push(*peer);
            }
        }
        free
    }

    /// Points of `peer` at `now_ms`, 0 when nothing is known.
    pub fn points(&self, peer: &PeerKey, now_ms: u64) -> i64 {
        self.entries.get(peer).map_or(0, |standing| decayed(*standing, now_ms).points)
    }

    /// Every standing, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&PeerKey, &Standing)> {
        self.entries.iter()
    }

    fn standing_mut(&mut self, peer: PeerKey, now_ms: u64) -> &mut Standing {
        if self.entries.len() >= ENTRIES_MAX && !self.entries.contains_key(&peer) {
            let least = self
                .entries
                .iter()
                .filter(|(_, standing)| standing.banned_until_ms.is_none())
                .min_by_key(|(_, standing)| standing.points.unsigned_abs())
                .or_else(|| self.entries.iter().next())
                .map(|(peer, _)| *peer);
            if let Some(least) = least {
                self.entries.remove(&least);
            }
        }
        let standing = self.entries.entry(peer).or_insert(Standing { updated_ms: now_ms, ..Standing::default() });
        *standing = decayed(*standing, now_ms);
        standing
    }
}

/// `standing` with its points halved once for each whole half-life since the last change. The
/// division rounds towards 0, in favour of an offender.
fn decayed(mut standing: Standing, now_ms: u64) -> Standing {
    let halvings = now_ms.saturating_sub(standing.updated_ms) / HALF_LIFE_MS;
    if halvings == 0 || standing.banned_until_ms.is_some() {
        return standing;
    }
    let divisor = u32::try_from(halvings).ok().and_then(|power| 2_i64.checked_pow(power));
    standing.points = divisor.map_or(0, |divisor| standing.points / divisor);
    standing.updated_ms = standing.updated_ms.saturating_add(halvings.saturating_mul(HALF_LIFE_MS));
    standing
}
