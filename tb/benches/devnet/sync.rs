//! How soon a new node has the state of a long chain: from a snapshot of a peer, and by replaying every block.
//!
//! ```text
//! one validator, 100,000 accounts, a load ──► 50,000 blocks ─► snapshot ─┬─► tb node start --state-sync ──► its height: seconds
//!                                                                       └─► tb node start              ──► the same height: seconds
//! ```
//! Both nodes are new, begin with an empty store, have the same peer on the same machine, and are timed from their start until they answer with the height of the
//! snapshot. At the end the node of the chain is killed and started again, and timed until it answers with what it had. A replay that takes
//! longer than [`REPLAY_MAX`] is ended; how far it came says how long the whole would have taken.
//!
//! `TB_SYNC_ACCOUNTS` and `TB_SYNC_BLOCKS` make the chain smaller, to see that it works.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cli::devnet::layout::{Network, Ports, Wanted, prepare_crowded};
use primitives::Engine;
use rpc::{Client, ClientConfig};
use serde_json::json;
use tokio::process::{Child, Command};

use crate::network::{START_TIME, free_base, tb};

/// Accounts of the chain.
const ACCOUNTS: u32 = 100_000;
/// Blocks of the chain.
const BLOCKS: u64 = 50_000;
/// Time between blocks while the chain is made, milliseconds; a load is signed for fewer heights than a transaction is valid for.
const INTERVAL_MS: u64 = 15;
/// Turns of a load while it is made, spread evenly over its blocks. Each is paid from one account, which has enough for a hundred.
const TURNS: u64 = 80;
/// Accounts that send in a turn.
const SENDERS: &str = "50";
/// Transfers each second of a turn.
const RATE: &str = "500";
/// Length of a turn.
const TURN: &str = "4s";
/// Longest time to make it.
const MADE: Duration = Duration::from_secs(3_600);
/// Longest replay.
const REPLAY_MAX: Duration = Duration::from_secs(600);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(10);

fn wanted(name: &str, default: u64) -> Result<u64> {
    std::env::var(name).map_or(Ok(default), |text| text.parse().with_context(|| format!("{name} is {text}")))
}

/// Prints the figure.
///
/// # Errors
/// A process did not start, or a node did not get there.
pub async fn run() -> Result<()> {
    let (accounts, blocks) = (wanted("TB_SYNC_ACCOUNTS", ACCOUNTS.into())?, wanted("TB_SYNC_BLOCKS", BLOCKS)?);
    let folder = tempfile::tempdir().context("no folder for temporary files")?;
    let base = free_base()?;
    let ports = |index| Ports::of(base, index).context("the ports were free");
    let shape = Wanted {
        engine: Engine::Bft,
        nodes: Some(1),
        base_port: Some(base),
        block_interval_ms: Some(INTERVAL_MS),
        params: None,
        gates: Vec::new(),
    };
    let network = prepare_crowded(&folder.path().join("net"), &shape, u32::try_from(accounts)?, false)
        .map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
    let home = network.nodes.first().context("no node")?.home.root().to_owned();
    let source = Peer::start(&home, &[])?;
    let client = client(ports(0)?)?;
    let (made_seconds, transfers) = make(&network, &client, ports(0)?, blocks).await?;
    let snapshot = client.make_snapshot().await.context("no snapshot")?;
    let goal = snapshot.height.0;

    let mut seconds = Vec::new();
    let mut reached = goal;
    for (index, name, words) in [(1, "synced", &["--state-sync"][..]), (2, "replayed", &[])] {
        let home = folder.path().join(name);
        let genesis = network.root.join("genesis.json");
        let mut init = tb();
        init.args(["init", "--mode", "node", "--moniker", name, "--json", "--genesis"])
            .arg(genesis)
            .arg("--home")
            .arg(&home);
        ensure!(init.stdout(Stdio::null()).status().await?.success(), "no home");
        let own = ports(index)?;
        let words =
            [&connected(own, ports(0)?)[..], &words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()].concat();
        let started = Instant::now();
        let node = Peer::start(&home, &words)?;
        let height = reaches(&self::client(own)?, goal, REPLAY_MAX).await;
        seconds.push(started.elapsed().as_secs_f64());
        reached = reached.min(height);
        node.stop().await?;
    }
    let restart = restarted(source, &home, &client, goal).await?;
    ensure!(reached > 0, "nothing was replayed in {} s", REPLAY_MAX.as_secs());
    // What was left of a replay that was ended is taken at the pace of what was done.
    let whole = seconds[1] * f64::from(u32::try_from(goal)?) / f64::from(u32::try_from(reached)?);
    let round = |seconds: f64| (seconds * 100.0).round() / 100.0;
    let figure = json!({
        "case": "sync", "accounts": accounts, "blocks": goal, "transfers": transfers, "chain_made_seconds": made_seconds,
        "sync_seconds": round(seconds[0]), "replay_seconds": round(whole), "replayed_blocks": reached,
        "replay_per_sync": round(whole / seconds[0]), "restart_seconds": round(restart),
    });
    println!("{figure}");
    Ok(())
}

/// Kills the node of the chain and starts it again; gives how long it took until it answered with all that it had.
async fn restarted(mut node: Peer, home: &Path, client: &Client, goal: u64) -> Result<f64> {
    let last = client.health_live().await.context("the node of the chain does not answer")?.finalized_height.0;
    node.0.kill().await.context("it was not killed")?;
    let started = Instant::now();
    let again = Peer::start(home, &[])?;
    let height = reaches(client, last.max(goal), START_TIME).await;
    let seconds = started.elapsed().as_secs_f64();
    ensure!(height >= last, "it is at height {height}, and was at {last}");
    again.stop().await?;
    Ok(seconds)
}

/// Pays until the chain is that long; gives how long it took and how many transfers it holds.
async fn make(network: &Network, client: &Client, ports: Ports, blocks: u64) -> Result<(u64, u64)> {
    let started = Instant::now();
    ensure!(reaches(client, 1, START_TIME).await >= 1, "the chain does not begin");
    let mut transfers = 0;
    for turn in 1..=TURNS {
        let url = ports.rpc_url();
        let mut load = tb();
        load.args(["bench", "load", "--json", "--senders", SENDERS, "--rate", RATE, "--duration", TURN]);
        load.args(["--targets", &url, "--home"]).arg(&network.root);
        let output = load.stderr(Stdio::inherit()).output().await.context("tb was not started")?;
        ensure!(output.status.success(), "the load failed: {}", String::from_utf8_lossy(&output.stdout));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).context("no report")?;
        transfers += report["finalized"].as_u64().context("the report has no number of final transfers")?;
        let (goal, left) = (blocks * turn / TURNS, MADE.saturating_sub(started.elapsed()));
        ensure!(reaches(client, goal, left).await >= goal, "the chain is not that long in {} s", MADE.as_secs());
    }
    Ok((started.elapsed().as_secs(), transfers))
}

fn client(ports: Ports) -> Result<Client> {
    let url = ports.rpc_url();
    Client::new(&ClientConfig::new(&url)).with_context(|| format!("{url} is no URL"))
}

/// Waits for this height, so long at most; gives the height that it has then.
async fn reaches(client: &Client, height: u64, limit: Duration) -> u64 {
    let deadline = Instant::now() + limit;
    let mut last = 0;
    while last < height && Instant::now() < deadline {
        tokio::time::sleep(POLL).await;
        last = client.health_live().await.map_or(last, |live| live.finalized_height.0);
    }
    last
}

/// The words that give a node these ports and one peer.
fn connected(own: Ports, peer: Ports) -> Vec<String> {
    let settings = [
        format!("consensus.listen=/ip4/127.0.0.1/tcp/{}", own.consensus),
        format!("consensus.peers=/ip4/127.0.0.1/tcp/{}", peer.consensus),
        format!("p2p.listen=/ip4/127.0.0.1/udp/{0}/quic-v1,/ip4/127.0.0.1/tcp/{0}", own.p2p),
        format!("p2p.peers=/ip4/127.0.0.1/udp/{}/quic-v1", peer.p2p),
        format!("rpc.listen=127.0.0.1:{}", own.rpc),
        // A replay would make them at the heights it passes.
        "snapshots.interval_blocks=0".to_owned(),
    ];
    settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]).collect()
}

/// One `tb node start`.
struct Peer(Child);

impl Peer {
    fn start(home: &Path, words: &[String]) -> Result<Self> {
        let log = std::fs::File::create(home.join("node.log")).context("no log")?;
        let errors = log.try_clone().context("no second handle")?;
        let mut command: Command = tb();
        command.args(["node", "start", "--stop-with-stdin", "--home"]).arg(home).args(words);
        command.stdin(Stdio::piped()).stdout(log).stderr(errors);
        Ok(Self(command.spawn().context("tb was not started")?))
    }

    async fn stop(mut self) -> Result<()> {
        drop(self.0.stdin.take());
        tokio::time::timeout(START_TIME, self.0.wait()).await.context("a node did not stop")??;
        Ok(())
    }
}
