//! The chain proof of a source is verified before its snapshot is taken: one that shows something else drops the source.

use cli::devnet::layout::Ports;
use primitives::Height;
use serde_json::Value;

use crate::cluster::{Cluster, Node, START_TIME};
use crate::join::{connected_to, start};
use crate::proxy::Proxy;
use crate::snapshots::empty;

/// Where a node gives its chain proof.
const PATH: &str = "/proofs/chain";

/// An empty node that knows these peers of gossip, and the words that start it with a state sync from these URLs.
fn syncing(cluster: &Cluster, name: &str, gossip: &[Ports], urls: &[&str]) -> (Node, Vec<String>) {
    let (node, _) = empty(cluster, name);
    let all: Vec<Ports> = cluster.nodes.iter().map(|node| node.ports).collect();
    let mut words = connected_to(node.ports, &all, gossip);
    words.push("--state-sync".to_owned());
    words.extend(urls.iter().flat_map(|url| ["--peer-url", url]).map(str::to_owned));
    (node, words)
}

async fn synced(mut node: Node, words: &[String], goal: u64) -> Value {
    start(&mut node, words);
    node.reaches(goal, START_TIME).await;
    let report = std::fs::read_to_string(node.home.join("data/state_sync.json")).expect("a report");
    node.stop();
    serde_json::from_str(&report).expect("JSON")
}

/// The first node has a snapshot above the end of the chain proof, the second one below it; `proxy` stands before the first.
pub async fn is_verified_before_a_snapshot_is_taken(cluster: &Cluster, proxy: &Proxy, height: Height) {
    let goal = cluster.highest().await;
    let good = cluster.nodes[0].client().chain_proof().await.expect("it is there");
    let mut altered = good.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    let (node, words) = syncing(cluster, "deceived", &[], &[&proxy.url]);
    proxy.lies(Box::new(move |path, _| (path == PATH).then(|| altered.clone())));
    let refused = node.start_refused(&words.iter().map(String::as_str).collect::<Vec<_>>(), &[]).refused();
    assert_eq!((refused.code.as_str(), refused.exit), ("state_sync", 4), "{refused:?}");
    assert!(refused.error.contains("its chain proof does not hold"), "{refused:?}");
    proxy.lies(Box::new(|_, _| None));
    let report = synced(node, &words, goal).await;
    assert!(report["height"].as_u64() > Some(height.0), "{report}");
    assert_eq!(report["proven_to"].as_u64(), Some(height.0), "by URL: {report}");

    let second = &cluster.nodes[1];
    let (node, words) = syncing(cluster, "below", &[], &[&second.ports.rpc_url()]);
    let report = synced(node, &words, goal).await;
    assert!(report["height"].as_u64() < Some(height.0), "{report}");
    assert_eq!(report["proven_to"].as_u64(), Some(height.0), "a header above the snapshot leads to it: {report}");

    let (node, words) = syncing(cluster, "by_peers", &[cluster.nodes[0].ports], &[]);
    let report = synced(node, &words, goal).await;
    assert_eq!(report["proven_to"].as_u64(), Some(height.0), "by peers: {report}");
}
