//! Writes the golden window proof, its statement and the hash of the pinned key into a folder, `fixtures` unless named.
//!
//! Run with `cargo run --release -p prover --example golden` after a deliberate change of the tables. The proof differs
//! from run to run, because grinding takes the first witness that any thread finds; each one is valid.

use std::path::PathBuf;

use primitives::{Address, Amount, Hash, Height, LedgerOp, LedgerSlot, Nonce, SlotIndex};
use proof::{LedgerPoint, verify_window};
use prover::{ChainConstants, ProvingKey, WindowWitness, prove_window};
use tree::{LedgerTree, ops_digest};

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "fixtures".to_owned()));
    let key = ProvingKey::generate().expect("the tables have a key");
    let window = prove_window(&key, &witness()).expect("the operations obey the rules");
    verify_window(key.verifying(), &window.statement, &window.bytes).expect("a proof that was just made verifies");
    let point = |point: &LedgerPoint| {
        let LedgerPoint { height, ledger_root, ops_digest, supply, next_slot } = point;
        format!("{} {ledger_root} {ops_digest} {} {next_slot}", height.0, supply.micro())
    };
    let statement = format!(
        "genesis {}\nbefore {}\nafter {}\nissuance_max {}\nsupply_cap {}\npayout {}\n",
        window.statement.genesis,
        point(&window.statement.before),
        point(&window.statement.after),
        window.statement.issuance_max.micro(),
        window.statement.supply_cap.micro(),
        window.statement.payout,
    );
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("the folder can be written");
    write("window_key.txt", format!("{}\n", key.verifying().hash()).as_bytes());
    write("window_statement.txt", statement.as_bytes());
    write("window.proof", &window.bytes);
    println!("key {}, {} bytes, {} bits", key.verifying().hash(), window.bytes.len(), key.verifying().security_bits());
}

/// Two blocks from genesis on with every kind of operation.
fn witness() -> WindowWitness {
    let micro = |value: u64| Amount::new(value).expect("below 2^63");
    let slot = |index: u32| SlotIndex::new(index).expect("below 2^30");
    let accounts = (0..5_u32).map(|index| LedgerSlot {
        address: Address::of_module(&index.to_string()),
        nonce: Nonce::default(),
        balance: micro(u64::from(index) * 3_000_000_000),
    });
    let ledger = LedgerTree::new(accounts.collect()).expect("a small supply");
    let first = vec![
        LedgerOp::Charge { slot: slot(2), fee: micro(1_200) },
        LedgerOp::Open { slot: slot(5), address: Address::of_module("5") },
        LedgerOp::Transfer { from: slot(2), to: slot(5), amount: micro(5_000_000_000) },
        LedgerOp::Burn { slot: slot(0), amount: micro(1_000) },
        LedgerOp::Seal { height: Height(1), issuance: micro(500) },
    ];
    let second = vec![LedgerOp::Seal { height: Height(2), issuance: micro(0) }];
    let genesis = Hash([0x42; 32]);
    let chain = ChainConstants { genesis, issuance_max: micro(1_000_000), supply_cap: micro(40_000_000_000_000) };
    let blocks = vec![(Height(1), first), (Height(2), second)];
    let payout = Address::of_module("prover");
    WindowWitness::of_ledger(&ledger, chain, Height::GENESIS, ops_digest::start(&genesis), payout, blocks)
}
