//! Four validators in one process, over loopback: how fast consensus alone is, and whether it survives a restart.
//!
//! ```text
//! cargo run --release -p consensus --example net4 -- [block interval in ms, default 1] [seconds, default 10]
//! ```
//! Phase 1: all four. Phase 2: one is stopped, the others go on. Phase 3: it comes back, without the blocks it had
//! not finalized, and catches up. Phase 4: a full node joins late. Phase 5: all stop and start again. At the end all
//! five chains must be equal.

#[path = "../tests/it/memory_chain.rs"]
mod memory_chain;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use consensus::{ConsensusEvent, EngineConfig, EngineHandle, VoteSigner};
use memory_chain::{MemoryChain, MemorySigner, genesis, secret};
use primitives::genesis::Engine;
use primitives::{Address, Genesis, Height};
use replica::application::Application;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::TryRecvError;

const VALIDATORS: u8 = 4;
const FIRST_PORT: u16 = 27_600;

struct Node {
    index: u8,
    chain: Arc<Mutex<MemoryChain>>,
    signer: Option<MemorySigner>,
}

impl Node {
    fn new(genesis: &Genesis, index: u8) -> Self {
        let own = Address::of_key(&secret(index).public_key());
        let signer = (index < VALIDATORS).then(|| MemorySigner::new(index));
        Self { index, chain: Arc::new(Mutex::new(MemoryChain::new(genesis.clone(), own))), signer }
    }

    async fn start(&self, home: &Path) -> EngineHandle {
        let address =
            |index: u8| format!("/ip4/127.0.0.1/tcp/{}", FIRST_PORT + u16::from(index)).parse().expect("valid");
        let config = EngineConfig {
            moniker: format!("node-{}", self.index),
            wal: home.join(format!("{}/consensus.wal", self.index)),
            listen: address(self.index),
            peers: (0..VALIDATORS).filter(|peer| *peer != self.index).map(address).collect(),
            network_seed: [self.index.wrapping_add(201); 32],
            vote_queue_limit: 8_192,
            room: consensus::Room::default(),
            partition_tag: None,
            crash_at: None,
        };
        let signer = self.signer.clone().map(|signer| -> Box<dyn VoteSigner> { Box::new(signer) });
        consensus::start(config, self.chain.clone(), signer).await.expect("the engine starts")
    }

    fn height(&self) -> Height {
        self.chain.lock().expect("not poisoned").finalized()
    }
}

async fn wait_for(node: &Node, height: Height) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while node.height() < height {
        assert!(Instant::now() < deadline, "node {} is stuck at {} below {height}", node.index, node.height());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn measure(name: &str, node: &Node, time: Duration) {
    let (start, begun) = (node.height(), Instant::now());
    tokio::time::sleep(time).await;
    let blocks = node.height().0 - start.0;
    let milliseconds = u64::try_from(begun.elapsed().as_millis()).expect("short");
    println!(
        "{name}: {blocks} blocks in {milliseconds} ms = {} blocks per 10 s",
        blocks * 10_000 / milliseconds.max(1)
    );
}

/// Stops all nodes, the first two last: without a quorum they are caught in the middle of a height, with votes in
/// their logs. What was not finalized is forgotten, except blocks they built themselves.
async fn stop(nodes: &[Node], handles: Vec<EngineHandle>) {
    for (left, handle) in handles.into_iter().enumerate().rev() {
        if left == 1 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        handle.shutdown().await;
    }
    for node in nodes {
        node.chain.lock().expect("not poisoned").forget_candidates();
    }
}

/// Counts our own proposals among the events that are still there.
fn proposals(events: &mut broadcast::Receiver<ConsensusEvent>) -> u32 {
    let mut count = 0;
    loop {
        match events.try_recv() {
            Ok(ConsensusEvent::Proposed { .. }) => count += 1,
            Ok(_) | Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return count,
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let argument = |place: usize, default: u64| {
        std::env::args().nth(place).map_or(default, |text| text.parse().expect("a number"))
    };
    let (interval_ms, time) = (argument(1, 1), Duration::from_secs(argument(2, 10)));
    let home = tempfile::tempdir().expect("a temporary folder");
    let genesis = genesis(Engine::Bft, VALIDATORS, interval_ms);
    let nodes: Vec<Node> = (0..=VALIDATORS).map(|index| Node::new(&genesis, index)).collect();

    let begun = Instant::now();
    let mut handles = Vec::new();
    for node in nodes.iter().take(usize::from(VALIDATORS)) {
        handles.push(node.start(home.path()).await);
    }
    wait_for(&nodes[0], Height(1)).await;
    println!("first block after {} ms", begun.elapsed().as_millis());
    measure("four validators", &nodes[0], time).await;
    println!("{:?}", handles[0].status().await);

    let last = handles.pop().expect("four handles");
    println!("stopping node 3: {:?}", last.shutdown().await);
    measure("three validators", &nodes[0], time).await;

    nodes[3].chain.lock().expect("not poisoned").forget_candidates();
    let again = nodes[3].start(home.path()).await;
    let mut events = again.events();
    let target = nodes[0].height();
    wait_for(&nodes[3], target).await;
    println!("node 3 is back at height {}", nodes[3].height());

    let full = nodes[4].start(home.path()).await;
    let target = nodes[0].height();
    let joined = Instant::now();
    wait_for(&nodes[4], target).await;
    println!("a full node synced {target} heights in {} ms", joined.elapsed().as_millis());
    measure("five nodes", &nodes[0], time).await;
    let times = nodes[0].chain.lock().expect("not poisoned").times();
    let mut gaps: Vec<u64> = times.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    gaps.sort_unstable();
    println!("block interval p50 {} ms, p99 {} ms", gaps[gaps.len() / 2], gaps[gaps.len() * 99 / 100]);
    println!("node 3 proposed {} of the last blocks", proposals(&mut events));

    handles.extend([again, full]);
    stop(&nodes, handles).await;
    let height = nodes.iter().map(Node::height).max().expect("five nodes");
    let mut handles = Vec::new();
    for node in &nodes {
        handles.push(node.start(home.path()).await);
    }
    for node in &nodes {
        wait_for(node, Height(height.0 + 5)).await;
    }
    println!("all nodes went on from height {height} after they stopped together");
    stop(&nodes, handles).await;
    let common = nodes.iter().map(Node::height).min().expect("five nodes");
    for height in (1..=common.0).map(Height) {
        let hashes: Vec<_> =
            nodes.iter().map(|node| node.chain.lock().expect("not poisoned").block_hash(height)).collect();
        assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]), "the chains differ at height {height}");
    }
    println!("all chains are equal up to height {common}");
}
