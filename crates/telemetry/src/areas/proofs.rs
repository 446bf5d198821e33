//! Window proofs: how far the ledger is proven, what proofs cost, what was refused.
//!
//! Times of the contract's names are in milliseconds, which the rules for names except by name.

use crate::handles::{Counter, CounterFamily, Gauge, HistogramFamily};
use crate::metric::{Metric, Unit};

/// Bounds for verification, milliseconds.
const VERIFY_MS: &[f64] = &[5.0, 10.0, 15.0, 20.0, 30.0, 50.0, 75.0, 100.0, 250.0, 1_000.0, 5_000.0];
/// Bounds for proving, milliseconds; 5.5 s is where the alert is.
const PROVE_MS: &[f64] =
    &[500.0, 1_000.0, 2_000.0, 3_000.0, 4_000.0, 5_500.0, 8_000.0, 12_000.0, 20_000.0, 40_000.0, 90_000.0, 300_000.0];
/// Bounds for proofs, bytes.
const PROOF_BYTES: &[f64] =
    &[131_072.0, 196_608.0, 262_144.0, 327_680.0, 393_216.0, 524_288.0, 1_048_576.0, 4_194_304.0];

area! {
    /// Window proofs: how far the ledger is proven, what proofs cost, what was refused.
    Proofs {
        "Last height of the unbroken list of verified windows"
        proven_height: Gauge = Metric::gauge("proven_height");
        "Height up to which the chain itself took a proof in a block"
        accepted_height: Gauge = Metric::gauge("proof_accepted_height");
        "Recorded windows that wait for a proof in a block"
        lag_windows: Gauge = Metric::gauge("proof_lag_windows");
        "What a lag of proofs leaves of the block weight, basis points"
        block_weight: Gauge = Metric::gauge("proof_block_weight_bps");
        "Provers with a bond"
        provers: Gauge = Metric::gauge("proof_bonded_provers");
        "Finalized heights that are not proven"
        lag: Gauge = Metric::gauge("proof_lag_blocks");
        "Closed windows that wait for their proof"
        queue_depth: Gauge = Metric::gauge("proof_queue_depth");
        "Last height that the chain proof of this node covers"
        chain_height: Gauge = Metric::gauge("proof_chain_height");
        "Window proofs that this node keeps after its chain proof"
        kept: Gauge = Metric::gauge("proof_windows_kept");
        "Time that a prover worked on a proof, milliseconds, as it says itself; only accepted proofs count"
        generation: HistogramFamily<2> = Metric::histogram("rpp_runtime_proof_generation_latency_ms", PROVE_MS).unit(Unit::Milliseconds).labels(&["backend", "proof"]);
        "Failed attempts to prove that provers reported"
        generation_failures: CounterFamily<1> = Metric::counter("rpp_runtime_proof_generation_failures_total").labels(&["backend"]).values(&[&["plonky3"]]);
        "Time to verify one proof, milliseconds, accepted or not"
        verification: HistogramFamily<1> = Metric::histogram("rpp_runtime_proof_verification_latency_ms", VERIFY_MS).unit(Unit::Milliseconds).labels(&["backend"]).aliases(&["proof_verification_latency_ms", "proof_verification_latency"]);
        "Proofs that did not verify"
        verification_failures: CounterFamily<1> = Metric::counter("rpp_runtime_proof_verification_failures_total").labels(&["backend"]).values(&[&["plonky3"]]).aliases(&["proof_tamper_rejections_total"]);
        "Proofs that verified and were kept"
        accepted: CounterFamily<1> = Metric::counter("proof_accepted_total").labels(&["backend"]).values(&[&["plonky3"]]);
        "Altered copies of accepted proofs that verified as well; anything but 0 says that this node's verifier is broken"
        tampered_accepted: CounterFamily<1> = Metric::counter("proof_tampered_accepted_total").labels(&["backend"]).values(&[&["plonky3"]]);
        "Proofs refused before they were verified, by reason"
        refused: CounterFamily<1> = Metric::counter("proof_refused_total").labels(&["reason"]);
        "Proofs of windows and of the chain that peers delivered, by what became of them (accepted and passed on, ignored, rejected)"
        gossip: CounterFamily<2> = Metric::counter("proof_gossip_total").labels(&["proof", "verdict"]).values(&[&["window", "chain"], &["accepted", "ignored", "rejected"]]);
        "Questions for a missing proof, by what they are (asked by this node; of a peer, answered with a proof or with nothing)"
        questions: CounterFamily<1> = Metric::counter("proof_questions_total").labels(&["result"]).values(&[&["asked", "answered", "nothing"]]);
        "Size of accepted proofs"
        size: HistogramFamily<1> = Metric::histogram("proof_size_bytes", PROOF_BYTES).unit(Unit::Bytes).labels(&["proof"]);
        "Questions for proofs that were answered from the store, and verdicts on chain proofs that were known already"
        hits: Counter = Metric::counter("proof_cache_hits_total");
        "Questions for proofs that are not there, and chain proofs that had to be verified"
        misses: Counter = Metric::counter("proof_cache_misses_total");
        "1 while proofs are made and taken, 0 after a failure until the next good proof"
        healthy: Gauge = Metric::gauge("proof_backend_healthy");
        "Recoveries after a failure"
        recoveries: Counter = Metric::counter("proof_backend_recoveries_total");
    }
}
