//! How fast blocks become durable, and how long a start takes: JSON lines on standard output.
//!
//! Each block updates 1,000 of 1,000,000 ledger slots, indexes 1,000 transactions and adds 2,000 history entries; it is
//! synced twice (batch, then mark). Run with `cargo bench -p storage`; the argument `--blocks N` changes the
//! number of blocks. Under `cargo test` it does nothing, because a timed test is no test.

use std::time::Instant;

use primitives::{
    Address, Amount, CommitSignature, Hash, Height, LedgerSlot, Nonce, Outcome, Round, Signature, SlotIndex,
    TransactionId,
};
use storage::{
    CommitBatch, GenesisBatch, HistoryEntry, HistoryKey, HistoryKind, StorageError, Store, StoreConfig, Verify,
};
use testkit::Seed;

const SLOTS: u32 = 1_000_000;
const PER_BLOCK: u32 = 1_000;
const BLOCKS: u64 = 200;
const BLOCK_BYTES: usize = 200 * 1_024;
const GENESIS: Hash = Hash([1; 32]);

fn slot(seed: &mut Seed) -> LedgerSlot {
    let nonce = Nonce::new(seed.below(1 << 40)).expect("below 2^63");
    let balance = Amount::new(seed.below(1 << 40)).expect("below 2^63");
    LedgerSlot { address: Address(seed.array()), nonce, balance }
}

fn batch(seed: &mut Seed, height: Height) -> CommitBatch {
    let transactions: Vec<TransactionId> = (0..PER_BLOCK).map(|_| TransactionId(Hash(seed.array()))).collect();
    let mut history = Vec::new();
    for (index, transaction) in (0..).zip(&transactions) {
        for (part, kind) in [(1, HistoryKind::Outgoing), (2, HistoryKind::Incoming)] {
            history.push(HistoryEntry {
                address: Address(seed.array()),
                key: HistoryKey { height, index, part },
                kind,
                transaction: *transaction,
                counterparty: Some(Address(seed.array())),
                amount: Amount::from_blocks(1),
                outcome: Outcome::Success,
            });
        }
    }
    let block_hash = Hash(seed.array());
    let signature =
        |seed: &mut Seed| CommitSignature { address: Address(seed.array()), signature: Signature(seed.array()) };
    let signatures = (0..4).map(|_| signature(seed)).collect();
    let slots = (0..PER_BLOCK).map(|_| {
        let index = u32::try_from(seed.below(u64::from(SLOTS))).expect("below the number of slots");
        (SlotIndex::new(index).expect("below 2^30"), slot(seed))
    });
    CommitBatch {
        height,
        block_hash,
        slots: slots.collect(),
        block: seed.bytes(BLOCK_BYTES),
        certificate: primitives::CommitCertificate::new(height, Round(0), block_hash, signatures),
        receipts: Vec::new(),
        operations: Vec::new(),
        closing: primitives::ClosingEvents::default(),
        transactions,
        history,
        state: Vec::new(),
        nodes_new: Vec::new(),
        nodes_stale: Vec::new(),
    }
}

/// Microseconds since `started`.
fn micros(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn blocks() -> u64 {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--blocks").skip(1);
    arguments.next().and_then(|text| text.parse().ok()).unwrap_or(BLOCKS)
}

fn main() -> Result<(), StorageError> {
    // Cargo passes `--bench` to benchmarks and leaves it out when it runs them as tests.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let home = std::env::temp_dir().join(format!("storage-bench-{}", std::process::id()));
    let result = run(&home);
    if let Err(error) = std::fs::remove_dir_all(&home) {
        eprintln!("cannot remove {}: {error}", home.display());
    }
    result
}

fn run(home: &std::path::Path) -> Result<(), StorageError> {
    let config = |verify| StoreConfig::Disk { path: home.to_owned(), verify };
    let mut seed = Seed::of(1);
    let store = Store::open(&config(Verify::Full), &GENESIS)?;
    let slots = (0..SLOTS).map(|_| slot(&mut seed)).collect();
    let started = Instant::now();
    store.initialise(&GenesisBatch { slots, ..GenesisBatch::default() })?;
    println!(r#"{{"bench":"storage_genesis","slots":{SLOTS},"microseconds":{}}}"#, micros(started));

    let mut times = Vec::new();
    for height in 1..=blocks() {
        let batch = batch(&mut seed, Height(height));
        let started = Instant::now();
        store.commit(&batch)?;
        times.push(micros(started));
    }
    let total: u64 = times.iter().sum();
    let count = u64::try_from(times.len()).unwrap_or(u64::MAX).max(1);
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied();
    println!(
        r#"{{"bench":"storage_commit","blocks":{count},"slots":{SLOTS},"entries_per_block":{},"block_bytes":{BLOCK_BYTES},"mean_us":{},"p50_us":{},"p99_us":{},"max_us":{},"entries_per_second":{}}}"#,
        4 * PER_BLOCK,
        total / count,
        at(50).unwrap_or(0),
        at(99).unwrap_or(0),
        at(100).unwrap_or(0),
        count * u64::from(4 * PER_BLOCK) * 1_000_000 / total.max(1),
    );
    println!(r#"{{"bench":"storage_size","bytes":{}}}"#, store.sizes()?.total());
    drop(store);
    for (name, verify) in [("full", Verify::Full), ("recent", Verify::Recent)] {
        let started = Instant::now();
        let store = Store::open(&config(verify), &GENESIS)?;
        let opened = micros(started);
        let started = Instant::now();
        let slots = store.load_slots()?.len();
        let loaded = micros(started);
        let opening = store.opening();
        println!(
            r#"{{"bench":"storage_reopen","verify":"{name}","microseconds":{opened},"files":{},"bytes":{},"values":{},"load_slots":{slots},"load_slots_microseconds":{loaded}}}"#,
            opening.audit.files, opening.audit.bytes, opening.values,
        );
    }
    Ok(())
}
