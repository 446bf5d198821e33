//! The configuration of gossip, as the network takes it.

use ::config::NodeConfig;
use p2p::{LimitsConfig, P2pConfig, StorePaths};

/// What the network is told: addresses, peers, limits, files, and what peers are told of this node.
pub fn settings(config: &NodeConfig, mode: String, gates: String) -> P2pConfig {
    let (channel, config) = (config.release_channel.as_str().to_owned(), &config.p2p);
    let limits = LimitsConfig {
        gossip_rate_limit_per_sec: config.gossip_rate_limit_per_sec,
        replay_window_size: config.replay_window_size,
        rate_window_secs: config.rate_window_secs,
        max_per_sec: config.max_per_sec,
        max_bytes_per_sec: config.max_bytes_per_sec,
        chain_sync_interval_ms: config.chain_sync_interval_ms,
    };
    P2pConfig {
        listen: config.listen.clone(),
        bootstrap: config.peers.clone(),
        mode,
        channel,
        gates,
        limits,
        exchange_peers: config.exchange_peers,
        store: Some(StorePaths {
            overlay: config.overlay_db.clone(),
            peer_db: config.peer_db.clone(),
            peer_db_quic: config.quic_peer_db.clone(),
            key_history: config.peer_key_history.clone(),
        }),
        announce: config.announce,
        ..P2pConfig::default()
    }
}
