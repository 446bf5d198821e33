//! A peer sent transactions or announced some, or answered a message of ours.
//!
//! Order of the checks, cheapest first: handshake, gossip rate, bytes, replay, encoding, room in the
//! node's queue. A batch that fails before the replay check leaves no trace, so another peer's copy
//! of it is still welcome.

use libp2p::PeerId;
use libp2p::request_response::{Event, Message};
use primitives::{BoundedVec, Hash, decode, encode};

use crate::actor::Network;
use crate::batches::Kept;
use crate::codec::Frame;
use crate::counters::DropReason;
use crate::handle::{BatchId, P2pEvent};
use crate::handlers::handshake;
use crate::handlers::outbox::{self, Pushes};
use crate::identity::PeerKey;
use crate::limits::Exceeded;
use crate::network::RequestsEvent;
use crate::score::Offence;
use crate::wire::{ANNOUNCE_MAX, BATCH_TRANSACTIONS_MAX, GossipMessage, GossipReply, TransactionBytes, digest};

/// An event of the transactions protocol.
pub(crate) fn handle(network: &mut Network, event: RequestsEvent) {
    match event {
        Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
            let reply = received(network, peer, request);
            // An error means that the remote no longer waits for the answer.
            let _ = network.swarm.behaviour_mut().gossip.send_response(channel, encode(&reply).into());
        }
        Event::Message { peer, message: Message::Response { response, .. }, .. } => answered(network, peer, &response),
        Event::OutboundFailure { peer, .. } => {
            network.count_drop(DropReason::Undelivered);
            outbox::landed(network, peer, Pushes::Gossip);
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
        before_handshake(network, peer_id);
        return GossipReply::Refused;
    }
    if let Err(limit) = peer.limiter.gossip(now_ms, frame.len()) {
        exceeded(network, peer_id, limit);
        return GossipReply::Refused;
    }
    handshake::admit(network, peer_id);
    let digest = digest(&frame);
    if network.replay.contains(&digest) {
        network.count_drop(DropReason::Replay);
        known(network, peer_id, digest);
        return GossipReply::Received;
    }
    match decode::<GossipMessage>(&frame) {
        Ok(GossipMessage::Batch(batch)) => batched(network, peer_id, digest, frame, batch),
        Ok(GossipMessage::Announce(digests)) => announced(network, peer_id, &digests),
        Ok(GossipMessage::Topic(message)) => {
            let message = message.into_inner();
            handed(network, peer_id, digest, frame, |peer, batch| P2pEvent::TopicReceived { peer, batch, message })
        }
        Err(_) => {
            network.count_drop(DropReason::Malformed);
            network.offend(peer_id, Offence::Malformed);
            GossipReply::Refused
        }
    }
}

/// Counts a message of a peer whose handshake is not done. It costs points, unless our own greeting is
/// still on its way: then the remote may have taken itself for admitted.
pub(crate) fn before_handshake(network: &mut Network, peer_id: PeerId) {
    network.count_drop(DropReason::BeforeHandshake);
    if network.peers.get(&peer_id).is_some_and(|peer| !peer.greeted) {
        network.offend(peer_id, Offence::BeforeHandshake);
    }
}

/// Counts a message beyond a limit, and for gossip and bytes an offence. Requests for heights come by
/// the remote's clock, so a low `max_per_sec` of ours would ban peers that do nothing wrong.
pub(crate) fn exceeded(network: &mut Network, peer_id: PeerId, limit: Exceeded) {
    let (reason, offence) = match limit {
        Exceeded::GossipRate => (DropReason::RateLimited, true),
        Exceeded::Requests => (DropReason::RateLimited, false),
        Exceeded::Bytes => (DropReason::ByteLimited, true),
    };
    network.count_drop(reason);
    if offence {
        network.offend(peer_id, Offence::RateExceeded);
    }
}

fn batched(
    network: &mut Network,
    peer_id: PeerId,
    digest: Hash,
    frame: Frame,
    batch: BoundedVec<TransactionBytes, BATCH_TRANSACTIONS_MAX>,
) -> GossipReply {
    let transactions: Vec<Vec<u8>> = batch.into_inner().into_iter().map(BoundedVec::into_inner).collect();
    let count = u64::try_from(transactions.len()).unwrap_or(u64::MAX);
    let reply = handed(network, peer_id, digest, frame, |peer, batch| P2pEvent::TransactionsReceived {
        peer,
        batch,
        transactions,
    });
    if reply == GossipReply::Received {
        network.shared.counters.transactions_in.add(count);
    }
    reply
}

/// Hands a new message to the node, which judges it before it is relayed.
fn handed(
    network: &mut Network,
    peer_id: PeerId,
    digest: Hash,
    frame: Frame,
    event: impl FnOnce(PeerKey, BatchId) -> P2pEvent,
) -> GossipReply {
    known(network, peer_id, digest);
    let Some(key) = network.peers.get(&peer_id).map(|peer| peer.key) else { return GossipReply::Refused };
    if !network.relay.has_room() {
        network.count_drop(DropReason::NodeQueueFull);
        return GossipReply::Refused;
    }
    if !network.tell(event(key, BatchId(digest))) {
        return GossipReply::Refused;
    }
    // Remembered only now: a message that found no room may come again.
    network.replay.insert(digest);
    let now_ms = network.now_ms();
    network.relay.wait(digest, peer_id, Kept { frame, is_proof: false }, now_ms);
    GossipReply::Received
}

/// Wants what is new. A batch is wanted from at most two announcers: the second one stands in when the
/// first does not deliver.
fn announced(network: &mut Network, peer_id: PeerId, digests: &[Hash]) -> GossipReply {
    let mut wanted = Vec::new();
    for digest in digests {
        known(network, peer_id, *digest);
        let [asked, asked_again] = &mut network.asked;
        if !network.replay.contains(digest) && (asked.insert(*digest) || asked_again.insert(*digest)) {
            wanted.push(*digest);
        }
    }
    if let Some(peer) = network.peers.get_mut(&peer_id) {
        for digest in &wanted {
            peer.wanted.insert(*digest);
        }
    }
    match BoundedVec::<Hash, ANNOUNCE_MAX>::new(wanted) {
        Some(wanted) if !wanted.is_empty() => GossipReply::Wanted(wanted),
        _ => GossipReply::Received,
    }
}

pub(crate) fn known(network: &mut Network, peer_id: PeerId, digest: Hash) {
    if let Some(peer) = network.peers.get_mut(&peer_id) {
        peer.known.insert(digest);
    }
}

fn answered(network: &mut Network, peer_id: PeerId, frame: &Frame) {
    match decode::<GossipReply>(frame) {
        Ok(GossipReply::Received) => {}
        Ok(GossipReply::Refused) => network.count_drop(DropReason::Undelivered),
        Ok(GossipReply::Wanted(digests)) => {
            for digest in &digests {
                if let Some(Kept { frame, is_proof }) = network.relay.kept(digest).cloned() {
                    let pushes = if is_proof { Pushes::Proofs } else { Pushes::Gossip };
                    outbox::queue(network, peer_id, pushes, frame);
                }
            }
        }
        Err(_) => {
            network.count_drop(DropReason::Malformed);
            network.offend(peer_id, Offence::Malformed);
        }
    }
    outbox::landed(network, peer_id, Pushes::Gossip);
}
