//! What four validators do on this machine: one JSON line for each figure.
//!
//! ```text
//! cold    tb devnet in a fresh folder          ──► first finalized block, first finalized transfer
//! load    tb devnet + tb bench load            ──► a light load, then as much as fits
//! delay   4 × tb node start behind a relay     ──► finality ÷ one-way delay
//! flood   tb devnet + tb bench load            ──► a light load, without and with a megabyte of junk a second
//! copies  tb devnet + tb bench load            ──► a light load, without and with snapshots of all nodes every few seconds
//! sync    tb node start, --state-sync          ──► a new node of a long chain, from a snapshot and by replay; only when named
//! growth  tb dev --blocks, pruning, tb bench load ─► the most that the disk takes up to 5,000 and up to 50,000 blocks; only when named
//! ```
//!
//! Run with `cargo bench -p tb --bench devnet`, or one part with `… -- cold`. The processes are those that people
//! start, and transfers are counted in finalized blocks. Under `cargo test` it does nothing, because a timed test is
//! no test.
//!
//! Read next: `network.rs` for the processes, `relay.rs` for the delay, `docs/performance.md` for the figures.

mod cold;
mod copies;
mod delay;
mod flood;
mod growth;
mod load;
mod network;
mod process;
mod relay;
mod sync;

use anyhow::{Result, ensure};

/// The parts, in the order they run.
const PARTS: [&str; 7] = ["cold", "load", "delay", "flood", "copies", "sync", "growth"];

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Cargo passes `--bench` to benchmarks and leaves it out when it runs them as tests.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let wanted: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    for word in &wanted {
        ensure!(PARTS.contains(word), "there is no part {word:?}; the parts are {}", PARTS.join(", "));
    }
    let runs = |part: &str| wanted.is_empty() || wanted.contains(&part);
    if runs("cold") {
        cold::run().await?;
    }
    if runs("load") {
        load::run().await?;
    }
    if runs("delay") {
        delay::run().await?;
    }
    if runs("flood") {
        flood::run().await?;
    }
    if runs("copies") {
        copies::run().await?;
    }
    // Minutes: only when it is named.
    if wanted.contains(&"sync") {
        sync::run().await?;
    }
    // Most of an hour: only when it is named.
    if wanted.contains(&"growth") {
        growth::run().await?;
    }
    Ok(())
}
