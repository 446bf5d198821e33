//! The peers of a node whose store is still empty: they are asked for a snapshot before anything else runs.
//!
//! Model: the network of gossip is started for the time of the sync, dialling only, with the node's key, peers and peer store, so that
//! what a peer did wrong is remembered. It is stopped before the node starts, which opens its own.

use std::time::Duration;

use ::config::{Home, NodeConfig};
use p2p::{ChainIdentity, P2p, P2pConfig, P2pEvent, P2pHandle, SnapshotAnswer};
use primitives::Genesis;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::source::Source;
use crate::start_error::StartError;

/// Longest wait for the first peer.
pub const FIRST_PEER: Duration = Duration::from_secs(15);
/// Longest wait for the first peer where URLs are given as well.
pub const FIRST_PEER_BESIDE_URLS: Duration = Duration::from_secs(3);
/// Longest wait for the other configured peers after the first.
pub const OTHER_PEERS: Duration = Duration::from_secs(1);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// Events of the network that may wait.
const EVENTS_MAX: usize = 256;

/// The network of a sync.
pub struct Peers(P2pHandle);

impl Peers {
    /// Starts it and waits for peers.
    ///
    /// # Errors
    /// [`StartError`] for a key, an address or a system that cannot be used.
    pub async fn join(
        home: &Home,
        config: &NodeConfig,
        genesis: &Genesis,
        first: Duration,
    ) -> Result<Self, StartError> {
        let settings = crate::network::settings(config, config.mode.as_str().to_owned(), String::new());
        let settings = P2pConfig { listen: Vec::new(), announce: false, ..settings };
        let chain_id = crate::drill::chain_name(&config.drill, &genesis.chain_id);
        let chain = ChainIdentity { chain_id, genesis: genesis.hash() };
        let (events, received) = mpsc::channel(EVENTS_MAX);
        let network = P2p::start(settings, chain, crate::run::node_secret(home)?, events)?;
        tokio::spawn(answer_nothing(network.clone(), received));
        let wanted = config.p2p.peers.len();
        let deadline = Instant::now() + first;
        while network.peers().is_empty() && Instant::now() < deadline {
            tokio::time::sleep(LOOK).await;
        }
        let deadline = Instant::now() + OTHER_PEERS;
        while network.peers().len() < wanted && !network.peers().is_empty() && Instant::now() < deadline {
            tokio::time::sleep(LOOK).await;
        }
        Ok(Self(network))
    }

    /// The peers that are there.
    pub fn sources(&self) -> Vec<Source> {
        of(&self.0)
    }

    /// The network itself.
    pub const fn network(&self) -> &P2pHandle {
        &self.0
    }

    /// Stops it.
    pub async fn leave(&self) {
        self.0.shutdown().await;
    }
}

/// The peers of a network as sources, at most [`SOURCES_MAX`](super::SOURCES_MAX), those with the most points first.
pub fn of(network: &P2pHandle) -> Vec<Source> {
    let mut peers = network.peers();
    peers.sort_by_key(|peer| std::cmp::Reverse((peer.points, peer.peer)));
    peers.truncate(super::SOURCES_MAX);
    peers.into_iter().map(|peer| Source::Peer { key: peer.peer, network: network.clone() }).collect()
}

/// A node that has nothing yet says so to whoever asks; what else it hears does not matter yet.
async fn answer_nothing(network: P2pHandle, mut events: mpsc::Receiver<P2pEvent>) {
    while let Some(event) = events.recv().await {
        match event {
            P2pEvent::SnapshotAsked { question, .. } => {
                network.answer_snapshot(question, SnapshotAnswer::Nothing);
            }
            P2pEvent::ProofAsked { question, .. } => {
                network.answer_proof(question, None);
            }
            P2pEvent::BodyAsked { question, .. } => {
                network.answer_body(question, None);
            }
            _ => {}
        }
    }
}
