//! What waits to be sent to a peer: at once, or when the peer has answered what was sent before.
//!
//! ```text
//! queue ─► outbox of the protocol ─► pump: as many as may fly ─► answer or failure ─► landed ─► pump
//! ```
//! Read next: `gossip.rs` and `proofs.rs`, the two protocols that push.

use libp2p::{PeerId, Swarm};

use crate::actor::Network;
use crate::codec::Frame;
use crate::counters::{Counters, DropReason};
use crate::network::{Behaviour, Requests};
use crate::peers::{Outbox, Peer};
use crate::wire::ProofMessage;

/// A protocol that pushes frames to peers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pushes {
    /// Batches of transactions and announcements.
    Gossip,
    /// Messages with a proof, and questions for one.
    Proofs,
}

impl Pushes {
    fn outbox(self, peer: &mut Peer) -> &mut Outbox {
        match self {
            Self::Gossip => &mut peer.outbox,
            Self::Proofs => &mut peer.proofs_outbox,
        }
    }

    fn requests(self, behaviour: &mut Behaviour) -> &mut Requests {
        match self {
            Self::Gossip => &mut behaviour.gossip,
            Self::Proofs => &mut behaviour.proofs,
        }
    }
}

/// Sends a frame to one peer, at once or when it has answered earlier ones; false when it was dropped.
pub(crate) fn queue(network: &mut Network, peer_id: PeerId, pushes: Pushes, frame: Frame) -> bool {
    let Some(peer) = network.peers.get_mut(&peer_id) else { return false };
    let is_queued = pushes.outbox(peer).queue(frame);
    if !is_queued {
        network.shared.counters.dropped(DropReason::PeerQueueFull).inc();
    }
    pump(&mut network.swarm, &network.shared.counters, &peer_id, pushes, peer);
    is_queued
}

/// A frame of ours was answered or failed: the next one may fly.
pub(crate) fn landed(network: &mut Network, peer_id: PeerId, pushes: Pushes) {
    if let Some(peer) = network.peers.get_mut(&peer_id) {
        pushes.outbox(peer).landed();
        pump(&mut network.swarm, &network.shared.counters, &peer_id, pushes, peer);
    }
}

fn pump(swarm: &mut Swarm<Behaviour>, counters: &Counters, peer_id: &PeerId, pushes: Pushes, peer: &mut Peer) {
    while let Some(frame) = pushes.outbox(peer).next() {
        counters.messages_out.inc();
        counters.bytes_out.add(u64::try_from(frame.len()).unwrap_or(u64::MAX));
        let is_question = matches!(pushes, Pushes::Proofs) && ProofMessage::is_question(&frame);
        let request = pushes.requests(swarm.behaviour_mut()).send_request(peer_id, frame);
        if is_question {
            peer.proof_question = Some(request);
        }
    }
}
