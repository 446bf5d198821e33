//! Peers tell each other of further peers, so that a node that knows one peer finds the others.
//!
//! ```text
//! asker:  few peers ─► ask an admitted peer ─► told keys and addresses ─► dial ─► handshake ─► a peer
//! asked:  tells admitted peers with the addresses that they announced in their own handshakes
//! ```
//!
//! Rules
//! - Only admitted peers are told, and only to admitted peers. What a node merely heard it does not pass on.
//! - What was heard is a claim: it is dialled, the transport proves the key, the handshake proves the chain,
//!   and only then it is a peer and enters the peer store. `dialer.rs` bounds the attempts.
//! - Numeric addresses only, so that nobody can make this node resolve names; loopback addresses pass only
//!   between peers that are connected over loopback.
//! - A peer is asked at most once in [`ASK_INTERVAL_MS`], and only while fewer than
//!   [`PEERS_WANTED`](crate::dialer::PEERS_WANTED) peers are connected. Questions count as requests.

use libp2p::multiaddr::Protocol;
use libp2p::request_response::{Event, Message};
use libp2p::{Multiaddr, PeerId};
use primitives::{BoundedVec, FormatVersion, decode, encode};

use crate::actor::Network;
use crate::codec::Frame;
use crate::counters::DropReason;
use crate::dialer::{Origin, PEERS_WANTED};
use crate::handlers::handshake::is_local;
use crate::handlers::{handshake, heights};
use crate::identity::PeerKey;
use crate::network::RequestsEvent;
use crate::peers::Peer;
use crate::score::Offence;
use crate::wire::{PeersRequest, TOLD_ADDRESSES_MAX, TOLD_PEERS_MAX, ToldPeer, ToldPeers};

/// Pause between two questions to one peer, milliseconds.
pub const ASK_INTERVAL_MS: u64 = 60_000;

/// An event of the peers protocol.
pub(crate) fn handle(network: &mut Network, event: RequestsEvent) {
    match event {
        Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
            if !heights::heard(network, peer, &request) {
                // Dropping the channel tells the remote that there is no answer.
                return;
            }
            handshake::admit(network, peer);
            if decode::<PeersRequest>(&request).is_err() {
                malformed(network, peer);
                return;
            }
            let reply = encode(&answer(network, peer)).into();
            // An error means that the remote no longer waits.
            let _ = network.swarm.behaviour_mut().exchange.send_response(channel, reply);
        }
        Event::Message { peer, message: Message::Response { response, .. }, .. } => told(network, peer, &response),
        // A remote without this protocol, or one that is gone: others are asked too.
        Event::OutboundFailure { .. } | Event::InboundFailure { .. } | Event::ResponseSent { .. } => {}
    }
}

/// Asks each admitted peer whose turn it is, while more peers are wanted.
pub(crate) fn ask_where_due(network: &mut Network, now_ms: u64) {
    let admitted = network.peers.values().filter(|peer| peer.may_receive()).count();
    if !network.config.exchange_peers || admitted >= PEERS_WANTED {
        return;
    }
    let frame: Frame = encode(&PeersRequest { format: FormatVersion }).into();
    let behaviour = network.swarm.behaviour_mut();
    for (peer_id, peer) in network.peers.iter_mut().filter(|(_, peer)| peer.may_receive()) {
        if peer.asked_peers_ms.is_none_or(|asked| now_ms.saturating_sub(asked) >= ASK_INTERVAL_MS) {
            peer.asked_peers_ms = Some(now_ms);
            behaviour.exchange.send_request(peer_id, frame.clone());
        }
    }
}

/// Up to [`TOLD_PEERS_MAX`] admitted peers. The choice starts behind the asker in the order of ids and goes
/// round, so that different askers learn of different peers.
fn answer(network: &Network, asker: PeerId) -> ToldPeers {
    let here = network.peers.get(&asker).is_some_and(is_here);
    let behind = network.peers.range(asker..).chain(network.peers.range(..asker));
    let others = behind.filter(|(peer_id, peer)| **peer_id != asker && peer.may_receive());
    let wanted = others.filter(|_| network.config.exchange_peers);
    let told = wanted.filter_map(|(_, peer)| told_of(peer, here)).take(TOLD_PEERS_MAX).collect();
    BoundedVec::new(told).expect("it takes at most that many")
}

fn told_of(peer: &Peer, here: bool) -> Option<ToldPeer> {
    let usable = peer.addresses.iter().filter(|address| here || !is_local(address));
    let bytes = usable.filter_map(|address| BoundedVec::new(address.clone().into_bytes()));
    let addresses: Vec<_> = bytes.take(TOLD_ADDRESSES_MAX).collect();
    if addresses.is_empty() {
        return None;
    }
    let addresses = BoundedVec::new(addresses).expect("it takes at most that many");
    Some(ToldPeer { key: *peer.key.as_bytes(), addresses })
}

/// A peer told of others: whoever is not known becomes a target.
fn told(network: &mut Network, teller: PeerId, frame: &Frame) {
    let Ok(told) = decode::<ToldPeers>(frame) else {
        malformed(network, teller);
        return;
    };
    let own = *network.swarm.local_peer_id();
    let here = network.peers.get(&teller).is_some_and(is_here);
    for peer in told.into_inner() {
        // Bytes that are no key of ours name nobody.
        let Some(peer_id) = PeerKey::of_bytes(peer.key).and_then(|key| key.peer_id()) else { continue };
        if peer_id == own || network.peers.contains_key(&peer_id) {
            continue;
        }
        let texts = peer.addresses.iter().filter_map(|bytes| std::str::from_utf8(bytes).ok());
        let addresses = texts.filter(|text| here || !is_local(text)).filter_map(|text| text.parse().ok());
        network.dialer.add(Some(peer_id), addresses.filter(is_numeric).collect(), Origin::Heard);
    }
}

fn malformed(network: &mut Network, peer_id: PeerId) {
    network.count_drop(DropReason::Malformed);
    network.offend(peer_id, Offence::Malformed);
}

/// True when the peer is on this machine: it is connected over loopback.
fn is_here(peer: &Peer) -> bool {
    peer.connections.iter().any(|connection| is_local(&connection.address))
}

/// True for an address of digits with a port that this node can dial.
fn is_numeric(address: &Multiaddr) -> bool {
    let mut parts = address.iter();
    let known = match parts.next() {
        Some(Protocol::Ip4(ip)) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
        Some(Protocol::Ip6(ip)) => !ip.is_unspecified() && !ip.is_multicast(),
        _ => false,
    };
    known && matches!(parts.next(), Some(Protocol::Tcp(port) | Protocol::Udp(port)) if port != 0)
}
