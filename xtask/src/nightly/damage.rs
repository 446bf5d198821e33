//! The task about damage to files, in two parts.
//!
//! | part | what is hurt | what must come out |
//! |---|---|---|
//! | `files` | a flip and a cut at every byte of a journal, and at sampled places of a store and a snapshot | refused by name, mended, or without effect |
//! | `homes` | the journal, the store or the snapshot of a stopped validator, at a sampled place | its process comes back by itself, from what is left and from its peers |
//!
//! Each part runs an ignored test, of `snapshots` and of `tb`. The test keeps a journal below `target/nightly/damage`, so a run that is stopped goes on where it was;
//! it prints one line of JSON at its end, and fails at the first panic or wrong answer. Each part has its own date and commit in the result: one that is not run
//! stays as it was measured.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde_json::{Value, json};

use super::folds::numbers;
use super::{RESULTS, TIME_MAX, Task, commit, in_time, said, stamped};
use crate::process::Workspace;
use crate::scratch;

/// The parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Journals, stores and snapshots, opened in one process.
    Files,
    /// Homes of validators, whose processes are started.
    Homes,
}

/// The command in the result.
const COMMAND: &str = "cargo xtask nightly damage";
/// Where the result of the part `homes` is.
const REPAIRED: &str = "repaired";
/// The test of the part `files`, with its journal.
const FILES: [&str; 2] = ["tests::damage::nightly_damage", "damage.journal"];
/// The test of the part `homes`, with its journal.
const HOMES: [&str; 2] = ["hurt_homes::nightly_hurt_homes", "hurt_homes.journal"];
/// The seed of the sampled places.
const SEED: u64 = 20_261_122;
/// Fewest sampled places of a store and of a snapshot.
const SAMPLED_MIN: u64 = 10_000;
/// Homes that are hurt, and the fewest of a result that is accepted.
const HOMES_HURT: u64 = 60;
/// What is hurt of a home; each is a third of the trials.
const KINDS: [&str; 3] = ["journal", "store", "snapshot"];
/// How a home may come back.
const WAYS: [&str; 5] = ["without_effect", "mended", "rebuilt_by_snapshot", "rebuilt_by_peers", "rebuilt_by_genesis"];

pub(super) fn run(workspace: &Workspace, part: Option<Part>, jobs: u64) -> Result<Value> {
    let folder = workspace.target().join("nightly/damage");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let mut result = match part {
        None | Some(Part::Files) => files(workspace, &folder, jobs)?,
        Some(Part::Homes) => newest(workspace)?,
    };
    result[REPAIRED] = match part {
        None | Some(Part::Homes) => homes(workspace, &folder)?,
        Some(Part::Files) => newest(workspace)?[REPAIRED].take(),
    };
    let wrong = wrong(&result);
    if !wrong.is_empty() {
        bail!("the result of the task about damage {}", wrong.join("; it "));
    }
    Ok(result)
}

/// The newest result, of which a part stays.
fn newest(workspace: &Workspace) -> Result<Value> {
    let path = Task::Damage.result();
    let text = fs::read_to_string(workspace.root().join(&path));
    let text = text.with_context(|| format!("{path} in {RESULTS} cannot be read; run both parts: {COMMAND}"))?;
    serde_json::from_str(&text).with_context(|| format!("{path} is not JSON"))
}

/// The part about files: it is what the date and the commit of the result are about.
fn files(workspace: &Workspace, folder: &Path, jobs: u64) -> Result<Value> {
    let commit = commit(workspace)?;
    let mut summary = test(workspace, folder, &["--package", "snapshots", "--lib"], FILES, jobs)?;
    if let Some(fields) = summary.as_object_mut() {
        fields.insert("verdict".to_owned(), "pass".into());
    }
    stamped(workspace, Task::Damage.name(), &commit, COMMAND, summary)
}

/// The part about homes.
fn homes(workspace: &Workspace, folder: &Path) -> Result<Value> {
    let commit = commit(workspace)?;
    let mut summary = test(workspace, folder, &["--package", "tb", "--test", "it"], HOMES, 1)?;
    summary["date"] = json!(said(workspace.program("date").args(["-u", "+%F"]))?);
    summary["commit"] = json!(commit);
    Ok(summary)
}

/// The numbers of a test. Its journal goes once they are there: the next run begins anew.
fn test(workspace: &Workspace, folder: &Path, words: &[&str], [name, journal]: [&str; 2], jobs: u64) -> Result<Value> {
    let path = folder.join(journal).with_extension("log");
    let log = File::create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
    let mut command = workspace.cargo(&["test", "--release", "--locked"]);
    command.args(words).args(["--", "--ignored", "--exact", name, "--nocapture"]).stdout(log);
    let scratch = scratch::in_memory(workspace).unwrap_or(folder);
    command.env("NIGHTLY_SEED", SEED.to_string()).env("NIGHTLY_FOLDER", folder).env("NIGHTLY_SCRATCH", scratch);
    command.env("NIGHTLY_TRIALS", HOMES_HURT.to_string()).env("NIGHTLY_JOBS", jobs.to_string());
    in_time(command.spawn().context("cargo could not be started")?, TIME_MAX)
        .with_context(|| format!("damage was not found or not repaired; what was said is in {}", path.display()))?;
    let numbers = numbers(&path)?;
    let journal = folder.join(journal);
    fs::remove_file(&journal).with_context(|| format!("{} cannot be removed", journal.display()))?;
    Ok(numbers)
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
    let repaired = result.get(REPAIRED).unwrap_or(&Value::Null);
    wrong.extend(wrong_homes(repaired).into_iter().map(|text| format!("{text} in `{REPAIRED}`")));
    wrong
}

/// What is wrong with the part about homes.
fn wrong_homes(repaired: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for key in ["date", "commit"] {
        if repaired.get(key).and_then(Value::as_str).is_none_or(str::is_empty) {
            wrong.push(format!("has no `{key}`"));
        }
    }
    for bad in ["panics", "wrong"] {
        let found = repaired.get(bad).and_then(Value::as_u64);
        if found != Some(0) {
            wrong.push(format!("says {found:?} for `{bad}`, 0 is wanted"));
        }
    }
    let counted = |of: &str, key: &str, field: Option<&str>| -> u64 {
        let value = repaired.get(of).and_then(|all| all.get(key));
        field.map_or(value, |field| value.and_then(|value| value.get(field))).and_then(Value::as_u64).unwrap_or(0)
    };
    let kinds = KINDS.map(|kind| counted("kinds", kind, None));
    let ways: u64 = WAYS.iter().map(|way| counted("ways", way, Some("trials"))).sum();
    let trials: u64 = kinds.iter().sum();
    if trials < HOMES_HURT || kinds.iter().any(|kind| *kind < HOMES_HURT / 3) || ways != trials {
        wrong.push(format!(
            "has {kinds:?} trials of {KINDS:?}, {ways} of which came back by themselves; {HOMES_HURT} are wanted, a third of each, and all must come back"
        ));
    }
    for way in WAYS.iter().filter(|way| way.starts_with("rebuilt") && counted("ways", way, Some("trials")) == 0) {
        wrong.push(format!("has no home that was {way}"));
    }
    let longest =
        repaired.get("repair_ms").and_then(|times| Some((times.get("p50")?.as_u64()?, times.get("max")?.as_u64()?)));
    if longest.is_none_or(|(half, most)| half > most) {
        wrong.push("does not say how long repairs took".to_owned());
    }
    wrong
}
