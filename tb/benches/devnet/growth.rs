//! The disk of a node that prunes: what it takes around 5,000 blocks, and what around 50,000.
//!
//! One process makes blocks at full speed while turns of transfers are sent to it, so every turn has the same accounts but for its senders. The trusting
//! period is a few epochs: headers and validator sets of it are kept, and with the period of the mainnet a chain of this length would keep them all. What
//! is measured is what the files of the store take on the disk, looked at twice a second. That goes up and down like a saw, because journals are dropped
//! 64 MiB at a time and tables rewritten when a fourth of them is gone; so means over the last [`STRETCH`] of every 5,000 blocks are printed, and the last one
//! is compared with the first, not what is there at one moment. The most that was seen in each stretch is printed too.
//!
//! Not a matter of time: what else runs on the machine changes only how long it takes.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use std::{fs, io};

use anyhow::{Context, Result, bail, ensure};
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
/// The last blocks of every stretch of the shorter length, over which the mean is taken: the first ones of all fill the journals.
const STRETCH: u64 = 4_000;
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

/// What the looks of a stretch, or of the whole way, have seen, bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    looks: u64,
    all: u64,
    journals: u64,
    most: u64,
}

impl Seen {
    fn add(&mut self, all: u64, journals: u64) {
        self.looks += 1;
        self.all += all;
        self.journals += journals;
        self.most = self.most.max(all);
    }

    const fn mean(&self) -> u64 {
        self.all / self.looks
    }

    const fn mean_without_journals(&self) -> u64 {
        (self.all - self.journals) / self.looks
    }

    fn figures(&self) -> serde_json::Value {
        json!({
            "looks": self.looks, "mean_bytes": self.mean(), "mean_bytes_without_journals": self.mean_without_journals(),
            "most_bytes": self.most,
        })
    }
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
    let stretches = looks.await.context("the looks are gone")??;
    let [short, .., long] = &stretches[..] else { bail!("there is one stretch") };
    let status = client.pruning_status().await.context("no pruning status")?;
    ensure!(status.failure.is_none(), "it does not prune: {:?}", status.failure);
    let percent = |long: u64, short: u64| long * 100 / short;
    let figure = json!({
        "case": "growth", "blocks": [LENGTHS.0, LENGTHS.1], "transfers": transfers, "seconds": started.elapsed().as_secs(),
        "removed_blocks": status.removed_blocks, "stretches": stretches.iter().map(Seen::figures).collect::<Vec<_>>(),
        "disk_percent": percent(long.mean(), short.mean()),
        "without_journals_percent": percent(long.mean_without_journals(), short.mean_without_journals()),
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

/// Looks at the disk until the chain is that long; gives what was seen in each stretch.
async fn look(client: Client, store: std::path::PathBuf) -> Result<Vec<Seen>> {
    let mut stretches = vec![Seen::default(); usize::try_from(LENGTHS.1 / LENGTHS.0)?];
    loop {
        tokio::time::sleep(POLL).await;
        let Ok(live) = client.health_live().await else { continue };
        let (all, journals) = bytes_on_disk(&store)?;
        let height = live.finalized_height.0;
        let stretch = usize::try_from(height / LENGTHS.0)?;
        if let Some(seen) = stretches.get_mut(stretch).filter(|_| height % LENGTHS.0 >= LENGTHS.0 - STRETCH) {
            seen.add(all, journals);
        }
        if height >= LENGTHS.1 {
            ensure!(stretches.iter().all(|seen| seen.looks > 0), "it was too fast to be looked at");
            return Ok(stretches);
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
