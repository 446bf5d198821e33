//! A peer delivered a proof, in a transaction or beside the chain, or answered a delivery of ours.
//!
//! Model: such a message is announced like a checked batch (`announce.rs`), asked for in the answer, and delivered here, over a
//! protocol of its own, because it does not fit a gossip message. Questions for a missed proof take the same protocol (`questions.rs`).
//!
//! Rules
//! - The checks are those of `gossip.rs`, in that order, and one before the replay check: the peer was asked for it.
//! - A delivery beyond a limit is dropped and is no offence: we asked for it, and a byte limit of ours below the size of a proof is
//!   not the peer's fault. What nobody asked for is one.
//! - Few wait for the node's verdict and for a peer at once, because each may have megabytes.

use libp2p::PeerId;
use libp2p::request_response::{Event, Message};
use primitives::transaction::TRANSACTION_BYTES_MAX;
use primitives::{Hash, decode, encode};

use crate::actor::Network;
use crate::batches::Kept;
use crate::codec::Frame;
use crate::counters::DropReason;
use crate::handle::{BatchId, P2pEvent};
use crate::handlers::outbox::{self, Pushes};
use crate::handlers::{gossip, handshake, questions};
use crate::identity::PeerKey;
use crate::limits::Exceeded;
use crate::network::RequestsEvent;
use crate::score::Offence;
use crate::wire::{GossipReply, ProofKind, ProofMessage, digest};

/// An event of the proofs protocol.
pub(crate) fn handle(network: &mut Network, event: RequestsEvent) {
    match event {
        Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
            if ProofMessage::is_question(&request) {
                questions::asked(network, peer, &request, channel);
                return;
            }
            let reply = received(network, peer, request);
            // An error means that the remote no longer waits for the answer.
            let _ = network.swarm.behaviour_mut().proofs.send_response(channel, encode(&reply).into());
        }
        Event::Message { peer, message: Message::Response { request_id, response }, .. } => {
            if questions::is_over(network, peer, request_id) {
                questions::told(network, peer, &response);
                outbox::landed(network, peer, Pushes::Proofs);
            } else {
                answered(network, peer, &response);
            }
        }
        Event::OutboundFailure { peer, request_id, .. } => {
            network.count_drop(DropReason::Undelivered);
            questions::is_over(network, peer, request_id);
            outbox::landed(network, peer, Pushes::Proofs);
        }
        Event::InboundFailure { .. } | Event::ResponseSent { .. } => {}
    }
}

fn received(network: &mut Network, peer_id: PeerId, frame: Frame) -> GossipReply {
    let now_ms = network.now_ms();
    let counters = &network.shared.counters;
    counters.messages_in.inc();
    counters.bytes_in.add(u64::try_from(frame.len()).unwrap_or(u64::MAX));
    let Some(peer) = network.peers.get_mut(&peer_id) else { return GossipReply::Refused };
    if !peer.may_send() {
        gossip::before_handshake(network, peer_id);
        return GossipReply::Refused;
    }
    let limited = peer.limiter.gossip(now_ms, frame.len());
    let key = peer.key;
    let digest = digest(&frame);
    let was_asked = peer.wanted.remove(&digest);
    if let Err(limit) = limited {
        let reason = if limit == Exceeded::Bytes { DropReason::ByteLimited } else { DropReason::RateLimited };
        network.count_drop(reason);
        if !was_asked {
            network.offend(peer_id, Offence::RateExceeded);
        }
        return GossipReply::Refused;
    }
    handshake::admit(network, peer_id);
    // What is over the bound arrives as an empty frame.
    let message = decode::<ProofMessage>(&frame).ok().and_then(|message| event(message, key, BatchId(digest)));
    let Some(event) = message else {
        network.count_drop(DropReason::Malformed);
        network.offend(peer_id, Offence::Malformed);
        return GossipReply::Refused;
    };
    if !was_asked {
        network.count_drop(DropReason::Unasked);
        network.offend(peer_id, Offence::Malformed);
        return GossipReply::Refused;
    }
    gossip::known(network, peer_id, digest);
    if network.replay.contains(&digest) {
        network.count_drop(DropReason::Replay);
        return GossipReply::Received;
    }
    let is_transaction = matches!(event, P2pEvent::TransactionsReceived { .. });
    if !handed(network, peer_id, digest, Kept { frame, is_proof: true }, event) {
        return GossipReply::Refused;
    }
    if is_transaction {
        network.shared.counters.transactions_in.inc();
    }
    GossipReply::Received
}

/// Hands a message with a proof to the node, which judges it before it is relayed; false when there is no room.
pub(crate) fn handed(network: &mut Network, peer_id: PeerId, digest: Hash, kept: Kept, event: P2pEvent) -> bool {
    if !network.relay.has_room_for_proof() {
        network.count_drop(DropReason::NodeQueueFull);
        return false;
    }
    if !network.tell(event) {
        return false;
    }
    network.replay.insert(digest);
    let now_ms = network.now_ms();
    network.relay.wait(digest, peer_id, kept, now_ms);
    true
}

/// What the node is told of a delivery; nothing when a transaction is as short as those that travel in batches.
fn event(message: ProofMessage, peer: PeerKey, batch: BatchId) -> Option<P2pEvent> {
    let (kind, proof) = match message {
        ProofMessage::Transaction(bytes) => {
            let is_long = bytes.len() > TRANSACTION_BYTES_MAX;
            let transactions = vec![bytes.into_inner()];
            return is_long.then_some(P2pEvent::TransactionsReceived { peer, batch, transactions });
        }
        ProofMessage::Window(proof) => (ProofKind::Window, proof),
        ProofMessage::Chain(proof) => (ProofKind::Chain, proof),
        // A question is no delivery.
        ProofMessage::Missing { .. } => return None,
    };
    Some(P2pEvent::ProofReceived { peer, batch, kind, proof: proof.into_inner() })
}

fn answered(network: &mut Network, peer_id: PeerId, frame: &Frame) {
    match decode::<GossipReply>(frame) {
        Ok(GossipReply::Received) => {}
        Ok(GossipReply::Refused) => network.count_drop(DropReason::Undelivered),
        // A delivery announces nothing that could be wanted.
        Ok(GossipReply::Wanted(_)) | Err(_) => {
            network.count_drop(DropReason::Malformed);
            network.offend(peer_id, Offence::Malformed);
        }
    }
    outbox::landed(network, peer_id, Pushes::Proofs);
}
