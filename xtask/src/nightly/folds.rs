//! The task about proofs over proofs.
//!
//! It runs an ignored test of the `prover` crate, which proves for minutes: a chain that is extended twice, proofs of
//! foreign keys, folds of what is not next to each other, and some altered proofs. The test prints one line of JSON. Very many altered
//! proofs are the task of `mutations.rs`.
//!
//! Here is also the task about the largest parts, which is one of its own because it takes gigabytes: two parts on every limit are
//! lifted and folded into one chain proof.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{TIME_MAX, commit, in_time, stamped};
use crate::process::Workspace;

/// The test.
const TEST: &str = "tests::foreign::nightly_folds";
/// The test of the largest parts.
const LARGEST: &str = "tests::parts::parts_on_every_limit_are_proven_verified_and_folded";
/// The most memory that the largest parts may take, MB.
const MEMORY_MB_MAX: u64 = 4_000;
/// Operations of the part that has most of them.
const OPERATIONS_MAX: u64 = 65_536;
/// What the lines in which it prints its numbers start with.
const LINE: &str = "{\"";

pub(super) fn run(workspace: &Workspace) -> Result<Value> {
    test(workspace, "folds", TEST)
}

/// The largest parts.
pub(super) fn largest(workspace: &Workspace) -> Result<Value> {
    test(workspace, "largest", LARGEST)
}

/// The result of a task that is an ignored test of the prover.
fn test(workspace: &Workspace, task: &str, name: &str) -> Result<Value> {
    let folder = workspace.target().join("nightly");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let path = folder.join(format!("{task}.log"));
    let log = File::create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
    let mut command = workspace.cargo(&["test", "--release", "--locked", "--package", "prover", "--lib", "--"]);
    command.args(["--ignored", "--exact", name, "--nocapture"]);
    command.stdout(log);
    in_time(command.spawn().context("cargo could not be started")?, TIME_MAX)
        .with_context(|| format!("the {task} did not pass; what was said is in {}", path.display()))?;
    let mut summary = numbers(&path)?;
    if let Some(numbers) = summary.as_object_mut() {
        numbers.remove("nightly");
    }
    stamped(workspace, task, &commit(workspace)?, &format!("cargo xtask nightly {task}"), summary)
}

/// What is wrong with a result about the largest parts.
pub(super) fn wrong_largest(result: &Value) -> Vec<String> {
    let parts = result.get("parts").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let number = |part: &Value, key: &str| part.get(key).and_then(Value::as_u64);
    let mut wrong = Vec::new();
    if !parts.iter().any(|part| number(part, "operations") == Some(OPERATIONS_MAX)) || parts.len() < 2 {
        wrong.push(format!("has {} parts, two are wanted, one of them of {OPERATIONS_MAX} operations", parts.len()));
    }
    let sizes: Vec<Option<u64>> = parts.iter().map(|part| number(part, "chain_proof_bytes")).collect();
    if sizes.windows(2).any(|pair| pair[0] != pair[1]) || sizes.contains(&None) {
        wrong.push(format!("has chain proofs of different sizes: {sizes:?}"));
    }
    for part in parts {
        match number(part, "peak_memory_mb") {
            Some(peak) if peak <= MEMORY_MB_MAX => {}
            peak => wrong.push(format!("took {peak:?} MB for a part, {MEMORY_MB_MAX} are the bound")),
        }
    }
    wrong
}

/// The line of JSON in what a test has said.
pub(super) fn numbers(path: &Path) -> Result<Value> {
    let said = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let line = said.lines().rev().find_map(|line| line.find(LINE).map(|at| &line[at..]));
    let line = line.with_context(|| format!("no numbers are in {}", path.display()))?;
    serde_json::from_str(line).context("the numbers are not JSON")
}

/// What is wrong with a result.
pub(super) fn wrong(result: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let sizes: Vec<u64> = result
        .get("chain_proof_bytes")
        .and_then(Value::as_array)
        .map_or_else(Vec::new, |sizes| sizes.iter().filter_map(Value::as_u64).collect());
    if sizes.len() < 2 || sizes.windows(2).any(|pair| pair[0] != pair[1]) {
        wrong.push(format!("has chain proofs that grow or too few of them: {sizes:?}"));
    }
    for key in ["keys", "folds"] {
        match result.get(key).and_then(Value::as_object).filter(|verdicts| !verdicts.is_empty()) {
            None => wrong.push(format!("has no `{key}`")),
            Some(verdicts) => wrong.extend(
                verdicts
                    .iter()
                    .filter(|(_, verdict)| verdict.as_str() != Some("refused"))
                    .map(|(name, _)| format!("has in `{key}` that {name} is not refused")),
            ),
        }
    }
    let count = |key: &str| result.get("altered").and_then(|altered| altered.get(key)).and_then(Value::as_u64);
    if count("mutations").unwrap_or(0) == 0 {
        wrong.push("has no altered proofs".to_owned());
    }
    let bad = count("accepted").unwrap_or(1) + count("panics").unwrap_or(1);
    if bad != 0 {
        wrong.push(format!("says that the verifier accepted or stopped on {bad} altered proofs"));
    }
    wrong
}
