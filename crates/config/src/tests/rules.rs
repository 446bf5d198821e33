//! Rules over several keys: weights, limits, gates, ports, tokens.

use primitives::genesis::{CHAIN_GATES, GateActivation};
use primitives::{Engine, Genesis, Height, Params, SecretKey, VrfSecretKey};

use super::Place;
use crate::{ArchivePlace, GateKind, NodeConfig};

/// A chain of one validator with these gates.
pub(super) fn genesis(gates: &[(&str, u64)]) -> Genesis {
    let is_bft = gates.iter().any(|(name, _)| *name == "malachite_consensus");
    Genesis {
        version: primitives::FormatVersion,
        chain_id: "test".to_owned(),
        engine: if is_bft { Engine::Bft } else { Engine::Solo },
        proof_system: Default::default(),
        genesis_time: primitives::Timestamp(1),
        params: Params::default(),
        accounts: Vec::new(),
        proof_keys: Default::default(),
        validators: vec![primitives::GenesisValidator {
            public_key: SecretKey::from_seed([1; 32]).public_key(),
            vrf_key: VrfSecretKey::from_seed([1; 32]).public_key(),
            power: 1,
        }],
        gates: gates
            .iter()
            .map(|(name, height)| GateActivation { name: (*name).to_owned(), height: Height(*height) })
            .collect(),
    }
}

fn config(toml: &str) -> NodeConfig {
    let place = Place::new();
    place.write("node.toml", toml);
    place.load(&[], &[]).unwrap().config
}

#[test]
fn a_mempool_limit_of_zero_is_refused_from_every_source() {
    let _shown = testkit::contract!("S000-031");
    let place = Place::new();
    let refused = [
        place.load(&[("mempool_limit", "0")], &[]).expect_err("0").to_string(),
        place.load(&[], &[("TB_MEMPOOL_LIMIT", "0")]).expect_err("0").to_string(),
        place.refusal("mempool_limit = 0"),
    ];
    for text in refused {
        assert!(
            text.contains("`mempool_limit` = 0") && text.contains("from 1 to 1048576 entries (default 8192)"),
            "{text}"
        );
    }
    place.write("node.toml", "mempool_limit = 1");
    assert_eq!(place.load(&[], &[]).unwrap().config.mempool.limit, 1);
}

#[test]
fn the_weights_must_sum_to_one() {
    let _shown = testkit::contract!("S000-042");
    let place = Place::new();
    for (priority, fee) in [("0.7", "0.2"), ("0.7", "0.300001"), ("1.0", "1.0"), ("0", "0")] {
        let refused = place.refusal(&format!("[queue_weights]\npriority = {priority}\nfee = {fee}"));
        assert!(refused.contains("must sum to exactly 1.0"), "{refused}");
    }
    assert!(place.refusal("[queue_weights]\nfee = 0.4").contains("must sum"));
    for (priority, fee, ppm) in [("0.6", "0.4", 600_000), ("1", "0", 1_000_000), ("0.1", "0.9", 100_000)] {
        let mempool = config(&format!("[queue_weights]\npriority = {priority}\nfee = {fee}")).mempool;
        assert_eq!((mempool.priority_weight_ppm, mempool.fee_weight_ppm), (ppm, 1_000_000 - ppm));
    }
}

#[test]
fn limits_of_a_peer_are_clamped_with_a_warning() {
    let place = Place::new();
    place.write(
        "node.toml",
        "p2p_max_per_sec = 0\n[p2p]\ngossip_rate_limit_per_sec = 0\nreplay_window_size = 0\nmax_bytes_per_sec = 1\n",
    );
    let loaded = place.load(&[], &[("TB_P2P_RATE_WINDOW_SECS", "99999")]).unwrap();
    let p2p = &loaded.config.p2p;
    assert_eq!((p2p.gossip_rate_limit_per_sec, p2p.replay_window_size, p2p.max_per_sec), (1, 1, 1));
    assert_eq!((p2p.max_bytes_per_sec, p2p.rate_window_secs), (262_144, 3_600));
    assert_eq!(loaded.warnings.len(), 5, "{:?}", loaded.warnings);
    assert!(loaded.warnings[0].starts_with("`p2p.gossip_rate_limit_per_sec` = 0 ("), "{:?}", loaded.warnings);
    assert!(loaded.warnings[0].contains("1 is in force"), "{:?}", loaded.warnings);
    // A value that a stronger source replaces is not in force, so it is no reason for a warning.
    let loaded = place.load(&[("p2p.replay_window_size", "5")], &[]).unwrap();
    assert!(!loaded.warnings.iter().any(|warning| warning.contains("replay")), "{:?}", loaded.warnings);
}

#[test]
fn a_chain_gate_that_disagrees_with_genesis_is_refused() {
    let chain = genesis(&[("malachite_consensus", 0), ("timetoke_rewards", 500)]);
    assert!(chain.validate().is_ok(), "{:?}", chain.validate());
    for agreeing in ["", "malachite_consensus = true", "timetoke_rewards = true\nwitness_network = false"] {
        let config = config(&format!("[rollout.feature_gates]\n{agreeing}"));
        assert!(config.check_gates(&chain).is_ok(), "{agreeing}");
    }
    for name in CHAIN_GATES {
        let wrong = !chain.gates.iter().any(|gate| gate.name == name);
        let config = config(&format!("[rollout.feature_gates]\n{name} = {wrong}"));
        let refused = config.check_gates(&chain).expect_err(name).to_string();
        assert!(refused.contains(&format!("rollout.feature_gates.{name} is {wrong} here")), "{refused}");
        assert!(refused.contains(&format!("genesis file says {}", !wrong)), "{refused}");
    }
}

#[test]
fn gates_come_into_force_at_their_height() {
    let chain = genesis(&[("malachite_consensus", 0), ("timetoke_rewards", 500)]);
    let gates = config("").gates;
    let active = |height| -> Vec<&str> {
        gates.at(&chain, Height(height)).iter().filter(|gate| gate.is_active).map(|gate| gate.name).collect()
    };
    assert_eq!(active(499), ["malachite_consensus"]);
    assert_eq!(active(500), ["malachite_consensus", "timetoke_rewards"]);
    let states = gates.at(&chain, Height(0));
    assert_eq!(states.len(), 7);
    assert_eq!(states.iter().filter(|gate| gate.kind == GateKind::Local).count(), 2);
    let rewards = states.iter().find(|gate| gate.name == "timetoke_rewards").unwrap();
    assert_eq!(rewards.activation_height, Some(Height(500)));
}

#[test]
fn reconstruction_is_off_until_its_gate_is_on_and_its_archive_is_a_folder_or_a_bucket() {
    let off = config("[reconstruction]\narchive = \"/srv/archive\"").reconstruction;
    assert_eq!((off.is_on, off.archive), (false, Some(ArchivePlace::Folder("/srv/archive".into()))));
    let on = config("[rollout.feature_gates]\nreconstruction = true").reconstruction;
    assert_eq!((on.is_on, on.archive), (true, None));
    let place = |text: &str| config(&format!("[reconstruction]\narchive = \"{text}\"")).reconstruction.archive.unwrap();
    let bucket = |bucket: &str, prefix: &str| ArchivePlace::Bucket { bucket: bucket.into(), prefix: prefix.into() };
    assert_eq!(place("s3://blocks.of-us/main/v1/"), bucket("blocks.of-us", "main/v1"));
    assert_eq!(place("s3://blocks"), bucket("blocks", ""));
    assert_eq!(place("s3://blocks/a").to_string(), "s3://blocks/a");
    let wrong = [
        "ftp://bucket/archive",
        "s3://",
        "s3://Bucket/a",
        "s3://a",
        "s3://bucket//a",
        "s3://bucket/../a",
        "s3://bucket/a b",
    ];
    for text in wrong {
        let refused = Place::new().refusal(&format!("[reconstruction]\narchive = \"{text}\""));
        assert!(refused.contains(&format!("`reconstruction.archive` = {text}")), "{refused}");
    }
    let plain = "[reconstruction]\ns3_endpoint = \"http://objects.example.org\"";
    let refused = Place::new().refusal(plain);
    assert!(refused.contains("reconstruction.s3_allow_http"), "{refused}");
    assert_eq!(config(&format!("{plain}\ns3_allow_http = true")).reconstruction.s3.plain_endpoint(), None);
}

#[test]
fn pruning_is_off_until_its_gate_is_on() {
    let pruning = config("[pruning]\nretention_depth = 500").pruning;
    assert_eq!((pruning.is_on, pruning.retention_depth, pruning.emergency_pause), (false, 500, false));
    let pruning = config("[rollout.feature_gates]\npruning = true\n[pruning]\nemergency_pause = true").pruning;
    assert_eq!((pruning.is_on, pruning.retention_depth, pruning.emergency_pause), (true, 128, true));
    let refused = Place::new().refusal("[pruning]\nretention_depth = 15");
    assert!(refused.contains("pruning.retention_depth"), "{refused}");
}

#[test]
fn two_services_on_one_port_are_refused() {
    let place = Place::new();
    for (flags, both) in [
        (vec![("rpc.listen", "127.0.0.1:26656")], ("rpc.listen", "consensus.listen")),
        (vec![("rpc.listen", "0.0.0.0:26657")], ("rpc.listen", "p2p.listen")),
        (vec![("consensus.listen", "/ip4/127.0.0.1/udp/26657/quic-v1")], ("consensus.listen", "p2p.listen")),
        (vec![("p2p.listen", "/ip4/127.0.0.1/tcp/7,/ip4/127.0.0.1/tcp/7")], ("p2p.listen", "p2p.listen")),
    ] {
        let refused = place.load(&flags, &[]).expect_err("one port").to_string();
        assert!(refused.contains(&format!("`{}` and `{}` both listen on", both.0, both.1)), "{refused}");
    }
    for fine in [
        ("rpc.listen", "127.0.0.2:26656"),
        ("p2p.listen", "/ip4/127.0.0.1/tcp/0,/ip4/127.0.0.1/tcp/0"),
        ("p2p.listen", ""),
    ] {
        place.load(&[fine], &[]).unwrap();
    }
}
