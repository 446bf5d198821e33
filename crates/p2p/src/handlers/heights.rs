//! A peer asks for our finalized height and tells its own, or answers the same question.

use libp2p::PeerId;
use libp2p::request_response::{Event, Message};
use primitives::{decode, encode};

use crate::actor::Network;
use crate::codec::Frame;
use crate::counters::DropReason;
use crate::handlers::{gossip, handshake};
use crate::network::RequestsEvent;
use crate::score::Offence;
use crate::wire::Heights;

/// An event of the heights protocol.
pub(crate) fn handle(network: &mut Network, event: RequestsEvent) {
    match event {
        Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
            if !heard(network, peer, &request) {
                // Dropping the channel tells the remote that there is no answer.
                return;
            }
            handshake::admit(network, peer);
            told(network, peer, &request);
            let reply = encode(&Heights { finalized: network.height() }).into();
            // An error means that the remote no longer waits.
            let _ = network.swarm.behaviour_mut().heights.send_response(channel, reply);
        }
        Event::Message { peer, message: Message::Response { response, .. }, .. } => {
            answered(network, peer);
            told(network, peer, &response);
        }
        Event::OutboundFailure { peer, .. } => answered(network, peer),
        Event::InboundFailure { .. } | Event::ResponseSent { .. } => {}
    }
}

pub(crate) fn heard(network: &mut Network, peer_id: PeerId, frame: &Frame) -> bool {
    let now_ms = network.now_ms();
    network.shared.counters.bytes_in.add(u64::try_from(frame.len()).unwrap_or(u64::MAX));
    let Some(peer) = network.peers.get_mut(&peer_id) else { return false };
    if !peer.may_send() {
        gossip::before_handshake(network, peer_id);
        return false;
    }
    if let Err(exceeded) = peer.limiter.request(now_ms, frame.len()) {
        gossip::exceeded(network, peer_id, exceeded);
        return false;
    }
    true
}

fn answered(network: &mut Network, peer_id: PeerId) {
    if let Some(peer) = network.peers.get_mut(&peer_id) {
        peer.asked_height = false;
    }
}

fn told(network: &mut Network, peer_id: PeerId, frame: &Frame) {
    let Ok(heights) = decode::<Heights>(frame) else {
        network.count_drop(DropReason::Malformed);
        network.offend(peer_id, Offence::Malformed);
        return;
    };
    if let Some(peer) = network.peers.get_mut(&peer_id) {
        network.views_changed |= peer.height != heights.finalized;
        peer.height = heights.finalized;
    }
}
