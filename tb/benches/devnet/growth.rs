//! The disk of a node that prunes, after a short chain and at several lengths up to ten times that.
//!
//! One process makes empty blocks at full speed, so the state is the same at both ends. The trusting period is a few epochs: headers and validator sets of
//! it are kept, and with the period of the mainnet a chain of this length would keep them all. What is measured is what the files of the store take on the
//! disk, after the node has said that nothing is left to delete and was stopped.
//!
//! Twice: with the journals, whose active file has up to 64 MiB whatever is in it, and without them. Only the second says whether what is kept grows.
//!
//! Not a matter of time: what else runs on the machine changes only how long it takes.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cli::devnet::layout::{Network, Wanted, prepare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use primitives::params::{EvidenceParams, StakingParams};
use primitives::{Engine, Params};
use rpc::{Client, ClientConfig};
use serde_json::json;
use tokio::process::{Child, Command};

use crate::network::{START_TIME, free_base, tb};

/// Lengths of the chain, blocks.
const LENGTHS: [u64; 6] = [5_000, 10_000, 20_000, 30_000, 40_000, 50_000];
/// End of the name of a journal.
const JOURNAL: &str = "jnl";
/// Longest time for all blocks of one length, and for what is old to be deleted.
const TIME: Duration = Duration::from_secs(2 * 3_600);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(500);
/// Bytes of one block of the disk as `stat` counts them (stat(2)).
const SECTOR: u64 = 512;
/// The configuration of the node, beside its defaults.
const PRUNES: [(&str, &str); 3] = [
    ("rollout.feature_gates.pruning", "true"),
    ("pruning.retention_depth", "128"),
    ("pruning.compact_bytes", "1048576"),
];

/// Prints the figure.
///
/// # Errors
/// A chain did not start or did not get there.
pub async fn run() -> Result<()> {
    let folder = tempfile::tempdir().context("no folder for temporary files")?;
    let network = network(folder.path())?;
    let (mut disks, mut tables, mut seconds) = (Vec::new(), Vec::new(), Vec::new());
    for blocks in LENGTHS {
        let started = Instant::now();
        make(folder.path(), &network, blocks).await.with_context(|| format!("{blocks} blocks"))?;
        let home = network.nodes.first().context("no node")?.home.root().to_owned();
        let (all, journals) = bytes_on_disk(&home.join("data/store"))?;
        disks.push(all);
        tables.push(all - journals);
        seconds.push(started.elapsed().as_secs());
    }
    let percent = |sizes: &[u64]| {
        let first = sizes.first().copied().unwrap_or_default().max(1);
        sizes.iter().max().map_or(0, |most| most * 100 / first)
    };
    let figure = json!({
        "case": "growth", "blocks": LENGTHS, "disk_bytes": disks, "without_journals_bytes": tables, "seconds": seconds,
        "disk_percent": percent(&disks), "without_journals_percent": percent(&tables),
    });
    println!("{figure}");
    Ok(())
}

fn network(folder: &Path) -> Result<Network> {
    let staking = StakingParams { unbonding_epochs: 16, trusting_epochs: 10, ..StakingParams::default() };
    let evidence = EvidenceParams { age_epochs: 5, delay_epochs: 1, together_epochs: 5, ..EvidenceParams::default() };
    let params = Params { epoch_blocks: 8, window_blocks: 8, staking, evidence, ..Params::default() };
    let wanted = Wanted {
        engine: Engine::Solo,
        nodes: Some(1),
        base_port: Some(free_base()?),
        block_interval_ms: Some(1_000),
        params: Some(params),
        gates: Vec::new(),
    };
    let network = prepare(&folder.join("dev"), &wanted, false).map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
    let home = network.nodes.first().context("no node")?.home.root();
    for (key, value) in PRUNES {
        let status = std::process::Command::new(env!("CARGO_BIN_EXE_tb"))
            .args(["config", "set", key, value, "--json", "--home"])
            .arg(home)
            .stdout(Stdio::null())
            .status();
        ensure!(status.context("tb was not started")?.success(), "{key} was not set");
    }
    Ok(network)
}

/// Makes the chain that long, waits until nothing is left to delete, and stops the node.
async fn make(folder: &Path, network: &Network, blocks: u64) -> Result<()> {
    let mut command: Command = tb();
    command.args(["dev", "--json", "--blocks", &blocks.to_string(), "--home"]).arg(folder.join("dev"));
    let log = fs::File::create(folder.join("log")).context("the log cannot be made")?;
    let mut child = command.stdout(Stdio::null()).stderr(log).spawn().context("tb was not started")?;
    let url = network.nodes.first().context("no node")?.ports.rpc_url();
    let client = Client::new(&ClientConfig::new(&url)).with_context(|| format!("{url} is no URL"))?;
    let deadline = Instant::now() + TIME;
    let (mut before, mut quiet) = (u64::MAX, 0);
    // Nothing is left when its state was the same at several looks.
    while quiet < 10 {
        ensure!(Instant::now() < deadline, "it did not get there in {} s", TIME.as_secs());
        ensure!(child.try_wait()?.is_none(), "it ended: {}", fs::read_to_string(folder.join("log"))?);
        tokio::time::sleep(POLL).await;
        let (Ok(status), Ok(live)) = (client.pruning_status().await, client.health_live().await) else { continue };
        if let Some(failure) = status.failure {
            anyhow::bail!("it does not prune: {failure}");
        }
        // One block a second is still made when the long ones are there.
        let is_done = live.finalized_height.0 >= blocks && status.lag_blocks <= 32;
        quiet = if is_done && status.removed_blocks >= before { quiet + 1 } else { 0 };
        before = status.removed_blocks;
    }
    stop(&mut child).await
}

async fn stop(child: &mut Child) -> Result<()> {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).context("it ended by itself")?;
    kill(Pid::from_raw(pid), Signal::SIGINT)?;
    tokio::time::timeout(START_TIME, child.wait()).await.context("it did not stop")??;
    Ok(())
}

/// What the files of a folder take on the disk, which is not their length where they have holes: all of them, and of these the journals.
fn bytes_on_disk(folder: &Path) -> Result<(u64, u64)> {
    let (mut all, mut journals) = (0, 0);
    for entry in fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let size = metadata.blocks() * SECTOR;
        let (more, of_journals) = match metadata.is_dir() {
            true => bytes_on_disk(&entry.path())?,
            false if entry.path().extension().is_some_and(|end| end == JOURNAL) => (size, size),
            false => (size, 0),
        };
        all += more;
        journals += of_journals;
    }
    Ok((all, journals))
}
