//! What the network is told at start: the chain it belongs to, addresses, limits and files.
//!
//! Rule: values arrive resolved. Where they come from (flags, environment, files) is the business of
//! the node's configuration; `TB_OVERLAY_DB_PATH` and the like end up in [`StorePaths`].

use std::path::PathBuf;

use primitives::Hash;

use crate::limits::LimitsConfig;

/// The most addresses kept or announced for one node.
pub const ADDRESSES_MAX: usize = 8;
/// The longest allowed chain id, bytes.
pub const CHAIN_ID_MAX: usize = crate::wire::TEXT_MAX;

/// The chain that every peer must be on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainIdentity {
    /// Name of the network.
    pub chain_id: String,
    /// Hash of the genesis file.
    pub genesis: Hash,
}

/// Configuration of the network.
#[derive(Debug, Clone)]
pub struct P2pConfig {
    /// Addresses to listen on, for example `/ip4/0.0.0.0/udp/26657/quic-v1` and
    /// `/ip4/0.0.0.0/tcp/26657`. Empty: dial only.
    pub listen: Vec<String>,
    /// Peers to stay connected to, best with `/p2p/<peer id>` at the end.
    pub bootstrap: Vec<String>,
    /// Software name and version, shown to peers.
    pub agent: String,
    /// Mode of this node (`validator`, `full`, …), shown to peers.
    pub mode: String,
    /// Rollout channel of this node, shown to peers.
    pub channel: String,
    /// Names of the gates that are in force here, between commas, shown to peers; at most 512 bytes, else none are.
    pub gates: String,
    /// Limits on what a peer may send.
    pub limits: LimitsConfig,
    /// How long a ban lasts, seconds.
    pub ban_secs: u64,
    /// The most peers at one time.
    pub peers_max: u32,
    /// Whether to ask peers for further peers, and to answer such questions.
    pub exchange_peers: bool,
    /// Whether peers are told the addresses that this node listens on.
    pub announce: bool,
    /// Where peers are remembered; `None` keeps them in memory only.
    pub store: Option<StorePaths>,
}

impl Default for P2pConfig {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            bootstrap: Vec::new(),
            agent: format!("the-block/{}", env!("CARGO_PKG_VERSION")),
            mode: "full".to_owned(),
            channel: "development".to_owned(),
            gates: String::new(),
            limits: LimitsConfig::default(),
            ban_secs: 600,
            peers_max: 64,
            exchange_peers: true,
            announce: true,
            store: None,
        }
    }
}

/// The files of the peer store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorePaths {
    /// `overlay/overlay_peers.json`: peers with their addresses and last-seen timestamps.
    pub overlay: PathBuf,
    /// `peer_db`: keys and reputation history.
    pub peer_db: PathBuf,
    /// `peer_db_quic`: the QUIC address that last worked for each peer.
    pub peer_db_quic: PathBuf,
    /// Which keys answered at which address, oldest first.
    pub key_history: PathBuf,
}

impl StorePaths {
    /// The usual names below a home directory.
    pub fn below(home: &std::path::Path) -> Self {
        Self {
            overlay: home.join("overlay").join("overlay_peers.json"),
            peer_db: home.join("peer_db"),
            peer_db_quic: home.join("peer_db_quic"),
            key_history: home.join("peer_key_history"),
        }
    }
}
