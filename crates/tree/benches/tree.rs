//! Speed of the trees: one JSON line per measurement, with the median of several runs.
//!
//! Run with `cargo bench -p tree --profile release`. Not a test: nothing here has a limit.

use std::time::Instant;

use primitives::{Address, Amount, Hash, Height, LedgerOp, LedgerSlot, Nonce, SlotIndex};
use serde_json::json;
use testkit::Seed;
use tree::hash::slot_digest;
use tree::{LedgerBounds, LedgerTree, MemoryNodes, StateTree, ops_digest};

/// Accounts in the measured ledger.
const ACCOUNTS: u32 = 1_000_000;
/// Transfers in the measured block.
const TRANSFERS: u32 = 1_000;
/// Keys in the measured state tree.
const KEYS: u32 = 100_000;
/// Keys written in one height.
const WRITES: u32 = 256;
/// Runs of which the median is printed.
const RUNS: usize = 5;

fn main() {
    let mut seed = Seed::of(1);
    ledger(&mut seed);
    state(&mut seed);
}

/// Milliseconds of the median run.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn median_ms<T>(runs: usize, mut measured: impl FnMut() -> T) -> f64 {
    let mut times: Vec<f64> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(measured());
            start.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn print(name: &str, count: u32, milliseconds: f64) {
    let each_us = milliseconds * 1_000.0 / f64::from(count);
    println!("{}", json!({ "bench": name, "count": count, "median_ms": milliseconds, "each_us": each_us }));
}

fn ledger(seed: &mut Seed) {
    let slots: Vec<LedgerSlot> = (0..ACCOUNTS)
        .map(|_| LedgerSlot {
            address: Address(seed.array()),
            nonce: Nonce::default(),
            balance: Amount::new(1_000_000).expect("small"),
        })
        .collect();
    print("leaf_scalar", 1, median_ms(1_001, || slot_digest(&slots[0])));
    print("ledger_rebuild", ACCOUNTS, median_ms(3, || LedgerTree::new(slots.clone()).expect("a ledger")));

    let mut tree = LedgerTree::new(slots).expect("a ledger");
    let ops = block(seed);
    let bounds =
        LedgerBounds { supply_cap: Amount::from_blocks(40_000_000), issuance_max: Amount::ZERO, height: Height(1) };
    let update = tree.apply(&bounds, &ops).expect("a good block");
    print("ledger_apply_transfers", TRANSFERS, median_ms(RUNS, || tree.apply(&bounds, &ops)));
    print("ledger_commit_transfers", TRANSFERS, median_ms(1, || tree.commit(update.clone())));
    print("ledger_prove", 1, median_ms(101, || tree.prove(SlotIndex::new(5).expect("small"))));

    let start = ops_digest::start(&Hash::default());
    let count = u32::try_from(ops.len()).expect("small");
    print("ops_digest", count, median_ms(RUNS, || ops_digest::absorb(start, &ops)));
}

/// Each transfer of the chain is a charge and a transfer between accounts drawn at random.
fn block(seed: &mut Seed) -> Vec<LedgerOp> {
    let mut slot = || {
        let index = u32::try_from(seed.below(u64::from(ACCOUNTS))).expect("below the number of accounts");
        SlotIndex::new(index).expect("below 2^30")
    };
    let one = Amount::new(1).expect("small");
    let mut ops = Vec::new();
    for _ in 0..TRANSFERS {
        let payer = slot();
        ops.push(LedgerOp::Charge { slot: payer, fee: one });
        ops.push(LedgerOp::Transfer { from: payer, to: slot(), amount: one });
    }
    ops.push(LedgerOp::Seal { height: Height(1), issuance: Amount::ZERO });
    ops
}

fn state(seed: &mut Seed) {
    let key = |number: u32| number.to_le_bytes().to_vec();
    let all: Vec<_> = (0..KEYS).map(|number| (key(number), Some(seed.bytes(40)))).collect();
    let mut nodes = MemoryNodes::default();
    let first = StateTree::update(&nodes, 0, &all).expect("nothing to read");
    print("state_build", KEYS, median_ms(1, || StateTree::update(&nodes, 0, &all).expect("nothing to read")));
    nodes.apply(&first);

    let writes: Vec<_> = (0..WRITES)
        .map(|_| {
            let number = u32::try_from(seed.below(u64::from(KEYS) * 2)).expect("small");
            (key(number), Some(seed.bytes(40)))
        })
        .collect();
    let update = StateTree::update(&nodes, 1, &writes).expect("good nodes");
    print("state_update", WRITES, median_ms(RUNS, || StateTree::update(&nodes, 1, &writes)));
    print("state_apply", WRITES, median_ms(1, || nodes.apply(&update)));
    print("state_prove", 1, median_ms(101, || StateTree::prove(&nodes, 1, &key(77))));
    print("state_check", KEYS, median_ms(1, || StateTree::check(&nodes, 1).expect("good nodes")));
    let bytes: usize = nodes.iter().map(|(key, node)| key.len() + node.len()).sum();
    println!("{}", json!({ "bench": "state_nodes", "nodes": nodes.len(), "bytes": bytes }));
}
