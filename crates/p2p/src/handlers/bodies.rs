//! A node that has lost the body of a height asks one peer for it, and answers such questions of peers.
//!
//! ```text
//!   asker:  node ─► ask ───────── BodyQuestion ──────────► asked ─► node looks ─► answer      :answerer
//!           node judges ◄─ told ◄──── BodyAnswer ◄────────────────────────────────┘
//! ```
//! Model: one request and its reply over a protocol of its own, because a body is larger than any other message. The answer goes to whoever
//! asked and nowhere else: nothing of it is relayed.
//!
//! Rules
//! - One question at a time is open to a peer, and at most [`ASKED_MAX`] to all; a further one gets no answer at once.
//! - A peer gets an answer at most every [`ANSWER_PAUSE_MS`]; what comes sooner is answered with nothing, and is no offence.
//! - At most [`QUESTIONS_MAX`] questions wait for this node, whoever asks.
//! - What an answer holds is the node's affair; for one that is wrong the node blames the peer ([`blame`]).

use std::collections::BTreeMap;

use libp2p::PeerId;
use libp2p::request_response::{Event, Message, OutboundRequestId, ResponseChannel};
use primitives::{BoundedVec, Height, decode, encode};
use tokio::sync::oneshot;

use crate::actor::Network;
use crate::codec::Frame;
use crate::counters::DropReason;
use crate::handle::{P2pEvent, QuestionId};
use crate::handlers::{handshake, heights};
use crate::identity::PeerKey;
use crate::network::RequestsEvent;
use crate::score::Offence;
use crate::wire::{BodyAnswer, BodyQuestion};

/// Shortest time between two answers to one peer, milliseconds.
pub const ANSWER_PAUSE_MS: u64 = 50;
/// Pause that whoever asks makes before a question, milliseconds: longer than a peer takes between two answers.
pub const BODY_ASK_PAUSE_MS: u64 = ANSWER_PAUSE_MS + 10;
/// Most questions of peers that wait for this node.
pub const QUESTIONS_MAX: usize = 4;
/// Most questions of this node that are open.
pub const ASKED_MAX: usize = 4;

/// A body's bytes, unchecked; none from a peer that does not have it.
pub(crate) type Told = oneshot::Sender<Option<Vec<u8>>>;

/// Open questions, ours and those of peers.
#[derive(Debug, Default)]
pub(crate) struct Bodies {
    asked: BTreeMap<OutboundRequestId, (PeerId, Told)>,
    next: u64,
    waiting: BTreeMap<u64, ResponseChannel<Frame>>,
    answered_ms: BTreeMap<PeerId, u64>,
}

/// An event of the bodies protocol.
pub(crate) fn handle(network: &mut Network, event: RequestsEvent) {
    match event {
        Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
            asked(network, peer, &request, channel);
        }
        Event::Message { peer, message: Message::Response { request_id, response }, .. } => {
            told(network, peer, request_id, &response);
        }
        Event::OutboundFailure { request_id, .. } => {
            network.count_drop(DropReason::Undelivered);
            // Dropping the sender tells the asker that there is no answer.
            network.bodies.asked.remove(&request_id);
        }
        Event::InboundFailure { .. } | Event::ResponseSent { .. } => {}
    }
}

/// Asks a peer for the body of a height.
pub(crate) fn ask(network: &mut Network, key: PeerKey, height: Height, told: Told) {
    let Some(peer_id) = key.peer_id() else { return };
    let is_free = network.peers.get(&peer_id).is_some_and(|peer| peer.may_receive());
    let bodies = &network.bodies;
    if !is_free || bodies.asked.len() >= ASKED_MAX || bodies.asked.values().any(|(asked, _)| *asked == peer_id) {
        return;
    }
    let frame: Frame = encode(&BodyQuestion { height }).into();
    let request = network.swarm.behaviour_mut().bodies.send_request(&peer_id, frame);
    network.bodies.asked.insert(request, (peer_id, told));
}

/// A peer asks. The node looks, or the answer is nothing at once.
fn asked(network: &mut Network, peer_id: PeerId, frame: &Frame, channel: ResponseChannel<Frame>) {
    if !heights::heard(network, peer_id, frame) {
        // Dropping the channel tells the remote that there is no answer.
        return;
    }
    handshake::admit(network, peer_id);
    let Ok(BodyQuestion { height }) = decode::<BodyQuestion>(frame) else {
        malformed(network, peer_id);
        return;
    };
    let now_ms = network.now_ms();
    let Some(key) = network.peers.get(&peer_id).map(|peer| peer.key) else { return };
    let Network { bodies, peers, .. } = network;
    bodies.answered_ms.retain(|peer, _| peers.contains_key(peer));
    bodies.waiting.retain(|_, channel| channel.is_open());
    let is_soon = bodies.answered_ms.get(&peer_id).is_some_and(|last| now_ms.saturating_sub(*last) < ANSWER_PAUSE_MS);
    if is_soon || bodies.waiting.len() >= QUESTIONS_MAX {
        network.count_drop(if is_soon { DropReason::RateLimited } else { DropReason::NodeQueueFull });
        reply(network, channel, None);
        return;
    }
    bodies.answered_ms.insert(peer_id, now_ms);
    bodies.next = bodies.next.wrapping_add(1);
    let question = bodies.next;
    if network.tell(P2pEvent::BodyAsked { peer: key, question: QuestionId(question), height }) {
        network.bodies.waiting.insert(question, channel);
    } else {
        reply(network, channel, None);
    }
}

/// The node has looked.
pub(crate) fn answer(network: &mut Network, question: QuestionId, body: Option<Vec<u8>>) {
    // A question that is not there was given up by its asker.
    if let Some(channel) = network.bodies.waiting.remove(&question.0) {
        reply(network, channel, body);
    }
}

fn reply(network: &mut Network, channel: ResponseChannel<Frame>, body: Option<Vec<u8>>) {
    let body = body.and_then(BoundedVec::new);
    let frame: Frame = encode(&BodyAnswer { body }).into();
    network.shared.counters.bytes_out.add(u64::try_from(frame.len()).unwrap_or(u64::MAX));
    // An error means that the remote no longer waits for the answer.
    let _ = network.swarm.behaviour_mut().bodies.send_response(channel, frame);
}

fn told(network: &mut Network, peer_id: PeerId, request: OutboundRequestId, frame: &Frame) {
    network.shared.counters.bytes_in.add(u64::try_from(frame.len()).unwrap_or(u64::MAX));
    let Some((_, told)) = network.bodies.asked.remove(&request) else { return };
    match decode::<BodyAnswer>(frame) {
        // An error means that the asker no longer waits.
        Ok(BodyAnswer { body }) => drop(told.send(body.map(BoundedVec::into_inner))),
        Err(_) => malformed(network, peer_id),
    }
}

/// The node found that a peer gave something else than it was asked for.
pub(crate) fn blame(network: &mut Network, key: PeerKey) {
    let Some(peer_id) = key.peer_id() else { return };
    network.count_drop(DropReason::Invalid);
    network.offend(peer_id, Offence::InvalidBatch);
}

fn malformed(network: &mut Network, peer_id: PeerId) {
    network.count_drop(DropReason::Malformed);
    network.offend(peer_id, Offence::Malformed);
}
