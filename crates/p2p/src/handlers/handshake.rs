//! The handshake: are we on the same chain?
//!
//! Rule: chain id and genesis hash must be equal, on both sides' own judgement. A refusal is named to
//! the remote, logged as a warning with the peer, counted, and told to the node.

use std::io;

use libp2p::request_response::{Event, Message, OutboundFailure, ResponseChannel};
use libp2p::{Multiaddr, PeerId};
use primitives::{decode, encode};

use crate::actor::Network;
use crate::codec::Frame;
use crate::dialer::Origin;
use crate::handle::P2pEvent;
use crate::handlers::{connection, gossip, pull_heights};
use crate::network::RequestsEvent;
use crate::peers::{HANDSHAKE_TIMEOUT_MS, Phase};
use crate::score::Offence;
use crate::wire::{HandshakeReply, Hello, Refusal, shown};

/// An event of the handshake protocol.
pub(crate) fn handle(network: &mut Network, event: RequestsEvent) {
    match event {
        Event::Message { peer, connection_id, message: Message::Request { request, channel, .. } } => {
            connection::greeted(network, peer, connection_id);
            let reply = greeted(network, peer, &request);
            answer(network, peer, reply, channel);
        }
        Event::Message { peer, message: Message::Response { response, .. }, .. } => answered(network, peer, &response),
        Event::OutboundFailure { peer, error, .. } => failed(network, peer, &error),
        // Other failures end with the connection or at the deadline.
        Event::InboundFailure { .. } | Event::ResponseSent { .. } => {}
    }
}

/// The remote greeted us.
fn greeted(network: &mut Network, peer_id: PeerId, frame: &Frame) -> Result<(), Refusal> {
    let now_ms = network.now_ms();
    network.shared.counters.bytes_in.add(u64::try_from(frame.len()).unwrap_or(u64::MAX));
    let Some(peer) = network.peers.get_mut(&peer_id) else { return Err(Refusal::Timeout) };
    if let Err(limit) = peer.limiter.request(now_ms, frame.len()) {
        gossip::exceeded(network, peer_id, limit);
        return Err(Refusal::RateLimited);
    }
    let Ok(hello) = decode::<Hello>(frame) else {
        network.offend(peer_id, Offence::Malformed);
        return Err(Refusal::Malformed);
    };
    hello.check(&network.chain)?;
    learn(network, peer_id, &hello);
    Ok(())
}

fn answer(network: &mut Network, peer_id: PeerId, verdict: Result<(), Refusal>, channel: ResponseChannel<Frame>) {
    let reply = match verdict {
        Ok(()) => HandshakeReply::Accepted(network.hello()),
        Err(reason) => HandshakeReply::Refused(reason),
    };
    // An error means that the remote no longer waits; the deadline ends such a handshake.
    let _ = network.swarm.behaviour_mut().handshake.send_response(channel, encode(&reply).into());
    let deadline_ms = network.now_ms().saturating_add(HANDSHAKE_TIMEOUT_MS);
    let Some(peer) = network.peers.get_mut(&peer_id) else { return };
    match (verdict, peer.phase) {
        (Ok(()), Phase::Greeting { .. }) => peer.phase = Phase::Agreed { deadline_ms },
        (Ok(()), Phase::Agreed { .. } | Phase::Admitted | Phase::Refused { .. }) => {}
        // One refusal per connection is told; repeats change nothing.
        (Err(_), Phase::Refused { .. }) => {}
        (Err(reason), Phase::Greeting { .. } | Phase::Agreed { .. } | Phase::Admitted) => {
            network.refuse(peer_id, reason, true);
        }
    }
}

/// The remote answered our greeting.
fn answered(network: &mut Network, peer_id: PeerId, frame: &Frame) {
    let Some(peer) = network.peers.get_mut(&peer_id) else { return };
    peer.greeted = false;
    let refused = matches!(peer.phase, Phase::Refused { .. });
    let reply = decode::<HandshakeReply>(frame).map_err(|_| Refusal::Malformed);
    let verdict = match reply {
        Ok(HandshakeReply::Accepted(hello)) => hello.check(&network.chain).map(|()| hello),
        Ok(HandshakeReply::Refused(reason)) | Err(reason) => Err(reason),
    };
    match verdict {
        Ok(_) if refused => {}
        Ok(hello) => {
            learn(network, peer_id, &hello);
            admit(network, peer_id);
            // Shows the listener that its answer arrived.
            pull_heights::ask(network, peer_id);
        }
        Err(reason) => {
            if reason == Refusal::Malformed {
                network.offend(peer_id, Offence::Malformed);
            }
            network.refuse(peer_id, reason, false);
        }
    }
}

fn failed(network: &mut Network, peer_id: PeerId, error: &OutboundFailure) {
    let Some(peer) = network.peers.get_mut(&peer_id) else { return };
    peer.greeted = false;
    // Both sides may have dialled; the other connection's handshake counts then.
    if peer.phase == Phase::Admitted || matches!(peer.phase, Phase::Refused { .. }) {
        return;
    }
    let reason = match error {
        OutboundFailure::UnsupportedProtocols => Refusal::UnsupportedVersion,
        OutboundFailure::Io(error) if error.kind() == io::ErrorKind::InvalidData => Refusal::Malformed,
        OutboundFailure::Timeout
        | OutboundFailure::DialFailure
        | OutboundFailure::ConnectionClosed
        | OutboundFailure::Io(_) => Refusal::Timeout,
    };
    network.refuse(peer_id, reason, false);
}

/// Keeps what the remote says about itself.
fn learn(network: &mut Network, peer_id: PeerId, hello: &Hello) {
    let Some(peer) = network.peers.get_mut(&peer_id) else { return };
    peer.agent = shown(&hello.agent);
    peer.mode = shown(&hello.mode);
    peer.channel = shown(&hello.channel);
    peer.gates = shown(&hello.gates);
    peer.height = peer.height.max(hello.height);
    let here = peer.connections.iter().any(|connection| is_local(&connection.address));
    let listen = hello.listen.iter().filter_map(|bytes| std::str::from_utf8(bytes).ok());
    let usable = listen.filter(|address| address.parse::<Multiaddr>().is_ok() && (here || !is_local(address)));
    peer.addresses = usable.map(str::to_owned).collect();
    network.views_changed = true;
}

/// True for a loopback address, which means something on the remote's own machine only.
pub(crate) fn is_local(address: &str) -> bool {
    address.starts_with("/ip4/127.") || address.starts_with("/ip6/::1/")
}

/// The handshake is done on both sides.
pub(crate) fn admit(network: &mut Network, peer_id: PeerId) {
    let now_ms = network.now_ms();
    let Some(peer) = network.peers.get_mut(&peer_id) else { return };
    if !matches!(peer.phase, Phase::Greeting { .. } | Phase::Agreed { .. }) {
        return;
    }
    peer.phase = Phase::Admitted;
    peer.connected_ms = now_ms;
    let (key, height) = (peer.key, peer.height);
    let (agent, mode) = (peer.agent.clone(), peer.mode.clone());
    let (channel, gates) = (peer.channel.clone(), peer.gates.clone());
    let addresses: Vec<Multiaddr> = peer.addresses.iter().filter_map(|address| address.parse().ok()).collect();
    network.store.seen(key, &peer.addresses, now_ms);
    network.dialer.add(Some(peer_id), addresses, Origin::Met);
    network.shared.counters.handshakes_completed.inc();
    network.views_changed = true;
    // The node knows whose key this is and writes the record; when it does not keep up, what is known here is written.
    if !network.tell(P2pEvent::PeerConnected { peer: key, agent: agent.clone(), mode, channel, gates, height }) {
        tracing::info!(target: "telemetry.handshake", peer = %key, agent, tier = "unknown", identity = "unknown");
    }
}
