//! The logs of legal requests: what is written is found again, what was changed is named.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::command::{Ended, run, tb};

fn portal(folder: &Path, words: &[&str]) -> Ended {
    run(tb().arg("le-portal").args(words).current_dir(folder))
}

/// Two requests, an action and a file about the second, a statement.
fn filled(folder: &Path) -> Vec<Value> {
    fs::write(folder.join("answer.pdf"), b"no such data is kept").expect("a file");
    let request = |reference: &'static str| {
        vec!["request", "--authority", "Court", "--reference", reference, "--subject", "owner of an address"]
    };
    let lines = [
        request("12/345"),
        request("12/346"),
        vec!["action", "--request", "1", "--action", "answered"],
        vec!["evidence", "--request", "1", "--file", "answer.pdf"],
        vec!["canary", "--statement", "no secret order was received"],
    ];
    lines.iter().map(|words| portal(folder, words).ok()).collect()
}

#[test]
fn legal_requests_are_logged_in_chains_that_can_be_checked() {
    let _folder = testkit::contract!("S003-181");
    let _base = testkit::contract!("S003-182");
    let (_requests, _actions) = (testkit::contract!("S003-183"), testkit::contract!("S003-184"));
    let (_evidence, _canary) = (testkit::contract!("S003-185"), testkit::contract!("S003-186"));
    let _files = testkit::contract!("S003-187");
    let machine = tempfile::tempdir().expect("a folder");
    let added = filled(machine.path());
    assert_eq!(added[1]["previous"], added[0]["hash"], "the second names the first");
    assert_eq!((&added[0]["sequence"], &added[1]["sequence"]), (&0.into(), &1.into()));
    // Everything is below ./le_portal, for its owner alone.
    let base = machine.path().join("le_portal");
    let evidence = base.join("evidence").join(added[3]["entry"]["hash"].as_str().expect("a hash"));
    assert_eq!(fs::read(&evidence).expect("it was copied"), b"no such data is kept");
    for file in ["le_requests.log", "le_actions.log", "le_evidence.log", "warrant_canary.log"] {
        let mode = fs::metadata(base.join(file)).expect(file).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert_eq!(fs::metadata(base.join("evidence")).expect("a folder").permissions().mode() & 0o777, 0o700);

    let listed = portal(machine.path(), &["list"]).ok();
    assert_eq!(listed["requests"].as_array().map(Vec::len), Some(2));
    assert_eq!(listed["requests"][0]["actions"], Value::Array(Vec::new()));
    assert_eq!(listed["requests"][1]["actions"][0]["entry"]["action"], "answered");
    assert_eq!(listed["requests"][1]["evidence"][0]["entry"]["file"], "answer.pdf");
    assert_eq!(listed["canary"]["entry"]["statement"], "no secret order was received");
    let report = portal(machine.path(), &["verify"]).ok();
    let lines: Vec<u64> =
        report["logs"].as_array().expect("four logs").iter().filter_map(|log| log["lines"].as_u64()).collect();
    assert_eq!((lines, &report["evidence_files"]), (vec![2, 1, 1, 1], &1.into()));

    // Another folder is another portal.
    let elsewhere = machine.path().join("elsewhere");
    let there = ["--base", elsewhere.to_str().expect("text")];
    let first = portal(machine.path(), &[&["canary", "--statement", "none"], &there[..]].concat()).ok();
    assert_eq!(first["sequence"], 0);
    assert_eq!(portal(machine.path(), &[&["list"], &there[..]].concat()).ok()["requests"], Value::Array(Vec::new()));
}

#[test]
fn a_log_that_was_changed_is_named_and_takes_no_more_lines() {
    let machine = tempfile::tempdir().expect("a folder");
    filled(machine.path());
    let base = machine.path().join("le_portal");
    let log = base.join("le_requests.log");
    let good = fs::read_to_string(&log).expect("the log");
    let (first, second) = good.split_once('\n').expect("two lines");
    for bad in [
        good.replace("12/345", "12/999"),
        second.to_owned(),
        format!("{second}{first}\n"),
        good.replacen("\"version\":1", "\"version\":2", 1),
        good.replacen("\"kind\":\"request\"", "\"kind\":\"else\"", 1),
        format!("{good}\n"),
        format!("{good}{}\n", "[".repeat(10_000)),
    ] {
        fs::write(&log, &bad).expect("ours");
        let refused = portal(machine.path(), &["verify"]).refused();
        assert_eq!((refused.exit, refused.code.as_str()), (9, "portal_damaged"), "{bad}");
        let words = ["request", "--authority", "a", "--reference", "b", "--subject", "c"];
        assert_eq!(portal(machine.path(), &words).refused().code, "portal_damaged");
        assert_eq!(fs::read_to_string(&log).expect("the log"), bad, "nothing was added");
    }
    // A torn last line is what a crash leaves: reported, and cut off by the next line.
    fs::write(&log, format!("{good}{}", &good[..40])).expect("ours");
    assert_eq!(portal(machine.path(), &["verify"]).ok()["logs"][0]["torn_bytes"], 40);
    let third = portal(machine.path(), &["request", "--authority", "a", "--reference", "b", "--subject", "c"]).ok();
    assert_eq!(third["sequence"], 2);
    assert_eq!(portal(machine.path(), &["verify"]).ok()["logs"][0]["torn_bytes"], 0);
    // Evidence whose bytes are others, or gone.
    let kept = fs::read_dir(base.join("evidence")).expect("a folder").next().expect("one").expect("an entry").path();
    fs::write(&kept, b"other bytes").expect("ours");
    assert!(portal(machine.path(), &["verify"]).refused().error.contains("has other bytes"));
    fs::remove_file(&kept).expect("ours");
    assert_eq!(portal(machine.path(), &["verify"]).refused().code, "portal_damaged");
}

#[test]
fn what_cannot_be_logged_is_refused_by_name() {
    let machine = tempfile::tempdir().expect("a folder");
    for (words, exit, code) in [
        (vec!["action", "--request", "0", "--action", "answered"], 5, "no_request"),
        (vec!["evidence", "--request", "0", "--file", "absent.pdf"], 1, "disk"),
        (vec!["canary", "--statement", " "], 2, "usage"),
        (vec!["canary", "--statement", &"x".repeat(5_000)], 2, "usage"),
        (vec!["canary"], 2, "usage"),
    ] {
        let refused = portal(machine.path(), &words).refused();
        assert_eq!((refused.exit, refused.code.as_str()), (exit, code), "{words:?}");
    }
    let large = fs::File::create(machine.path().join("large")).expect("a file");
    large.set_len(64 * 1_024 * 1_024 + 1).expect("sparse");
    portal(machine.path(), &["request", "--authority", "a", "--reference", "b", "--subject", "c"]).ok();
    let refused = portal(machine.path(), &["evidence", "--request", "0", "--file", "large"]).refused();
    assert_eq!((refused.exit, refused.code.as_str()), (4, "too_large"));
    assert_eq!(portal(machine.path(), &["verify"]).ok()["evidence_files"], 0);
}
