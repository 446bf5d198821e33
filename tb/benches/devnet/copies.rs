//! Snapshots of a state of 100,000 accounts while transfers are finalized: what they cost in finality.
//!
//! The same load runs twice on one network, first alone. Then every node makes a snapshot at the same moment, as nodes do that copy the same
//! heights, and again after a pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::future::try_join_all;
use rpc::{Client, ClientConfig};
use serde_json::{Value, json};

use crate::load;
use crate::network::Devnet;

/// Accounts in the state.
const ACCOUNTS: u32 = 100_000;
/// Pause between two rounds of snapshots.
const PAUSE: Duration = Duration::from_secs(4);
/// How long each load is sent.
const DURATION: &str = "20s";
/// Transfers per second of the load.
const RATE: &str = "100";

/// Prints the figure.
///
/// # Errors
/// The network did not start, the command failed, or a node made no snapshot.
pub async fn run() -> Result<()> {
    let mut net = Devnet::crowded(ACCOUNTS).await?;
    net.first_block().await?;
    // The first load of a process makes what every later one finds there; it is no part of the comparison.
    load::measure(&net, "warm", RATE, "5s").await?;
    let alone = load::measure(&net, "copies_none", RATE, DURATION).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let copies = tokio::spawn(copy(net.urls.clone(), Arc::clone(&stop)));
    let copied = load::measure(&net, "copies", RATE, DURATION).await;
    stop.store(true, Ordering::Relaxed);
    let mut milliseconds = copies.await.context("the snapshots are gone")??;
    let copied = copied?;
    milliseconds.sort_unstable();
    let p99 = |figure: &Value| figure["finality_ms"]["p99"].as_f64().context("no finality");
    let (without, with) = (p99(&alone)?, p99(&copied)?);
    println!("{alone}");
    println!("{copied}");
    let figure = json!({
        "case": "copies",
        "accounts": ACCOUNTS,
        "snapshots": milliseconds.len(),
        "snapshot_ms_median": milliseconds.get(milliseconds.len() / 2),
        "finality_p99_ms_without": without,
        "finality_p99_ms_with": with,
        "finality_p99_ratio": with / without,
    });
    println!("{figure}");
    net.stop().await
}

/// Rounds of snapshots until it is told to stop; gives how long each took, milliseconds.
async fn copy(urls: Vec<String>, stop: Arc<AtomicBool>) -> Result<Vec<u64>> {
    let clients: Vec<Client> =
        urls.iter().map(|url| Client::new(&ClientConfig::new(url))).collect::<std::result::Result<_, _>>()?;
    let mut milliseconds = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let round = clients.iter().map(async |client| {
            let started = Instant::now();
            client.make_snapshot().await?;
            anyhow::Ok(u64::try_from(started.elapsed().as_millis())?)
        });
        milliseconds.extend(try_join_all(round).await?);
        tokio::time::sleep(PAUSE).await;
    }
    Ok(milliseconds)
}
