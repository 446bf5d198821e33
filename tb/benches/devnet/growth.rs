//! The disk of a node that prunes: the most it takes on the way to 5,000 blocks, and the most on the way to 50,000.
//!
//! One process makes blocks at full speed while turns of transfers are sent to it, so every turn has the same accounts but for its senders. The trusting
//! period is a few epochs: headers and validator sets of it are kept, and with the period of the mainnet a chain of this length would keep them all. What
//! is measured is what the files of the store take on the disk, looked at twice a second. The most is compared, and not what is there at one moment,
//! because journals are dropped 64 MiB at a time and tables rewritten when a fourth of them is gone.
//!
//! Not a matter of time: what else runs on the machine changes only how long it takes.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use std::{fs, io};

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

/// The short way and the long one, blocks.
const LENGTHS: (u64, u64) = (5_000, 50_000);
/// Accounts that send in a turn, and how long it takes.
const TURN: [&str; 4] = ["--senders", "50", "--duration", "4s"];
/// End of the name of a journal.
const JOURNAL: &str = "jnl";
/// Longest time for all blocks.
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

/// The most that was seen.
#[derive(Debug, Clone, Copy, Default)]
struct Most {
    all: u64,
    journals: u64,
    tables: u64,
}

/// Prints the figure.
///
/// # Errors
/// The chain did not start or did not get there.
pub async fn run() -> Result<()> {
    let folder = tempfile::tempdir().context("no folder for temporary files")?;
    let network = network(folder.path())?;
    let started = Instant::now();
    let node = network.nodes.first().context("no node")?;
    let (store, url) = (node.home.root().join("data/store"), node.ports.rpc_url());
    let client = Client::new(&ClientConfig::new(&url)).with_context(|| format!("{url} is no URL"))?;
    let mut command: Command = tb();
    command.args(["dev", "--json", "--blocks", &LENGTHS.1.to_string(), "--home"]).arg(folder.path().join("dev"));
    let log = fs::File::create(folder.path().join("log")).context("the log cannot be made")?;
    let mut child = command.stdout(Stdio::null()).stderr(log).spawn().context("tb was not started")?;
    let looks = tokio::spawn(look(client.clone(), store));
    let (mut transfers, mut turn) = (0, 0);
    while !looks.is_finished() {
        ensure!(started.elapsed() < TIME, "it did not get there in {} s", TIME.as_secs());
        ensure!(child.try_wait()?.is_none(), "it ended: {}", fs::read_to_string(folder.path().join("log"))?);
        transfers += pay(&network, &url, turn).await?;
        turn += 1;
    }
    let (short, long) = looks.await.context("the looks are gone")??;
    let status = client.pruning_status().await.context("no pruning status")?;
    ensure!(status.failure.is_none(), "it does not prune: {:?}", status.failure);
    let of = |most: Most| json!({ "all": most.all, "journals": most.journals, "tables": most.tables });
    let percent = |long: u64, short: u64| long * 100 / short.max(1);
    let figure = json!({
        "case": "growth", "blocks": [LENGTHS.0, LENGTHS.1], "transfers": transfers, "seconds": started.elapsed().as_secs(),
        "removed_blocks": status.removed_blocks, "most_bytes_short": of(short), "most_bytes_long": of(long),
        "disk_percent": percent(long.all, short.all), "without_journals_percent": percent(long.tables, short.tables),
    });
    println!("{figure}");
    stop(&mut child).await
}

/// Sends one turn of transfers; gives how many became final. The accounts take turns at paying: one has enough for a hundred.
async fn pay(network: &Network, url: &str, turn: usize) -> Result<u64> {
    let payer = &network.accounts[turn % network.accounts.len()].name;
    let mut load = tb();
    load.args(["bench", "load", "--json", "--targets", url, "--from", payer])
        .args(TURN)
        .arg("--home")
        .arg(&network.root);
    let output = load.stderr(Stdio::inherit()).output().await.context("tb was not started")?;
    ensure!(output.status.success(), "the load failed: {}", String::from_utf8_lossy(&output.stdout));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).context("no report")?;
    report["finalized"].as_u64().context("the report has no number of final transfers")
}

/// Looks at the disk until the chain is that long; gives the most on the short way and on the long one.
async fn look(client: Client, store: std::path::PathBuf) -> Result<(Most, Most)> {
    let (mut short, mut most) = (Most::default(), Most::default());
    loop {
        tokio::time::sleep(POLL).await;
        let Ok(live) = client.health_live().await else { continue };
        let (all, journals) = bytes_on_disk(&store)?;
        most.all = most.all.max(all);
        most.journals = most.journals.max(journals);
        most.tables = most.tables.max(all - journals);
        if live.finalized_height.0 <= LENGTHS.0 {
            short = most;
        }
        if live.finalized_height.0 >= LENGTHS.1 {
            return Ok((short, most));
        }
    }
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

async fn stop(child: &mut Child) -> Result<()> {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).context("it ended by itself")?;
    kill(Pid::from_raw(pid), Signal::SIGINT)?;
    tokio::time::timeout(START_TIME, child.wait()).await.context("it did not stop")??;
    Ok(())
}

/// What the files of a folder take on the disk, which is not their length where they have holes: all of them, and of these the journals. A file that goes
/// meanwhile takes nothing.
fn bytes_on_disk(folder: &Path) -> Result<(u64, u64)> {
    let (mut all, mut journals) = (0, 0);
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let entries = match fs::read_dir(folder) {
        Err(error) if gone(&error) => return Ok((0, 0)),
        entries => entries.with_context(|| format!("{} cannot be read", folder.display()))?,
    };
    for entry in entries {
        let entry = entry?;
        let metadata = match entry.metadata() {
            Err(error) if gone(&error) => continue,
            metadata => metadata?,
        };
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
