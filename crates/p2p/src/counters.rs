//! What the network counts. The metrics catalogue of `telemetry` reads these numbers; names and
//! units of the exported series are decided there.
//!
//! Rule: plain atomics that only grow, except the gauges `peers` and `banned_peers`.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::wire::Refusal;

/// A number that other threads may read at any time.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn inc(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: usize) {
        self.0.store(u64::try_from(value).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// The transport under a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// QUIC over UDP.
    Quic,
    /// TCP with Noise and Yamux.
    Tcp,
}

impl Provider {
    /// All providers, in the order of the counters.
    pub const ALL: [Self; 2] = [Self::Quic, Self::Tcp];

    /// The label value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quic => "quic",
            Self::Tcp => "tcp",
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Quic => 0,
            Self::Tcp => 1,
        }
    }
}

/// Why a handshake that was started did not end with agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeFailure {
    /// Nobody answered at any address that was dialled.
    Unreachable,
    /// Who answered has another key than the one that was dialled.
    WrongKey,
    /// A dial that this node gave up by itself: a ban, a limit, a peer that is there already.
    NotTaken,
    /// Somebody came and left, or was turned away, before the connection was encrypted.
    Incoming,
    /// Either side refused, by name.
    Refused(Refusal),
}

impl HandshakeFailure {
    /// All reasons, in the order of the counters.
    pub const ALL: [Self; 11] = [
        Self::Unreachable,
        Self::WrongKey,
        Self::NotTaken,
        Self::Incoming,
        Self::Refused(Refusal::WrongChainId),
        Self::Refused(Refusal::WrongGenesis),
        Self::Refused(Refusal::UnsupportedVersion),
        Self::Refused(Refusal::Malformed),
        Self::Refused(Refusal::Timeout),
        Self::Refused(Refusal::UnsupportedKey),
        Self::Refused(Refusal::RateLimited),
    ];

    /// The label value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::WrongKey => "wrong_key",
            Self::NotTaken => "not_taken",
            Self::Incoming => "incoming",
            Self::Refused(Refusal::WrongChainId) => "wrong_chain_id",
            Self::Refused(Refusal::WrongGenesis) => "wrong_genesis",
            Self::Refused(Refusal::UnsupportedVersion) => "unsupported_version",
            Self::Refused(Refusal::Malformed) => "malformed",
            Self::Refused(Refusal::Timeout) => "timeout",
            Self::Refused(Refusal::UnsupportedKey) => "unsupported_key",
            Self::Refused(Refusal::RateLimited) => "rate_limited",
        }
    }
}

/// Why a message did not go further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// The peer is over its gossip or request limit.
    RateLimited,
    /// The peer is over its byte limit.
    ByteLimited,
    /// The digest is among the last ones seen.
    Replay,
    /// The peer's handshake is not done.
    BeforeHandshake,
    /// A message with a proof that nobody asked the peer for.
    Unasked,
    /// Too long or not a canonical encoding.
    Malformed,
    /// The node does not keep up with reading.
    NodeQueueFull,
    /// The peer does not keep up with reading.
    PeerQueueFull,
    /// The node gave no verdict in time.
    VerdictMissing,
    /// The node found an invalid transaction in it.
    Invalid,
    /// A request to the peer failed or was refused by it.
    Undelivered,
}

impl DropReason {
    /// All reasons, in the order of the counters.
    pub const ALL: [Self; 11] = [
        Self::RateLimited,
        Self::ByteLimited,
        Self::Replay,
        Self::BeforeHandshake,
        Self::Unasked,
        Self::Malformed,
        Self::NodeQueueFull,
        Self::PeerQueueFull,
        Self::VerdictMissing,
        Self::Invalid,
        Self::Undelivered,
    ];

    /// The label value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::ByteLimited => "byte_limited",
            Self::Replay => "replay",
            Self::BeforeHandshake => "before_handshake",
            Self::Unasked => "unasked",
            Self::Malformed => "malformed",
            Self::NodeQueueFull => "node_queue_full",
            Self::PeerQueueFull => "peer_queue_full",
            Self::VerdictMissing => "verdict_missing",
            Self::Invalid => "invalid",
            Self::Undelivered => "undelivered",
        }
    }
}

/// Everything the network counts.
#[derive(Debug, Default)]
pub struct Counters {
    handshake_attempts: [Counter; Provider::ALL.len()],
    connects: [Counter; Provider::ALL.len()],
    handshake_failures: [Counter; HandshakeFailure::ALL.len()],
    dropped: [Counter; DropReason::ALL.len()],
    /// Handshakes that ended with both sides agreed.
    pub handshakes_completed: Counter,
    /// Handshakes refused by either side, or not finished in time.
    pub handshakes_refused: Counter,
    /// Gossip messages (batches and announcements) received.
    pub messages_in: Counter,
    /// Gossip messages sent.
    pub messages_out: Counter,
    /// Bytes of all received requests.
    pub bytes_in: Counter,
    /// Bytes of all sent gossip messages.
    pub bytes_out: Counter,
    /// Transactions handed to the node.
    pub transactions_in: Counter,
    /// Transactions published by the node, counted once each.
    pub transactions_out: Counter,
    /// Peers whose handshake is done. A gauge.
    pub peers: Counter,
    /// Bans so far.
    pub bans: Counter,
    /// Peers that are banned at this moment. A gauge.
    pub banned_peers: Counter,
    /// Write attempts of the peer store, retries included.
    pub overlay_persist_attempts: Counter,
    /// Peer store writes that ended well.
    pub overlay_persist_success: Counter,
    /// Peer store writes given up after the last retry.
    pub overlay_persist_failure: Counter,
}

impl Counters {
    /// Starts of the bounded handshake over `provider`, whatever came of them.
    pub fn handshake_attempts(&self, provider: Provider) -> &Counter {
        &self.handshake_attempts[provider.index()]
    }

    /// Connections made over `provider`.
    pub fn connects(&self, provider: Provider) -> &Counter {
        &self.connects[provider.index()]
    }

    /// Handshakes that failed for `reason`.
    pub fn handshake_failures(&self, reason: HandshakeFailure) -> &Counter {
        let index = HandshakeFailure::ALL.iter().position(|other| *other == reason);
        &self.handshake_failures[index.expect("every reason is in ALL")]
    }

    /// Messages dropped for `reason`.
    pub fn dropped(&self, reason: DropReason) -> &Counter {
        let index = DropReason::ALL.iter().position(|other| *other == reason);
        &self.dropped[index.expect("every reason is in ALL")]
    }
}
