//! The node judged a batch: relay it or drop it, and let its sender feel it.

use primitives::Hash;

use crate::actor::Network;
use crate::counters::DropReason;
use crate::handle::Verdict;
use crate::handlers::announce;
use crate::score::Offence;

/// Ends the wait of one batch. A batch that expired meanwhile is not relayed.
pub(crate) fn handle(network: &mut Network, digest: Hash, verdict: Verdict) {
    let now_ms = network.now_ms();
    let Some(pending) = network.relay.decided(&digest) else { return };
    match verdict {
        Verdict::Accept => {
            if let Some(peer) = network.peers.get(&pending.source) {
                network.scores.reward(peer.key, now_ms);
            }
            network.relay.accept(digest, pending.kept);
            announce::schedule(network);
        }
        Verdict::Reject => {
            network.count_drop(DropReason::Invalid);
            network.offend(pending.source, Offence::InvalidBatch);
        }
        Verdict::Ignore => {}
    }
}
