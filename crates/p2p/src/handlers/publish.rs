//! The node published transactions: collect them, send what makes a full batch.

use std::sync::Arc;
use std::time::Duration;

use libp2p::PeerId;
use tokio::time::Instant;

use crate::actor::Network;
use crate::batches::{BATCH_DELAY_MS, Batch, Kept};
use crate::handlers::announce;
use crate::handlers::outbox::{self, Pushes};
use crate::wire::ProofMessage;

/// Adds `transactions` to the batch under construction.
pub(crate) fn handle(network: &mut Network, transactions: &[Arc<[u8]>]) {
    for transaction in transactions {
        if let Some(batch) = network.collector.push(transaction) {
            send(network, &batch);
        }
    }
    if !network.collector.is_empty() {
        let delay = Duration::from_millis(BATCH_DELAY_MS);
        network.flush_due.get_or_insert_with(|| Instant::now() + delay);
    }
}

/// Sends a message of a topic; it is not collected, because topics are slow.
pub(crate) fn topic(network: &mut Network, message: &[u8]) {
    // The handle has refused what is over the bound.
    if let Some(batch) = Batch::of_topic(message) {
        send(network, &batch);
    }
}

/// Announces a message with a proof to the peers that do not know of it.
pub(crate) fn proof(network: &mut Network, message: &ProofMessage) {
    let (digest, kept) = Kept::of_proof(message);
    // Its own message must not come back as new.
    if network.replay.insert(digest) && matches!(message, ProofMessage::Transaction(_)) {
        network.shared.counters.transactions_out.inc();
    }
    network.relay.accept(digest, kept);
    announce::schedule(network);
}

/// Sends a batch of this node to every admitted peer.
pub(crate) fn send(network: &mut Network, batch: &Batch) {
    // Its own batch must not come back as new.
    if !network.replay.insert(batch.digest) {
        return;
    }
    network.shared.counters.transactions_out.add(u64::try_from(batch.transactions).unwrap_or(u64::MAX));
    let admitted = network.peers.iter_mut().filter(|(_, peer)| peer.may_receive());
    let receivers: Vec<PeerId> = admitted
        .map(|(peer_id, peer)| {
            peer.known.insert(batch.digest);
            *peer_id
        })
        .collect();
    for peer_id in receivers {
        outbox::queue(network, peer_id, Pushes::Gossip, Arc::clone(&batch.frame));
    }
}
