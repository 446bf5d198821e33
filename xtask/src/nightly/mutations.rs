//! The task about very many altered proofs and altered public values.
//!
//! It runs an ignored test of the `prover` crate in one thread. The test keeps a journal below `target/nightly`, a line for each 250 of them, so a
//! run that is stopped goes on where it was; it prints one line of JSON at its end.

use std::fs::{self, File};

use anyhow::{Context, Result};
use serde_json::Value;

use super::folds::numbers;
use super::{TIME_MAX, commit, in_time, stamped};
use crate::process::Workspace;

/// The test.
const TEST: &str = "tests::mutations::nightly_mutations";
/// Fewest of a result that is accepted.
const MUTATIONS_MIN: u64 = 100_000;
/// Fewest classes: the parts of a statement, and what is done to the bytes of a proof.
const CLASSES_MIN: usize = 24;
/// Longest time for one verdict, milliseconds.
const VERDICT_MS_MAX: u64 = 20_000;

pub(super) fn run(workspace: &Workspace, mutations: u64) -> Result<Value> {
    // The commit is that of the start: the work may take longer than the next commit.
    let commit = commit(workspace)?;
    let folder = workspace.target().join("nightly");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let (path, journal) = (folder.join("mutations.log"), folder.join("mutations.journal"));
    let log = File::create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
    let mut command = workspace.cargo(&["test", "--release", "--locked", "--package", "prover", "--lib", "--"]);
    command.args(["--ignored", "--exact", TEST, "--nocapture"]).stdout(log);
    command.env("NIGHTLY_MUTATIONS", mutations.to_string()).env("NIGHTLY_JOURNAL", &journal);
    command.env("RAYON_NUM_THREADS", "1");
    in_time(command.spawn().context("cargo could not be started")?, TIME_MAX)
        .with_context(|| format!("an alteration did not pass; what was said is in {}", path.display()))?;
    let command = format!("cargo xtask nightly mutations --mutations {mutations}");
    stamped(workspace, "mutations", &commit, &command, numbers(&path)?)
}

/// What is wrong with a result.
pub(super) fn wrong(result: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let number = |key: &str| result.get(key).and_then(Value::as_u64);
    let mutations = number("mutations").unwrap_or(0);
    if mutations < MUTATIONS_MIN {
        wrong.push(format!("is about {mutations} altered proofs, {MUTATIONS_MIN} are wanted"));
    }
    let judged = ["by_statement", "by_encoding", "by_verifier"].map(|key| number(key).unwrap_or(0));
    if judged.contains(&0) || judged.iter().sum::<u64>() != mutations {
        wrong.push(format!("says that {judged:?} of {mutations} were refused; all are wanted, and some of each"));
    }
    for bad in ["accepted", "panics"] {
        if number(bad) != Some(0) {
            wrong.push(format!("says {:?} for `{bad}`, 0 is wanted", number(bad)));
        }
    }
    let counts = result.get("classes").and_then(Value::as_object);
    let classes = counts.map_or(0, |counts| counts.values().filter(|count| count.as_u64() > Some(0)).count());
    if classes < CLASSES_MIN {
        wrong.push(format!("lists {classes} classes of alterations, {CLASSES_MIN} are wanted"));
    }
    if number("slowest_ms").is_none_or(|slowest| slowest > VERDICT_MS_MAX) {
        wrong.push(format!("has a verdict after {:?} ms, {VERDICT_MS_MAX} are too many", number("slowest_ms")));
    }
    wrong
}
