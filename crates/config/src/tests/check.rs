//! `config check`: problems of values, genesis and key files, and silence when all is well.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::rules::genesis;
use super::{Place, lookup};
use crate::{Report, Severity, check};

fn run(place: &Place, flags: &[(&str, &str)]) -> Report {
    let flags: Vec<(String, String)> = flags.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    check(&place.home(), &flags, lookup(&[]))
}

/// A home directory without problems.
fn ready() -> Place {
    let place = Place::new();
    place.write("genesis.json", genesis(&[("malachite_consensus", 0)]).to_json());
    place.write("node_key", "00");
    place.write("validator_key.json", "{}");
    place
}

#[test]
fn a_ready_home_has_no_problems() {
    for mode in ["node", "validator", "hybrid", "wallet"] {
        let report = run(&ready(), &[("mode", mode)]);
        assert!(report.is_clean() && !report.has_errors(), "{report}");
        assert!(report.to_string().contains("no problems"));
    }
}

#[test]
fn clamped_values_and_missing_files_are_flagged() {
    let place = Place::new();
    let report = run(&place, &[("p2p.replay_window_size", "0"), ("mode", "validator")]);
    let warnings = report.problems.iter().filter(|problem| problem.severity == Severity::Warning).count();
    assert!(warnings == 1 && report.problems.len() == 4, "no node starts without its files: {report}");
    let text = report.to_string();
    for word in
        ["replay_window_size", "genesis.json is missing", "validator_key.json is missing", "node_key is missing"]
    {
        assert!(text.contains(word), "{text}");
    }
    // A home that exists gets no new key: what is said can be done.
    assert_eq!(text.matches("in another home with: tb init --home DIR").count(), 2, "{text}");
    assert!(!run(&place, &[]).to_string().contains("validator_key"), "a node that follows needs no validator key");
    let place = ready();
    fs::set_permissions(place.path().join("node_key"), Permissions::from_mode(0o644)).unwrap();
    let report = run(&place, &[]);
    assert!(report.to_string().contains("node_key can be used by others (mode 644)") && !report.has_errors());
}

#[test]
fn wrong_values_gates_and_genesis_files_are_errors() {
    let place = ready();
    let errors = |report: &Report| report.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let report = run(&place, &[("mempool_limit", "0"), ("modee", "node"), ("mode", "miner")]);
    assert_eq!(errors(&report), 3, "{report}");
    assert!(report.to_string().contains("`mode` = miner (flag) is unknown"), "{report}");
    let report = run(&place, &[("rollout.feature_gates.malachite_consensus", "false"), ("p2p.max_per_sec", "0")]);
    assert_eq!(errors(&report), 1, "{report}");
    assert_eq!(report.problems[0].severity, Severity::Error, "errors come first: {report}");
    assert!(report.problems[0].text.contains("genesis file says true"), "{report}");
    place.write("genesis.json", "{}");
    assert!(run(&place, &[]).problems[0].text.contains("genesis file does not parse"));
}

#[test]
fn a_check_writes_nothing() {
    let place = ready();
    let names = || {
        let mut names: Vec<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    run(&place, &[]);
    assert_eq!(names(), before);
}
