//! Nodes that come later: one of the same chain, which gets everything, and one of another chain, which gets nothing.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use cli::devnet::layout::Ports;

use crate::cluster::{Cluster, Node, START_TIME, free_base, until};
use crate::command::run_in;
use crate::outsider;
use crate::pay::Payer;

/// Heights that the chain has when the fifth node comes: more than one answer of value sync holds.
const HEIGHTS: u64 = 25;

/// A new home of a node that does not vote, with the configuration that connects it to `cluster`.
fn late(cluster: &Cluster, name: &str, genesis: &std::path::Path) -> (Node, Vec<String>) {
    let home: PathBuf = cluster.folder().join(name);
    let words = ["init", "--mode", "node", "--moniker", name, "--genesis", genesis.to_str().expect("text")];
    let made = run_in(&home, &words).ok();
    assert_eq!((&made["mode"], &made["validator"]), (&"node".into(), &serde_json::Value::Null), "{made}");
    let ports = Ports::of(free_base(1), 0).expect("free ports");
    (Node::new(home, ports), connected(cluster, ports))
}

/// The words that give a node these ports and connect it to every node of `cluster`.
pub fn connected(cluster: &Cluster, ports: Ports) -> Vec<String> {
    let all: Vec<Ports> = cluster.nodes.iter().map(|node| node.ports).collect();
    connected_to(ports, &all, &all)
}

/// The words that give a node these ports, and peers of consensus and of gossip.
pub fn connected_to(ports: Ports, consensus: &[Ports], gossip: &[Ports]) -> Vec<String> {
    let peers = |of: &[Ports], address: &dyn Fn(Ports) -> String| {
        of.iter().map(|ports| address(*ports)).collect::<Vec<_>>().join(",")
    };
    let settings = [
        format!("consensus.listen=/ip4/127.0.0.1/tcp/{}", ports.consensus),
        format!("consensus.peers={}", peers(consensus, &|ports| format!("/ip4/127.0.0.1/tcp/{}", ports.consensus))),
        format!("p2p.listen=/ip4/127.0.0.1/udp/{0}/quic-v1,/ip4/127.0.0.1/tcp/{0}", ports.p2p),
        format!("p2p.peers={}", peers(gossip, &|ports| format!("/ip4/127.0.0.1/udp/{}/quic-v1", ports.p2p))),
        format!("rpc.listen=127.0.0.1:{}", ports.rpc),
    ];
    settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]).collect()
}

/// Starts `node` with these words.
pub fn start(node: &mut Node, words: &[String]) {
    node.start_with(&words.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fifth_node_gets_the_whole_chain_and_a_stranger_gets_nothing() {
    let mut cluster = Cluster::of_four().await;
    let mut payer = Payer::funded(&cluster.network, 1);
    let to = payer.stranger(5).address;
    for amount in 1..=5 {
        let transaction = payer.pay(to, amount);
        cluster.nodes[0].client().submit(&payer.request(&transaction)).await.expect("admitted");
        cluster.nodes[0].finalized(transaction.id()).await;
    }
    cluster.nodes[0].reaches(HEIGHTS, START_TIME).await;

    let genesis = cluster.network.root.join("genesis.json");
    let (mut fifth, words) = late(&cluster, "fifth", &genesis);
    let goal = cluster.highest().await;
    start(&mut fifth, &words);
    is_ready_only_where_the_others_are(&fifth, goal).await;
    let status = fifth.client().node_status().await.expect("a status");
    assert_eq!((status.role.as_str(), status.validator, status.syncing), ("full", None, false));

    // It follows from now on, takes transactions, and passes them on.
    let transaction = payer.pay(to, 6);
    fifth.client().submit(&payer.request(&transaction)).await.expect("admitted");
    fifth.finalized(transaction.id()).await;
    for address in [payer.address, to] {
        let mine = fifth.client().account(&address).await.expect("an account");
        for node in &cluster.nodes {
            node.reaches(mine.height.0, START_TIME).await;
            let theirs = node.client().account(&address).await.expect("an account");
            assert_eq!((theirs.balance, theirs.nonce, theirs.slot), (mine.balance, mine.nonce, mine.slot));
        }
    }
    // Once more after a `kill -9`.
    fifth.kill();
    start(&mut fifth, &words);
    fifth.reaches(cluster.highest().await, START_TIME).await;

    stranger(&cluster).await;
    cluster.nodes.push(fifth);
    outsider::claims_of_a_peer_silence_nobody(&mut cluster).await;
    cluster.level(START_TIME).await;
    cluster.check_one_history().await;
}

/// Watches a node that starts with nothing: it names what it lacks until it has the height that the others had.
async fn is_ready_only_where_the_others_are(node: &Node, goal: u64) {
    let mut reasons = BTreeSet::new();
    until("readiness", START_TIME, async || {
        let ready = node.client().health_ready().await.ok()?;
        reasons.extend(ready.reasons.into_iter().map(|reason| reason.code));
        ready.ready.then_some(())
    })
    .await;
    let height = node.height().await.expect("it answers");
    assert!(height >= goal, "ready at height {height}, the others had {goal} when it started");
    for code in ["starting", "syncing"] {
        assert!(reasons.contains(code), "{reasons:?}");
    }
}

/// A node with another genesis file is refused in the handshake, by name, on both sides.
async fn stranger(cluster: &Cluster) {
    let other = cluster.folder().join("other.json");
    let validator = cluster.nodes[0].home.join("validator_public.json");
    let words = ["genesis", "new", "--chain-id", "devnet", "--validator"];
    let paths = [validator.to_str().expect("text"), "--out", other.to_str().expect("text")];
    run_in(cluster.folder(), &words.into_iter().chain(paths).collect::<Vec<_>>()).ok();
    let (mut stranger, words) = late(cluster, "stranger", &other);
    let refused = "p2p_handshakes_total{result=\"refused\"}";
    let before = cluster.nodes[0].client().metrics().await.expect("metrics");
    start(&mut stranger, &words);
    until("the refusal in the stranger's log", START_TIME, async || {
        stranger.log().contains("genesis").then_some(()).filter(|()| stranger.log().contains("refused"))
    })
    .await;
    let count = |text: &str| {
        let line = text.lines().find(|line| line.starts_with(refused));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).unwrap_or_default()
    };
    until("the refusal in the counters", START_TIME, async || {
        let text = cluster.nodes[0].client().metrics().await.ok()?;
        (count(&text) > count(&before)).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(stranger.height().await, Some(0), "no block of another chain is taken");
    let ready = stranger.client().health_ready().await.expect("an answer");
    assert!(ready.reasons.iter().any(|reason| reason.code == "no_peers"), "{ready:?}");
    stranger.stop();
}
