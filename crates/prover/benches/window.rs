//! Cost of one window: rows, proof, verification, bytes and memory, one JSON line per measurement.
//!
//! Run with `cargo bench -p prover --profile release`, optionally with `-- BLOCKS TRANSFERS ACCOUNTS`. Not a test:
//! nothing here has a limit.

use std::time::Instant;

use primitives::{Address, Amount, Hash, Height, LedgerOp, LedgerSlot, Nonce, SlotIndex};
use proof::verify_window;
use prover::{ChainConstants, ProvingKey, WindowWitness, prove_traces_unless, replay};
use serde_json::json;
use testkit::Seed;
use tree::{LedgerTree, ops_digest};

mod shared;

use shared::{cells_per_second, peak_memory_mb, timed, watched};

/// The window that the documents speak of: an epoch of blocks, transfers in each, accounts in the ledger.
const EPOCH: [u32; 3] = [120, 50, 1_000];

fn main() {
    let asked: Vec<u32> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let [blocks, transfers, accounts] = asked.try_into().unwrap_or(EPOCH);
    let key = timed("key generation", 1, || ProvingKey::generate().expect("the tables have a key"));
    let witness = timed("witness", 1, || witness(blocks, transfers, accounts));
    let (statement, tables) = timed("replay", 1, || replay(&witness).expect("the operations obey the rules"));
    let traces = timed("traces", 1, || tables.traces());
    let rows: Vec<usize> = traces.matrices.iter().map(|matrix| matrix.values.len() / matrix.width).collect();
    let cells: usize = traces.matrices.iter().map(|matrix| matrix.values.len()).sum();
    let start = Instant::now();
    let bytes = timed("prove", 1, || watched("prove", |off| prove_traces_unless(&key, traces, off).expect("provable")));
    let proven = start.elapsed();
    for _ in 0..3 {
        timed("verify", 1, || verify_window(key.verifying(), &statement, &bytes).expect("proven"));
    }
    println!(
        "{}",
        json!({
            "blocks": blocks, "transfers": transfers, "accounts": accounts, "rows": rows, "cells": cells,
            "cells_per_second": cells_per_second(cells, proven), "proof_bytes": bytes.len(), "security_bits": key.verifying().security_bits(),
            "peak_memory_mb": peak_memory_mb(),
        })
    );
}

/// Blocks of transfers between random accounts, each with its charge, and the end of a block as the chain makes it.
fn witness(blocks: u32, transfers: u32, accounts: u32) -> WindowWitness {
    let mut seed = Seed::of(1);
    let micro = |value: u64| Amount::new(value).expect("below 2^63");
    let slot = |index: u64| SlotIndex::new(u32::try_from(index).expect("few")).expect("below 2^30");
    let slots = (0..accounts).map(|index| LedgerSlot {
        address: Address::of_module(&index.to_string()),
        nonce: Nonce::default(),
        balance: micro(10_000_000_000),
    });
    let ledger = LedgerTree::new(slots.collect()).expect("a small supply");
    let count = u64::from(accounts) - 2;
    let blocks = (1..=blocks).map(|height| {
        let mut ops = Vec::new();
        for _ in 0..transfers {
            let (from, to) = (slot(2 + seed.below(count)), slot(2 + seed.below(count)));
            ops.push(LedgerOp::Charge { slot: from, fee: micro(1_000 + seed.below(100)) });
            ops.push(LedgerOp::Transfer { from, to, amount: micro(1 + seed.below(100_000)) });
        }
        ops.push(LedgerOp::Transfer { from: slot(0), to: slot(2), amount: micro(u64::from(transfers)) });
        ops.push(LedgerOp::Burn { slot: slot(0), amount: micro(900 * u64::from(transfers)) });
        ops.push(LedgerOp::Seal { height: Height(u64::from(height)), issuance: micro(1_000) });
        (Height(u64::from(height)), ops)
    });
    let genesis = Hash([1; 32]);
    let chain = ChainConstants { genesis, issuance_max: micro(1_000_000), supply_cap: micro(40_000_000_000_000) };
    let digest = ops_digest::start(&genesis);
    WindowWitness::of_ledger(&ledger, chain, Height::GENESIS, digest, Address([1; 30]), blocks.collect())
}
