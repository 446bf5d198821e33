//! The table: consistent with itself and with the crates whose bounds it repeats, and read from every source.

use std::collections::BTreeSet;

use mempool::MempoolConfig;
use primitives::transaction::TRANSACTION_BYTES_MAX;

use super::Place;
use crate::keys::{BODY_BYTES_MIN, LATER, QUEUE_MAX};
use crate::{KEYS, Key, Kind, NodeConfig, Setting, Source, Value, nearest, template_with};

/// The other keys that a key's example needs.
fn companions(key: &Key) -> &'static [(&'static str, &'static str)] {
    match key.name {
        "queue_weights.priority" => &[("queue_weights.fee", "0.4")],
        "queue_weights.fee" => &[("queue_weights.priority", "0.6")],
        "rpc.tls_cert" => &[("rpc.tls_key", "tls/rpc.key")],
        "rpc.tls_key" => &[("rpc.tls_cert", "tls/rpc.pem")],
        "rpc.tls_client_ca" | "rpc.tls_handshake_timeout_ms" => {
            &[("rpc.tls_key", "tls/rpc.key"), ("rpc.tls_cert", "tls/rpc.pem")]
        }
        "signer.ca" | "signer.cert" | "signer.key" | "signer.timeout_ms" => &[("signer.address", "127.0.0.1:26600")],
        _ => &[],
    }
}

fn place() -> Place {
    let place = Place::new();
    place.write("rpc_token", "a-token-that-is-long-enough\n");
    place.write("rpc_tokens", "read,submit exchange another-token-that-is-long\n");
    place.write("upstream_token", "a-token-of-another-node\n");
    place
}

/// The example is in force, from `source`, and has reached the typed configuration.
fn assert_read(
    (place, default): (&Place, &NodeConfig),
    key: &'static Key,
    environment: &[(&str, &str)],
    flags: &[(&str, &str)],
    source: &Source,
) {
    let flags: Vec<(&str, &str)> = flags.iter().chain(companions(key)).copied().collect();
    let loaded = place.load(&flags, environment).unwrap_or_else(|error| panic!("{} from {source}: {error}", key.name));
    let expected = Setting { value: key.kind.parse(key.example).unwrap(), source: source.clone() };
    assert_eq!(loaded.settings.get(key.name), Some(&expected));
    if key.default != Some(key.example) {
        assert_ne!(loaded.config, *default, "{} does not reach the configuration", key.name);
    }
}

#[test]
fn every_key_is_read_from_every_source() {
    let place = place();
    let default = place.load(&[], &[]).unwrap().config;
    let place = (&place, &default);
    for key in KEYS {
        for name in [key.name].iter().chain(key.aliases) {
            assert_read(place, key, &[], &[(name, key.example)], &Source::Flag);
        }
        for name in key.environment {
            assert_read(place, key, &[(name, key.example)], &[], &Source::Environment { name });
            place.0.write(".env", format!("{name}='{}'\n", key.example));
            assert_read(place, key, &[], &[], &Source::EnvFile { path: place.0.path().join(".env"), name });
            place.0.write(".env", "");
        }
        let file = Source::File { path: place.0.path().join("node.toml") };
        place.0.write("node.toml", template_with(&[(key.name, key.example)]).unwrap());
        assert_read(place, key, &[], &[], &file);
        for alias in key.aliases {
            place.0.write("node.toml", format!("{alias} = {}\n", key.example));
            assert_read(place, key, &[], &[], &file);
        }
        place.0.write("node.toml", "");
    }
}

#[test]
fn paths_lie_below_the_home_directory_unless_they_are_absolute() {
    let place = place();
    let config = place.load(&[], &[]).unwrap().config;
    let below = |name: &str| place.path().join(name);
    assert_eq!(config.data_dir, below("data"));
    assert_eq!(config.store_dir(), below("data/store"));
    assert_eq!(config.wal_dir(), below("data/wal"));

    assert_eq!(config.p2p.chunk_db, below("chunk_db"));
    assert_eq!(config.p2p.overlay_db, below("overlay/overlay_peers.json"));
    assert_eq!(config.p2p.peer_db, below("peer_db"));
    assert_eq!(config.p2p.quic_peer_db, below("peer_db_quic"));
    assert_eq!(config.p2p.peer_key_history, below("peer_key_history"));
    assert_eq!(config.proof_tracker, below("proof_tracker"));
    let environment = [
        ("TB_DATA_DIR", "/a"),
        ("TB_OVERLAY_DB_PATH", "/b"),
        ("TB_PEER_DB_PATH", "c"),
        ("TB_QUIC_PEER_DB_PATH", "/d"),
        ("TB_PEER_KEY_HISTORY_PATH", "/e"),
        ("TB_CHUNK_DB_PATH", "/f"),
        ("TB_PROOF_TRACKER_PATH", "/g"),
    ];
    let config = place.load(&[], &environment).unwrap().config;
    assert_eq!(config.store_dir().to_str(), Some("/a/store"));
    assert_eq!(config.p2p.overlay_db.to_str(), Some("/b"));
    assert_eq!(config.p2p.peer_db, below("c"));
    assert_eq!(config.p2p.quic_peer_db.to_str(), Some("/d"));
    assert_eq!(config.p2p.peer_key_history.to_str(), Some("/e"));
    assert_eq!(config.p2p.chunk_db.to_str(), Some("/f"));
    assert_eq!(config.proof_tracker.to_str(), Some("/g"));
}

#[test]
fn the_promised_variables_set_the_limits_of_a_peer() {
    let _window = testkit::contract!("S004-070");
    let _requests = testkit::contract!("S004-072");
    let _bytes = testkit::contract!("S004-074");
    let _pulls = testkit::contract!("S004-076");
    let place = Place::new();
    let default = place.load(&[], &[]).unwrap().config.p2p;
    assert_eq!((default.rate_window_secs, default.chain_sync_interval_ms), (1, 500));
    let environment = [
        ("TB_P2P_RATE_WINDOW_SECS", "7"),
        ("TB_P2P_MAX_PER_SEC", "8"),
        ("TB_P2P_MAX_BYTES_PER_SEC", "900000"),
        ("TB_P2P_CHAIN_SYNC_INTERVAL_MS", "0"),
    ];
    let p2p = place.load(&[], &environment).unwrap().config.p2p;
    assert_eq!((p2p.rate_window_secs, p2p.max_per_sec), (7, 8));
    assert_eq!((p2p.max_bytes_per_sec, p2p.chain_sync_interval_ms), (900_000, 0));
}

#[test]
fn names_are_used_once_and_follow_the_rule() {
    let mut names = BTreeSet::new();
    let mut variables = BTreeSet::new();
    for key in KEYS {
        for name in [key.name].iter().chain(key.aliases) {
            assert!(names.insert(*name), "{name} is used twice");
            assert!(
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._".contains(&byte))
            );
        }
        for name in key.environment {
            assert!(variables.insert(*name), "{name} is used twice");
        }
        assert!(key.environment[0].starts_with("TB_"), "{}", key.name);
        assert!(!key.help.is_empty() && key.help.ends_with('.'), "{}", key.name);
        assert!(matches!(key.kind, Kind::Number { .. } | Kind::Offset { .. }) != key.unit.is_empty(), "{}", key.name);
        assert!(key.kind.parse(key.example).is_ok(), "{}", key.name);
    }
    assert!(LATER.iter().all(|(name, _)| !names.contains(name)));
}

#[test]
fn defaults_and_bounds_are_those_of_the_crates_they_configure() {
    let config = Place::new().load(&[], &[]).unwrap().config;
    assert_eq!(config.mempool, MempoolConfig::default());
    assert_eq!(usize::try_from(QUEUE_MAX).unwrap(), mempool::LIMIT_MAX);
    assert_eq!(usize::try_from(BODY_BYTES_MIN).unwrap(), 2 * TRANSACTION_BYTES_MAX + 1_024);
    assert_eq!(config.rpc.body_bytes_max, 1_048_576);
    assert_eq!(config.rpc.listen.to_string(), "127.0.0.1:26658");
    assert_eq!(config.rpc.auth_token, None);
    assert!(config.gates.iter().all(|gate| gate.local != Some(true)));
    assert_eq!(config.gates.iter().count(), 7);
}

#[test]
fn the_nearest_key_is_the_one_a_person_would_mean() {
    let cases = [
        ("mempol_limit", "mempool_limit"),
        ("mempool_limits", "mempool_limit"),
        ("MONIKER", "moniker"),
        ("queue_weights.prio", "queue_weights.priority"),
        ("max_per_sec", "p2p.max_per_sec"),
        ("rpc.max_per_sec", "p2p.max_per_sec"),
        ("p2p.gossip_rate_limit", "p2p.gossip_rate_limit_per_sec"),
        ("rollout.feature_gates.prunning", "rollout.feature_gates.pruning"),
        ("auth_token", "rpc.auth_token"),
    ];
    for (wrong, right) in cases {
        assert_eq!(nearest(wrong), right, "{wrong}");
    }
    assert!(!nearest(&"x".repeat(1 << 20)).is_empty());
}

#[test]
fn unset_stands_only_where_there_is_no_default() {
    let loaded = Place::new().load(&[], &[]).unwrap();
    assert_eq!(loaded.settings.len(), KEYS.len());
    for key in KEYS {
        let setting = &loaded.settings[key.name];
        assert_eq!(setting.value == Value::Unset, key.default.is_none(), "{}", key.name);
        assert_eq!(loaded.source(key.name), Some(&Source::Default));
    }
    assert_eq!(loaded.source("nothing"), None);
}
