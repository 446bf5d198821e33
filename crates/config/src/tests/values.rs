//! Each kind of value: what it takes and what it refuses.

use mempool::PPM;
use testkit::Seed;

use super::Place;
use crate::{KEYS, Kind, Value};

fn kind(key: &str) -> Kind {
    KEYS.iter().find(|known| known.name == key).unwrap().kind
}

fn assert_takes(kind: Kind, accepted: &[&str], refused: &[&str]) {
    for text in accepted {
        assert!(kind.parse(text).is_ok(), "{text:?} must be accepted: {:?}", kind.parse(text));
    }
    for text in refused {
        assert!(kind.parse(text).is_err(), "{text:?} must be refused");
    }
}

#[test]
fn weights_are_exact_parts_per_million() {
    for (text, ppm) in [
        ("0", 0),
        ("1", PPM),
        ("1.0", PPM),
        ("0.7", 700_000),
        ("0.30", 300_000),
        ("00.000001", 1),
        ("0.7000000000", 700_000),
    ] {
        assert_eq!(Kind::Weight.parse(text), Ok(Value::Weight(ppm)), "{text}");
    }
    assert_takes(
        Kind::Weight,
        &[],
        &["", "1.000001", "2", "-0.1", "+0.1", ".5", "5.", "1e-1", "0.0000001", "0,5", "0x1", "½"],
    );
    let mut seed = Seed::new();
    for _ in 0..1_000 {
        let value = Value::Weight(u32::try_from(seed.below(u64::from(PPM) + 1)).unwrap());
        assert_eq!(Kind::Weight.parse(&value.to_string()), Ok(value.clone()));
        let float: f64 = value.to_string().parse().unwrap();
        assert_eq!(Kind::Weight.parse_toml(&toml::Value::Float(float)), Ok(value));
    }
}

#[test]
fn numbers_keep_to_their_bounds() {
    assert_takes(
        kind("mempool_limit"),
        &["1", " 8192 ", "1048576"],
        &["0", "1048577", "-1", "+1", "1.0", "1e3", "0x10", "1_000", "18446744073709551616", "x"],
    );
    assert_takes(kind("p2p.replay_window_size"), &["0", "18446744073709551615"], &["18446744073709551616", "-1"]);
}

#[test]
fn offsets_go_both_ways_up_to_their_bound() {
    assert_takes(
        kind("drill.clock_offset_ms"),
        &["0", "-0", " -3600000 ", "86400000", "-86400000"],
        &["", "-", "+1", "--1", "86400001", "-86400001", "1.5", "-9223372036854775809", "1h"],
    );
    assert_eq!(Kind::Offset { max: 5 }.parse_toml(&toml::Value::Integer(-5)), Ok(Value::Offset(-5)));
}

#[test]
fn addresses_have_the_form_that_the_network_takes() {
    let common = ["/ip4/127.0.0.1/tcp/26656", "/ip4/0.0.0.0/udp/26657/quic-v1", "/ip6/::1/tcp/65535"];
    let neither = [
        "127.0.0.1:26656",
        "/ip4/127.0.0.1",
        "/ip4/127.0.0.1/tcp",
        "/ip4/127.0.0.1/tcp/65536",
        "/ip4/127.0.0.1/tcp/x",
        "/ip4/127.0.0.256/tcp/1",
        "/ip6/127.0.0.1/tcp/1",
        "/ip4/127.0.0.1/udp/1",
        "/ip4/127.0.0.1/udp/1/quic",
        "/ip4/127.0.0.1/tcp/1/ws",
        "/unix/x/tcp/1",
        "ip4/127.0.0.1/tcp/1",
        "/ip4/127.0.0.1/tcp/1/p2p",
        "/dns//tcp/1",
        "/ip4/127.0.0.1/tcp/1/p2p/",
        "/ip4/127.0.0.1/tcp/1/p2p/a/b",
        "/dns/a b/tcp/1",
        "/ip4/127.0.0.1/tcp/1/",
        "/",
    ];
    let listens_only = ["/ip4/127.0.0.1/tcp/0"];
    let dials_only = [
        "/dns/node.example.org/tcp/26656",
        "/dns4/a/udp/1/quic-v1/p2p/12D3KooWabc",
        "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWabc",
    ];
    for kind in [Kind::Listen, Kind::ListenList] {
        assert_takes(kind, &common, &neither);
        assert_takes(kind, &listens_only, &dials_only);
    }
    assert_takes(Kind::PeerList, &common, &neither);
    assert_takes(Kind::PeerList, &dials_only, &listens_only);
    let many = vec![common[0]; crate::value::LIST_MAX + 1];
    assert_takes(Kind::PeerList, &["", ",", &many[1..].join(",")], &[&many.join(",")]);
    assert_eq!(Kind::PeerList.parse(" , "), Ok(Value::List(Vec::new())));
    assert_takes(
        Kind::Socket,
        &["127.0.0.1:0", "[::1]:26658"],
        &["localhost:1", "127.0.0.1", ":1", "127.0.0.1:65536", ""],
    );
}

#[test]
fn words_names_filters_and_secrets() {
    assert_takes(Kind::Bool, &["true", "false", "0", "1"], &["", "yes", "True", "2"]);
    assert_takes(kind("release_channel"), &["development", "testnet", "canary", "mainnet"], &["", "prod", "Mainnet"]);
    assert_takes(kind("moniker"), &["a", "A-1.b_c", &"n".repeat(64)], &["", "a b", "a\nb", "é", "a/b"]);
    assert!(kind("moniker").parse(&"n".repeat(65)).is_err());
    assert_takes(
        Kind::LogFilter,
        &["info", "OFF", "info,consensus=debug", "a::b=trace , warn", "info,[span{x=1}]=debug"],
        &["", "loud", "consensus", "consensus=loud", "=debug", "a b=info", "info,"],
    );
    let longest = "s".repeat(256);
    assert_takes(Kind::Secret, &["a", "!~", &longest], &["", "a b", "é", "a\u{7}b", &format!("{longest}s")]);
    assert_takes(Kind::Path, &["a", "/a b/é"], &["", "  ", &"p".repeat(1_025)]);
}

#[test]
fn a_process_has_one_of_four_modes() {
    assert_takes(kind("mode"), &["validator", "node", "hybrid", "wallet"], &["full", "orchestrator", ""]);
}

#[test]
fn hosts_are_names_alone_and_are_kept_in_small_letters() {
    let place = Place::new();
    place.write("node.toml", "[rpc]\nhosts = [\"Node.Example.org\", \"node_1\"]");
    assert_eq!(place.load(&[], &[]).unwrap().config.rpc.hosts, ["node.example.org", "node_1"]);
    for wrong in ["https://node.example.org", "node.example.org:26658", "*", "[::1]", ""] {
        let refused = place.refusal(&format!("[rpc]\nhosts = [\"{wrong}\"]"));
        assert!(refused.contains("rpc.hosts") && refused.contains("no name of a host"), "{refused}");
    }
}
