//! Results that are accepted and refused, and the limit on time.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Task, check, in_time, result, simulator_words, wrong};
use crate::snapshot::Snapshot;

/// So many kinds, each seen.
fn kinds(count: usize) -> Value {
    (0..count).map(|number| (format!("kind_{number}"), json!(3))).collect()
}

fn good() -> Value {
    let summary = json!({
        "verdict": "pass", "trace_hash": "ab", "seeds": 10_000, "passed": 10_000, "seeds_of_60_s": 10_000,
        "seeds_with_20_calm_heights": 10_000, "seeds_with_three_kinds": 7_500, "faults": kinds(20), "fault_ms": kinds(20),
        "effects": kinds(19), "dishonest": kinds(8), "dishonest_ms": kinds(8), "properties": kinds(20),
    });
    result("simulator", "2026-01-02", "0a1b", &format!("tb {}", simulator_words(10_000, 2).join(" ")), summary).unwrap()
}

fn caught() -> Value {
    let summary =
        json!({ "verdict": "pass", "defects": { "drops_the_lock": { "seed": 4 }, "hides_damage": { "seed": 0 } } });
    result("defects", "2026-01-02", "0a1b", "cargo run", summary).unwrap()
}

fn good_folds() -> Value {
    let all = |names: [&str; 3]| names.map(|name| (name.to_owned(), json!("refused"))).into_iter().collect::<Value>();
    let summary = json!({
        "chain_proof_bytes": [330_974, 330_974],
        "keys": all(["foreign_window_key", "foreign_constraints", "foreign_pre_hash"]),
        "folds": all(["swapped_children", "gap", "wrong_kind"]),
        "altered": { "mutations": 50, "accepted": 0, "panics": 0, "by_encoding": 3, "by_verifier": 40 },
    });
    result("folds", "2026-01-02", "0a1b", "cargo xtask nightly folds", summary).unwrap()
}

fn good_largest() -> Value {
    let part = |operations: u64| json!({ "operations": operations, "chain_proof_bytes": 264_382, "peak_memory_mb": 3_100, "extension_ms": 90_000 });
    let summary = json!({ "verdict": "pass", "memory_mb_max": 4_000, "parts": [part(65_536), part(6_144)] });
    result("largest", "2026-01-02", "0a1b", "cargo xtask nightly largest", summary).unwrap()
}

fn good_release() -> Value {
    let summary = json!({
        "verdict": "pass", "program_bytes": 60_000_000, "parts": 500,
        "features": ["backend-plonky3", "prod"], "cpu_features": ["popcnt", "sse4.2"],
        "program_sha256": "ff", "second_sha256": "ff",
    });
    result("release", "2026-01-02", "0a1b", "cargo xtask nightly release", summary).unwrap()
}

/// Two targets, as the code names them.
const FUZZED: &str = r#"Target { name: "block", bytes_max: 1 }, Target { name: "proof", bytes_max: 1 }"#;

fn good_fuzz() -> Value {
    let target = || json!({ "runs": 90_000, "edges": 300, "inputs": 40 });
    let targets = json!({ "block": target(), "proof": target() });
    let summary = json!({ "verdict": "pass", "seed": 1, "seconds": 20, "findings": 0, "targets": targets });
    result("fuzz", "2026-01-02", "0a1b", "cargo xtask nightly fuzz", summary).unwrap()
}

#[test]
fn every_target_is_fuzzed_with_enough_runs_and_edges_and_a_change_without_that_result_is_refused() {
    let _suite = testkit::contract!("S004-039");
    let judged = |result: &Value| -> Vec<String> {
        let text = result.to_string();
        let files = [("docs/nightly/fuzz.json", text.as_str()), ("fuzz/src/targets.rs", FUZZED)];
        let found = check(&Snapshot::of(&files)).into_iter().map(|finding| finding.to_string());
        found.filter(|finding| finding.contains("docs/nightly/fuzz.json")).collect()
    };
    assert_eq!(judged(&good_fuzz()), Vec::<String>::new());
    let cases = [
        ("/targets/block/edges", json!(3), "has 90000 runs and 3 edges of block"),
        ("/targets/proof/runs", json!(7), "has 7 runs and 300 edges of proof"),
        ("/findings", json!(1), "says Some(1) for `findings`"),
        ("/seed", Value::Null, "has no `seed`"),
        ("/targets", json!({}), "has no `targets`"),
    ];
    for (place, value, expected) in cases {
        let mut result = good_fuzz();
        *result.pointer_mut(place).unwrap() = value;
        let wrong = judged(&result);
        assert!(wrong.first().is_some_and(|wrong| wrong.contains(expected)), "{place}: {wrong:?}");
    }
    let mut left_out = good_fuzz();
    left_out["targets"].as_object_mut().unwrap().remove("proof");
    let wrong = judged(&left_out);
    assert!(wrong.len() == 1 && wrong[0].contains("does not have the target proof"), "{wrong:?}");
    // The suite of every change asks for the result, and the script is that task.
    let none = check(&Snapshot::of(&[("README.md", "")])).into_iter().map(|finding| finding.to_string());
    assert_eq!(none.filter(|finding| finding.contains("run `cargo xtask nightly fuzz`")).count(), 1);
    let script = include_str!("../../../scripts/fuzz_coverage.sh");
    assert!(script.ends_with("exec cargo xtask nightly fuzz\n"));
    // The committed result, of this very list of targets.
    let (last, code) = (committed("docs/nightly/fuzz.json"), committed("fuzz/src/targets.rs"));
    let files = [("docs/nightly/fuzz.json", last.as_str()), ("fuzz/src/targets.rs", code.as_str())];
    let found = check(&Snapshot::of(&files)).into_iter().map(|finding| finding.to_string());
    let found: Vec<String> = found.filter(|finding| finding.contains("fuzz.json")).collect();
    assert_eq!(found, Vec::<String>::new());
}

/// What the project holds at this path.
fn committed(path: &str) -> String {
    std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

#[test]
fn a_signed_release_was_built_twice_to_the_same_bytes() {
    let _same = testkit::contract!("S003-126");
    let result: Value = serde_json::from_str(&committed("docs/nightly/release.json")).unwrap();
    assert_eq!(wrong(Task::Release, &result), Vec::<String>::new());
    let sum = |key: &str| result[key].as_str().map(str::to_owned).unwrap();
    assert_eq!((sum("program_sha256").len(), sum("second_sha256")), (64, sum("program_sha256")));
    // Without that result a change is refused.
    let none = check(&Snapshot::of(&[("README.md", "")])).into_iter().map(|finding| finding.to_string());
    assert_eq!(none.filter(|finding| finding.contains("run `cargo xtask nightly release`")).count(), 1);
}

#[test]
fn a_release_that_needs_this_machine_is_a_finding() {
    let good = good_release();
    assert_eq!(wrong(Task::Release, &good), Vec::<String>::new());
    let cases: [(&str, Value, &str); 8] = [
        ("second_sha256", json!("ee"), "has another program from the second build"),
        ("second_sha256", Value::Null, "has another program from the second build"),
        ("program_sha256", Value::Null, "has another program from the second build"),
        ("cpu_features", json!(["avx2", "popcnt"]), "needs a processor with avx2"),
        ("cpu_features", Value::Null, "has no `cpu_features`"),
        ("features", json!(["prod"]), "has no feature backend-plonky3"),
        ("program_bytes", json!(1_000_000_000), "has a program of"),
        ("parts", json!(0), "has no parts"),
    ];
    for (key, value, expected) in cases {
        let mut result = good.clone();
        result[key] = value;
        let wrong = wrong(Task::Release, &result);
        assert!(wrong.len() == 1 && wrong[0].contains(expected), "{key}: {wrong:?}");
    }
}

#[test]
fn a_result_of_the_largest_parts_that_takes_too_much_is_a_finding() {
    let good = good_largest();
    assert_eq!(wrong(Task::Largest, &good), Vec::<String>::new());
    let cases: [(&str, Value, &str); 4] = [
        ("/parts/1/peak_memory_mb", json!(4_001), "4000 are the bound"),
        ("/parts/0/peak_memory_mb", Value::Null, "took None"),
        ("/parts/0/operations", json!(65_535), "65536 operations"),
        ("/parts/1/chain_proof_bytes", json!(264_383), "different sizes"),
    ];
    for (path, value, expected) in cases {
        let mut result = good.clone();
        *result.pointer_mut(path).unwrap() = value;
        let wrong = wrong(Task::Largest, &result);
        assert!(wrong.len() == 1 && wrong[0].contains(expected), "{path}: {wrong:?}");
    }
    let mut alone = good;
    alone["parts"].as_array_mut().unwrap().pop();
    assert!(wrong(Task::Largest, &alone)[0].contains("has 1 parts"));
}

#[test]
fn a_result_of_folds_whose_numbers_do_not_hold_is_a_finding() {
    assert_eq!(wrong(Task::Folds, &good_folds()), Vec::<String>::new());
    let cases: [(&str, Value, &str); 7] = [
        ("commit", json!(""), "has no `commit`"),
        ("altered", json!({ "mutations": 0, "accepted": 0, "panics": 0 }), "has no altered proofs"),
        ("chain_proof_bytes", json!([330_974, 350_000]), "grow"),
        ("chain_proof_bytes", json!([]), "grow"),
        ("keys", json!({}), "has no `keys`"),
        ("folds", json!({ "gap": "accepted" }), "gap is not refused"),
        ("altered", json!({ "mutations": 50, "accepted": 1, "panics": 0 }), "accepted or stopped on 1"),
    ];
    for (key, value, expected) in cases {
        let mut result = good_folds();
        result[key] = value;
        let wrong = wrong(Task::Folds, &result);
        assert!(wrong.len() == 1 && wrong[0].contains(expected), "{key}: {wrong:?}");
    }
}

fn good_mutations() -> Value {
    let summary = json!({
        "verdict": "pass", "mutations": 100_000, "accepted": 0, "panics": 0, "by_statement": 1_000, "by_encoding": 19_000,
        "by_verifier": 80_000, "classes": kinds(24), "slowest_ms": 700,
    });
    let command = "cargo xtask nightly mutations --mutations 100000";
    result("mutations", "2026-01-02", "0a1b", command, summary).unwrap()
}

#[test]
fn a_result_of_mutations_that_are_too_few_or_pass_is_a_finding() {
    assert_eq!(wrong(Task::Mutations, &good_mutations()), Vec::<String>::new());
    let cases: [(&str, Value, &str); 7] = [
        ("by_encoding", json!(18_999), "all are wanted"),
        ("by_verifier", json!(0), "some of each"),
        ("accepted", json!(1), "says Some(1) for `accepted`"),
        ("panics", Value::Null, "says None for `panics`"),
        ("classes", kinds(23), "lists 23 classes"),
        ("slowest_ms", json!(20_001), "20000 are too many"),
        ("verdict", json!(""), "has no `verdict`"),
    ];
    for (key, value, expected) in cases {
        let mut result = good_mutations();
        result[key] = value;
        let wrong = wrong(Task::Mutations, &result);
        assert!(wrong.len() == 1 && wrong[0].contains(expected), "{key}: {wrong:?}");
    }
    let mut few = good_mutations();
    (few["mutations"], few["by_verifier"]) = (json!(99_999), json!(79_999));
    assert_eq!(wrong(Task::Mutations, &few), ["is about 99999 altered proofs, 100000 are wanted"]);
}

fn good_chain() -> Value {
    let size =
        |height: u64| json!({ "height": height, "bytes": 264_420, "downloaded_bytes": 270_000, "verify_ms": 40 });
    let summary = json!({ "verdict": "pass", "sizes": [size(240), size(720), size(1_080)] });
    result("chain", "2026-01-02", "0a1b", "cargo xtask nightly chain", summary).unwrap()
}

#[test]
fn a_result_of_chain_proofs_whose_sizes_do_not_hold_is_a_finding() {
    assert_eq!(wrong(Task::Chain, &good_chain()), Vec::<String>::new());
    let cases: [(usize, &str, Value, &str); 6] = [
        (0, "height", json!(600), "no chain proof up to height 480"),
        (2, "height", json!(960), "none above 1000"),
        (1, "bytes", json!(330_974), "differ by more than 2 percent"),
        (2, "downloaded_bytes", json!(600_000), "download of 600000"),
        (2, "bytes", json!(null), "incomplete"),
        (1, "verify_ms", json!(150), "took 150 ms"),
    ];
    for (at, key, value, expected) in cases {
        let mut result = good_chain();
        result["sizes"][at][key] = value;
        let wrong = wrong(Task::Chain, &result);
        assert!(wrong.len() == 1 && wrong[0].contains(expected), "{key}: {wrong:?}");
    }
}

fn good_quorum() -> Value {
    let summary = json!({
        "verdict": "pass", "validators": 4, "lie_height": 33, "supply_from_nowhere": 16_000_000, "finalized_by_all": 130,
        "proven_max": 32, "attested": 131, "looks_after_lie": 20, "honest_node": 32, "release": "refused",
        "prover": "the operations of height 33 do not lead to the ledger root of its header",
    });
    result("quorum", "2026-01-02", "0a1b", "cargo xtask nightly quorum", summary).unwrap()
}

#[test]
fn a_result_of_a_quorum_that_got_away_with_something_is_a_finding() {
    assert_eq!(wrong(Task::Quorum, &good_quorum()), Vec::<String>::new());
    let cases: [(&str, Value, &str); 9] = [
        ("validators", json!(3), "is not about 4 validators"),
        ("supply_from_nowhere", json!(0), "no coin from nowhere"),
        ("finalized_by_all", Value::Null, "has None as finalized"),
        ("proven_max", json!(48), "has Some(48) as proven"),
        ("attested", json!(32), "did not see the lie"),
        ("looks_after_lie", json!(9), "fewer than 10 looks"),
        ("honest_node", json!(33), "took the lie"),
        ("prover", json!("no memory"), "has no refusal of the prover"),
        ("release", json!("accepted"), "could have the feature"),
    ];
    for (key, value, expected) in cases {
        let mut result = good_quorum();
        result[key] = value;
        let wrong = wrong(Task::Quorum, &result);
        assert!(wrong.len() == 1 && wrong[0].contains(expected), "{key}: {wrong:?}");
    }
}

/// So many trials, each with an end.
fn ends(trials: u64) -> Value {
    json!({ "trials": trials, "without_effect": 1, "mended": 2, "refused": trials - 3 })
}

fn good_damage() -> Value {
    json!({
        "task": "damage", "date": "2026-11-22", "commit": "c", "command": "cargo xtask nightly damage", "verdict": "pass",
        "seed": 1, "panics": 0, "wrong": 0, "journal_bytes": 5_000,
        "journal_flip": ends(5_000), "journal_cut": ends(5_000), "store": ends(10_000), "snapshot": ends(10_000),
        "repaired": good_homes(),
    })
}

/// Sixty homes that came back.
fn good_homes() -> Value {
    let times = |trials: u64| json!({ "trials": trials, "p50": 900, "max": 4_000 });
    json!({
        "date": "2026-11-23", "commit": "d", "seed": 1, "panics": 0, "wrong": 0,
        "kinds": { "journal": 20, "store": 20, "snapshot": 20 },
        "ways": {
            "without_effect": times(5), "mended": times(5), "rebuilt_by_snapshot": times(10), "rebuilt_by_peers": times(20),
            "rebuilt_by_genesis": times(20),
        },
        "repair_ms": times(60),
    })
}

#[test]
fn a_result_about_damage_has_homes_that_came_back_by_themselves() {
    let without = |change: &dyn Fn(&mut Value)| {
        let mut result = good_damage();
        change(&mut result["repaired"]);
        wrong(Task::Damage, &result)
    };
    type Change<'a> = &'a dyn Fn(&mut Value);
    let cases: [(Change, &str); 7] = [
        (&|homes| homes["commit"] = json!(""), "has no `commit`"),
        (&|homes| homes["panics"] = json!(2), "says Some(2) for `panics`"),
        (&|homes| homes["kinds"]["store"] = json!(19), "has [20, 19, 20] trials"),
        (&|homes| homes["ways"]["mended"]["trials"] = json!(4), "59 of which came back"),
        (
            &|homes| homes["ways"]["mended"] = homes["ways"]["rebuilt_by_snapshot"].take(),
            "no home that was rebuilt_by_snapshot",
        ),
        (&|homes| homes["ways"]["helped"] = homes["ways"]["mended"].take(), "55 of which came back"),
        (&|homes| homes["repair_ms"] = json!({ "p50": 1 }), "does not say how long"),
    ];
    for (change, expected) in cases {
        let found = without(change);
        assert!(
            found.iter().any(|text| text.contains(expected) && text.ends_with("in `repaired`")),
            "{expected}: {found:?}"
        );
    }
    assert!(without(&|homes| *homes = Value::Null).len() > 3, "a result without it is refused");
}

#[test]
fn a_result_about_damage_has_every_place_and_an_end_of_each() {
    let good = good_damage();
    assert_eq!(wrong(Task::Damage, &good), Vec::<String>::new());
    let cases = [
        ("panics", json!(1), "says Some(1) for `panics`"),
        ("wrong", Value::Null, "says None for `wrong`"),
        ("journal_cut", ends(4_999), "has 4999 trials of journal_cut"),
        ("store", ends(9_999), "has 9999 trials of store"),
        ("snapshot", json!({ "trials": 10_000, "refused": 9_999 }), "has 10000 trials of snapshot"),
    ];
    for (key, value, expected) in cases {
        let mut result = good.clone();
        result[key] = value;
        let wrong = wrong(Task::Damage, &result);
        assert!(wrong.len() == 1 && wrong[0].contains(expected), "{key}: {wrong:?}");
    }
}

fn good_kills() -> Value {
    let steps: Value = (0..18).map(|step| (format!("step_{step}"), json!(1))).collect::<serde_json::Map<_, _>>().into();
    json!({
        "task": "kills", "date": "2026-11-22", "commit": "c", "command": "cargo xtask nightly kills --kills 10000",
        "verdict": "pass", "kills": 10_000, "named": 5_000, "random": 5_000, "steps": steps, "lost": 0,
        "conflicting_signatures": 0, "transfers_per_second": 61,
        "recovery_ms": { "count": 3_750, "p50": 200, "p99": 700, "max": 900 },
    })
}

#[test]
fn a_result_about_kills_lost_nothing_and_has_half_of_each_kind() {
    let good = good_kills();
    assert_eq!(wrong(Task::Kills, &good), Vec::<String>::new());
    let cases = [
        ("lost", json!(1), "says Some(1) for `lost`"),
        ("conflicting_signatures", Value::Null, "says None for `conflicting_signatures`"),
        ("random", json!(4_999), "has 10000 kills, 5000 at named steps and 4999 at random"),
        ("steps", json!({ "commit_after_sync": 5_000 }), "names 1 steps"),
        ("transfers_per_second", json!(49), "has Some(49) transfers a second"),
        ("recovery_ms", json!({ "p50": 1 }), "does not say how long"),
    ];
    for (key, value, expected) in cases {
        let mut result = good.clone();
        result[key] = value;
        let wrong = wrong(Task::Kills, &result);
        assert!(wrong.len() == 1 && wrong[0].contains(expected), "{key}: {wrong:?}");
    }
}

#[test]
fn a_result_that_is_missing_or_foreign_is_a_finding() {
    let none = check(&Snapshot::of(&[("README.md", "")]));
    assert_eq!(none.len(), 11, "each task has a result");
    assert!(none[0].to_string().starts_with("docs/nightly/simulator.json: is missing; run `cargo xtask nightly"));
    let results =
        [good(), caught(), good_folds(), good_mutations(), good_chain(), good_quorum(), good_release(), good_fuzz()];
    let [text, defects, folds, mutations, chain, quorum, release, fuzz] = results.map(|result| result.to_string());
    let fired = json!({ "verdict": "pass", "alerts": [] });
    let (damage, kills) = (good_damage().to_string(), good_kills().to_string());
    let alerts = result("alerts", "2026-01-02", "0a1b", "cargo xtask nightly alerts", fired).unwrap().to_string();
    let all = [
        ("docs/nightly/simulator.json", text.as_str()),
        ("docs/nightly/defects.json", defects.as_str()),
        ("docs/nightly/folds.json", folds.as_str()),
        ("docs/nightly/mutations.json", mutations.as_str()),
        ("docs/nightly/chain.json", chain.as_str()),
        ("docs/nightly/quorum.json", quorum.as_str()),
        ("docs/nightly/alerts.json", alerts.as_str()),
        ("docs/nightly/release.json", release.as_str()),
        ("docs/nightly/damage.json", damage.as_str()),
        ("docs/nightly/kills.json", kills.as_str()),
        ("docs/nightly/fuzz.json", fuzz.as_str()),
        ("fuzz/src/targets.rs", FUZZED),
    ];
    assert!(check(&Snapshot::of(&all)).is_empty());
    let two = check(&Snapshot::of(&[&all[..], &[("docs/nightly/tides.json", "{}")]].concat()));
    assert!(two.len() == 1 && two[0].to_string().contains("the result of no task"), "{two:?}");
    let torn = check(&Snapshot::of(&[&[("docs/nightly/simulator.json", "{")], &all[1..]].concat()));
    assert!(torn[0].to_string().contains("is not JSON"), "{torn:?}");
}

#[test]
fn a_result_whose_numbers_do_not_hold_is_a_finding() {
    assert_eq!(wrong(Task::Simulator, &good()), Vec::<String>::new());
    let with_none = |count| {
        let mut counts = kinds(count);
        counts["kind_0"] = json!(0);
        counts
    };
    let cases: [(&str, Value, &str); 10] = [
        ("effects", with_none(19), "has no kind_0 in `effects`"),
        ("dishonest", kinds(7), "lists 7 kinds in `dishonest`, 8 are wanted"),
        ("passed", json!(7), "has passed Some(7), all 10000 seeds are wanted"),
        ("seeds_of_60_s", json!(7), "has seeds_of_60_s"),
        ("seeds_with_20_calm_heights", Value::Null, "has seeds_with_20_calm_heights None"),
        ("seeds_with_three_kinds", json!(5), "in 5 of 10000 seeds, three in four"),
        ("faults", with_none(20), "has no kind_0 in `faults`"),
        ("properties", json!({}), "has no `properties`"),
        ("commit", json!(""), "has no `commit`"),
        ("command", json!("tb sim --seeds 80 --jobs 2"), "says 10000 seeds"),
    ];
    for (key, value, expected) in cases {
        let mut result = good();
        result[key] = value;
        let wrong = wrong(Task::Simulator, &result);
        assert!(wrong.len() == 1 && wrong[0].contains(expected), "{key}: {wrong:?}");
    }
}

#[test]
fn a_result_of_too_few_seeds_is_a_finding() {
    let mut few = good();
    few["command"] = json!("tb sim --seeds 300 --jobs 2");
    for key in ["seeds", "passed", "seeds_of_60_s", "seeds_with_20_calm_heights"] {
        few[key] = json!(300);
    }
    assert_eq!(wrong(Task::Simulator, &few), ["is about 300 seeds, 10000 are wanted"]);
}

#[test]
fn a_defect_that_is_not_caught_in_time_is_a_finding() {
    assert_eq!(wrong(Task::Defects, &caught()), Vec::<String>::new());
    for seed in [json!(500), Value::Null] {
        let mut late = caught();
        late["defects"]["drops_the_lock"]["seed"] = seed;
        assert_eq!(wrong(Task::Defects, &late), ["has no seed below 500 that catches drops_the_lock"]);
    }
    let mut none = caught();
    none["defects"] = json!({});
    assert_eq!(wrong(Task::Defects, &none), ["has no `defects`"]);
}

#[test]
fn a_task_ends_in_time_or_is_ended() {
    let start = |script: &str| Command::new("/bin/sh").args(["-c", script]).spawn().unwrap();
    assert!(in_time(start("exit 0"), Duration::from_secs(60)).is_ok());
    let failed = in_time(start("exit 3"), Duration::from_secs(60)).unwrap_err();
    assert!(failed.to_string().contains("ended with"), "{failed}");
    let late = in_time(start("exec sleep 600"), Duration::ZERO).unwrap_err();
    assert!(late.to_string().contains("goes on where it was"), "{late}");
}
