//! How full the bounded queues of a node are, for whoever checks that they are bounded.

use crate::candidates::CANDIDATES_MAX;
use crate::replica::Replica;

/// A queue with its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLength {
    /// What waits in it.
    pub name: &'static str,
    /// How many, or how many bytes where the name says so.
    pub length: usize,
    /// Most of them.
    pub limit: usize,
}

impl Replica {
    /// The queues of the chain: four of the mempool, and the executed blocks of the next height.
    pub fn queues(&self) -> [QueueLength; 5] {
        let [transactions, identities, evidence, proofs] = self.mempool.lengths();
        let of = |name, (length, limit)| QueueLength { name, length, limit };
        [
            of("transactions", transactions),
            of("registrations", identities),
            of("evidence", evidence),
            of("chain proofs", proofs),
            of("candidates", (self.candidates.len(), CANDIDATES_MAX)),
        ]
    }
}
