//! libp2p reported something: hand it to the handler of that event.

use libp2p::ping;
use libp2p::swarm::{DialError, SwarmEvent};

use crate::actor::Network;
use crate::counters::HandshakeFailure;
use crate::handlers::{bodies, connection, exchange, gossip, handshake, heights, proofs, snapshots};
use crate::network::BehaviourEvent;

/// The match over everything that libp2p reports.
pub(crate) fn handle(network: &mut Network, event: SwarmEvent<BehaviourEvent>) {
    match event {
        SwarmEvent::Behaviour(BehaviourEvent::Handshake(event)) => handshake::handle(network, event),
        SwarmEvent::Behaviour(BehaviourEvent::Heights(event)) => heights::handle(network, event),
        SwarmEvent::Behaviour(BehaviourEvent::Exchange(event)) => exchange::handle(network, event),
        SwarmEvent::Behaviour(BehaviourEvent::Gossip(event)) => gossip::handle(network, event),
        SwarmEvent::Behaviour(BehaviourEvent::Proofs(event)) => proofs::handle(network, event),
        SwarmEvent::Behaviour(BehaviourEvent::Bodies(event)) => bodies::handle(network, event),
        SwarmEvent::Behaviour(BehaviourEvent::Snapshots(event)) => snapshots::handle(network, event),
        SwarmEvent::Behaviour(BehaviourEvent::Ping(event)) => ping(network, &event),
        SwarmEvent::Behaviour(BehaviourEvent::Limits(never)) => match never {},
        SwarmEvent::Behaviour(BehaviourEvent::Banned(never)) => match never {},
        SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
            connection::established(network, peer_id, connection_id, &endpoint);
        }
        // Whoever comes starts a handshake; the ones that we start are counted where we dial.
        SwarmEvent::IncomingConnection { send_back_addr, .. } => {
            let provider = connection::provider(&send_back_addr);
            network.shared.counters.handshake_attempts(provider).inc();
        }
        SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, .. } => {
            connection::closed(network, peer_id, connection_id, num_established);
        }
        SwarmEvent::NewListenAddr { .. } | SwarmEvent::ExpiredListenAddr { .. } => listening(network),
        SwarmEvent::ListenerClosed { addresses, reason, .. } => {
            tracing::error!(?addresses, ?reason, "a listener of the network closed; restart the node to open it again");
            listening(network);
        }
        SwarmEvent::OutgoingConnectionError {
            peer_id, error: DialError::WrongPeerId { obtained, address }, ..
        } => {
            network.shared.counters.handshake_failures(HandshakeFailure::WrongKey).inc();
            let expected = peer_id.map(|peer| peer.to_string()).unwrap_or_default();
            tracing::warn!(
                peer = %obtained, expected, %address,
                "handshake refused: the peer at this address signs with another key than the one that was dialled"
            );
        }
        SwarmEvent::OutgoingConnectionError { peer_id, error, .. } => {
            let reason = match error {
                DialError::Transport(_) | DialError::NoAddresses => HandshakeFailure::Unreachable,
                _ => HandshakeFailure::NotTaken,
            };
            network.shared.counters.handshake_failures(reason).inc();
            tracing::debug!(?peer_id, %error, "dial failed");
        }
        SwarmEvent::IncomingConnectionError { error, .. } => {
            network.shared.counters.handshake_failures(HandshakeFailure::Incoming).inc();
            tracing::debug!(%error, "incoming connection failed");
        }
        // The enum is open; what is left says nothing that matters here.
        other => tracing::trace!(?other, "swarm event"),
    }
}

fn listening(network: &Network) {
    let own = *network.swarm.local_peer_id();
    let addresses = network.swarm.listeners().map(|address| format!("{address}/p2p/{own}")).collect();
    network.outputs.listening.send_replace(addresses);
}

/// A peer that does not answer pings is gone, whatever its connection says.
fn ping(network: &mut Network, event: &ping::Event) {
    if let Err(ping::Failure::Timeout) = event.result {
        tracing::info!(peer = %event.peer, "peer does not answer; connection closed");
        network.swarm.close_connection(event.connection);
    }
}
