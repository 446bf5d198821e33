//! Writes the pinned key of folds, golden folds and their statements into a folder, `fixtures` unless named.
//!
//! Run with `cargo run --release -p prover --example golden_fold` after a deliberate change of the tables or of the
//! fold circuit; `-- --keys` writes the key alone. It proves four windows from genesis on and makes folds of them:
//!
//! ```text
//!   window 1 ─ lift ─ first ──┐
//!   window 2 ─ lift ─ second ─┴─ chain ─┐
//!   windows 3 and 4 ─ lift ─ rest ──────┴─ longer ─ chain_long
//! ```

use std::path::{Path, PathBuf};
use std::time::Instant;

use proof::folded::FoldedProof;
use proof::{LedgerPoint, WindowStatement, verify_folded};
use prover::fold::{FoldingKey, fold, fold_lifted, lift};
use prover::{ProvingKey, WindowProof, prove_window};
use serde_json::json;

#[path = "../src/tests/golden_windows.rs"]
mod golden_windows;

/// Windows that are proven and folded.
const WINDOWS: u64 = 4;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.iter().find(|argument| !argument.starts_with('-'));
    let folder = PathBuf::from(folder.map_or("fixtures", String::as_str));
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("the folder can be written");

    let key = timed("fold key generation", 1, || FoldingKey::generate().expect("the circuits have keys"));
    write("fold_key.bin", &key.verifying().to_bytes().expect("a key can be written"));
    write("fold_key.txt", key.verifying().pins().as_bytes());
    write("fold_lift.txt", key.lift_pins().as_bytes());
    println!("{} {} bits", key.verifying().pins(), key.verifying().security_bits());
    if arguments.iter().any(|argument| argument == "--keys") {
        return;
    }

    let windows = windows();
    let first = lifted_and_folded(&key, &windows[..1]);
    save(&folder, "fold_first", &first);
    let second = lifted_and_folded(&key, &windows[1..2]);
    save(&folder, "fold_second", &second);
    let chain = folded(&key, &[first, second]);
    save(&folder, "fold_chain", &chain);
    let rest = lifted_and_folded(&key, &windows[2..]);
    let longer = folded(&key, &[chain, rest]);
    // The same range once more, alone: a verifier of one proof has fewer rows, so this one has fewer bytes.
    save(&folder, "fold_chain_long", &folded(&key, &[longer]));
}

/// Lifts neighbouring windows together and folds the result alone.
fn lifted_and_folded(key: &FoldingKey, windows: &[WindowProof]) -> FoldedProof {
    let lifted = timed("lift", windows.len(), || lift(key, windows).expect("they verify"));
    let folded = timed("fold lifted", 1, || fold_lifted(key, &[lifted]).expect("it verifies"));
    verified(key, folded)
}

fn folded(key: &FoldingKey, folds: &[FoldedProof]) -> FoldedProof {
    let folded = timed("fold", folds.len(), || fold(key, folds).expect("neighbours"));
    verified(key, folded)
}

fn verified(key: &FoldingKey, folded: FoldedProof) -> FoldedProof {
    timed("verify", 1, || verify_folded(key.verifying(), &folded.statement, &folded.bytes).expect("just made"));
    println!("{}", json!({ "height": folded.statement.after.height.0, "bytes": folded.bytes.len() }));
    folded
}

fn timed<T>(name: &str, children: usize, measured: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let value = measured();
    println!("{}", json!({ "bench": name, "children": children, "ms": start.elapsed().as_secs_f64() * 1_000.0 }));
    value
}

/// Writes a fold and what it proves.
fn save(folder: &Path, name: &str, folded: &FoldedProof) {
    let point = |point: &LedgerPoint| {
        let LedgerPoint { height, ledger_root, ops_digest, supply, next_slot } = point;
        format!("{} {ledger_root} {ops_digest} {} {next_slot}", height.0, supply.micro())
    };
    let WindowStatement { genesis, before, after, issuance_max, supply_cap, payout } = &folded.statement;
    let (issuance_max, supply_cap) = (issuance_max.micro(), supply_cap.micro());
    let text = format!(
        "genesis {genesis}\nbefore {}\nafter {}\nissuance_max {issuance_max}\nsupply_cap {supply_cap}\npayout {payout}\n",
        point(before),
        point(after),
    );
    let write =
        |name: String, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("the folder can be written");
    write(format!("{name}.txt"), text.as_bytes());
    write(format!("{name}.proof"), &folded.bytes);
}

/// The golden windows, proven.
fn windows() -> Vec<WindowProof> {
    let key = ProvingKey::generate().expect("the tables have a key");
    let prove = |witness| timed("window", 1, || prove_window(&key, witness).expect("the operations obey the rules"));
    golden_windows::witnesses(WINDOWS).iter().map(prove).collect()
}
