//! The disk of a node that prunes: what it takes at 5,000 blocks, and what at 50,000.
//!
//! One process makes blocks at full speed while turns of transfers are sent to it, from the same [`SENDERS`] accounts all the way, so that the state has
//! the same size at both lengths; [`ACCOUNTS`] more are in the genesis file. The trusting period is a few epochs: headers and validator sets of it are
//! kept, and with the period of the mainnet a chain of this length would keep them all. What is measured is what the store takes on the disk, in three ways:
//!
//! - *Under load*, the mean over the last [`STRETCH`] blocks. It goes up and down like a saw, because journals are dropped 64 MiB at a time and tables
//!   are rewritten when a fourth of them is gone.
//! - *At rest*: the process is started without load and writes its journals to tables, then it is started once more, which removes what the engine keeps
//!   for readers of earlier states, and after [`REST`] the mean of as long is taken. Journals are allocated ahead, 64 MiB at a time, and up to a fourth
//!   of the tables is not yet rewritten, so two such looks differ by chance.
//! - *Rewritten*: the tables of the stopped process once all that was removed is out of them. This is what the blocks that are kept and the accounts take,
//!   without chance: what nobody removes shows here.
//!
//! Not a matter of time: what else runs on the machine changes only how long it takes.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, io};

use anyhow::{Context, Result, ensure};
use cli::bench::count;
use cli::bench::load::{Load, Queue, work};
use cli::bench::senders::{self, Sender};
use cli::devnet::layout::{Network, Wanted, account_name, prepare_crowded};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use primitives::params::{EvidenceParams, StakingParams};
use primitives::{Address, Engine, Height, Params};
use rpc::{Client, ClientConfig};
use serde_json::json;
use storage::{PRUNED_SPACES, Store, StoreConfig, Verify};
use tokio::process::{Child, Command};
use wallet::Keystore;
use wallet::key_file::read_password;

use crate::network::{START_TIME, free_base, tb};

/// The short way and the long one, blocks.
const LENGTHS: (u64, u64) = (5_000, 50_000);
/// Accounts of the genesis file.
const ACCOUNTS: u32 = 20_000;
/// Time at rest before the looks, and that of the looks.
const REST: Duration = Duration::from_secs(20);
/// The key of the bound of the journals, its value at rest, and its default.
const JOURNALS: (&str, &str, &str) = ("storage.journal_bytes_max", "65536", "134217728");
/// The last blocks of a way, over which the mean under load is taken.
const STRETCH: u64 = 4_000;
/// Accounts that send.
const SENDERS: usize = 240;
/// Transfers of each of them in a turn.
const TRANSFERS: usize = 50;
/// Most transfers in flight.
const IN_FLIGHT_MAX: usize = 6_000;
/// Queues of transfers that are sent side by side.
const QUEUES: usize = 4;
/// Longest time for one turn.
const TURN_TIME: Duration = Duration::from_secs(60);
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

/// The chain on its way.
struct Chain {
    folder: tempfile::TempDir,
    network: Network,
    client: Client,
    /// None before the first turn.
    senders: Vec<Sender>,
    transfers: usize,
}

/// What was seen on a way and behind it.
struct Way {
    load: Seen,
    rest: Seen,
    /// Bytes of the tables once all that was removed is out of them.
    rewritten: u64,
}

/// Prints the figure.
///
/// # Errors
/// The chain did not start or did not get there.
pub async fn run() -> Result<()> {
    let folder = tempfile::tempdir().context("no folder for temporary files")?;
    let network = network(folder.path())?;
    let url = network.nodes.first().context("no node")?.ports.rpc_url();
    let client = Client::new(&ClientConfig::new(&url)).with_context(|| format!("{url} is no URL"))?;
    let mut chain = Chain { folder, network, client, senders: Vec::new(), transfers: 0 };
    let started = Instant::now();
    let short = chain.grows(LENGTHS.0).await?;
    let long = chain.grows(LENGTHS.1).await?;
    let percent = |long: u64, short: u64| long * 100 / short;
    let figure = json!({
        "case": "growth", "blocks": [LENGTHS.0, LENGTHS.1], "accounts": ACCOUNTS, "senders": SENDERS, "transfers": chain.transfers,
        "seconds": started.elapsed().as_secs(),
        "under_load": [short.load.figures(), long.load.figures()], "at_rest": [short.rest.figures(), long.rest.figures()],
        "rewritten_bytes": [short.rewritten, long.rewritten],
        "rewritten_percent": percent(long.rewritten, short.rewritten),
        "disk_percent": percent(long.rest.mean(), short.rest.mean()),
        "under_load_percent": percent(long.load.mean(), short.load.mean()),
        "tables_under_load_percent": percent(long.load.mean_without_journals(), short.load.mean_without_journals()),
    });
    println!("{figure}");
    Ok(())
}

impl Chain {
    fn home(&self) -> Result<&Path> {
        Ok(self.network.nodes.first().context("no node")?.home.root())
    }

    fn start(&self, words: &[&str]) -> Result<Child> {
        let log = fs::File::create(self.folder.path().join("log")).context("the log cannot be made")?;
        let mut command: Command = tb();
        command.args(["dev", "--json"]).args(words).arg("--home").arg(self.folder.path().join("dev"));
        command.stdout(Stdio::null()).stderr(log).spawn().context("tb was not started")
    }

    /// Brings the chain to this length under load, and lets it rest.
    async fn grows(&mut self, length: u64) -> Result<Way> {
        let mut child = self.start(&["--blocks", &length.to_string()])?;
        let looks = tokio::spawn(look(self.client.clone(), self.home()?.join("data/store"), length));
        let started = Instant::now();
        while self.client.health_live().await.is_err() && started.elapsed() < START_TIME {
            tokio::time::sleep(POLL).await;
        }
        while !looks.is_finished() {
            ensure!(started.elapsed() < TIME, "it did not get there in {} s", TIME.as_secs());
            ensure!(child.try_wait()?.is_none(), "it ended: {}", fs::read_to_string(self.folder.path().join("log"))?);
            self.turn().await?;
        }
        let load = looks.await.context("the looks are gone")??;
        let status = self.client.pruning_status().await.context("no pruning status")?;
        ensure!(status.failure.is_none(), "it does not prune: {:?}", status.failure);
        stop(&mut child).await?;
        let (key, small, usual) = JOURNALS;
        set(self.home()?, key, small)?;
        let mut child = self.start(&[])?;
        tokio::time::sleep(REST).await;
        stop(&mut child).await?;
        set(self.home()?, key, usual)?;
        let mut child = self.start(&[])?;
        tokio::time::sleep(REST).await;
        let rest = rest(&self.home()?.join("data/store")).await?;
        stop(&mut child).await?;
        Ok(Way { load, rest, rewritten: self.rewritten()? })
    }

    /// Takes everything that was removed out of the tables; gives what they have then.
    fn rewritten(&self) -> Result<u64> {
        let config = StoreConfig::Disk { path: self.home()?.join("data/store"), verify: Verify::Recent };
        let store = Store::open(&config, &self.network.genesis.hash())?;
        store.flush()?;
        for space in PRUNED_SPACES {
            store.compact(space)?;
        }
        let sizes = store.sizes()?;
        Ok(sizes.total() - sizes.journal_bytes)
    }

    /// Sends one turn of transfers, and waits until all of them are final.
    async fn turn(&mut self) -> Result<()> {
        if self.senders.is_empty() {
            let password =
                read_password(&self.network.root.join("password")).map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
            let payer = Keystore::new(self.network.root.join("keys")).unlock(&account_name(1), &password.key)?;
            let made = senders::make(&self.client, &[payer.key], SENDERS).await;
            self.senders = made.map_err(|failure| anyhow::anyhow!("the senders were not paid: {failure:?}"))?;
        }
        let status = self.client.node_status().await?;
        let valid_until = Height(status.finalized_height.0 + self.client.limits().await?.valid_until_max);
        let load = Arc::new(Load::new(IN_FLIGHT_MAX, 0, TURN_TIME, status.genesis_hash));
        let mut to: Vec<Address> = self.senders.iter().map(|sender| sender.address).collect();
        to.rotate_left(1);
        let mut queues = vec![Queue::new(); QUEUES];
        for _ in 0..TRANSFERS {
            for (index, (sender, to)) in self.senders.iter_mut().zip(&to).enumerate() {
                queues[index % QUEUES].push_back(sender.sign_next(*to, valid_until, &status.genesis_hash));
            }
        }
        let sending = async {
            let workers = queues.into_iter().map(|queue| work(Arc::clone(&load), self.client.clone(), queue));
            futures::future::join_all(workers).await;
            while load.tally.in_flight() > 0 && load.start.elapsed() < TURN_TIME {
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::select! {
            () = sending => {}
            stopped = count::follow(&self.client, status.finalized_height.next(), &load.tally) => {
                stopped.map_err(|failure| anyhow::anyhow!("the node stopped answering: {failure:?}"))?;
            }
        }
        let counted = load.tally.finish();
        let wanted = SENDERS * TRANSFERS;
        ensure!(
            counted.latencies_ms.len() == wanted,
            "{} of {wanted} transfers became final: {:?}",
            counted.latencies_ms.len(),
            counted.rejected
        );
        self.transfers += wanted;
        Ok(())
    }
}

/// Looks at the disk of a node without load.
async fn rest(store: &Path) -> Result<Seen> {
    let (mut seen, started) = (Seen::default(), Instant::now());
    while started.elapsed() < REST {
        let (all, journals) = bytes_on_disk(store)?;
        seen.add(all, journals);
        tokio::time::sleep(POLL).await;
    }
    Ok(seen)
}

/// Looks at the disk until the chain is that long; gives what was seen before its end.
async fn look(client: Client, store: std::path::PathBuf, length: u64) -> Result<Seen> {
    let mut seen = Seen::default();
    loop {
        tokio::time::sleep(POLL).await;
        let Ok(live) = client.health_live().await else { continue };
        let height = live.finalized_height.0;
        if height + STRETCH >= length {
            let (all, journals) = bytes_on_disk(&store)?;
            seen.add(all, journals);
        }
        if height >= length {
            return Ok(seen);
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
    let network = prepare_crowded(&folder.join("dev"), &wanted, ACCOUNTS, false)
        .map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
    let home = network.nodes.first().context("no node")?.home.root();
    for (key, value) in PRUNES {
        set(home, key, value)?;
    }
    Ok(network)
}

/// Sets a value in the configuration of a stopped node.
fn set(home: &Path, key: &str, value: &str) -> Result<()> {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tb"));
    command.args(["config", "set", key, value, "--json", "--home"]).arg(home).stdout(Stdio::null());
    ensure!(command.status().context("tb was not started")?.success(), "{key} was not set");
    Ok(())
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
