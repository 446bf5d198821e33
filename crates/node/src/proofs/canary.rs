//! Whether this node's verifier still refuses what is false.
//!
//! ```text
//!   a proof that verified ── one bit altered ──► the same verifier ── refused ──► all is well
//!                                                        └── accepted ──► counted, logged: the verifier is broken
//! ```
//! A verifier that accepts everything looks like one that works, until somebody lies. So each proof that is kept is verified once
//! more with one bit altered, which takes some 20 ms in seconds. Where the bit is follows from the proof, so it is another one each time.
//!
//! Rule: it informs and decides nothing. A node whose verifier is broken cannot be trusted to say so either; the alert
//! `TamperedProofAccepted` has somebody look.

use primitives::hash::{Domain, hash};
use telemetry::areas::Proofs as ProofMetrics;

use super::BACKEND;

/// Verifies the proof with one bit altered, and counts it when that is accepted.
pub fn try_altered(metrics: &ProofMetrics, proof: &[u8], is_accepted: impl FnOnce(Vec<u8>) -> bool) {
    let Some(altered) = altered(proof) else { return };
    if is_accepted(altered) {
        metrics.tampered_accepted.with([BACKEND]).inc();
        tracing::error!(
            target: "plonky3", event = "backend_health.plonky3.tampered_proof_accepted",
            "a proof that was altered on purpose verifies: the verifier of this node is broken; see docs/runbooks/prover.md"
        );
    }
}

/// The proof with one bit altered; none of an empty one.
fn altered(proof: &[u8]) -> Option<Vec<u8>> {
    let place = hash(Domain::Proof, &[b"canary", proof]);
    let [at, bit] = [&place.as_bytes()[..8], &place.as_bytes()[8..16]]
        .map(|bytes| bytes.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte)));
    let length = u64::try_from(proof.len()).ok()?;
    let at = usize::try_from(at.checked_rem(length)?).ok()?;
    let mut altered = proof.to_vec();
    *altered.get_mut(at)? ^= 1 << (bit % 8);
    Some(altered)
}
