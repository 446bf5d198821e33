//! The task about alerts: a fault on a running network makes each critical one fire and no other, and the commands of its runbook clear it.
//!
//! It runs an ignored test of `tb` with a real Prometheus and the rules that operators load, an hour of which is a minute there. The test keeps a journal below
//! `target/nightly`, a line for each alert, so a run that is stopped goes on with the next fault. It needs Prometheus, the right to mount small disks,
//! `strace`, `ss`, and 3 GB of memory for a fold.
//!
//! Rule: every critical alert of the rules is in the result.

use std::collections::BTreeSet;
use std::fs::{self, File};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{TIME_MAX, commit, in_time, stamped};
use crate::process::Workspace;
use crate::snapshot::Snapshot;

/// The test.
const TEST: &str = "alerts::every_critical_alert_fires_and_clears";
/// The rules as operators load them.
const RULES: &str = "monitoring/alert.rules.yml";
/// What each alert of the result says.
const KEYS: [&str; 3] = ["alert", "fault", "remedy"];
/// Longest time that an alert may take to fire or to clear, seconds, at the pace of the drill: one clears only after a fold.
const SECONDS_MAX: u64 = 600;

pub(super) fn run(workspace: &Workspace) -> Result<Value> {
    let commit = commit(workspace)?;
    let folder = workspace.target().join("nightly");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let (path, journal) = (folder.join("alerts.log"), folder.join("alerts.journal"));
    let log = File::create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
    let mut command = workspace.cargo(&["test", "--release", "--locked", "--package", "tb", "--test", "it", "--"]);
    command.args(["--ignored", "--exact", TEST, "--nocapture"]).stdout(log).env("ALERTS_JOURNAL", &journal);
    in_time(command.spawn().context("cargo could not be started")?, TIME_MAX)
        .with_context(|| format!("an alert did not fire or did not clear; what was said is in {}", path.display()))?;
    let text = fs::read_to_string(&journal).with_context(|| format!("{} cannot be read", journal.display()))?;
    let rows: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    ensure!(!rows.is_empty(), "the journal is empty; what was said is in {}", path.display());
    // It is in the result now; the next run begins anew.
    fs::remove_file(&journal).with_context(|| format!("{} cannot be removed", journal.display()))?;
    let summary = json!({ "verdict": "pass", "alerts": rows });
    stamped(workspace, "alerts", &commit, "cargo xtask nightly alerts", summary)
}

fn rows(result: &Value) -> &[Value] {
    result.get("alerts").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What is wrong with a result.
pub(super) fn wrong(result: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for row in rows(result) {
        let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
        if KEYS.iter().any(|key| text(key).is_empty()) {
            wrong.push(format!("has an alert without its name, fault or remedy: {row}"));
        }
        for key in ["seconds_to_fire", "seconds_to_clear"] {
            if row.get(key).and_then(Value::as_u64).is_none_or(|seconds| seconds > SECONDS_MAX) {
                wrong.push(format!(
                    "says {:?} for `{key}` of {}, at most {SECONDS_MAX} are wanted",
                    row.get(key),
                    text("alert")
                ));
            }
        }
    }
    wrong
}

/// What the result leaves out.
pub(super) fn incomplete(snapshot: &Snapshot, result: &Value) -> Vec<String> {
    compared(snapshot.text(RULES).unwrap_or_default(), result)
}

fn compared(rules: &str, result: &Value) -> Vec<String> {
    let blocks = rules.split("- alert: ").skip(1).filter(|block| block.contains("severity: critical"));
    let critical: BTreeSet<&str> = blocks.filter_map(|block| block.lines().next()).collect();
    let fired: BTreeSet<&str> = rows(result).iter().filter_map(|row| row.get("alert")?.as_str()).collect();
    critical.difference(&fired).map(|alert| format!("does not say that {alert} fired")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{SECONDS_MAX, compared, rows, wrong};

    const RULES: &str = "      - alert: A\n  severity: critical\n      - alert: B\n  severity: critical\n      - alert: C\n  severity: warning\n";

    fn result(alert: &str, fire: u64) -> Value {
        let row = json!({
            "alert": alert, "fault": "a fault", "remedy": "start it", "seconds_to_fire": fire, "seconds_to_clear": 3,
        });
        json!({ "alerts": [row] })
    }

    #[test]
    fn every_critical_alert_fired() {
        let [one, other] = ["A", "B"].map(|alert| rows(&result(alert, 2))[0].clone());
        assert!(compared(RULES, &json!({ "alerts": [one, other] })).is_empty());
        assert_eq!(compared(RULES, &result("A", 2)), ["does not say that B fired"]);
    }

    #[test]
    fn an_alert_without_its_fault_or_in_no_time_is_a_finding() {
        assert!(wrong(&result("A", SECONDS_MAX)).is_empty());
        assert!(wrong(&result("A", SECONDS_MAX + 1))[0].contains("Some(Number(601)) for `seconds_to_fire` of A"));
        assert!(wrong(&result("", 2))[0].contains("without its name"));
        assert!(wrong(&json!({ "alerts": [{ "alert": "A", "fault": "f", "remedy": "r" }] })).len() == 2);
    }
}
