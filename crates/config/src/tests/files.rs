//! Files: unknown keys, damaged text, bounds, and random bytes.

use testkit::Seed;

use super::Place;
use crate::{FILE_BYTES_MAX, template};

#[test]
fn an_unknown_key_is_refused_with_its_name_and_the_nearest_one() {
    let _shown = testkit::contract!("S001-002");
    let place = Place::new();
    let cases = [
        ("mempol_limit = 5", "mempol_limit", "mempool_limit"),
        ("[p2p]\nlisten_on = []", "p2p.listen_on", "p2p.listen"),
        ("[rollout.feature_gates]\nprunning = true", "rollout.feature_gates.prunning", "rollout.feature_gates.pruning"),
        ("[logs]\nlevel = \"info\"", "logs.level", "log.level"),
        ("[p2q]", "p2q", ""),
        ("a.b.c.d.e.f = 1", "a.b.c.d", ""),
        ("[[rpc]]\nlisten = \"127.0.0.1:1\"", "rpc", ""),
        ("[moniker]\nname = \"a\"", "moniker", "moniker"),
    ];
    for (text, unknown, nearest) in cases {
        let refused = place.refusal(text);
        assert!(refused.contains(&format!("`{unknown}`")), "{refused}");
        assert!(refused.contains(nearest), "{refused}");
        assert!(refused.contains("node.toml"), "{refused}");
    }
    place.write("node.toml", "");
    let refused = place.load(&[("mempool_limits", "5")], &[]).expect_err("no such flag").to_string();
    assert!(
        refused.contains("unknown key `mempool_limits` (flag)") && refused.contains("`mempool_limit`"),
        "{refused}"
    );
}

#[test]
fn a_key_of_a_later_feature_is_refused_by_name() {
    let place = Place::new();
    let refused = place.refusal("[reputation]\ntier_thresholds = [1]");
    let name = "`reputation.tier_thresholds`";
    assert!(refused.contains(name) && refused.contains("is not there yet: this version"), "{refused}");
}

#[test]
fn all_problems_are_reported_at_once() {
    let place = Place::new();
    let refused = place.refusal("mempool_limit = 0\nmonicer = \"x\"\n[log]\nlevel = \"loud\"\n");
    assert!(refused.starts_with("the configuration has 3 problems:"), "{refused}");
    assert!(["mempool_limit", "monicer", "loud"].iter().all(|word| refused.contains(word)), "{refused}");
}

#[test]
fn a_value_of_another_type_is_refused() {
    let place = Place::new();
    for (text, key) in [
        ("moniker = 5", "moniker"),
        ("mempool_limit = \"5\"", "mempool_limit"),
        ("mempool_limit = 5.0", "mempool_limit"),
        ("mempool_limit = -5", "mempool_limit"),
        ("data_dir = [\"x\"]", "data_dir"),
        ("[p2p]\nlisten = \"/ip4/127.0.0.1/tcp/1\"", "p2p.listen"),
        ("[p2p]\npeers = [1]", "p2p.peers"),
        ("[queue_weights]\nfee = true", "queue_weights.fee"),
        ("[queue_weights]\nfee = nan", "queue_weights.fee"),
        ("[queue_weights]\nfee = inf", "queue_weights.fee"),
        ("[rollout.feature_gates]\npruning = \"false\"", "rollout.feature_gates.pruning"),
    ] {
        let refused = place.refusal(text);
        assert!(refused.contains(&format!("`{key}`")) && refused.contains("; give "), "{text}: {refused}");
    }
}

#[test]
fn a_file_that_does_not_parse_is_refused_with_its_line() {
    let place = Place::new();
    let refused = place.refusal("moniker = \"a\"\n\nmempool_limit = = 5\n");
    assert!(refused.contains("node.toml, line 3: "), "{refused}");
    place.write("node.toml", [b'm', 0xff, 0xfe]);
    assert!(place.load(&[], &[]).expect_err("not text").to_string().contains("not UTF-8"));
    place.write("node.toml", vec![b'#'; usize::try_from(FILE_BYTES_MAX).unwrap() + 1]);
    assert!(place.load(&[], &[]).expect_err("too large").to_string().contains("is larger than"));
    place.write("node.toml", vec![b'#'; usize::try_from(FILE_BYTES_MAX).unwrap()]);
    assert!(place.load(&[], &[]).is_ok());
    place.write("node.toml", format!("moniker = {}", "[".repeat(100_000)));
    assert!(place.load(&[], &[]).is_err());
    place.write("node.toml", format!("{}a = 1", "a.".repeat(100_000)));
    assert!(place.load(&[], &[]).is_err());
    std::fs::remove_file(place.path().join("node.toml")).unwrap();
    std::fs::create_dir(place.path().join("node.toml")).unwrap();
    assert!(place.load(&[], &[]).expect_err("a folder").to_string().contains("cannot be read"));
}

#[test]
fn an_env_file_is_read_as_a_shell_would_and_refuses_substitution() {
    let place = Place::new();
    let moniker = |text: &str| {
        place.write(".env", text);
        place.load(&[], &[]).map(|loaded| loaded.config.moniker).map_err(|error| error.to_string())
    };
    for text in [
        "TB_MONIKER=a",
        "export TB_MONIKER=a",
        "\u{feff}TB_MONIKER=a\r\n",
        "# c\n\n  TB_MONIKER = 'a' # c  ",
        "TB_MONIKER=b\nTB_MONIKER=\"a\"  ",
    ] {
        assert_eq!(moniker(text).as_deref(), Ok("a"), "{text:?}");
    }
    for (text, line) in
        [("TB_MONIKER", 1), ("\n=a", 2), ("TB_MONIKER='a", 1), ("A=b c", 1), ("A=$HOME", 1), ("A='x'$B", 1)]
    {
        let refused = moniker(text).expect_err(text);
        assert!(refused.contains(&format!(".env, line {line}: ")), "{text:?}: {refused}");
    }
    assert_eq!(moniker("A='$x'\nTB_MONIKER=a").as_deref(), Ok("a"));
    place.write(".env", "TB_RPC_AUTH_TOKEN='with$sign-and-more-letters'");
    assert_eq!(place.load(&[], &[]).unwrap().config.rpc.auth_token.unwrap().expose(), "with$sign-and-more-letters");
}

#[test]
fn damaged_files_never_panic() {
    let mut seed = Seed::new();
    let place = Place::new();
    let mut whole = template().replace("# ", "").into_bytes();
    whole.extend(template().bytes());
    for _ in 0..400 {
        let mut bytes = whole.clone();
        for _ in 0..=seed.below(4) {
            let at = seed.index(bytes.len());
            bytes[at] = if seed.chance(50) { seed.bytes(1)[0] } else { *seed.pick(b"\"'[]{}=.,#\\$\n/") };
        }
        bytes.truncate(seed.index(bytes.len()));
        place.write("node.toml", &bytes);
        let length = seed.index(64);
        place.write(".env", if seed.chance(50) { seed.bytes(length) } else { bytes });
        let text = String::from_utf8_lossy(&seed.bytes(32)).into_owned();
        // Only the absence of a panic is shown here; messages are shown elsewhere.
        let _ = place
            .load(&[("log.level", &text), (&text, "x")], &[("TB_P2P_PEERS", &text), ("TB_QUEUE_WEIGHTS_FEE", &text)]);
    }
}
