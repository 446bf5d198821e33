//! `tb sim` as a program: scenarios, reports, a batch that is killed and goes on.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::{tb, tb_as};

/// Longest time for one simulation of these tests.
const TIME: Duration = Duration::from_secs(120);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sim(arguments: &[&str]) -> Output {
    tb().args(arguments).stdin(Stdio::null()).output().expect("the program was built")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {} {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    })
}

#[test]
fn a_ron_scenario_runs_and_leaves_a_summary_a_page_and_a_table() {
    let _shown = testkit::contract!("S002-014");
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    let scenario = root().join("tools/simnet/scenarios/consensus_quorum_stress.ron");
    let arguments =
        ["--scenario", scenario.to_str().unwrap(), "--report", report.to_str().unwrap(), "--json", "--proofs", "2"];
    let output = tb_as("simnet", folder.path()).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = json(&output);
    assert_eq!(said["verdict"], "pass");
    proves_beside_it(&said, &report.join("summary.json"));
    let summary = std::fs::read_to_string(report.join("summary.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&summary).unwrap(), said);
    let page = std::fs::read_to_string(report.join("index.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("consensus_quorum_stress, seed 11"));
    let table = std::fs::read_to_string(report.join("heights.csv")).unwrap();
    assert_eq!(u64::try_from(table.lines().count()).unwrap(), said["height"].as_u64().unwrap() + 1);
}

/// The summary says that no tampering was taken, of blocks or of real proofs, and how long 95 of 100 windows take; the script compares
/// both with the documented limits (`sim`: `limits`). How quick this machine is at this moment is no matter of a test.
fn proves_beside_it(said: &Value, summary: &Path) {
    let script = root().join("scripts/analyze_simnet.py");
    let Ok(judged) = Command::new("python3").arg(script).arg(summary).output() else {
        return testkit::lacks!("S002-017", "python3");
    };
    let _shown = testkit::contract!("S002-017");
    assert_eq!((&said["tamper_accepted"], &said["proofs"]["tamper_accepted"]), (&0.into(), &0.into()), "{said}");
    let figure = |name: &str| said["proofs"][name].as_u64().unwrap_or_else(|| panic!("no {name}: {said}"));
    assert_eq!((figure("windows"), figure("tamper_attempts")), (2, 80));
    assert!(figure("prove_p95_ms") >= figure("prove_p50_ms") && figure("prove_p50_ms") > 0, "{said}");
    assert!(figure("verify_p95_ms") >= figure("verify_p50_ms") && figure("prove_p95_ms") > figure("verify_p95_ms"));
    let judged = String::from_utf8_lossy(&judged.stdout).into_owned();
    let other = judged.lines().filter(|line| line.starts_with("FAIL ") && !line.contains("_p95_ms is "));
    assert_eq!(other.collect::<Vec<_>>(), Vec::<&str>::new(), "{judged}");
    assert!(judged.contains("summary.json"), "{judged}");
}

#[test]
fn a_wrong_scenario_and_an_unknown_profile_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrong.toml");
    std::fs::write(&path, "seed = 1\nvalidator = 4\nfaults_ms = 1\n").unwrap();
    let wrong = json(&sim(&["sim", "--scenario", path.to_str().unwrap(), "--json"]));
    assert_eq!((&wrong["code"], &wrong["exit_code"]), (&Value::from("scenario"), &Value::from(2)));
    assert!(wrong["hint"].as_str().unwrap().contains("did you mean validators?"), "{wrong}");
    let unknown = json(&sim(&["sim", "--profile", "tempest", "--json"]));
    assert!(unknown["error"].as_str().unwrap().contains("tempest"), "{unknown}");
}

#[test]
fn snapshots_are_guarded_and_the_report_counts_them() {
    let folder = tempfile::tempdir().unwrap();
    let said =
        json(&sim(&["sim", "--profile", "snapshot-guard", "--json", "--report", folder.path().to_str().unwrap()]));
    assert_eq!((&said["verdict"], &said["unmet"]), (&Value::from("pass"), &Value::from(Vec::<Value>::new())), "{said}");
    for effect in ["snapshot_made", "snapshot_refused", "snapshot_restored", "chunk_refused", "snapshot_crash_half"] {
        assert!(said["effects"][effect].as_u64().is_some_and(|count| count > 0), "{effect}: {said}");
    }
    let page = std::fs::read_to_string(folder.path().join("index.html")).unwrap();
    assert!(page.contains("snapshot restored") && page.contains("no bad snapshot is used"));
}

#[test]
fn a_batch_that_is_killed_goes_on_and_gives_the_same_summary() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("batch.journal");
    let plain = ["sim", "--profile", "canary-rolling", "--seeds", "12", "--jobs", "2", "--json"];
    let whole = json(&sim(&plain));
    let resumed = [&plain[..], &["--resume", journal.to_str().unwrap()]].concat();
    let mut child = tb().args(&resumed).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let lines = || std::fs::read_to_string(&journal).unwrap_or_default().lines().count();
    let start = Instant::now();
    while lines() < 4 {
        assert!(start.elapsed() < TIME, "no run ended in time");
        std::thread::sleep(Duration::from_millis(20));
    }
    // The signal that no program can catch.
    child.kill().unwrap();
    child.wait().unwrap();
    let left = lines();
    assert!((4..13).contains(&left), "{left} lines in the journal");
    let output = sim(&resumed);
    assert!(String::from_utf8_lossy(&output.stderr).contains("of 12 runs"), "{output:?}");
    assert_eq!(json(&output), whole);
    assert_eq!(lines(), 13);
    let other = json(&sim(&["sim", "--seeds", "3", "--resume", journal.to_str().unwrap(), "--json"]));
    assert_eq!(other["code"], "journal", "{other}");
}

#[test]
fn a_replay_prints_the_events_that_were_asked_for() {
    let scenario = root().join("scenarios/fork.toml");
    let output = sim(&["sim", "--scenario", scenario.to_str().unwrap(), "--replay", "--from", "5", "--to", "9"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let events: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
    assert_eq!(events.len(), 5, "{text}");
    assert!(events[0].starts_with("#5 ") && text.contains("diverged"), "{text}");
}
