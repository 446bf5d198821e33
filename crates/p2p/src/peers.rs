//! The peers that are connected at this moment.
//!
//! ```text
//!            connection            their Hello fits            their first request
//!  (none) ──────────────► Greeting ───────────────► Agreed ─────────────────────► Admitted
//!                            │  our Hello accepted ────────────────────────────────►  ▲
//!                            └─ refused, late ───► Refused ─► disconnected
//! ```
//!
//! Model: a dialler greets, the listener answers. The listener sends nothing until the dialler's first
//! request shows that the answer arrived, so no message can overtake the answer and be refused.
//!
//! Rules
//! - Requests other than the handshake are heard from `Agreed` on, and sent from `Admitted` on.
//! - `Greeting`, `Agreed` and `Refused` have a deadline.
//! - What waits for a peer is bounded ([`OUTBOX_MAX`], [`IN_FLIGHT_MAX`]); a peer that does not keep
//!   up loses messages, the others do not wait for it.

use std::collections::{BTreeMap, VecDeque};

use libp2p::PeerId;
use libp2p::request_response::OutboundRequestId;
use libp2p::swarm::ConnectionId;
use primitives::Height;

use crate::codec::Frame;
use crate::counters::Provider;
use crate::handle::Asker;
use crate::identity::PeerKey;
use crate::limits::{LimitsConfig, PeerLimiter, ReplayWindow};

/// Time for a handshake, milliseconds.
pub const HANDSHAKE_TIMEOUT_MS: u64 = 5_000;
/// How long a refused dialler may stay to read why, milliseconds.
pub const REFUSED_LINGER_MS: u64 = 2_000;
/// Gossip messages that wait for one peer.
pub const OUTBOX_MAX: usize = 64;
/// Gossip messages sent to one peer and not answered yet.
pub const IN_FLIGHT_MAX: usize = 8;
/// Messages with a proof that wait for one peer.
pub const PROOFS_OUTBOX_MAX: usize = 4;
/// Messages with a proof sent to one peer and not answered yet.
pub const PROOFS_IN_FLIGHT_MAX: usize = 1;
/// Digests that one peer was asked for and has not delivered.
pub const WANTED_MAX: u64 = 1_024;
/// Digests remembered as known to one peer.
pub const KNOWN_MAX: u64 = 1_024;

/// How far a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Greeting { deadline_ms: u64 },
    Agreed { deadline_ms: u64 },
    Admitted,
    Refused { deadline_ms: u64 },
}

/// One open connection.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub id: ConnectionId,
    pub inbound: bool,
    pub provider: Provider,
    pub address: String,
}

/// Frames of one protocol that wait for one peer.
#[derive(Debug)]
pub(crate) struct Outbox {
    frames: VecDeque<Frame>,
    in_flight: usize,
    frames_max: usize,
    in_flight_max: usize,
}

impl Outbox {
    const fn new(frames_max: usize, in_flight_max: usize) -> Self {
        Self { frames: VecDeque::new(), in_flight: 0, frames_max, in_flight_max }
    }

    /// Queues a frame; false when too many wait and the frame is dropped.
    pub(crate) fn queue(&mut self, frame: Frame) -> bool {
        let room = self.frames.len() < self.frames_max;
        if room {
            self.frames.push_back(frame);
        }
        room
    }

    /// The next frame to send, when another one may be in flight.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        if self.in_flight >= self.in_flight_max {
            return None;
        }
        let frame = self.frames.pop_front()?;
        self.in_flight = self.in_flight.saturating_add(1);
        Some(frame)
    }

    /// One that was in flight was answered or failed.
    pub(crate) fn landed(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }
}

/// One connected peer.
#[derive(Debug)]
pub(crate) struct Peer {
    pub key: PeerKey,
    pub phase: Phase,
    pub connections: Vec<Connection>,
    pub agent: String,
    pub mode: String,
    pub channel: String,
    pub gates: String,
    pub addresses: Vec<String>,
    pub height: Height,
    pub connected_ms: u64,
    pub limiter: PeerLimiter,
    pub known: ReplayWindow,
    /// What this peer announced and was asked for.
    pub wanted: ReplayWindow,
    pub outbox: Outbox,
    pub proofs_outbox: Outbox,
    /// A handshake request of ours has no answer yet.
    pub greeted: bool,
    /// A heights request of ours has no answer yet.
    pub asked_height: bool,
    /// When it was last asked for further peers, milliseconds.
    pub asked_peers_ms: Option<u64>,
    /// A question of ours for a proof waits to be sent, or for its answer.
    pub asks_proof: bool,
    /// That question, once it was sent.
    pub proof_question: Option<OutboundRequestId>,
    /// When a question of this peer for a proof was last looked at, milliseconds.
    pub proof_asked_ms: Option<u64>,
    /// A request of ours for a piece of a snapshot, and who waits for the answer.
    pub snapshot_request: Option<(OutboundRequestId, Asker)>,
}

impl Peer {
    /// A peer without connections whose handshake starts.
    pub(crate) fn new(key: PeerKey, limits: &LimitsConfig, now_ms: u64) -> Self {
        Self {
            key,
            phase: Phase::Greeting { deadline_ms: now_ms.saturating_add(HANDSHAKE_TIMEOUT_MS) },
            connections: Vec::new(),
            agent: String::new(),
            mode: String::new(),
            channel: String::new(),
            gates: String::new(),
            addresses: Vec::new(),
            height: Height::GENESIS,
            connected_ms: now_ms,
            limiter: PeerLimiter::new(limits),
            known: ReplayWindow::new(KNOWN_MAX),
            wanted: ReplayWindow::new(WANTED_MAX),
            outbox: Outbox::new(OUTBOX_MAX, IN_FLIGHT_MAX),
            proofs_outbox: Outbox::new(PROOFS_OUTBOX_MAX, PROOFS_IN_FLIGHT_MAX),
            greeted: false,
            asked_height: false,
            asked_peers_ms: None,
            asks_proof: false,
            proof_question: None,
            proof_asked_ms: None,
            snapshot_request: None,
        }
    }

    /// True when requests of this peer are heard.
    pub(crate) fn may_send(&self) -> bool {
        matches!(self.phase, Phase::Agreed { .. } | Phase::Admitted)
    }

    /// True when this peer gets requests.
    pub(crate) fn may_receive(&self) -> bool {
        self.phase == Phase::Admitted
    }

    /// True when the peer has to go.
    pub(crate) fn is_late(&self, now_ms: u64) -> bool {
        match self.phase {
            Phase::Admitted => false,
            Phase::Greeting { deadline_ms } | Phase::Agreed { deadline_ms } | Phase::Refused { deadline_ms } => {
                deadline_ms <= now_ms
            }
        }
    }
}

/// Every connected peer.
pub(crate) type Peers = BTreeMap<PeerId, Peer>;
