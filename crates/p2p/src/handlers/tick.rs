//! Housekeeping, once a second: deadlines, bans that end, questions for peers, dials, the peer store.

use std::io;
use std::sync::Arc;

use libp2p::PeerId;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use tokio::task::JoinHandle;

use crate::actor::Network;
use crate::counters::{DropReason, Provider};
use crate::handlers::{connection, exchange};
use crate::peers::Phase;
use crate::wire::Refusal;

/// Pause between two writes of the peer store, milliseconds.
pub const PERSIST_INTERVAL_MS: u64 = 30_000;

/// One round.
pub(crate) fn handle(network: &mut Network) {
    let now_ms = network.now_ms();
    end_late(network, now_ms);
    for _ in 0..network.relay.expire(now_ms) {
        network.count_drop(DropReason::VerdictMissing);
    }
    for key in network.scores.end_bans(now_ms) {
        if let Some(peer_id) = key.peer_id() {
            network.swarm.behaviour_mut().banned.unblock_peer(peer_id);
        }
    }
    let banned = network.scores.iter().filter(|(_, standing)| standing.banned_until_ms.is_some()).count();
    network.shared.counters.banned_peers.set(banned);
    exchange::ask_where_due(network, now_ms);
    dial(network, now_ms);
    let due = network.persisted_ms.is_none_or(|last| now_ms.saturating_sub(last) >= PERSIST_INTERVAL_MS);
    if due && network.persisting.is_none() {
        network.persisting = start_persist(network);
        // The first change after a start is written at once, so that a crash soon after keeps the peers that were met.
        if network.persisting.is_some() {
            network.persisted_ms = Some(now_ms);
        }
    }
    network.views_changed = true;
}

fn end_late(network: &mut Network, now_ms: u64) {
    let late = network.peers.iter().filter(|(_, peer)| peer.is_late(now_ms));
    let late: Vec<(PeerId, Phase)> = late.map(|(peer_id, peer)| (*peer_id, peer.phase)).collect();
    for (peer_id, phase) in late {
        match phase {
            Phase::Greeting { .. } | Phase::Agreed { .. } => network.refuse(peer_id, Refusal::Timeout, false),
            Phase::Refused { .. } | Phase::Admitted => {
                // An error means that the connection is gone already.
                let _ = network.swarm.disconnect_peer_id(peer_id);
            }
        }
    }
}

fn dial(network: &mut Network, now_ms: u64) {
    let (peers, counters) = (&network.peers, &network.shared.counters);
    for target in network.dialer.due(now_ms, peers.len(), |peer_id| peers.contains_key(peer_id)) {
        // Of a peer that is not known yet only the first address is dialled.
        let dialled = if target.peer.is_some() { target.addresses.len() } else { 1 };
        let providers: Vec<Provider> = target.addresses.iter().take(dialled).map(connection::provider).collect();
        let options = match (target.peer, target.addresses.first()) {
            (Some(peer_id), _) => DialOpts::peer_id(peer_id)
                .condition(PeerCondition::DisconnectedAndNotDialing)
                .addresses(target.addresses)
                .build(),
            (None, Some(address)) => DialOpts::unknown_peer_id().address(address.clone()).build(),
            (None, None) => continue,
        };
        match network.swarm.dial(options) {
            // Each address is tried; what answers nowhere was started all the same.
            Ok(()) => providers.iter().for_each(|provider| counters.handshake_attempts(*provider).inc()),
            Err(error) => tracing::debug!(%error, "dial not started"),
        }
    }
}

/// Brings the store up to date and writes it on a thread of its own, when something changed.
pub(crate) fn start_persist(network: &mut Network) -> Option<JoinHandle<io::Result<()>>> {
    let now_ms = network.now_ms();
    for peer in network.peers.values().filter(|peer| peer.may_receive()) {
        network.store.seen(peer.key, &peer.addresses, now_ms);
    }
    for (key, standing) in network.scores.iter() {
        let points = network.scores.points(key, now_ms);
        network.store.standing(*key, points, standing.bans, standing.banned_until_ms, now_ms);
    }
    let files = network.store.take_changes()?;
    let counters = Arc::clone(&network.shared.counters);
    Some(tokio::task::spawn_blocking(move || files.persist(&counters)))
}
