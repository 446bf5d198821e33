//! A node that missed proofs of windows asks its peers for them, and no peer can make it take a bad one.
//!
//! Model: a node that comes late and knows two peers of gossip, which are transports without a node behind them. One answers its questions, with
//! lies first; the other one listens to what the node passes on.

use std::time::Duration;

use cli::devnet::layout::Ports;
use p2p::{ChainIdentity, P2p, P2pConfig, P2pEvent, P2pHandle, ProofKind};
use primitives::{Engine, Height, Params};
use rpc::Client;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use crate::cluster::{Cluster, Node, START_TIME, free_base, until};
use crate::command::run_in;
use crate::join::{connected_to, start};
use crate::proofs::prover_in;

/// Heights of a window.
const WINDOW: u64 = 4;
/// Target time between blocks, milliseconds.
const INTERVAL_MS: u64 = 200;
/// Longest time for two windows to be proven on a busy machine.
const PROVE_TIME: Duration = Duration::from_secs(60);
/// Longest wait for a handshake, a question or a verdict.
const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for what must not arrive to arrive.
const SILENCE: Duration = Duration::from_millis(400);
/// Events that may wait.
const EVENTS_MAX: usize = 1_024;

/// A peer without a node behind it.
struct Peer {
    handle: P2pHandle,
    events: mpsc::Receiver<P2pEvent>,
}

impl Peer {
    async fn of(cluster: &Cluster, node: &Node, secret: u8) -> Self {
        let genesis = &cluster.network.genesis;
        let chain = ChainIdentity { chain_id: genesis.chain_id.clone(), genesis: genesis.hash() };
        let bootstrap = vec![format!("/ip4/127.0.0.1/udp/{}/quic-v1", node.ports.p2p)];
        let config = P2pConfig { bootstrap, exchange_peers: false, ..P2pConfig::default() };
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let handle = P2p::start(config, chain, [secret; 32], sender).expect("it only dials");
        let mut peer = Self { handle, events };
        peer.wait(|event| matches!(event, P2pEvent::PeerConnected { .. }).then_some(())).await;
        peer
    }

    async fn wait<T>(&mut self, mut pick: impl FnMut(P2pEvent) -> Option<T>) -> T {
        let search = async {
            loop {
                if let Some(found) = pick(self.events.recv().await.expect("the network runs")) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, search).await.expect("the node says so in time")
    }

    /// Answers the next question, which must be for this window.
    async fn answers(&mut self, window: u64, proof: &[u8]) {
        let asked = |event| match event {
            P2pEvent::ProofAsked { question, window, .. } => Some((question, window)),
            _ => None,
        };
        let (question, asked) = self.wait(asked).await;
        assert_eq!(asked, window);
        assert!(self.handle.answer_proof(question, Some((ProofKind::Window, proof.to_vec()))));
    }

    /// The next proof that the node passes on.
    async fn hears(&mut self) -> Vec<u8> {
        let heard = |event| match event {
            P2pEvent::ProofReceived { proof, .. } => Some(proof),
            _ => None,
        };
        self.wait(heard).await
    }

    /// Nothing is passed on for a while.
    async fn hears_nothing(&mut self) {
        let deadline = Instant::now() + SILENCE;
        while let Ok(event) = timeout_at(deadline, self.events.recv()).await {
            assert!(!matches!(event, Some(P2pEvent::ProofReceived { .. })), "{event:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_asks_for_the_proofs_that_it_misses_and_takes_no_bad_one() {
    let params = Params { window_blocks: WINDOW, ..Params::default() };
    let mut cluster = Cluster::with_params(Engine::Bft, 2, INTERVAL_MS, Some(params));
    cluster.start_all();
    cluster.all_ready().await;
    let holder = cluster.nodes[0].client();
    let mut prover = prover_in(&cluster, "prover");
    let status = until("two windows", PROVE_TIME, async || {
        holder.proof_status().await.ok().filter(|status| status.next_window >= 2)
    })
    .await;
    assert_eq!(prover.interrupt(Duration::from_secs(10)), Some(0));
    asks_for_what_it_misses(&cluster, &holder, status.proven_height).await;
    cluster.check_no_panic();
}

/// A node without proofs that follows `cluster`, whose first node has those up to this height.
async fn asks_for_what_it_misses(cluster: &Cluster, holder: &Client, height: Height) {
    let zero = holder.window_proof(0).await.expect("it is proven");
    let one = holder.window_proof(1).await.expect("it is proven");
    let node = comes_late(cluster, height).await;
    let client = node.client();
    let rejected = "proof_gossip_total{proof=\"window\",verdict=\"rejected\"}";
    let refused = async |count: f64| {
        for name in [rejected, "rpp_runtime_proof_verification_failures_total", "p2p_dropped_total{reason=\"invalid\"}"]
        {
            until(name, PATIENCE, async || (node.metric(name).await > count - 0.5).then_some(())).await;
        }
        assert_eq!(client.proof_status().await.expect("it answers").next_window, 0, "nothing was taken");
    };
    let (mut liar, mut listener) = (Peer::of(cluster, &node, 81).await, Peer::of(cluster, &node, 82).await);
    // A peer that is at the window's end is asked; the other one says that it is at genesis.
    liar.handle.set_height(height);

    // Announced without a question, and then the answer to one: a window under another name, and one with a bit altered.
    let renamed = [0_u64.to_le_bytes().as_slice(), &one[8..]].concat();
    assert!(liar.handle.publish_proof(ProofKind::Window, &renamed));
    refused(1.0).await;
    let mut altered = zero.clone();
    let at = altered.len() / 2;
    altered[at] ^= 1;
    liar.answers(0, &altered).await;
    refused(2.0).await;
    let said = node.log();
    assert!(said.contains("a proof was refused") && said.contains("does not show the statement"), "{said}");
    listener.hears_nothing().await;

    // Asked again, it answers honestly; the node goes on to the next window and passes on what it has verified.
    for (window, proof) in [(0, &zero), (1, &one)] {
        liar.answers(window, proof).await;
        assert!(listener.hears().await == *proof, "it passes on what it took");
        let next = window + 1;
        until("the window", PATIENCE, async || (client.proof_status().await.ok()?.next_window == next).then_some(()))
            .await;
    }
    assert!(node.metric("proof_questions_total{result=\"asked\"}").await > 2.5);

    // It answers who misses what it has, and has nothing for who misses more.
    assert!(liar.handle.ask_proof(the_node(&liar), 1));
    assert!(liar.hears().await == one);
    tokio::time::sleep(SILENCE * 2).await;
    assert!(liar.handle.ask_proof(the_node(&liar), 1_000));
    until("the question that has no answer", PATIENCE, async || {
        (node.metric("proof_questions_total{result=\"nothing\"}").await > 0.5).then_some(())
    })
    .await;
    assert!(node.metric("proof_questions_total{result=\"answered\"}").await > 0.5);
}

/// The one peer of a peer: the node.
fn the_node(peer: &Peer) -> p2p::PeerKey {
    peer.handle.peers().first().expect("it is connected").peer
}

/// A new node at this height that has no peers of gossip.
async fn comes_late(cluster: &Cluster, height: Height) -> Node {
    let home = cluster.folder().join("without-proofs");
    let genesis = cluster.network.root.join("genesis.json");
    run_in(&home, &["init", "--genesis", genesis.to_str().expect("text")]).ok();
    let ports = Ports::of(free_base(1), 0).expect("free ports");
    let mut node = Node::new(home, ports);
    let all: Vec<Ports> = cluster.nodes.iter().map(|node| node.ports).collect();
    start(&mut node, &connected_to(ports, &all, &[]));
    node.reaches(height.0, START_TIME).await;
    node
}
