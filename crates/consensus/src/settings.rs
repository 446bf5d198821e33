//! What the node decides about the engine, and everything it does not get to decide.
//!
//! Values that are equal on all nodes come from genesis; what remains is local: names, addresses, files.

use std::path::PathBuf;
use std::time::Duration;

use arc_malachitebft_app_channel::app::config::{
    ConsensusConfig, DiscoveryConfig, NodeConfig, P2pConfig, ProtocolNames, ValueSyncConfig,
};
use primitives::Hash;
use primitives::block::BLOCK_BYTES_MAX;

use crate::crash::WalCrashPoint;
use crate::room::Room;
use crate::vote_queue::Capacity;

pub use arc_malachitebft_app_channel::app::net::Multiaddr;

/// Largest gossip message: a proposal part, or a certificate of the largest set, with room to spare.
pub const GOSSIP_BYTES_MAX: usize = 256 * 1024;
/// Most bytes of blocks in one value-sync answer, beyond the first block.
pub const SYNC_ANSWER_BYTES_MAX: usize = BLOCK_BYTES_MAX;
/// Largest value-sync answer on the wire: its blocks and their certificates.
const SYNC_WIRE_BYTES_MAX: usize = SYNC_ANSWER_BYTES_MAX + 2 * 1024 * 1024;
/// Heights asked for in one value-sync request.
const SYNC_BATCH: usize = 16;
/// Most connections from one address; a development network lives on one.
const CONNECTIONS_PER_IP_MAX: usize = 64;
/// How often a dial that failed is tried again by itself, after growing pauses. Peers of the configuration are dialled each second
/// anyhow as soon as these tries are over; the engine's own 5 leave pauses of up to 5 s after a partition.
const DIAL_RETRIES: usize = 1;
/// A node that restarts at once must get back in.
const IP_THROTTLE: Duration = Duration::from_millis(100);

/// Local choices for one engine.
#[derive(Clone)]
pub struct EngineConfig {
    /// Name of the node, for peers and metrics.
    pub moniker: String,
    /// The write-ahead log. Its folder is made when it is missing.
    pub wal: PathBuf,
    /// Where to listen: `/ip4/…/tcp/…` or `/ip4/…/udp/…/quic-v1`.
    pub listen: Multiaddr,
    /// Peers to stay connected to.
    pub peers: Vec<Multiaddr>,
    /// Ed25519 seed of the node's network identity; not the validator key.
    pub network_seed: [u8; 32],
    /// `mempool_limit`: most messages of later heights that wait.
    pub vote_queue_limit: u64,
    /// Whether the disk has room for another height.
    pub room: Room,
    /// For drills: peers with another tag speak other protocols.
    pub partition_tag: Option<String>,
    /// For crash tests: where the process dies.
    pub crash_at: Option<WalCrashPoint>,
}

impl std::fmt::Debug for EngineConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineConfig")
            .field("moniker", &self.moniker)
            .field("wal", &self.wal)
            .field("listen", &self.listen)
            .field("peers", &self.peers)
            .field("vote_queue_limit", &self.vote_queue_limit)
            .field("partition_tag", &self.partition_tag)
            .finish_non_exhaustive()
    }
}

/// The engine's own configuration.
#[derive(Debug, Clone)]
pub(crate) struct EngineSettings {
    moniker: String,
    consensus: ConsensusConfig,
    value_sync: ValueSyncConfig,
}

impl EngineSettings {
    pub(crate) fn new(config: &EngineConfig, genesis: &Hash) -> Self {
        let capacity = Capacity::of(config.vote_queue_limit).of_engine();
        let consensus = ConsensusConfig {
            enabled: true,
            p2p: network(config, genesis),
            queue_capacity: usize::try_from(capacity.heights).unwrap_or(usize::MAX),
            queue_per_height_capacity: usize::try_from(capacity.per_height).unwrap_or(usize::MAX),
            ..ConsensusConfig::default()
        };
        Self { moniker: config.moniker.clone(), consensus, value_sync: value_sync() }
    }
}

fn network(config: &EngineConfig, genesis: &Hash) -> P2pConfig {
    // A peer of another chain speaks other protocols: it is turned away in the handshake.
    let tag = config.partition_tag.as_ref().map(|tag| format!("/{tag}")).unwrap_or_default();
    let name = |what: &str| format!("/the-block/{genesis}{tag}/{what}/v1");
    P2pConfig {
        listen_addr: config.listen.clone(),
        persistent_peers: config.peers.clone(),
        discovery: DiscoveryConfig {
            enabled: false,
            max_connections_per_ip: CONNECTIONS_PER_IP_MAX,
            ip_throttle_duration: IP_THROTTLE,
            dial_max_retries: DIAL_RETRIES,
            ..DiscoveryConfig::default()
        },
        pubsub_max_size: byte_size(GOSSIP_BYTES_MAX),
        rpc_max_size: byte_size(SYNC_WIRE_BYTES_MAX),
        protocol_names: ProtocolNames {
            consensus: name("consensus"),
            discovery_kad: name("kad"),
            discovery_regres: name("discovery"),
            sync: name("sync"),
            validator_proof: name("validator-proof"),
        },
        ..P2pConfig::default()
    }
}

fn value_sync() -> ValueSyncConfig {
    let default = ValueSyncConfig::default();
    ValueSyncConfig {
        status_update_interval: Duration::from_secs(1),
        max_response_size: byte_size(SYNC_WIRE_BYTES_MAX),
        batch_size: SYNC_BATCH,
        ..default
    }
}

/// A byte count in the engine's type for it, which is of a crate that we do not name.
fn byte_size<T: std::str::FromStr>(count: usize) -> T {
    format!("{count} B").parse().ok().expect("a plain count of bytes parses")
}

impl NodeConfig for EngineSettings {
    fn moniker(&self) -> &str {
        &self.moniker
    }
    fn consensus(&self) -> &ConsensusConfig {
        &self.consensus
    }
    fn consensus_mut(&mut self) -> &mut ConsensusConfig {
        &mut self.consensus
    }
    fn value_sync(&self) -> &ValueSyncConfig {
        &self.value_sync
    }
    fn value_sync_mut(&mut self) -> &mut ValueSyncConfig {
        &mut self.value_sync
    }
}
