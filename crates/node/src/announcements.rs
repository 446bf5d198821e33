//! `meta_snapshot`: nodes tell each other which snapshot they have.
//!
//! ```text
//! newest snapshot changed, or REPEAT over ─► signed by the node key ─► topic "meta"
//! topic "meta" ─► signature ─► a height that can be? ─► newer than what this key said, and not too soon? ─► remembered, passed on
//! ```
//! Rules
//! - An announcement is a hint: it says where to look, and nothing is taken because of it.
//! - Anybody can make a key. Of one at most one announcement each [`HEARD_PAUSE`] is taken; of all at most [`ANNOUNCERS_MAX`] are remembered,
//!   each for [`KEPT`]. Where there is no room, a peer takes the place of the oldest of those who are no peers: strangers keep out strangers only.
//! - A height above what this node knows of the chain ([`ready::known`]) is not taken, and does not count later.
//! - What is not taken is not passed on and costs nobody points: whoever relays may have another clock and another height.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use p2p::{P2pHandle, Verdict};
use primitives::{Hash, Height, PublicKey, Timestamp};
use serde::{Deserialize, Serialize};
use snapshots::Snapshot;

use crate::shared::Shared;
use crate::{clock, ready};

/// Version of the payload.
pub const ANNOUNCEMENT_VERSION: u32 = 1;
/// Most keys whose announcement is remembered.
pub const ANNOUNCERS_MAX: usize = 256;
/// Shortest time between two announcements of one node.
pub const PAUSE: Duration = Duration::from_secs(10);
/// Shortest time between two announcements of one key that are taken: less, since one may have been longer on its way.
pub const HEARD_PAUSE: Duration = Duration::from_secs(5);
/// Time after which a node announces the same snapshot again, for those that came later.
pub const REPEAT: Duration = Duration::from_secs(60);
/// How long an announcement is remembered.
pub const KEPT: Duration = Duration::from_secs(300);

/// What a payload is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotKind {
    /// The newest snapshot of a node.
    MetaSnapshot,
}

/// The payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetaSnapshot {
    /// What it is about.
    pub kind: SnapshotKind,
    /// Format version.
    pub version: u32,
    /// The height of the snapshot.
    pub height: Height,
    /// The hash of its manifest's content.
    pub manifest: Hash,
    /// How many chunks it has.
    pub chunks: u32,
    /// When it was announced, by the clock of its node. It makes a repetition another message.
    pub announced_at_ms: Timestamp,
}

impl MetaSnapshot {
    fn of(snapshot: &Snapshot, now: Timestamp) -> Self {
        Self {
            kind: SnapshotKind::MetaSnapshot,
            version: ANNOUNCEMENT_VERSION,
            height: snapshot.height(),
            manifest: snapshot.manifest.id(),
            chunks: u32::try_from(snapshot.manifest.chunks().len()).unwrap_or(u32::MAX),
            announced_at_ms: now,
        }
    }
}

/// What came of an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It is remembered.
    Taken,
    /// The last one of its key is too young.
    TooSoon,
    /// Its key has announced a later one.
    Older,
    /// Its height is above what is known of the chain.
    TooHigh,
    /// Too many keys announce.
    Full,
}

impl Heard {
    /// The name used in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::TooSoon => "too_soon",
            Self::Older => "older",
            Self::TooHigh => "too_high",
            Self::Full => "full",
        }
    }
}

/// What was announced, by others and by this node.
#[derive(Debug, Default)]
pub struct Announced {
    heard: BTreeMap<[u8; 32], (MetaSnapshot, Instant)>,
    published: Option<(Hash, Instant)>,
}

impl Announced {
    /// An announcement whose signature is good. `known` is the highest height that the chain can have, `peers` are the keys of this node's peers.
    pub fn hear(
        &mut self,
        key: &PublicKey,
        meta: MetaSnapshot,
        known: Height,
        peers: &BTreeSet<[u8; 32]>,
        now: Instant,
    ) -> Heard {
        self.heard.retain(|_, (_, at)| now.saturating_duration_since(*at) < KEPT);
        let key = *key.as_bytes();
        if meta.height > known {
            return Heard::TooHigh;
        }
        let is_new = match self.heard.get(&key) {
            Some((last, _)) if meta.announced_at_ms <= last.announced_at_ms => return Heard::Older,
            Some((_, at)) if now.saturating_duration_since(*at) < HEARD_PAUSE => return Heard::TooSoon,
            last => last.is_none(),
        };
        let is_full = is_new && self.heard.len() >= ANNOUNCERS_MAX;
        if is_full && !(peers.contains(&key) && self.forget_a_stranger(peers)) {
            return Heard::Full;
        }
        self.heard.insert(key, (meta, now));
        Heard::Taken
    }

    /// Makes room at the price of the oldest who is no peer; false where all are peers.
    fn forget_a_stranger(&mut self, peers: &BTreeSet<[u8; 32]>) -> bool {
        let strangers = self.heard.iter().filter(|(key, _)| !peers.contains(*key));
        let oldest = strangers.min_by_key(|(_, (_, at))| *at).map(|(key, _)| *key);
        oldest.is_some_and(|oldest| self.heard.remove(&oldest).is_some())
    }

    /// The highest that is remembered, of those that are not above `known`.
    pub fn highest(&self, known: Height) -> Option<Height> {
        self.heard.values().map(|(meta, _)| meta.height).filter(|height| *height <= known).max()
    }

    /// Whether a node whose newest snapshot is this one should announce it now; it counts as announced then.
    pub fn due(&mut self, newest: Hash, now: Instant) -> bool {
        let is_due = match self.published {
            Some((last, at)) => {
                let since = now.saturating_duration_since(at);
                since >= REPEAT || (last != newest && since >= PAUSE)
            }
            None => true,
        };
        if is_due {
            self.published = Some((newest, now));
        }
        is_due
    }
}

/// Announces the newest snapshot of this node when it is time and somebody is there to hear it.
pub fn publish(shared: &Shared, p2p: &P2pHandle) {
    let Some(newest) = shared.snapshots.session() else { return };
    if p2p.peers().is_empty() {
        return;
    }
    let mut announced = shared.sync.announced.lock().unwrap_or_else(PoisonError::into_inner);
    if !announced.due(newest.manifest.id(), Instant::now()) {
        return;
    }
    drop(announced);
    let meta = MetaSnapshot::of(&newest, clock::now());
    if let Some(bytes) = shared.meta.seal(&meta, &shared.genesis_hash)
        && p2p.publish_topic(Arc::from(bytes))
    {
        shared.metrics.state_sync.announcements.with(["published"]).inc();
        tracing::info!(target: "telemetry.meta_snapshot", height = %meta.height, chunks = meta.chunks, "meta_snapshot published");
    }
}

/// An announcement came whose signature is good.
pub fn received(shared: &Shared, key: &PublicKey, meta: MetaSnapshot) -> Verdict {
    let height = meta.height;
    let (known, peers) = (ready::known(shared), shared.p2p.get().map(P2pHandle::peers).unwrap_or_default());
    let peers = peers.iter().map(|view| *view.peer.as_bytes()).collect();
    let mut announced = shared.sync.announced.lock().unwrap_or_else(PoisonError::into_inner);
    let heard = announced.hear(key, meta, known, &peers, Instant::now());
    drop(announced);
    shared.metrics.state_sync.announcements.with([heard.name()]).inc();
    tracing::debug!(target: "telemetry.meta_snapshot", node = %key, %height, result = heard.name(), "meta_snapshot heard");
    if heard == Heard::Taken { Verdict::Accept } else { Verdict::Ignore }
}
