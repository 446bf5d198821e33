//! Cost of proofs over proofs: keys, window, lift, folds, verification, bytes and memory, one JSON line each.
//!
//! Run with `cargo bench -p prover --profile release --bench fold`. Not a test: nothing here has a limit.

use std::time::Instant;

use proof::folded::FoldedProof;
use proof::verify_folded;
use prover::fold::{FoldingKey, fold, fold_lifted, lift};
use prover::{ProvingKey, WindowProof, prove_window};
use serde_json::json;

#[path = "../src/tests/golden_windows.rs"]
mod golden_windows;

/// Windows that are folded.
const WINDOWS: u64 = 2;
/// Verifications that are timed.
const VERIFICATIONS: usize = 5;

fn main() {
    let windows_key = ProvingKey::generate().expect("the tables have a key");
    let key = timed("key generation", 1, || FoldingKey::generate().expect("the circuits have keys"));
    let witnesses = golden_windows::witnesses(WINDOWS);
    let windows: Vec<WindowProof> = witnesses
        .iter()
        .map(|witness| {
            timed("window", 1, || prove_window(&windows_key, witness).expect("the operations obey the rules"))
        })
        .collect();
    let folds: Vec<FoldedProof> = windows
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
    println!(
        "{}",
        json!({
            "first_fold_bytes": folds[0].bytes.len(), "chain_proof_bytes": chain.bytes.len(),
            "smallest_chain_proof_bytes": smallest.bytes.len(), "security_bits": key.verifying().security_bits(),
            "peak_memory_mb": peak_memory_mb(),
        })
    );
}

fn timed<T>(name: &str, children: usize, measured: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let value = measured();
    println!("{}", json!({ "bench": name, "children": children, "ms": start.elapsed().as_secs_f64() * 1_000.0 }));
    value
}

/// The most memory this process has had, as the kernel counts it.
fn peak_memory_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? / 1_024)
}
