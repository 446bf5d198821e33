//! A connection opened or closed.

use libp2p::core::ConnectedPoint;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use primitives::encode;

use crate::actor::Network;
use crate::counters::Provider;
use crate::dialer::without_peer;
use crate::handle::P2pEvent;
use crate::identity::PeerKey;
use crate::peers::{Connection, Peer, Phase};
use crate::wire::Refusal;

/// A connection is open and encrypted; the remote holds the secret of its peer id. The dialler greets.
pub(crate) fn established(network: &mut Network, peer_id: PeerId, id: ConnectionId, endpoint: &ConnectedPoint) {
    let now_ms = network.now_ms();
    let address = endpoint.get_remote_address().clone();
    let provider = provider(&address);
    network.shared.counters.connects(provider).inc();
    let Some(key) = PeerKey::of_peer(&peer_id) else {
        network.refuse(peer_id, Refusal::UnsupportedKey, false);
        return;
    };
    let inbound = endpoint.is_listener();
    let limits = &network.config.limits;
    let peer = network.peers.entry(peer_id).or_insert_with(|| Peer::new(key, limits, now_ms));
    peer.connections.push(Connection { id, inbound, provider, address: address.to_string() });
    if inbound {
        return;
    }
    peer.greeted = true;
    network.dialer.connected(peer_id, &address);
    let dialled = without_peer(&address).to_string();
    network.store.answered(key, &dialled, provider == Provider::Quic, now_ms);
    let hello = encode(&network.hello()).into();
    network.swarm.behaviour_mut().handshake.send_request(&peer_id, hello);
}

/// The peer greeted over connection `id`. A peer that greets over a second connection of its own making
/// has lost the first, for example by a restart: older ones are closed and the handshake starts again.
/// The limits keep their counts. (Connections that a dialler opens in parallel and drops never greet.)
pub(crate) fn greeted(network: &mut Network, peer_id: PeerId, id: ConnectionId) {
    let now_ms = network.now_ms();
    let Some(peer) = network.peers.get_mut(&peer_id) else { return };
    let inbound = peer.connections.iter().filter(|connection| connection.inbound).map(|connection| connection.id);
    let inbound: Vec<ConnectionId> = inbound.collect();
    let older = inbound.split(|other| *other == id).next().unwrap_or_default();
    if older.is_empty() || older.len() == inbound.len() {
        return;
    }
    let mut fresh = Peer::new(peer.key, &network.config.limits, now_ms);
    fresh.limiter = peer.limiter.clone();
    fresh.connections = std::mem::take(&mut peer.connections);
    fresh.greeted = peer.greeted;
    let was_admitted = peer.may_receive();
    *peer = fresh;
    for id in older {
        network.swarm.close_connection(*id);
    }
    if was_admitted {
        disconnected(network, peer_id);
    }
}

/// A connection is gone; with the last one the peer is.
pub(crate) fn closed(network: &mut Network, peer_id: PeerId, id: ConnectionId, left: u32) {
    let Some(peer) = network.peers.get_mut(&peer_id) else { return };
    peer.connections.retain(|connection| connection.id != id);
    if left > 0 {
        return;
    }
    match peer.phase {
        Phase::Admitted => disconnected(network, peer_id),
        Phase::Greeting { .. } | Phase::Agreed { .. } => network.refuse(peer_id, Refusal::Timeout, false),
        Phase::Refused { .. } => {}
    }
    network.peers.remove(&peer_id);
    network.views_changed = true;
}

fn disconnected(network: &mut Network, peer_id: PeerId) {
    let now_ms = network.now_ms();
    let Some(peer) = network.peers.get(&peer_id) else { return };
    let key = peer.key;
    tracing::info!(peer = %key, "peer disconnected");
    network.store.seen(key, &[], now_ms);
    network.views_changed = true;
    network.tell(P2pEvent::PeerDisconnected { peer: key });
}

/// By which transport this address is reached.
pub(crate) fn provider(address: &Multiaddr) -> Provider {
    let quic = address.iter().any(|part| matches!(part, Protocol::QuicV1 | Protocol::Quic));
    if quic { Provider::Quic } else { Provider::Tcp }
}
