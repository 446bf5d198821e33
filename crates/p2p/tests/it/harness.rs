//! Starting nodes on free loopback ports and waiting for what they report.

use std::sync::Arc;
use std::time::Duration;

use p2p::{BatchId, ChainIdentity, P2p, P2pConfig, P2pEvent, P2pHandle, PeerKey, ProofKind, QuestionId};
use primitives::Hash;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Longer than anything here takes, short enough to notice a hang.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// Long enough for a message that must not arrive to arrive.
pub const SILENCE: Duration = Duration::from_millis(400);

pub const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";
pub const TCP: &str = "/ip4/127.0.0.1/tcp/0";

pub struct Node {
    pub handle: P2pHandle,
    pub events: mpsc::Receiver<P2pEvent>,
}

pub fn chain() -> ChainIdentity {
    ChainIdentity { chain_id: "loopback".to_owned(), genesis: Hash([7; 32]) }
}

/// A configuration that listens on `listen` and dials the nodes in `peers`, and nobody else: most tests are about
/// who is connected to whom.
pub fn config(listen: &str, peers: &[&Node]) -> P2pConfig {
    P2pConfig {
        listen: vec![listen.to_owned()],
        bootstrap: peers.iter().map(|node| node.address()).collect(),
        exchange_peers: false,
        ..P2pConfig::default()
    }
}

/// The same, but peers tell each other of further peers.
pub fn sociable(listen: &str, peers: &[&Node]) -> P2pConfig {
    P2pConfig { exchange_peers: true, ..config(listen, peers) }
}

pub async fn start(secret: u8, config: P2pConfig) -> Node {
    start_on(secret, config, chain()).await
}

pub async fn start_on(secret: u8, config: P2pConfig, chain: ChainIdentity) -> Node {
    let (sender, events) = mpsc::channel(4_096);
    let handle = P2p::start(config, chain, [secret; 32], sender).expect("loopback ports are free");
    eventually("listening", || !handle.listening().is_empty()).await;
    Node { handle, events }
}

impl Node {
    pub fn address(&self) -> String {
        self.handle.listening()[0].clone()
    }

    pub fn key(&self) -> PeerKey {
        self.handle.peer()
    }

    /// The next event that `pick` takes; others are skipped.
    pub async fn wait<T>(&mut self, what: &str, mut pick: impl FnMut(P2pEvent) -> Option<T>) -> T {
        let search = async {
            loop {
                let event = self.events.recv().await.expect("the network runs");
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("no {what} in time"))
    }

    pub async fn connected(&mut self) -> PeerKey {
        self.wait("connected peer", |event| match event {
            P2pEvent::PeerConnected { peer, .. } => Some(peer),
            _ => None,
        })
        .await
    }

    /// The next batch: who sent it, its name, its transactions.
    pub async fn batch(&mut self) -> (PeerKey, BatchId, Vec<Vec<u8>>) {
        self.wait("batch", batch).await
    }

    /// The next proof beside the chain: who sent it, its name, what it is of, its bytes.
    pub async fn proof(&mut self) -> (PeerKey, BatchId, ProofKind, Vec<u8>) {
        let pick = |event| match event {
            P2pEvent::ProofReceived { peer, batch, kind, proof } => Some((peer, batch, kind, proof)),
            _ => None,
        };
        self.wait("proof", pick).await
    }

    /// The next question for a proof: who asks, its name, of which window.
    pub async fn question(&mut self) -> (PeerKey, QuestionId, u64) {
        let pick = |event| match event {
            P2pEvent::ProofAsked { peer, question, window } => Some((peer, question, window)),
            _ => None,
        };
        self.wait("question", pick).await
    }

    /// Asserts that no batch arrives for a while.
    pub async fn no_batch(&mut self) {
        let deadline = tokio::time::Instant::now() + SILENCE;
        while let Ok(event) = tokio::time::timeout_at(deadline, self.events.recv()).await {
            let event = event.expect("the network runs");
            assert!(batch(event.clone()).is_none(), "unexpected {event:?}");
        }
    }

    pub fn publish(&self, transaction: &[u8]) {
        assert!(self.handle.publish(Arc::from(transaction)), "the queue has room");
    }
}

/// Two nodes that know each other.
pub async fn two(listen: &str) -> [Node; 2] {
    let mut first = start(1, config(listen, &[])).await;
    let mut second = start(2, config(listen, &[&first])).await;
    first.connected().await;
    second.connected().await;
    [first, second]
}

/// The points that a node has for a peer; none when it does not know it.
pub fn points(node: &Node, of: PeerKey) -> Option<i64> {
    node.handle.peers().iter().find(|view| view.peer == of).map(|view| view.points)
}

fn batch(event: P2pEvent) -> Option<(PeerKey, BatchId, Vec<Vec<u8>>)> {
    match event {
        P2pEvent::TransactionsReceived { peer, batch, transactions } => Some((peer, batch, transactions)),
        P2pEvent::ProofReceived { peer, batch, proof, .. } => Some((peer, batch, vec![proof])),
        _ => None,
    }
}

/// Waits until `condition` holds.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let poll = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(timeout(PATIENCE, poll).await.is_ok(), "{what} does not become true");
}
