//! Time to ask every peer for its finalized height (`chain_sync_interval_ms`).
//!
//! The answers make readiness and the syncing state; missing blocks themselves are fetched by the
//! value sync of consensus.

use libp2p::PeerId;
use primitives::encode;

use crate::actor::Network;
use crate::wire::Heights;

/// Asks every admitted peer that does not owe an answer.
pub(crate) fn handle(network: &mut Network) {
    let admitted = network.peers.iter().filter(|(_, peer)| peer.may_receive() && !peer.asked_height);
    let peers: Vec<PeerId> = admitted.map(|(peer_id, _)| *peer_id).collect();
    for peer_id in peers {
        ask(network, peer_id);
    }
}

/// Asks one peer.
pub(crate) fn ask(network: &mut Network, peer_id: PeerId) {
    let frame = encode(&Heights { finalized: network.height() }).into();
    let Some(peer) = network.peers.get_mut(&peer_id) else { return };
    peer.asked_height = true;
    network.swarm.behaviour_mut().heights.send_request(&peer_id, frame);
}
