//! Messages of nodes: `meta_timetoke`, and the envelope of `meta_snapshot` ([`crate::announcements`]).
//!
//! `meta_timetoke`: nodes tell each other, and whoever monitors them, the timetoke root and what changed under it.
//!
//! ```text
//! root changed, sync_seconds over ─► deltas since the last message ─► signed by the node key ─► topic "meta"
//! topic "meta" ─► signature ─► is the named height final here? ─┬─ yes ─► our root of that height: equal, or counted
//!                                                               └─ not yet ─► waits
//! message = topic 1 ‖ node key 32 ‖ signature 64 ‖ payload (length 4 ‖ JSON)
//! signed  = "the-block/gossip/v1" ‖ genesis hash 32 ‖ topic 1 ‖ payload
//! ```
//! Rules
//! - Two messages of one node are at least `timetoke.sync_seconds` of block time apart (TTK-19).
//! - A mismatch is counted and logged with both roots and the node that signed. It changes nothing: the state is what
//!   this node executed.
//! - A message names at most [`DELTAS_MAX`] subjects; the others come with the next one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use p2p::{P2pHandle, Verdict};
use primitives::{Address, BoundedVec, Hash, Height, PublicKey, SecretKey, Signature, Timestamp, decode, encode};
use replica::Replica;
use serde::{Deserialize, Serialize};
use state::timetoke::{self, commitment};
use state::view::{self, Broken};
use state::{StateView, identity, staking};

use crate::announcements::{self, ANNOUNCEMENT_VERSION, MetaSnapshot};
use crate::shared::Shared;

/// First bytes of a signed message of a topic.
pub const GOSSIP_DOMAIN: &[u8] = b"the-block/gossip/v1";
/// The topic's byte.
const TOPIC_META: u8 = 1;
/// Longest payload, bytes.
pub const PAYLOAD_BYTES_MAX: usize = 65_000;
/// Most subjects in one message.
pub const DELTAS_MAX: usize = 256;
/// Most subjects whose last published record is remembered.
pub const SUBJECTS_MAX: usize = 16_384;
/// Spans of heights with one root that are remembered.
pub const ROOTS_MAX: usize = 256;
/// Messages about heights to come that wait.
pub const WAITING_MAX: usize = 64;

/// What a subject has, as the root commits to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimetokeDelta {
    /// The identity.
    pub address: Address,
    /// Its place in the tree.
    pub number: u32,
    /// Hours as stored.
    pub hours: u64,
    /// When they were last credited.
    pub accrued_at_ms: Timestamp,
}

/// What a payload is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetaKind {
    /// Timetoke balances and their root.
    MetaTimetoke,
}

/// The payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetaTimetoke {
    /// What it is about.
    pub kind: MetaKind,
    /// Format version.
    pub version: u32,
    /// The finalized height it was read at.
    pub height: Height,
    /// The timetoke root at that height.
    pub root: Hash,
    /// Subjects that changed since the node's last message.
    pub deltas: Vec<TimetokeDelta>,
    /// True when more subjects changed than are listed.
    pub truncated: bool,
}

/// What a message of the topic says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MetaMessage {
    /// Timetoke balances and their root.
    Timetoke(MetaTimetoke),
    /// The newest snapshot of a node.
    Snapshot(MetaSnapshot),
}

/// Version of the payload.
pub const META_VERSION: u32 = 1;

type Message = (u8, PublicKey, Signature, BoundedVec<u8, PAYLOAD_BYTES_MAX>);

/// Why a message is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetaRefused {
    /// The bytes are no message of this topic.
    #[error("the message does not decode")]
    Malformed,
    /// The signature is not the key's, for this chain.
    #[error("the signature does not verify")]
    BadSignature,
}

fn signing_bytes(genesis: &Hash, payload: &[u8]) -> Vec<u8> {
    [GOSSIP_DOMAIN, genesis.as_bytes().as_slice(), &[TOPIC_META], payload].concat()
}

/// The bytes of a message signed by a node key; `None` when the payload is over its bound.
pub fn seal(meta: &impl Serialize, key: &SecretKey, genesis: &Hash) -> Option<Vec<u8>> {
    let payload = serde_json::to_vec(meta).ok()?;
    let signature = key.sign(&signing_bytes(genesis, &payload));
    let message: Message = (TOPIC_META, key.public_key(), signature, BoundedVec::new(payload)?);
    Some(encode(&message))
}

/// Reads a message and checks its signature; gives the node key with it.
///
/// # Errors
/// [`MetaRefused`].
pub fn open(bytes: &[u8], genesis: &Hash) -> Result<(PublicKey, MetaMessage), MetaRefused> {
    let (topic, key, signature, payload) = decode::<Message>(bytes).map_err(|_| MetaRefused::Malformed)?;
    if topic != TOPIC_META {
        return Err(MetaRefused::Malformed);
    }
    if !key.verify(&signing_bytes(genesis, &payload), &signature) {
        return Err(MetaRefused::BadSignature);
    }
    let message: MetaMessage = serde_json::from_slice(&payload).map_err(|_| MetaRefused::Malformed)?;
    let is_known = match &message {
        MetaMessage::Timetoke(meta) => meta.version == META_VERSION && meta.deltas.len() <= DELTAS_MAX,
        MetaMessage::Snapshot(meta) => meta.version == ANNOUNCEMENT_VERSION,
    };
    if !is_known {
        return Err(MetaRefused::Malformed);
    }
    Ok((key, message))
}

/// Heights from one to another with one root.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: Height,
    to: Height,
    root: Hash,
}

/// The roots of the newest heights.
#[derive(Debug, Default)]
pub struct Roots(VecDeque<Span>);

impl Roots {
    /// Notes the root at `height`. Heights that were left out are not known unless the root is the same on both sides.
    pub fn note(&mut self, height: Height, root: Hash) {
        match self.0.back_mut() {
            Some(last) if last.root == root => last.to = height,
            _ => {
                if self.0.len() >= ROOTS_MAX {
                    self.0.pop_front();
                }
                self.0.push_back(Span { from: height, to: height, root });
            }
        }
    }

    /// The root at `height`, where it is known.
    pub fn at(&self, height: Height) -> Option<Hash> {
        self.0.iter().find(|span| span.from <= height && height <= span.to).map(|span| span.root)
    }

    /// The newest height.
    fn newest(&self) -> Height {
        self.0.back().map_or(Height::GENESIS, |span| span.to)
    }
}

/// What this node has published: when the next message is due, and which subjects changed since the last one.
#[derive(Debug, Default)]
pub struct Published {
    records: BTreeMap<Address, (u64, Timestamp)>,
    root: Hash,
    at: Option<Timestamp>,
}

impl Published {
    /// The message that is due after the block at `height` and `now`, which counts as published; `None` while the root is
    /// the published one or the last message is younger than `sync_seconds` of block time.
    ///
    /// # Errors
    /// [`Broken`] when the state does not decode.
    pub fn due(
        &mut self,
        state: &dyn StateView,
        height: Height,
        now: Timestamp,
    ) -> Result<Option<MetaTimetoke>, Broken> {
        let root = commitment::root(state)?;
        let apart = view::params(state)?.timetoke.sync_seconds.saturating_mul(1_000);
        if root == self.root || self.at.is_some_and(|at| now.since(at) < apart) {
            return Ok(None);
        }
        let (kind, version) = (MetaKind::MetaTimetoke, META_VERSION);
        let mut meta = MetaTimetoke { kind, version, height, root, deltas: Vec::new(), truncated: false };
        for (key, _) in state.scan(&[timetoke::keys::SUBJECT], SUBJECTS_MAX) {
            let Some(address) = staking::keys::address_at(&key, 1) else { continue };
            let record = timetoke::get(state, &address)?;
            let published = self.records.get(&address).copied().unwrap_or_default();
            if (record.hours, record.accrued_at) == published {
                continue;
            }
            if meta.deltas.len() >= DELTAS_MAX {
                meta.truncated = true;
                break;
            }
            let Some(identity) = identity::get(state, &address)? else { continue };
            let (hours, accrued_at_ms) = (record.hours, record.accrued_at);
            self.records.insert(address, (hours, accrued_at_ms));
            meta.deltas.push(TimetokeDelta { address, number: identity.number, hours, accrued_at_ms });
        }
        self.at = Some(now);
        if !meta.truncated {
            self.root = root;
        }
        Ok(Some(meta))
    }
}

#[derive(Default)]
struct Inner {
    roots: Roots,
    waiting: VecDeque<(PublicKey, MetaTimetoke)>,
    published: Published,
}

/// What one node has published and heard.
pub struct Meta {
    key: SecretKey,
    inner: Mutex<Inner>,
}

impl Meta {
    /// Signs with the node key.
    pub fn new(key: SecretKey) -> Self {
        Self { key, inner: Mutex::default() }
    }

    /// The key that its peers know this node by.
    pub fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    /// The bytes of a message signed by this node; `None` when the payload is over its bound.
    pub fn seal(&self, meta: &impl Serialize, genesis: &Hash) -> Option<Vec<u8>> {
        seal(meta, &self.key, genesis)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After a finalized block: judges what waited for it, and publishes what changed when it is time.
    pub fn after_block(&self, shared: &Shared) {
        let Some(p2p) = shared.p2p.get() else { return };
        let message = {
            let Ok(chain) = shared.chain() else { return };
            // A broken state stops the node at its next block.
            self.look(shared, &chain).ok().flatten()
        };
        let ready = {
            let mut inner = self.lock();
            let newest = inner.roots.newest();
            let (ready, waiting) = inner.waiting.drain(..).partition(|(_, meta)| meta.height <= newest);
            inner.waiting = waiting;
            ready
        };
        let ready: VecDeque<(PublicKey, MetaTimetoke)> = ready;
        for (key, meta) in ready {
            self.compare(shared, key, &meta);
        }
        if let Some(meta) = message
            && let Some(bytes) = self.seal(&meta, &shared.genesis_hash)
            && p2p.publish_topic(Arc::from(bytes))
        {
            count(shared, "published");
            tracing::info!(
                target: "telemetry.meta_timetoke",
                height = %meta.height,
                root = %meta.root,
                deltas = meta.deltas.len(),
                "meta_timetoke published"
            );
        }
    }

    /// Notes the root, and makes a message when one is due.
    fn look(&self, shared: &Shared, chain: &Replica) -> Result<Option<MetaTimetoke>, Broken> {
        let (state, height, now) = (chain.state(), chain.head().height, chain.head().time);
        let mut inner = self.lock();
        inner.roots.note(height, commitment::root(state)?);
        if crate::ready::behind(shared, height.0) > 1 {
            return Ok(None);
        }
        inner.published.due(state, height, now)
    }

    /// A message of a topic came from a peer.
    pub fn received(&self, shared: &Shared, bytes: &[u8]) -> Verdict {
        let (key, message) = match open(bytes, &shared.genesis_hash) {
            Ok(opened) => opened,
            Err(refused) => {
                count(shared, "refused");
                tracing::warn!(reason = %refused, "a message of the topic meta is refused");
                return Verdict::Reject;
            }
        };
        let meta = match message {
            MetaMessage::Timetoke(meta) => meta,
            MetaMessage::Snapshot(meta) => return announcements::received(shared, &key, meta),
        };
        let waits = {
            let mut inner = self.lock();
            let waits = meta.height > inner.roots.newest();
            if waits && inner.waiting.len() < WAITING_MAX {
                inner.waiting.push_back((key, meta.clone()));
            }
            waits
        };
        if !waits {
            self.compare(shared, key, &meta);
        }
        Verdict::Accept
    }

    /// Compares a message about a final height with what this node executed.
    fn compare(&self, shared: &Shared, key: PublicKey, meta: &MetaTimetoke) {
        let ours = self.lock().roots.at(meta.height);
        match ours {
            None => count(shared, "unknown_height"),
            Some(root) if root == meta.root => count(shared, "matched"),
            Some(root) => {
                count(shared, "mismatched");
                tracing::error!(
                    target: "telemetry.meta_timetoke",
                    node = %key,
                    height = %meta.height,
                    theirs = %meta.root,
                    ours = %root,
                    "timetoke root mismatch: a node has another state, or lies; compare its blocks and version"
                );
            }
        }
    }
}

fn count(shared: &Shared, result: &'static str) {
    shared.metrics.standing.meta_timetoke.with([result]).inc();
}

/// A message of a topic from a peer, judged away from the network's thread.
pub async fn received(shared: &Arc<Shared>, p2p: &P2pHandle, batch: p2p::BatchId, message: Vec<u8>) {
    let shared = Arc::clone(shared);
    let judged = tokio::task::spawn_blocking(move || shared.meta.received(&shared, &message)).await;
    // A panic in there is our fault, not the peer's.
    p2p.report(batch, judged.unwrap_or(Verdict::Ignore));
}
