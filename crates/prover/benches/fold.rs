//! Cost of proofs over proofs: keys, window, lift, folds, verification, bytes and memory, one JSON line each.
//!
//! Run with `cargo bench -p prover --profile release --bench fold`. Not a test: nothing here has a limit.

use proof::folded::FoldedProof;
use proof::verify_folded;
use prover::fold::{FoldingKey, extend_unless, fold, fold_lifted, lift};
use prover::{ProvingKey, WindowProof, prove_window};
use serde_json::json;

#[path = "../src/tests/golden_windows.rs"]
mod golden_windows;
#[allow(dead_code, reason = "each benchmark uses its part of it")]
mod shared;

use shared::{peak_memory_mb, timed, watched};

/// Windows that are folded first.
const WINDOWS: usize = 2;
/// Windows by which that chain proof is extended, at most: as many as one lift takes.
const LATER_WINDOWS: usize = 2;
/// Verifications that are timed.
const VERIFICATIONS: usize = 5;

fn main() {
    let windows_key = ProvingKey::generate().expect("the tables have a key");
    let key = timed("key generation", 1, || FoldingKey::generate().expect("the circuits have keys"));
    let witnesses = golden_windows::witnesses(u64::try_from(WINDOWS + LATER_WINDOWS).expect("a few"));
    let windows: Vec<WindowProof> = witnesses
        .iter()
        .map(|witness| {
            timed("window", 1, || prove_window(&windows_key, witness).expect("the operations obey the rules"))
        })
        .collect();
    let (first, later) = windows.split_at(WINDOWS);
    let folds: Vec<FoldedProof> = first
        .iter()
        .map(|window| {
            let lifted = timed("lift", 1, || lift(&key, std::slice::from_ref(window)).expect("it verifies"));
            timed("first fold", 1, || fold_lifted(&key, &[lifted]).expect("it verifies"))
        })
        .collect();
    let chain = timed("later fold", 2, || fold(&key, &folds).expect("neighbours"));
    let smallest = timed("later fold", 1, || fold(&key, std::slice::from_ref(&chain)).expect("it verifies"));
    for folded in [&chain, &smallest] {
        for _ in 0..VERIFICATIONS {
            timed("verify", 1, || {
                verify_folded(key.verifying(), &folded.statement, &folded.bytes).expect("just made");
            });
        }
    }
    // As a prover does it, so that what lies between two looks is that of its work: a first chain proof, and a chain proof that grows.
    let extended = timed("first chain proof", first.len(), || {
        watched("first chain proof", |off| extend_unless(&key, None, first, off).expect("neighbours"))
    });
    for count in 1..=LATER_WINDOWS {
        let longer = timed("extension", count, || {
            watched("extension", |off| extend_unless(&key, Some(&smallest), &later[..count], off).expect("neighbours"))
        });
        assert_eq!(longer.bytes.len(), extended.bytes.len(), "one size at any height");
    }
    println!(
        "{}",
        json!({
            "first_fold_bytes": folds[0].bytes.len(), "chain_proof_bytes": chain.bytes.len(),
            "extended_bytes": extended.bytes.len(), "smallest_chain_proof_bytes": smallest.bytes.len(), "security_bits": key.verifying().security_bits(),
            "peak_memory_mb": peak_memory_mb(),
        })
    );
}
