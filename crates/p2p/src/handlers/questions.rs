//! A node that misses a proof asks one peer for it, and answers such questions of peers.
//!
//! ```text
//!   asker:  node ─► ask ─► outbox ─► Missing ──────────────► asked ─► node looks ─► answer      :answerer
//!           node judges ◄─ told ◄──────────── ProofAnswer ◄────────────────────────┘
//! ```
//! Model: one request and its reply over the protocol of proofs. What is told goes the way of a delivery: the node judges it, and only
//! what verified is kept and announced.
//!
//! Rules
//! - One question at a time to a peer, and one message at a time of everything that has a proof.
//! - A peer gets an answer at most every [`ANSWER_PAUSE_MS`]; what comes sooner is answered with nothing, and is no offence.
//! - At most [`QUESTIONS_MAX`] questions wait for this node, whoever asks.
//! - The replay check is left out: a proof that was once dropped for want of room, or because it came too early, is asked for again.

use std::collections::BTreeMap;

use libp2p::PeerId;
use libp2p::request_response::{OutboundRequestId, ResponseChannel};
use primitives::{decode, encode};

use crate::actor::Network;
use crate::batches::Kept;
use crate::codec::Frame;
use crate::counters::DropReason;
use crate::handle::{BatchId, P2pEvent, QuestionId};
use crate::handlers::outbox::{self, Pushes};
use crate::handlers::{gossip, handshake, heights, proofs};
use crate::identity::PeerKey;
use crate::score::Offence;
use crate::wire::{ProofAnswer, ProofKind, ProofMessage};

/// Shortest time between two answers to one peer, milliseconds.
pub const ANSWER_PAUSE_MS: u64 = 500;
/// Most questions that wait for this node.
pub const QUESTIONS_MAX: usize = 16;

/// Questions of peers that wait for this node.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    next: u64,
    waiting: BTreeMap<u64, ResponseChannel<Frame>>,
}

impl Questions {
    /// A name for the next question, if there is room for it. Those whose asker is gone make room.
    pub(crate) fn room(&mut self) -> Option<u64> {
        self.waiting.retain(|_, channel| channel.is_open());
        if self.waiting.len() >= QUESTIONS_MAX {
            return None;
        }
        self.next = self.next.wrapping_add(1);
        Some(self.next)
    }

    /// Keeps a question until the node has looked.
    pub(crate) fn keep(&mut self, question: u64, channel: ResponseChannel<Frame>) {
        self.waiting.insert(question, channel);
    }

    /// The question that the node has looked at; none when its asker has given it up.
    pub(crate) fn take(&mut self, question: QuestionId) -> Option<ResponseChannel<Frame>> {
        self.waiting.remove(&question.0)
    }
}

/// Asks a peer for the proof of a window, unless a question to it is open.
pub(crate) fn ask(network: &mut Network, key: PeerKey, window: u64) {
    let Some(peer_id) = key.peer_id() else { return };
    let Some(peer) = network.peers.get_mut(&peer_id).filter(|peer| peer.may_receive() && !peer.asks_proof) else {
        return;
    };
    peer.asks_proof = true;
    let frame: Frame = encode(&ProofMessage::Missing { window }).into();
    if !outbox::queue(network, peer_id, Pushes::Proofs, frame)
        && let Some(peer) = network.peers.get_mut(&peer_id)
    {
        peer.asks_proof = false;
    }
}

/// A peer asks. The node looks, or the answer is nothing at once.
pub(crate) fn asked(network: &mut Network, peer_id: PeerId, frame: &Frame, channel: ResponseChannel<Frame>) {
    if !heights::heard(network, peer_id, frame) {
        // Dropping the channel tells the remote that there is no answer.
        return;
    }
    handshake::admit(network, peer_id);
    let Ok(ProofMessage::Missing { window }) = decode::<ProofMessage>(frame) else {
        malformed(network, peer_id);
        return;
    };
    let now_ms = network.now_ms();
    let Some(peer) = network.peers.get_mut(&peer_id) else { return };
    let key = peer.key;
    if peer.proof_asked_ms.is_some_and(|last| now_ms.saturating_sub(last) < ANSWER_PAUSE_MS) {
        network.count_drop(DropReason::RateLimited);
        reply(network, channel, &ProofAnswer::Nothing);
        return;
    }
    peer.proof_asked_ms = Some(now_ms);
    let Some(question) = network.questions.room() else {
        network.count_drop(DropReason::NodeQueueFull);
        reply(network, channel, &ProofAnswer::Nothing);
        return;
    };
    if network.tell(P2pEvent::ProofAsked { peer: key, question: QuestionId(question), window }) {
        network.questions.keep(question, channel);
    } else {
        reply(network, channel, &ProofAnswer::Nothing);
    }
}

/// The node has looked.
pub(crate) fn answer(network: &mut Network, question: QuestionId, answer: &ProofAnswer) {
    // A question that is not there was given up by its asker.
    if let Some(channel) = network.questions.take(question) {
        reply(network, channel, answer);
    }
}

fn reply(network: &mut Network, channel: ResponseChannel<Frame>, answer: &ProofAnswer) {
    let frame: Frame = encode(answer).into();
    network.shared.counters.bytes_out.add(u64::try_from(frame.len()).unwrap_or(u64::MAX));
    // An error means that the remote no longer waits for the answer.
    let _ = network.swarm.behaviour_mut().proofs.send_response(channel, frame);
}

/// True when this request was our question to that peer, which is over: another one may follow.
pub(crate) fn is_over(network: &mut Network, peer_id: PeerId, request: OutboundRequestId) -> bool {
    let Some(peer) = network.peers.get_mut(&peer_id).filter(|peer| peer.proof_question == Some(request)) else {
        return false;
    };
    (peer.asks_proof, peer.proof_question) = (false, None);
    true
}

/// A peer answered. What it says is judged like a delivery.
pub(crate) fn told(network: &mut Network, peer_id: PeerId, frame: &Frame) {
    let now_ms = network.now_ms();
    network.shared.counters.bytes_in.add(u64::try_from(frame.len()).unwrap_or(u64::MAX));
    let Some(peer) = network.peers.get_mut(&peer_id) else { return };
    let key = peer.key;
    // A limit of ours is not the peer's fault: we asked.
    if peer.limiter.gossip(now_ms, frame.len()).is_err() {
        network.count_drop(DropReason::ByteLimited);
        return;
    }
    let (kind, proof) = match decode::<ProofAnswer>(frame) {
        Ok(ProofAnswer::Nothing) => return,
        Ok(ProofAnswer::Window(proof)) => (ProofKind::Window, proof.into_inner()),
        Ok(ProofAnswer::Chain(proof)) => (ProofKind::Chain, proof.into_inner()),
        Err(_) => {
            malformed(network, peer_id);
            return;
        }
    };
    let Some(message) = ProofMessage::of(kind, &proof) else { return };
    let (digest, kept) = Kept::of_proof(&message);
    gossip::known(network, peer_id, digest);
    if network.relay.is_pending(&digest) {
        network.count_drop(DropReason::Replay);
        return;
    }
    let event = P2pEvent::ProofReceived { peer: key, batch: BatchId(digest), kind, proof };
    proofs::handed(network, peer_id, digest, kept, event);
}

fn malformed(network: &mut Network, peer_id: PeerId) {
    network.count_drop(DropReason::Malformed);
    network.offend(peer_id, Offence::Malformed);
}
