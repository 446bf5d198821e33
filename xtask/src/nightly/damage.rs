//! The task about damage to files: a flip and a cut at every byte of a journal, and at sampled places of a store and a snapshot.
//!
//! It runs an ignored test of the `snapshots` crate. The test keeps a journal below `target/nightly/damage`, a line for each 250 trials, so a run that is stopped
//! goes on where it was; it prints one line of JSON at its end, and fails at the first panic or wrong answer.

use std::fs::{self, File};

use anyhow::{Context, Result};
use serde_json::Value;

use super::folds::numbers;
use super::{TIME_MAX, commit, in_time, stamped};
use crate::process::Workspace;
use crate::scratch;

/// The test.
const TEST: &str = "tests::damage::nightly_damage";
/// The seed of the sampled places.
const SEED: u64 = 20_261_122;
/// Fewest sampled places of a store and of a snapshot.
const SAMPLED_MIN: u64 = 10_000;

pub(super) fn run(workspace: &Workspace) -> Result<Value> {
    let commit = commit(workspace)?;
    let folder = workspace.target().join("nightly/damage");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let path = folder.join("damage.log");
    let log = File::create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
    let mut command = workspace.cargo(&["test", "--release", "--locked", "--package", "snapshots", "--lib", "--"]);
    command.args(["--ignored", "--exact", TEST, "--nocapture"]).stdout(log);
    let scratch = scratch::in_memory(workspace).unwrap_or(&folder);
    command.env("NIGHTLY_SEED", SEED.to_string()).env("NIGHTLY_FOLDER", &folder).env("NIGHTLY_SCRATCH", scratch);
    in_time(command.spawn().context("cargo could not be started")?, TIME_MAX)
        .with_context(|| format!("damage was not found; what was said is in {}", path.display()))?;
    let mut summary = numbers(&path)?;
    if let Some(fields) = summary.as_object_mut() {
        fields.insert("verdict".to_owned(), "pass".into());
    }
    stamped(workspace, "damage", &commit, "cargo xtask nightly damage", summary)
}

/// What is wrong with a result.
pub(super) fn wrong(result: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let number = |of: &Value, key: &str| of.get(key).and_then(Value::as_u64);
    for bad in ["panics", "wrong"] {
        if number(result, bad) != Some(0) {
            wrong.push(format!("says {:?} for `{bad}`, 0 is wanted", number(result, bad)));
        }
    }
    let journal = number(result, "journal_bytes").unwrap_or(0);
    let kinds = [
        ("journal_flip", journal.max(1)),
        ("journal_cut", journal.max(1)),
        ("store", SAMPLED_MIN),
        ("snapshot", SAMPLED_MIN),
    ];
    for (kind, least) in kinds {
        let counts = result.get(kind).unwrap_or(&Value::Null);
        let trials = number(counts, "trials").unwrap_or(0);
        let ends = ["without_effect", "mended", "refused"].map(|key| number(counts, key).unwrap_or(0));
        if trials < least || ends.iter().sum::<u64>() != trials {
            wrong.push(format!(
                "has {trials} trials of {kind} that ended as {ends:?}; at least {least} are wanted, and an end of each"
            ));
        }
    }
    wrong
}
