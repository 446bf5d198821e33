//! The verifier is tried with a proof that was altered on purpose.

use node::proofs::canary::try_altered;
use telemetry::Metrics;

#[test]
fn one_bit_is_altered_and_only_its_acceptance_counts() {
    let proofs: Vec<Vec<u8>> = (1..60_u8).map(|length| vec![length; usize::from(length)]).collect();
    let metrics = Metrics::new();
    for proof in &proofs {
        let mut tried = None;
        try_altered(&metrics.proofs, proof, |shown| {
            let bits: u32 = proof.iter().zip(&shown).map(|(one, other)| (one ^ other).count_ones()).sum();
            tried = Some((shown.len(), bits));
            shown == *proof
        });
        assert_eq!(tried, Some((proof.len(), 1)));
    }
    let counted = || metrics.proofs.tampered_accepted.with(["plonky3"]).get();
    assert_eq!(counted(), 0, "a verifier that compares refuses each");
    try_altered(&metrics.proofs, &proofs[7], |_| true);
    assert_eq!(counted(), 1, "one that accepts everything is told");
    try_altered(&metrics.proofs, &[], |_| panic!("there is nothing to alter"));
}
