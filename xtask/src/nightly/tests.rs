//! Results that are accepted and refused, and the limit on time.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::{check, in_time, result, simulator_words, wrong};
use crate::snapshot::Snapshot;

fn good() -> Value {
    let counts = json!({ "crash": 3, "loss": 4 });
    let summary = json!({
        "verdict": "pass", "trace_hash": "ab", "seeds": 8, "passed": 8, "seeds_of_60_s": 8,
        "seeds_with_20_calm_heights": 8, "seeds_with_three_kinds": 6, "faults": counts, "fault_ms": counts,
        "dishonest": { "twin": 1 }, "dishonest_ms": { "twin": 9 }, "properties": { "agreement": 7 },
    });
    result("2026-01-02", "0a1b", &format!("tb {}", simulator_words(8, 2).join(" ")), summary).unwrap()
}

#[test]
fn a_result_that_is_missing_or_foreign_is_a_finding() {
    let none = check(&Snapshot::of(&[("README.md", "")]));
    assert_eq!(none.len(), 1);
    assert!(none[0].to_string().starts_with("docs/nightly/simulator.json: is missing; run `cargo xtask nightly"));
    let text = good().to_string();
    assert!(check(&Snapshot::of(&[("docs/nightly/simulator.json", &text)])).is_empty());
    let two = check(&Snapshot::of(&[("docs/nightly/simulator.json", &text), ("docs/nightly/tides.json", "{}")]));
    assert!(two.len() == 1 && two[0].to_string().contains("the result of no task"), "{two:?}");
    let torn = check(&Snapshot::of(&[("docs/nightly/simulator.json", "{")]));
    assert!(torn[0].to_string().contains("is not JSON"), "{torn:?}");
}

#[test]
fn a_result_whose_numbers_do_not_hold_is_a_finding() {
    assert_eq!(wrong(&good()), Vec::<String>::new());
    let cases: [(&str, Value, &str); 8] = [
        ("passed", json!(7), "has passed Some(7), all 8 seeds are wanted"),
        ("seeds_of_60_s", json!(7), "has seeds_of_60_s"),
        ("seeds_with_20_calm_heights", Value::Null, "has seeds_with_20_calm_heights None"),
        ("seeds_with_three_kinds", json!(5), "in 5 of 8 seeds, three in four"),
        ("faults", json!({ "crash": 0 }), "has no crash in `faults`"),
        ("properties", json!({}), "has no `properties`"),
        ("commit", json!(""), "has no `commit`"),
        ("command", json!("tb sim --seeds 80 --jobs 2"), "says 8 seeds"),
    ];
    for (key, value, expected) in cases {
        let mut result = good();
        result[key] = value;
        let wrong = wrong(&result);
        assert!(wrong.len() == 1 && wrong[0].contains(expected), "{key}: {wrong:?}");
    }
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
