//! Writes the pinned key of folds, golden folds and their statements into a folder, `fixtures` unless named.
//!
//! Run with `cargo run --release -p prover --example golden_fold` after a deliberate change of the tables or of the
//! fold circuit; `-- --keys` writes the key alone. It proves four windows, lifts them, folds each alone, and appends
//! them one after the other to the chain.

use std::path::{Path, PathBuf};
use std::time::Instant;

use primitives::{Address, Amount, Hash, Height, LedgerOp, LedgerSlot, Nonce, SlotIndex};
use proof::folded::FoldedProof;
use proof::{LedgerPoint, WindowStatement, verify_folded};
use prover::fold::{FoldingKey, fold, fold_lifted, lift};
use prover::{ChainConstants, ProvingKey, WindowProof, WindowWitness, prove_window};
use serde_json::json;
use tree::{LedgerBounds, LedgerTree, ops_digest};

/// Windows that are proven and folded.
const WINDOWS: u64 = 4;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.iter().find(|argument| !argument.starts_with('-'));
    let folder = PathBuf::from(folder.map_or("fixtures", String::as_str));
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("the folder can be written");

    let key = timed("fold key generation", || FoldingKey::generate().expect("the circuits have keys"));
    write("fold_key.bin", &key.verifying().to_bytes().expect("a key can be written"));
    write("fold_key.txt", key.verifying().pins().as_bytes());
    println!("{} {} bits", key.verifying().pins(), key.verifying().security_bits());
    if arguments.iter().any(|argument| argument == "--keys") {
        return;
    }

    let folds: Vec<FoldedProof> = windows().iter().map(|window| lifted_and_folded(&key, window)).collect();
    save(&folder, "fold_first", &folds[0]);
    save(&folder, "fold_second", &folds[1]);
    let mut chain = folds[0].clone();
    for next in &folds[1..] {
        chain = timed("fold two", || fold(&key, &[chain.clone(), next.clone()]).expect("neighbours"));
        timed("verify", || verify_folded(key.verifying(), &chain.statement, &chain.bytes).expect("just made"));
        println!("{}", json!({ "height": chain.statement.after.height.0, "bytes": chain.bytes.len() }));
        if chain.statement.after.height.0 == 2 {
            save(&folder, "fold_chain", &chain);
        }
    }
    save(&folder, "fold_chain_long", &chain);
}

fn lifted_and_folded(key: &FoldingKey, window: &WindowProof) -> FoldedProof {
    let lifted = timed("lift", || lift(key, std::slice::from_ref(window)).expect("it verifies"));
    let folded = timed("fold one", || fold_lifted(key, &[lifted]).expect("it verifies"));
    timed("verify", || verify_folded(key.verifying(), &folded.statement, &folded.bytes).expect("just made"));
    println!("{}", json!({ "height": folded.statement.after.height.0, "bytes": folded.bytes.len() }));
    folded
}

fn timed<T>(name: &str, measured: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let value = measured();
    println!("{}", json!({ "bench": name, "ms": start.elapsed().as_secs_f64() * 1_000.0 }));
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
    let write = |name: String, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("the folder can be written");
    write(format!("{name}.txt"), text.as_bytes());
    write(format!("{name}.proof"), &folded.bytes);
}

/// Neighbouring windows of one block from genesis on, each with a payment, a fee and a burn, one with a new account.
fn windows() -> Vec<WindowProof> {
    let key = ProvingKey::generate().expect("the tables have a key");
    let micro = |value: u64| Amount::new(value).expect("below 2^63");
    let slot = |index: u32| SlotIndex::new(index).expect("below 2^30");
    let accounts = (0..5_u32).map(|index| LedgerSlot {
        address: Address::of_module(&index.to_string()),
        nonce: Nonce::default(),
        balance: micro(u64::from(index) * 3_000_000_000),
    });
    let genesis = Hash([0x42; 32]);
    let chain = ChainConstants { genesis, issuance_max: micro(1_000_000), supply_cap: micro(40_000_000_000_000) };
    let mut ledger = LedgerTree::new(accounts.collect()).expect("a small supply");
    let mut digest = ops_digest::start(&genesis);
    let mut proofs = Vec::new();
    for height in 1..=WINDOWS {
        let mut ops = vec![
            LedgerOp::Charge { slot: slot(2), fee: micro(1_200) },
            LedgerOp::Transfer { from: slot(2), to: slot(3), amount: micro(1_000_000 * height) },
            LedgerOp::Burn { slot: slot(0), amount: micro(1_000) },
        ];
        if height == 2 {
            ops.push(LedgerOp::Open { slot: slot(5), address: Address::of_module("5") });
        }
        ops.push(LedgerOp::Seal { height: Height(height), issuance: micro(500) });
        let payout = Address::of_module(&format!("prover {height}"));
        let blocks = vec![(Height(height), ops.clone())];
        let witness = WindowWitness::of_ledger(&ledger, chain, Height(height - 1), digest, payout, blocks);
        proofs.push(timed("window", || prove_window(&key, &witness).expect("the operations obey the rules")));
        let bounds = LedgerBounds {
            supply_cap: chain.supply_cap,
            issuance_max: chain.issuance_max,
            height: Height(height),
        };
        let update = ledger.apply(&bounds, &ops).expect("the operations obey the rules");
        ledger.commit(update);
        digest = ops_digest::absorb(digest, &ops);
    }
    proofs
}
