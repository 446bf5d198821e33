//! A node that syncs its state asks a peer for a piece of a snapshot, and answers such requests of peers.
//!
//! ```text
//!   asker:  node ─► ask ─► SnapshotRequest ─────────────► asked ─► node looks ─► answer      :answerer
//!           node checks ◄─ told ◄──────── SnapshotAnswer ◄────────────────────────┘
//! ```
//! Model: one request and its reply over a protocol of its own, because a piece may be far longer than any other message.
//!
//! Rules
//! - One request at a time to a peer, so what an asker holds is one piece of each peer that it chose to ask.
//! - At most [`QUESTIONS_MAX`](super::questions::QUESTIONS_MAX) requests wait for this node, whoever asks. One more, and one beyond
//!   the peer's budget of requests, is answered with `Busy`: it is no offence, since a newcomer needs every piece.
//! - What is in a piece is checked by the node. It reports a wrong one ([`wrong`]), and the peer loses points.

use libp2p::PeerId;
use libp2p::request_response::{Event, Message, OutboundFailure, OutboundRequestId, ResponseChannel};
use primitives::{decode, encode};

use crate::actor::Network;
use crate::codec::Frame;
use crate::counters::DropReason;
use crate::handle::{AskError, Asker, P2pEvent, QuestionId};
use crate::handlers::{gossip, handshake};
use crate::identity::PeerKey;
use crate::network::RequestsEvent;
use crate::score::Offence;
use crate::wire::{SnapshotAnswer, SnapshotRequest};

/// Pause that a peer over its budget is told, milliseconds.
pub const BUSY_MS: u32 = 500;

/// An event of the snapshots protocol.
pub(crate) fn handle(network: &mut Network, event: RequestsEvent) {
    match event {
        Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
            asked(network, peer, &request, channel);
        }
        Event::Message { peer, message: Message::Response { request_id, response }, .. } => {
            told(network, peer, request_id, &response);
        }
        Event::OutboundFailure { peer, request_id, error, .. } => failed(network, peer, request_id, &error),
        Event::InboundFailure { .. } | Event::ResponseSent { .. } => {}
    }
}

/// Asks a peer, unless a request to it is open.
pub(crate) fn ask(network: &mut Network, key: PeerKey, request: SnapshotRequest, asker: Asker) {
    let peer_id = key.peer_id();
    let peer = peer_id.and_then(|peer_id| network.peers.get_mut(&peer_id).filter(|peer| peer.may_receive()));
    // In what follows an error means that nobody waits any more.
    let (Some(peer_id), Some(peer)) = (peer_id, peer) else {
        let _ = asker.send(Err(AskError::Gone));
        return;
    };
    // A waiter that went away leaves its place.
    if peer.snapshot_request.as_ref().is_some_and(|(_, asker)| !asker.is_closed()) {
        let _ = asker.send(Err(AskError::Asked));
        return;
    }
    let frame: Frame = encode(&request).into();
    network.shared.counters.bytes_out.add(u64::try_from(frame.len()).unwrap_or(u64::MAX));
    let id = network.swarm.behaviour_mut().snapshots.send_request(&peer_id, frame);
    peer.snapshot_request = Some((id, asker));
}

/// A peer asks. The node looks, or the answer is `Busy` at once.
fn asked(network: &mut Network, peer_id: PeerId, frame: &Frame, channel: ResponseChannel<Frame>) {
    let now_ms = network.now_ms();
    network.shared.counters.bytes_in.add(u64::try_from(frame.len()).unwrap_or(u64::MAX));
    let Some(peer) = network.peers.get_mut(&peer_id) else { return };
    if !peer.may_send() {
        gossip::before_handshake(network, peer_id);
        // Dropping the channel tells the remote that there is no answer.
        return;
    }
    let key = peer.key;
    let is_limited = peer.limiter.request(now_ms, frame.len()).is_err();
    handshake::admit(network, peer_id);
    if is_limited {
        network.count_drop(DropReason::RateLimited);
        reply(network, channel, &SnapshotAnswer::Busy(BUSY_MS));
        return;
    }
    let Ok(request) = decode::<SnapshotRequest>(frame) else {
        malformed(network, peer_id);
        return;
    };
    let question = network.snapshot_questions.room();
    let told = question.filter(|question| {
        network.tell(P2pEvent::SnapshotAsked { peer: key, question: QuestionId(*question), request })
    });
    match told {
        Some(question) => network.snapshot_questions.keep(question, channel),
        None => {
            if question.is_none() {
                network.count_drop(DropReason::NodeQueueFull);
            }
            reply(network, channel, &SnapshotAnswer::Busy(BUSY_MS));
        }
    }
}

/// The node has looked.
pub(crate) fn answer(network: &mut Network, question: QuestionId, answer: &SnapshotAnswer) {
    // A request that is not there was given up by its asker.
    if let Some(channel) = network.snapshot_questions.take(question) {
        reply(network, channel, answer);
    }
}

/// The node found a piece of this peer to be wrong.
pub(crate) fn wrong(network: &mut Network, key: PeerKey) {
    if let Some(peer_id) = key.peer_id() {
        network.count_drop(DropReason::Invalid);
        network.offend(peer_id, Offence::WrongSnapshot);
    }
}

fn reply(network: &mut Network, channel: ResponseChannel<Frame>, answer: &SnapshotAnswer) {
    let frame: Frame = encode(answer).into();
    network.shared.counters.bytes_out.add(u64::try_from(frame.len()).unwrap_or(u64::MAX));
    // An error means that the remote no longer waits for the answer.
    let _ = network.swarm.behaviour_mut().snapshots.send_response(channel, frame);
}

/// Who waits for the answer to this request.
fn asker(network: &mut Network, peer_id: PeerId, request: OutboundRequestId) -> Option<Asker> {
    let peer = network.peers.get_mut(&peer_id)?;
    peer.snapshot_request.take_if(|(id, _)| *id == request).map(|(_, asker)| asker)
}

fn told(network: &mut Network, peer_id: PeerId, request: OutboundRequestId, frame: &Frame) {
    network.shared.counters.bytes_in.add(u64::try_from(frame.len()).unwrap_or(u64::MAX));
    let answer = decode::<SnapshotAnswer>(frame).map_err(|_| AskError::Malformed);
    if answer.is_err() {
        malformed(network, peer_id);
    }
    if let Some(asker) = asker(network, peer_id, request) {
        let _ = asker.send(answer);
    }
}

fn failed(network: &mut Network, peer_id: PeerId, request: OutboundRequestId, error: &OutboundFailure) {
    network.count_drop(DropReason::Undelivered);
    let is_oversize = matches!(error, OutboundFailure::Io(error) if error.kind() == std::io::ErrorKind::InvalidData);
    if is_oversize {
        malformed(network, peer_id);
    }
    let error = match error {
        OutboundFailure::ConnectionClosed | OutboundFailure::DialFailure => AskError::Gone,
        OutboundFailure::Io(_) if is_oversize => AskError::Malformed,
        OutboundFailure::Timeout | OutboundFailure::UnsupportedProtocols | OutboundFailure::Io(_) => AskError::Silent,
    };
    if let Some(asker) = asker(network, peer_id, request) {
        let _ = asker.send(Err(error));
    }
}

fn malformed(network: &mut Network, peer_id: PeerId) {
    network.count_drop(DropReason::Malformed);
    network.offend(peer_id, Offence::Malformed);
}
