//! `meta_snapshot`: nodes tell each other which snapshot they have.
//!
//! ```text
//! newest snapshot changed, or REPEAT over ─► signed by the node key ─► topic "meta"
//! topic "meta" ─► signature ─► newer than what this key said, and not too soon? ─► remembered, passed on
//! ```
//! Rules
//! - An announcement is a hint: it says where to look, and nothing is taken because of it.
//! - Of one key at most one announcement each [`HEARD_PAUSE`] is taken; of all keys at most [`ANNOUNCERS_MAX`] are remembered, each for
//!   [`KEPT`]. What is beyond is ignored, not passed on, and costs nobody points: whoever relays may have another clock.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use p2p::{P2pHandle, Verdict};
use primitives::{Hash, Height, PublicKey, Timestamp};
use serde::{Deserialize, Serialize};
use snapshots::Snapshot;

use crate::clock;
use crate::shared::Shared;

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
    /// An announcement whose signature is good.
    pub fn hear(&mut self, key: &PublicKey, meta: MetaSnapshot, now: Instant) -> Heard {
        self.heard.retain(|_, (_, at)| now.saturating_duration_since(*at) < KEPT);
        let key = *key.as_bytes();
        match self.heard.get(&key) {
            Some((last, _)) if meta.announced_at_ms <= last.announced_at_ms => return Heard::Older,
            Some((_, at)) if now.saturating_duration_since(*at) < HEARD_PAUSE => return Heard::TooSoon,
            None if self.heard.len() >= ANNOUNCERS_MAX => return Heard::Full,
            _ => {}
        }
        self.heard.insert(key, (meta, now));
        Heard::Taken
    }

    /// The highest that is remembered.
    pub fn highest(&self) -> Option<Height> {
        self.heard.values().map(|(meta, _)| meta.height).max()
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
    let heard = shared.sync.announced.lock().unwrap_or_else(PoisonError::into_inner).hear(key, meta, Instant::now());
    shared.metrics.state_sync.announcements.with([heard.name()]).inc();
    tracing::debug!(target: "telemetry.meta_snapshot", node = %key, %height, result = heard.name(), "meta_snapshot heard");
    if heard == Heard::Taken { Verdict::Accept } else { Verdict::Ignore }
}
