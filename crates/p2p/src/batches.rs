//! Transactions between the node and the wire: collected into batches, checked, relayed once.
//!
//! ```text
//! publish ─► collect (≤ 64 KiB or 20 ms) ─► push to every peer
//! peer    ─► pending (node decides) ─accept─► relay cache ─► announce digest ─► push where wanted
//!                                   └reject─► dropped, sender loses points
//! publish with a proof ─► relay cache ─► announce digest ─► deliver where wanted
//! ```
//!
//! Model: pure; time is an argument in milliseconds. A batch is named by the digest of its frame.
//!
//! Rules
//! - Nothing is relayed before the node has accepted it.
//! - A relaying node announces 32 bytes first and sends the batch only to a peer that wants it, so a
//!   full mesh carries each batch once per node.
//! - What holds a proof is never pushed: it is as large as a thousand transactions, so who wants it asks for it.
//! - Every list has a bound, in entries and in bytes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use primitives::{BoundedVec, Hash, encode};

use crate::codec::Frame;
use crate::wire::{
    ANNOUNCE_MAX, BATCH_TRANSACTIONS_MAX, GossipMessage, ProofMessage, TopicBytes, TransactionBytes, digest,
};

/// A batch is sent once it holds this many bytes…
pub const BATCH_BYTES_TARGET: usize = 65_536;
/// …or when its first transaction has waited this long, milliseconds.
pub const BATCH_DELAY_MS: u64 = 20;
/// Announcements are collected this long, milliseconds. In a full mesh hardly any of them is of use, so
/// they may be rarer than batches; each hop of a sparse network waits for them.
pub const ANNOUNCE_DELAY_MS: u64 = 60;
/// Batches that may wait for the node's verdict.
pub const PENDING_MAX: usize = 1_024;
/// Messages with a proof among them.
pub const PROOFS_PENDING_MAX: usize = 8;
/// How long a batch waits for the node's verdict, milliseconds.
pub const VERDICT_TIMEOUT_MS: u64 = 10_000;
/// Bytes of checked batches that are kept for peers that want them.
pub const RELAY_BYTES_MAX: usize = 33_554_432;

/// An encoded batch and its name.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub digest: Hash,
    pub frame: Frame,
    pub transactions: usize,
}

impl Batch {
    /// A frame that holds one message of a topic; `None` when it is over the bound.
    pub(crate) fn of_topic(message: &[u8]) -> Option<Self> {
        let frame: Frame = encode(&GossipMessage::Topic(TopicBytes::new(message.to_vec())?)).into();
        Some(Self { digest: digest(&frame), frame, transactions: 0 })
    }
}

/// A message as it is kept for peers.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub frame: Frame,
    /// Whether it travels over the protocol of proofs.
    pub is_proof: bool,
}

impl Kept {
    /// A message with a proof, and its name.
    pub(crate) fn of_proof(message: &ProofMessage) -> (Hash, Self) {
        let frame: Frame = encode(message).into();
        (digest(&frame), Self { frame, is_proof: true })
    }
}

/// Collects published transactions.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    transactions: Vec<TransactionBytes>,
    bytes: usize,
}

impl Collector {
    /// Adds one transaction; returns a batch when this one filled it. The handle has refused what is over
    /// the size bound, so nothing is left out here.
    pub(crate) fn push(&mut self, transaction: &Arc<[u8]>) -> Option<Batch> {
        let transaction = TransactionBytes::new(transaction.to_vec())?;
        self.bytes = self.bytes.saturating_add(transaction.len());
        self.transactions.push(transaction);
        let full = self.bytes >= BATCH_BYTES_TARGET || self.transactions.len() >= BATCH_TRANSACTIONS_MAX;
        if full { self.take() } else { None }
    }

    /// True when nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.transactions.is_empty()
    }

    /// What was collected so far.
    pub(crate) fn take(&mut self) -> Option<Batch> {
        if self.transactions.is_empty() {
            return None;
        }
        self.bytes = 0;
        let transactions = std::mem::take(&mut self.transactions);
        let count = transactions.len();
        let list = BoundedVec::new(transactions).expect("push ends a batch at the bound");
        let frame: Frame = encode(&GossipMessage::Batch(list)).into();
        Some(Batch { digest: digest(&frame), frame, transactions: count })
    }
}

/// A batch that waits for the node's verdict.
#[derive(Debug)]
pub(crate) struct Pending<P> {
    pub source: P,
    pub kept: Kept,
    since_ms: u64,
}

/// Batches received from peers, until they are relayed and forgotten.
#[derive(Debug)]
pub(crate) struct Relay<P> {
    pending: BTreeMap<Hash, Pending<P>>,
    cache: BTreeMap<Hash, Kept>,
    order: VecDeque<Hash>,
    cached_bytes: usize,
    announce: Vec<Hash>,
}

impl<P> Default for Relay<P> {
    fn default() -> Self {
        Self {
            pending: BTreeMap::new(),
            cache: BTreeMap::new(),
            order: VecDeque::new(),
            cached_bytes: 0,
            announce: Vec::new(),
        }
    }
}

impl<P> Relay<P> {
    /// True when another batch may wait for a verdict.
    pub(crate) fn has_room(&self) -> bool {
        self.pending.len() < PENDING_MAX
    }

    /// True when another message with a proof may wait for a verdict.
    pub(crate) fn has_room_for_proof(&self) -> bool {
        self.has_room() && self.pending.values().filter(|pending| pending.kept.is_proof).count() < PROOFS_PENDING_MAX
    }

    /// Keeps a batch that was handed to the node.
    pub(crate) fn wait(&mut self, digest: Hash, source: P, kept: Kept, now_ms: u64) {
        self.pending.insert(digest, Pending { source, kept, since_ms: now_ms });
    }

    /// Whether this message waits for the node's verdict.
    pub(crate) fn is_pending(&self, digest: &Hash) -> bool {
        self.pending.contains_key(digest)
    }

    /// Ends the wait of a batch.
    pub(crate) fn decided(&mut self, digest: &Hash) -> Option<Pending<P>> {
        self.pending.remove(digest)
    }

    /// Makes an accepted batch available to peers and due for announcement. Announcements beyond
    /// [`ANNOUNCE_MAX`] between two flushes are left out: peers further away then learn of the
    /// transactions from blocks.
    pub(crate) fn accept(&mut self, digest: Hash, kept: Kept) {
        let bytes = kept.frame.len();
        if self.cache.insert(digest, kept).is_none() {
            self.cached_bytes = self.cached_bytes.saturating_add(bytes);
            self.order.push_back(digest);
        }
        while self.cached_bytes > RELAY_BYTES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            if let Some(kept) = self.cache.remove(&oldest) {
                self.cached_bytes = self.cached_bytes.saturating_sub(kept.frame.len());
            }
        }
        if self.announce.len() < ANNOUNCE_MAX {
            self.announce.push(digest);
        }
    }

    /// A checked message.
    pub(crate) fn kept(&self, digest: &Hash) -> Option<&Kept> {
        self.cache.get(digest)
    }

    /// What is due for announcement, at most [`ANNOUNCE_MAX`] digests.
    pub(crate) fn take_announcements(&mut self) -> Vec<Hash> {
        std::mem::take(&mut self.announce)
    }

    /// Forgets the batches without a verdict in time; returns how many.
    pub(crate) fn expire(&mut self, now_ms: u64) -> usize {
        let before = self.pending.len();
        self.pending.retain(|_, batch| now_ms.saturating_sub(batch.since_ms) < VERDICT_TIMEOUT_MS);
        before.saturating_sub(self.pending.len())
    }
}
