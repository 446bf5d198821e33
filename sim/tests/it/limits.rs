//! `scripts/analyze_simnet.py`: the limits of a summary, on good and on doctored ones.
//!
//! Without python3 the script cannot run; then these tests say so and show nothing, and the check of the contract
//! names its row as not shown.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use sim::properties::Property;
use sim::{Format, Plan, Summary, run, run_seeds};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/analyze_simnet.py");

/// What is changed in a good summary.
type Doctor = fn(&mut Value);

fn has_python() -> bool {
    let found = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("python3 is not installed: scripts/analyze_simnet.py was not tested");
    }
    found
}

/// What the script says about a summary, and its exit code.
fn judged(name: &str, text: &str) -> (i32, String) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("{name}.json"));
    std::fs::write(&path, text).unwrap();
    let output = Command::new("python3").arg(SCRIPT).arg(&path).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

fn quorum_stress() -> Plan {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/simnet/scenarios/consensus_quorum_stress.ron");
    Plan::read(&std::fs::read_to_string(path).unwrap(), Format::Ron).unwrap()
}

#[test]
fn the_stress_scenario_holds_every_limit_and_refuses_all_tampering() {
    let _shown = testkit::contract!("S002-015");
    let report = run(quorum_stress());
    assert!(report.is_expected(), "{:?}", report.unmet);
    assert!(report.tamper_attempts > 100 && report.tamper_accepted == 0, "{}", report.tamper_attempts);
    if !has_python() {
        return;
    }
    let (code, said) = judged("stress", &serde_json::to_string(&report).unwrap());
    assert_eq!(code, 0, "{said}");
}

#[test]
fn each_limit_that_is_passed_and_each_figure_that_is_missing_is_named() {
    if !has_python() {
        return;
    }
    let _shown = testkit::contract!("S002-016");
    let mut good = serde_json::to_value(run(quorum_stress())).unwrap();
    good["proofs"] = json!({"prove_p95_ms": 5_500, "verify_p95_ms": 100, "tamper_attempts": 40, "tamper_accepted": 0});
    assert_eq!(judged("proven", &good.to_string()).0, 0);
    let cases: [(&str, Doctor, &str); 17] = [
        ("slow", |summary| summary["propagation_p95_ms"] = json!(501), "propagation_p95_ms is 501, the limit is 500"),
        ("late", |summary| summary["resume_ms"] = json!(5_001), "resume_ms is 5001, the limit is 5000"),
        ("never", |summary| summary["resume_ms"] = Value::Null, "resume_ms is missing"),
        ("text", |summary| summary["propagation_p95_ms"] = json!("12"), "propagation_p95_ms is missing"),
        ("broken", |summary| summary["verdict"] = json!("diverged"), "a property failed: diverged"),
        ("silent", |summary| drop(summary.as_object_mut().unwrap().remove("verdict")), "verdict is missing"),
        ("unchecked", |summary| summary["properties"]["validity"] = json!(0), "validity was never checked"),
        ("blind", |summary| summary["properties"] = json!([]), "properties is missing"),
        ("accepted", |summary| summary["tamper_accepted"] = json!(1), "1 tampered blocks were accepted"),
        ("unmet", |summary| summary["unmet"] = json!(["height is 3"]), "height is 3"),
        ("batch", |summary| (summary["seeds"], summary["passed"]) = (json!(5), json!(4)), "1 of 5 runs failed"),
        (
            "prove",
            |summary| summary["proofs"]["prove_p95_ms"] = json!(5_501),
            "prove_p95_ms is 5501, the limit is 5500",
        ),
        ("check", |summary| summary["proofs"]["verify_p95_ms"] = json!(101), "verify_p95_ms is 101, the limit is 100"),
        ("taken", |summary| summary["proofs"]["tamper_accepted"] = json!(1), "1 altered proofs were accepted, of 40"),
        ("untried", |summary| summary["proofs"]["tamper_attempts"] = json!(0), "no altered proof was tried"),
        ("no proofs", |summary| summary["proofs"] = json!(7), "proofs holds no figures"),
        ("empty", |summary| *summary = json!([]), "is no summary"),
    ];
    for (name, doctor, reason) in cases {
        let mut summary = good.clone();
        doctor(&mut summary);
        let (code, said) = judged(name, &summary.to_string());
        assert_eq!(code, 1, "{name}: {said}");
        assert!(said.lines().any(|line| line.starts_with("FAIL ") && line.contains(reason)), "{name}: {said}");
    }
    let (code, said) = judged("torn", "{\"verdict\": \"pa");
    assert!(code == 1 && said.contains("cannot be read"), "{said}");
}

#[test]
fn the_script_asks_for_every_property_that_each_run_checks() {
    let script = std::fs::read_to_string(SCRIPT).unwrap();
    let list = script.split_once("PROPERTIES = (").unwrap().1.split_once(')').unwrap().0;
    let calm = run(Plan::from_toml("seed = 1\nvalidators = 4\ntraffic_per_second = 0\nfaults_ms = 1000\n").unwrap());
    assert!(calm.verdict.is_pass(), "{:?}", calm.detail);
    for property in Property::ALL.map(Property::name) {
        let is_asked = list.contains(&format!("\"{property}\""));
        assert_eq!(is_asked, calm.properties.contains_key(property), "{property} in a run without faults and payments");
        let needs_more = [
            "mempool_bounded",
            "damage_is_found",
            "restored_equals_the_others",
            "no_bad_snapshot_is_used",
            "snapshots_leave_blocks_alone",
            "proven_only_rises",
            "end_records_match_blocks",
            "each_height_is_paid_once",
            "bonds_follow_verdicts",
            "one_proof_in_a_block",
            "lag_never_stops_blocks",
            "verdicts_survive_restarts",
            "pruned_stores_answer",
            "migration_is_finished",
            "rot_is_mended",
        ];
        assert!(is_asked || needs_more.contains(&property), "{property}");
    }
}

#[test]
fn a_summary_of_seeds_has_every_figure_that_the_limits_need() {
    if !has_python() {
        return;
    }
    let summary = Summary::of(&run_seeds(0..4, 2, |_| {}));
    let (_, said) = judged("seeds", &serde_json::to_string(&summary).unwrap());
    assert!(!said.contains("missing") && !said.contains("never checked"), "{said}");
}
