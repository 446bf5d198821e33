//! The judge of chain proofs in blocks, with what it did in the node's metrics.
//!
//! The verdict is consensus and comes from [`proof::ChainJudge`]; counting it is this node's matter and changes nothing.

use std::sync::Arc;
use std::time::Instant;

use primitives::actions::{ProofClaim, ProofSystemKind};
use proof::{ChainJudge, SystemError};
use replica::ProofVerifier;
use telemetry::areas::Proofs as ProofMetrics;

use super::{CHAIN, Proofs, note};

/// Judges and counts.
pub struct OnChain {
    judge: ChainJudge,
    proofs: Arc<Proofs>,
    metrics: ProofMetrics,
}

impl OnChain {
    /// The judge of a chain with this proof system.
    ///
    /// # Errors
    /// [`SystemError`]: this build has another system, or another key than the network.
    pub fn new(kind: ProofSystemKind, proofs: Arc<Proofs>, metrics: ProofMetrics) -> Result<Self, SystemError> {
        Ok(Self { judge: ChainJudge::new(kind)?, proofs, metrics })
    }
}

impl ProofVerifier for OnChain {
    fn verify(&self, claim: &ProofClaim, proof: &[u8]) -> bool {
        let started = Instant::now();
        let verdict = self.judge.judge(claim, proof);
        if verdict.known {
            self.metrics.hits.inc();
            return verdict.accepted;
        }
        self.metrics.misses.inc();
        note(&self.metrics, &self.proofs, verdict.accepted, started.elapsed());
        let (height, accepted) = (claim.end.height.0, verdict.accepted);
        if accepted {
            self.metrics.size.with([CHAIN]).observe_count(u64::try_from(proof.len()).unwrap_or(u64::MAX));
        }
        tracing::info!(target: "plonky3", height, accepted, bytes = proof.len(), "a chain proof in a block was judged");
        accepted
    }
}
