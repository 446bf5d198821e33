//! Every promotion taken back: from the chain of a stage to the chain, the release, the configuration and the snapshot of the stage before.
//!
//! ```text
//! development ─► testnet ─► canary ─► mainnet        each is a chain of its own, with the gates of its profile
//!      ◄─────────── ◄──────── ◄────────              release and node.toml of before, the store from its snapshot, gates as they were
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cli::devnet::layout::{Wanted, prepare};
use config::{Profiles, ReleaseChannel};
use primitives::Engine;

use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME, free_base};
use crate::command::run_in;
use crate::recovery::{COMMITS, Machine, found, hurt, text};

/// Blocks that a chain makes before it is left, at least.
const BLOCKS: u64 = 3;

/// The gates that the profile of a stage switches on for its chain.
fn gates(stage: ReleaseChannel) -> BTreeSet<String> {
    let profiles = Profiles::built_in().expect("sound");
    let on = profiles.of(stage).feature_gates.iter().filter(|(_, on)| **on);
    on.map(|(gate, _)| gate.clone()).collect()
}

/// The gates that are on at a node, at the latest from a height on.
async fn gates_at(node: &Node) -> BTreeSet<String> {
    let status = node.client().rollout_status().await.expect("a status");
    let on = status.gates.into_iter().filter(|gate| gate.active || gate.activation_height.is_some());
    on.map(|gate| gate.name).collect()
}

/// The nodes of the chain of a stage: one process for development, two validators later.
fn chain_of(stage: ReleaseChannel, folder: &Path) -> Vec<Node> {
    let is_first = stage == ReleaseChannel::Development;
    let (engine, nodes) = if is_first { (Engine::Solo, 1) } else { (Engine::Bft, 2) };
    // That of the engine comes with the engine.
    let gates = gates(stage).into_iter().filter(|gate| gate != "malachite_consensus");
    let wanted = Wanted {
        engine,
        nodes: Some(nodes),
        base_port: Some(free_base(nodes)),
        block_interval_ms: Some(INTERVAL_MS),
        params: None,
        gates: gates.map(|gate| gate.parse().expect("a gate")).collect(),
    };
    let network = prepare(&folder.join(stage.as_str()), &wanted, false).expect("a network");
    network.nodes.iter().map(|node| Node::new(node.home.root().to_owned(), node.ports)).collect()
}

/// Starts all and waits until the first is ready and has so many blocks more.
async fn runs(nodes: &mut [Node], stage: ReleaseChannel, from: u64) -> u64 {
    nodes.iter_mut().for_each(|node| node.start_with(&[], &[("TB_RELEASE_CHANNEL", stage.as_str())]));
    nodes[0].ready(START_TIME).await;
    nodes[0].reaches(from + BLOCKS, START_TIME).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_promotion_is_taken_back_to_gates_release_configuration_and_snapshot_of_before() {
    let _reversible = testkit::contract!("S001-046");
    // It holds the turn and the folder; its own chain is not started.
    let ground = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let machine = Machine::new(ground.folder());
    let mut left: Vec<(ReleaseChannel, Vec<Node>, u64)> = Vec::new();
    for stage in ReleaseChannel::ALL {
        let mut nodes = chain_of(stage, ground.folder());
        runs(&mut nodes, stage, 0).await;
        assert_eq!(gates_at(&nodes[0]).await, gates(stage), "{stage:?}");
        // What a promotion puts aside: the configuration that ran, and a snapshot.
        let url = nodes[0].ports.rpc_url();
        let snapshot = run_in(&nodes[0].home, &["snapshots", "create", "--live", "--rpc", &url]).ok();
        let toml = nodes[0].home.join("node.toml");
        fs::copy(&toml, nodes[0].home.join("node.toml.before")).expect("copied");
        nodes.iter_mut().for_each(Node::stop);
        left.push((stage, nodes, snapshot["height"].as_u64().expect("a height")));
    }
    // From the mainnet back to development, one stage after the other. The machine turns to the other release each time.
    let (mut current, mut turns) = (machine.current(), 0);
    for (stage, mut nodes, height) in left.into_iter().rev().skip(1) {
        let home = nodes[0].home.clone();
        let toml = home.join("node.toml");
        let ran = fs::read_to_string(&toml).expect("a configuration");
        fs::write(&toml, format!("mempool_limit = 4096\n{ran}")).expect("written");
        hurt(&home.join("data/store"));
        let before = home.join("node.toml.before");
        let incident = machine.recover(&home, stage.as_str(), &["--config-before", text(&before)]).ok();
        assert_eq!(incident["recovered"], true, "{incident}");
        assert_ne!(machine.current(), current, "the release of before runs again");
        current = machine.current();
        assert!(COMMITS.contains(&current.as_str()));
        assert_eq!(fs::read_to_string(&toml).expect("a configuration"), ran, "the configuration of before");
        let store = found(&incident, "store");
        assert!(store.contains(&format!("restored to height {height} from ")), "{store}");
        // One process alone has nobody from whom the rest could come: it goes on from the snapshot.
        runs(&mut nodes, stage, height).await;
        assert_eq!(gates_at(&nodes[0]).await, gates(stage), "{stage:?}: what the next stage switched on is off again");
        nodes.iter_mut().for_each(Node::stop);
        turns += 1;
    }
    assert_eq!(turns, 3, "mainnet, canary and testnet were left");
}
