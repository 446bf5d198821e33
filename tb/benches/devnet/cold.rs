//! From nothing to the first finalized block and the first finalized transfer.
//!
//! The clock starts when the command is started: it makes keys, homes and genesis, starts four processes, and these
//! find each other. The transfer is one call of the command line after the other until one is finalized, the first of
//! them as soon as the processes are there.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::network::{Devnet, NODES, START_TIME, tb};

/// Runs; the middle one is the figure.
const RUNS: usize = 3;
/// Pause before another try.
const RETRY: Duration = Duration::from_millis(25);

/// Prints the figure.
///
/// # Errors
/// A network did not start.
pub async fn run() -> Result<()> {
    let (mut blocks, mut transfers) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let mut net = Devnet::start().await?;
        let (home, started) = (net.home.clone(), net.started());
        let url = net.urls.first().context("no node")?.clone();
        let transfer = async {
            transfer(&home, &url).await?;
            Ok(started.elapsed())
        };
        let (block, transfer) = tokio::try_join!(net.first_block(), transfer)?;
        blocks.push(block.as_secs_f64());
        transfers.push(transfer.as_secs_f64());
        net.stop().await?;
    }
    let figure = json!({
        "case": "cold_devnet", "nodes": NODES, "runs": RUNS,
        "first_block_seconds": middle(&blocks), "first_transfer_seconds": middle(&transfers),
        "first_block_seconds_by_run": blocks, "first_transfer_seconds_by_run": transfers,
    });
    println!("{figure}");
    Ok(())
}

/// The middle one of the values.
fn middle(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Pays until a payment is finalized.
async fn transfer(home: &Path, url: &str) -> Result<()> {
    let tries = async {
        loop {
            let mut command = tb();
            command.args(["tx", "transfer", "--json", "--from", "account-1", "--to", "account-2", "--amount", "1"]);
            command.args(["--rpc", url, "--home"]).arg(home).stdout(Stdio::null()).stderr(Stdio::null());
            if command.status().await.context("tb was not started")?.success() {
                return Ok(());
            }
            tokio::time::sleep(RETRY).await;
        }
    };
    match tokio::time::timeout(START_TIME, tries).await {
        Ok(done) => done,
        Err(_) => bail!("no transfer was finalized in {START_TIME:?}"),
    }
}
