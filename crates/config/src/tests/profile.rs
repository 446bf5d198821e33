//! The profiles of the stages: the file of the repository is sound, and nothing else is taken for one.

use std::collections::BTreeMap;

use super::Place;
use crate::profile::{BUILT_IN_NAME, Day};
use crate::{ConfigErrors, Profiles, ReleaseChannel};

const BUILT_IN: &str = include_str!("../../../../config/defaults/mainnet.toml");

fn refusal(text: &str) -> String {
    let place = Place::new();
    place.write("profiles.toml", text);
    let read: Result<Profiles, ConfigErrors> = Profiles::read(&place.path().join("profiles.toml"));
    read.expect_err("the file must be refused").to_string()
}

fn gate(profiles: &Profiles, stage: ReleaseChannel, gate: &str) -> bool {
    profiles.of(stage).feature_gates[gate]
}

#[test]
fn each_stage_has_the_gates_that_were_promised_and_its_file_is_loaded_as_it_was_meant() {
    let _mainnet = testkit::contract!("S001-019");
    let _development = testkit::contract!("S001-016");
    let _testnet = testkit::contract!("S001-017");
    let _consensus = testkit::contract!("S001-013");
    let profiles = Profiles::built_in().unwrap();
    let three = ["malachite_consensus", "timetoke_rewards", "witness_network"];
    let promised = [[false, false, false], [true, false, false], [true, true, true], [true, true, true]];
    for (stage, gates) in ReleaseChannel::ALL.into_iter().zip(promised) {
        assert_eq!(three.map(|name| gate(&profiles, stage, name)), gates, "{stage:?}");

        // What is printed for people is what a node loads.
        let place = Place::new();
        place.write("node.toml", profiles.node_toml(stage).unwrap());
        let loaded = place.load(&[], &[]).unwrap();
        assert_eq!(loaded.config.release_channel, stage);
        assert_eq!(profiles.drift(stage, &loaded), [], "{stage:?}");
        for local in loaded.config.gates.iter() {
            assert_eq!(local.local, Some(profiles.of(stage).feature_gates[local.name]), "{}", local.name);
        }
        assert!(profiles.of(stage).recovery.contains("docs/deployment/staged_rollout.md#"));
    }
}

#[test]
fn a_file_that_differs_shows_every_key_that_does() {
    let profiles = Profiles::built_in().unwrap();
    let place = Place::new();
    let text = profiles.node_toml(ReleaseChannel::Mainnet).unwrap();
    let text = text.replace("witness_network = true", "witness_network = false");
    place.write("node.toml", text.replace("mempool_limit = 8192", "mempool_limit = 99"));
    let loaded = place.load(&[], &[]).unwrap();
    let drift = profiles.drift(ReleaseChannel::Mainnet, &loaded);
    let lines: Vec<_> = drift.iter().map(|drift| (drift.key.as_str(), &*drift.wanted, &*drift.found)).collect();
    let gate = ("rollout.feature_gates.witness_network", "true", "false");
    assert_eq!(lines, [("mempool_limit", "8192", "99"), gate]);

    // Against another stage its channel and gates differ too.
    let canary = profiles.drift(ReleaseChannel::Testnet, &loaded);
    assert!(canary.iter().any(|drift| drift.key == "release_channel"), "{canary:?}");

    // The gates of a running node, as it tells them.
    let profile = profiles.of(ReleaseChannel::Testnet);
    let running = profile.feature_gates.iter().map(|(name, on)| (name.as_str(), *on));
    assert_eq!(profile.gate_drift(running.clone()), []);
    let drift = profile.gate_drift(running.filter(|(name, _)| *name != "pruning"));
    assert_eq!((drift[0].key.as_str(), drift[0].found.as_str()), ("rollout.feature_gates.pruning", "unknown"));
}

#[test]
fn a_file_of_profiles_with_any_mistake_is_refused_by_name() {
    assert!(!BUILT_IN_NAME.is_empty());
    let cases = [
        ("soak_hours = 48", "soak_hour = 48", "unknown field `soak_hour`"),
        ("mempool_limit = 8192", "mempool_limits = 8192", "the nearest key is `mempool_limit`"),
        ("mempool_limit = 8192", "mempool_limit = 0", "mempool_limit"),
        ("mempool_limit = 8192", "release_channel = \"mainnet\"", "stands under [reference]"),
        ("malachite_consensus = false", "malachite = false", "does not say whether the gate malachite_consensus"),
        ("malachite_consensus = false", "malachite_consensus = false\nswarm = true", "the gate swarm"),
        ("to_utc = \"24:00\"", "to_utc = \"24:01\"", "never open"),
        ("release_channel = \"canary\"", "release_channel = \"testnet\"", "has the release channel testnet"),
        ("epochs = 7", "epochs = 1000000", "asks for more"),
        ("[profiles.canary]", "[profiles.beta]", "unknown variant `beta`"),
        ("[reference]", "[referenc]", "unknown field `referenc`"),
        ("epochs = 7", "epochs = seven", "line"),
    ];
    for (sound, wrong, said) in cases {
        assert!(BUILT_IN.contains(sound), "{sound}");
        let refused = refusal(&BUILT_IN.replacen(sound, wrong, 1));
        assert!(refused.contains(said), "{wrong}: {refused}");
    }
    let (before, canary) = BUILT_IN.split_once("# Rewards and attestations").unwrap();
    let (_, mainnet) = canary.split_once("# All of it").unwrap();
    assert!(refusal(&format!("{before}# All of it{mainnet}")).contains("[profiles.canary] is missing"));
    let place = Place::new();
    let missing = Profiles::read(&place.path().join("profiles.toml")).expect_err("it is not there").to_string();
    assert!(missing.contains("does not exist"), "{missing}");
}

#[test]
fn a_change_window_is_open_on_its_days_between_its_times() {
    let profiles = Profiles::built_in().unwrap();
    let window = &profiles.of(ReleaseChannel::Mainnet).change_window;
    assert_eq!(window.days, [Day::Tue, Day::Wed, Day::Thu]);
    // 2026-01-01 was a Thursday.
    let thursday = 1_767_225_600_000;
    let (hour, day) = (3_600_000, 86_400_000);
    for (at, open) in [(7 * hour, false), (8 * hour, true), (14 * hour - 1, true), (14 * hour, false)] {
        assert_eq!(window.is_open(thursday + at), open, "{at}");
        assert!(!window.is_open(thursday + day + at), "a Friday");
        assert_eq!(window.is_open(thursday + 5 * day + at), open, "a Tuesday");
    }
    let always = &profiles.of(ReleaseChannel::Development).change_window;
    assert!((0..7 * 24).all(|hours| always.is_open(thursday + hours * hour)));
}

#[test]
fn channels_have_one_order_and_dev_is_another_spelling_of_the_first() {
    for (index, channel) in ReleaseChannel::ALL.into_iter().enumerate() {
        assert_eq!(channel.as_str().parse(), Ok(channel));
        assert_eq!(channel.before(), index.checked_sub(1).map(|before| ReleaseChannel::ALL[before]));
    }
    let place = Place::new();
    let dev = place.load(&[], &[("TB_RELEASE_CHANNEL", "dev")]).unwrap();
    assert_eq!(dev.config.release_channel, ReleaseChannel::Development);
    assert!(place.refusal("release_channel = \"beta\"").contains("testnet, canary, mainnet"));
}

#[test]
fn a_running_node_is_compared_with_every_key_of_the_reference() {
    let profiles = Profiles::built_in().unwrap();
    let place = Place::new();
    let told = |flags: &[(&str, &str)]| profiles.reference_of(&place.load(flags, &[]).unwrap());
    let keys = |told: &BTreeMap<String, String>| -> Vec<String> {
        profiles.reference_drift(told).into_iter().map(|drift| drift.key).collect()
    };
    let like_it = told(&[]);
    assert_eq!(keys(&like_it), [""; 0], "the defaults are the reference");
    assert!(like_it.len() > 5 && like_it.keys().all(|key| !key.contains("path") && !key.contains("token")));
    let other = told(&[("mempool_limit", "99"), ("p2p.exchange_peers", "false")]);
    assert_eq!(keys(&other), ["mempool_limit", "p2p.exchange_peers"]);
    // A node of an older version tells nothing, and that is not taken for good.
    let silent = profiles.reference_drift(&BTreeMap::new());
    assert_eq!(silent.len(), like_it.len());
    assert!(silent.iter().all(|drift| drift.found.contains("--config")), "{silent:?}");
}
