//! Finality when messages between validators take time.
//!
//! Every consensus connection goes through a relay; gossip and RPC do not. Blocks are empty. Finality is the time from
//! the proposer's clock in the header, read when it builds the block, to the block's event at each of the four nodes:
//! one sample for each node and height, all from the clock of this machine. The protocol itself needs three delays
//! (proposal, prevote, precommit).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use cli::bench::report::Percentiles;
use cli::devnet::layout::{Network, Wanted, prepare};
use futures::StreamExt;
use primitives::{Engine, Height, Timestamp};
use rpc::{Client, ClientConfig};
use serde_json::json;

use crate::network::{NODES, Node, START_TIME, free_base};
use crate::relay::Relay;

/// One-way delays that are measured.
const DELAYS: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(100)];
/// Block interval of the network, milliseconds: below the finality that the delays allow, so that no height waits.
const INTERVAL_MS: u64 = 100;
/// Heights before the measurement, in which all connections are made.
const FIRST_HEIGHT: u64 = 5;
/// How long blocks are measured.
const MEASURED: Duration = Duration::from_secs(15);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// One finalized block at one node.
struct Sample {
    height: Height,
    time: Timestamp,
    finality_ms: u64,
}

/// Prints the figures.
///
/// # Errors
/// A network did not start.
pub async fn run() -> Result<()> {
    for delay in DELAYS {
        measure(delay).await?;
    }
    Ok(())
}

async fn measure(delay: Duration) -> Result<()> {
    let folder = tempfile::tempdir().context("no folder for temporary files")?;
    let wanted = Wanted {
        engine: Engine::Bft,
        nodes: Some(NODES),
        base_port: Some(free_base()?),
        block_interval_ms: Some(INTERVAL_MS),
        params: None,
        gates: Vec::new(),
    };
    let Ok(network) = prepare(&folder.path().join("net"), &wanted, false) else {
        bail!("the folders of the network cannot be made in {}", folder.path().display());
    };
    let (relays, nodes) = start(&network, delay).await?;
    let clients: Vec<Client> = network
        .nodes
        .iter()
        .map(|node| Client::new(&ClientConfig::new(node.ports.rpc_url())))
        .collect::<Result<_, _>>()?;
    let ready = tokio::time::timeout(START_TIME, futures::future::join_all(clients.iter().map(reaches_first)));
    if ready.await.is_err() {
        let words: Vec<String> = nodes.iter().map(Node::last_words).collect();
        bail!("not all nodes have height {FIRST_HEIGHT} after {START_TIME:?}; they said:\n{}", words.join("\n--\n"));
    }
    let failed = failed_rounds(&clients).await?;
    let samples = futures::future::try_join_all(clients.iter().map(collect)).await?;
    let failed = failed_rounds(&clients).await?.saturating_sub(failed);
    let passed: u64 = relays.iter().map(Relay::passed).sum();
    ensure!(passed > 0, "nothing went through the relay");
    let samples: Vec<Sample> = samples.into_iter().flatten().collect();
    report(delay, &samples, failed, passed)?;
    for node in nodes {
        node.stop().await?;
    }
    Ok(())
}

/// One relay in front of each node, and the nodes with the relays of the others as their peers.
async fn start(network: &Network, delay: Duration) -> Result<(Vec<Relay>, Vec<Node>)> {
    let mut relays = Vec::new();
    for node in &network.nodes {
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, node.ports.consensus));
        relays.push(Relay::start(target, delay).await?);
    }
    let mut nodes = Vec::new();
    for (index, node) in network.nodes.iter().enumerate() {
        let others = relays.iter().enumerate().filter(|(other, _)| *other != index);
        let peers: Vec<String> =
            others.map(|(_, relay)| format!("/ip4/127.0.0.1/tcp/{}", relay.address.port())).collect();
        nodes.push(Node::start(node.home.root(), &peers.join(","))?);
    }
    Ok((relays, nodes))
}

async fn reaches_first(client: &Client) {
    while !client.health_live().await.is_ok_and(|live| live.finalized_height.0 >= FIRST_HEIGHT) {
        tokio::time::sleep(LOOK).await;
    }
}

/// The blocks that this node finalizes from now on, for [`MEASURED`].
async fn collect(client: &Client) -> Result<Vec<Sample>> {
    let mut stream = client.block_stream().await?;
    // What the stream may repeat was finalized before we looked.
    let known = client.node_status().await?.finalized_height;
    let mut samples = Vec::new();
    let end = tokio::time::Instant::now() + MEASURED;
    while let Ok(event) = tokio::time::timeout_at(end, stream.next()).await {
        let block = event.context("the stream of blocks ended")??;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
        if block.height > known {
            let now = Timestamp(u64::try_from(now.as_millis())?);
            samples.push(Sample { height: block.height, time: block.time_ms, finality_ms: now.since(block.time_ms) });
        }
    }
    Ok(samples)
}

/// Rounds without a decision so far, the most of any node.
async fn failed_rounds(clients: &[Client]) -> Result<u64> {
    let mut most = 0;
    for client in clients {
        let text = client.metrics().await?;
        let value = text.lines().find_map(|line| line.strip_prefix("consensus_failed_rounds_total "));
        most = most.max(value.context("no count of failed rounds")?.parse()?);
    }
    Ok(most)
}

fn report(delay: Duration, samples: &[Sample], failed_rounds: u64, relayed_bytes: u64) -> Result<()> {
    let finality = Percentiles::of(samples.iter().map(|sample| sample.finality_ms).collect());
    let times: BTreeMap<Height, Timestamp> = samples.iter().map(|sample| (sample.height, sample.time)).collect();
    let steps = times.values().zip(times.values().skip(1)).map(|(first, second)| second.since(*first));
    let interval = Percentiles::of(steps.collect());
    let p50 = u32::try_from(finality.p50.context("no block was finalized")?)?;
    let delay_ms = u32::try_from(delay.as_millis())?;
    let figure = json!({
        "case": "delay", "one_way_delay_ms": delay_ms, "block_interval_ms": INTERVAL_MS,
        "heights": times.len(), "samples": samples.len(),
        "finality_ms": finality, "finality_per_delay": f64::from(p50) / f64::from(delay_ms),
        "height_ms": interval, "failed_rounds": failed_rounds, "relayed_bytes": relayed_bytes,
    });
    println!("{figure}");
    Ok(())
}
