//! `config set`: what stays, what is refused, and that a file is whole at every moment.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use testkit::Seed;

use super::{Place, lookup};
use crate::{ConfigErrors, Edited, KEYS, Source, Value, set, template};

fn set_in(place: &Place, values: &[(&str, &str)]) -> Result<Edited, ConfigErrors> {
    set_with(place, values, &[])
}

fn set_with(place: &Place, values: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<Edited, ConfigErrors> {
    let values: Vec<(String, String)> = values.iter().map(|(key, text)| (key.to_string(), text.to_string())).collect();
    set(&place.home(), &values, lookup(variables))
}

fn text_of(place: &Place) -> String {
    fs::read_to_string(place.path().join("node.toml")).unwrap()
}

#[test]
fn a_changed_limit_is_validated_kept_and_loaded_again() {
    let _shown = testkit::contract!("S000-038");
    let place = Place::new();
    let file =
        "# ours\nmoniker = \"a\"   # name\nmempool_limit = 9000 # since May\n\n[p2p] # peers\nexchange_peers = false\n";
    place.write("node.toml", file);
    let edited = set_in(&place, &[("mempool_limit", "20000")]).unwrap();
    assert_eq!(text_of(&place), file.replace("9000", "20000"), "comments and order stay");
    assert!(edited.written && edited.path == place.path().join("node.toml"));
    let change = &edited.changes[0];
    assert_eq!((&change.before, &change.after), (&Some(Value::Number(9_000)), &Value::Number(20_000)));
    assert_eq!(place.load(&[], &[]).unwrap().config.mempool.limit, 20_000, "the next start takes it");
    // Whatever the loader refuses never replaces the valid file, not even in part.
    let before = text_of(&place);
    for (values, reason) in [
        (&[("mempool_limit", "0")][..], "mempool_limit"),
        (&[("mempool_limit", "many")], "is not a whole number"),
        (&[("mempol_limit", "5")], "the nearest key is `mempool_limit`"),
        (&[("moniker", "b"), ("mempool_limit", "1048577")], "is out of range"),
        (&[("moniker", "b"), ("moniker", "c")], "is given twice"),
        (&[("queue_weights.priority", "0.6")], "must"),
        (&[("rpc.listen", "127.0.0.1:0:0")], "is not an IP address and a port"),
        (&[("reputation.tier_thresholds", "x")], "is not there yet: this version takes them"),
        (&[("telemetry_auth_token", "a-token-that")], "stays in the history of the shell"),
        (&[("rpc.auth_token", "a-token-that-is-long-enough")], "stays in the history of the shell"),
        (&[("p2p", "5")], "unknown key `p2p`"),
    ] {
        let refused = set_in(&place, values).expect_err(reason).to_string();
        assert!(refused.contains(reason), "{refused}");
        assert!(!refused.contains("a-token-that"), "{refused}");
        assert_eq!(text_of(&place), before, "{values:?}");
    }
    let left: Vec<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["node.toml"], "nothing is left beside it");
}

#[test]
fn keys_that_only_make_sense_together_are_set_together() {
    let place = Place::new();
    place.write("node.toml", "[queue_weights]\npriority = 0.7\nfee = 0.3\n");
    set_in(&place, &[("queue_weights.priority", "0.6"), ("queue_weights.fee", "0.4")]).unwrap();
    assert_eq!(text_of(&place), "[queue_weights]\npriority = 0.6\nfee = 0.4\n");
}

#[test]
fn a_file_is_made_when_there_is_none_and_permissions_stay() {
    let place = Place::new();
    let edited = set_in(&place, &[("moniker", "a"), ("p2p.exchange_peers", "1")]).unwrap();
    assert!(edited.written);
    assert_eq!(text_of(&place), "moniker = \"a\"\n\n[p2p]\nexchange_peers = true\n");
    let path = place.path().join("node.toml");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    set_in(&place, &[("moniker", "b")]).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    // The same again writes nothing.
    assert!(!set_in(&place, &[("moniker", "b")]).unwrap().written);
    // A file that was named must be there.
    let home = place.home().with_config(place.path().join("other.toml"));
    let refused = set(&home, &[("moniker".to_owned(), "b".to_owned())], |_| None).expect_err("it is missing");
    assert!(refused.to_string().contains("does not exist"), "{refused}");
}

#[test]
fn other_spellings_of_a_key_keep_their_place() {
    let place = Place::new();
    let (key, alias) = KEYS.iter().find_map(|key| Some((key, *key.aliases.first()?))).expect("some key has an alias");
    for written in ["p2p.exchange_peers = false\n", "p2p = { exchange_peers = false } # inline\n"] {
        place.write("node.toml", written);
        set_in(&place, &[("p2p.exchange_peers", "true")]).unwrap();
        assert_eq!(text_of(&place), written.replace("false", "true"));
    }
    place.write("node.toml", "");
    set_in(&place, &[(alias, key.example)]).unwrap();
    let canonical = text_of(&place);
    assert!(canonical.contains(key.leaf()), "a new key gets its own name: {canonical}");
    place.write("node.toml", "p2p = 5\n");
    let refused = set_in(&place, &[("p2p.exchange_peers", "true")]).expect_err("p2p is a number").to_string();
    assert!(refused.contains("`p2p` is not a table"), "{refused}");
    place.write("node.toml", "moniker = = 5\n");
    let refused = set_in(&place, &[("moniker", "a")]).expect_err("not TOML").to_string();
    assert!(refused.contains("line 1"), "{refused}");
}

#[test]
fn a_stronger_source_is_named() {
    let place = Place::new();
    let edited = set_with(&place, &[("moniker", "a")], &[("TB_MONIKER", "b")]).unwrap();
    let change = &edited.changes[0];
    assert_eq!(change.after, Value::Text("b".to_owned()));
    assert_eq!(change.hidden_by, Some(Source::Environment { name: "TB_MONIKER" }));
}

#[test]
fn every_key_can_be_set_to_its_example_in_the_template() {
    let place = Place::new();
    for key in KEYS.iter().filter(|key| !key.is_secret() && !key.example.is_empty()) {
        place.write("node.toml", template());
        match set_in(&place, &[(key.name, key.example)]) {
            Ok(edited) => {
                let value = key.kind.parse(key.example).unwrap();
                assert_eq!(edited.changes[0].after, value, "{}", key.name);
                assert!(edited.changes[0].hidden_by.is_none(), "{}", key.name);
            }
            // Alone it breaks a rule over several keys: then nothing was written.
            Err(_) => assert_eq!(text_of(&place), template(), "{}", key.name),
        }
    }
}

#[test]
fn damaged_files_never_panic_and_are_never_made_worse() {
    let mut seed = Seed::new();
    let place = Place::new();
    let whole = template().replace("# ", "");
    for _ in 0..300 {
        let mut bytes = whole.clone().into_bytes();
        for _ in 0..=seed.below(4) {
            let at = seed.index(bytes.len());
            bytes[at] = *seed.pick(b"\"'[]{}=.,#\\$\n/a1");
        }
        bytes.truncate(seed.index(bytes.len()));
        place.write("node.toml", &bytes);
        let key = seed.pick(KEYS);
        match set_in(&place, &[(key.name, key.example)]) {
            Ok(_) => assert!(place.load(&[], &[]).is_ok(), "it wrote what a start refuses"),
            Err(_) => assert_eq!(fs::read(place.path().join("node.toml")).unwrap(), bytes),
        }
    }
}
