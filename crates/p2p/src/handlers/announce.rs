//! The oldest announcement has waited long enough: tell the peers which checked batches they can have.

use std::time::Duration;

use libp2p::PeerId;
use primitives::{BoundedVec, Hash, encode};
use tokio::time::Instant;

use crate::actor::Network;
use crate::batches::ANNOUNCE_DELAY_MS;
use crate::handlers::outbox::{self, Pushes};
use crate::wire::GossipMessage;

/// Makes the next round of announcements happen in time for what was just accepted.
pub(crate) fn schedule(network: &mut Network) {
    network.announce_due.get_or_insert_with(|| Instant::now() + Duration::from_millis(ANNOUNCE_DELAY_MS));
}

/// Announces accepted batches to peers that are not known to have them.
pub(crate) fn handle(network: &mut Network) {
    network.announce_due = None;
    let digests = network.relay.take_announcements();
    let admitted = network.peers.iter_mut().filter(|(_, peer)| peer.may_receive());
    let announcements: Vec<(PeerId, Vec<Hash>)> = admitted
        .map(|(peer_id, peer)| {
            (*peer_id, digests.iter().copied().filter(|digest| peer.known.insert(*digest)).collect())
        })
        .collect();
    for (peer_id, digests) in announcements {
        if digests.is_empty() {
            continue;
        }
        let digests = BoundedVec::new(digests).expect("the relay gives at most ANNOUNCE_MAX digests");
        outbox::queue(network, peer_id, Pushes::Gossip, encode(&GossipMessage::Announce(digests)).into());
    }
}
