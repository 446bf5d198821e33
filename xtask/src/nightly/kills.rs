//! The task about `kill -9`: validators that pay and write die at named steps and at random moments, thousands of times.
//!
//! It runs an ignored test of `tb`, the one of every change with more kills. The test keeps a journal below `target/nightly`, a line for each network of a hundred
//! kills, so a run that is stopped, or passes its time, goes on with the next one; it prints one line of JSON at its end, and fails at the first acknowledged
//! transfer that is lost and at the first signature that conflicts.

use std::fs::{self, File};

use anyhow::{Context, Result};
use serde_json::Value;

use super::folds::numbers;
use super::{TIME_MAX, commit, in_time, stamped};
use crate::process::Workspace;

/// The test.
const TEST: &str = "kills::nightly_kills";
/// Fewest kills of a result that is accepted.
const KILLS_MIN: u64 = 10_000;
/// Fewest transfers a second that were acknowledged meanwhile.
const TRANSFERS_MIN: u64 = 50;
/// Fewest steps at which processes died by name.
const STEPS_MIN: usize = 18;

pub(super) fn run(workspace: &Workspace, kills: u64) -> Result<Value> {
    let commit = commit(workspace)?;
    let folder = workspace.target().join("nightly");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let path = folder.join("kills.log");
    let log = File::create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
    let mut command = workspace.cargo(&["test", "--release", "--locked", "--package", "tb", "--test", "it", "--"]);
    command.args(["--ignored", "--exact", TEST, "--nocapture"]).stdout(log);
    command.env("NIGHTLY_FOLDER", &folder).env("NIGHTLY_KILLS", kills.to_string());
    in_time(command.spawn().context("cargo could not be started")?, TIME_MAX)
        .with_context(|| format!("not every kill was survived; what was said is in {}", path.display()))?;
    let mut summary = numbers(&path)?;
    if let Some(fields) = summary.as_object_mut() {
        fields.insert("verdict".to_owned(), "pass".into());
    }
    // It is in the result now; the next run begins anew.
    let journal = folder.join("kills.journal");
    fs::remove_file(&journal).with_context(|| format!("{} cannot be removed", journal.display()))?;
    stamped(workspace, "kills", &commit, &format!("cargo xtask nightly kills --kills {kills}"), summary)
}

/// What is wrong with a result.
pub(super) fn wrong(result: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let number = |key: &str| result.get(key).and_then(Value::as_u64);
    for bad in ["lost", "conflicting_signatures"] {
        if number(bad) != Some(0) {
            wrong.push(format!("says {:?} for `{bad}`, 0 is wanted", number(bad)));
        }
    }
    let (kills, named, random) =
        (number("kills").unwrap_or(0), number("named").unwrap_or(0), number("random").unwrap_or(0));
    if kills < KILLS_MIN || kills != named.saturating_add(random) || named != random {
        wrong.push(format!("has {kills} kills, {named} at named steps and {random} at random moments; {KILLS_MIN} are wanted, half of each"));
    }
    let steps = result.get("steps").and_then(Value::as_object).map_or(0, serde_json::Map::len);
    if steps < STEPS_MIN {
        wrong.push(format!("names {steps} steps, {STEPS_MIN} are wanted"));
    }
    if number("transfers_per_second").is_none_or(|rate| rate < TRANSFERS_MIN) {
        wrong.push(format!("has {:?} transfers a second, {TRANSFERS_MIN} are wanted", number("transfers_per_second")));
    }
    let recovery = |key: &str| result.get("recovery_ms").and_then(|times| times.get(key)?.as_u64());
    if ["count", "p50", "p99", "max"].iter().any(|key| recovery(key).is_none()) {
        wrong.push("does not say how long recoveries took".to_owned());
    }
    wrong
}
