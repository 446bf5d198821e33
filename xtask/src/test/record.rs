//! `target/tests.json`: that every check and every test passed at a commit, written by the run that saw it.
//!
//! ```text
//! { "format": 1,
//!   "commit": "<40 digits>",
//!   "date": "2026-03-03",                 the day on which the run ended, UTC
//!   "tests": { "run": 3, "passed": 3, "flaky": 1, "skipped": 2 },
//!   "steps": [ { "step": "fmt", "seconds": 2, "left_out": false }, … ],    all of them, as they ran
//!   "lacked": [ "promtool" ] }            programs that tests need and this machine does not have
//! ```
//! Rules
//! - Written after a run of all steps in which each passed in its time, and only then. The record of an earlier such run is removed
//!   when the next begins; a run of one step leaves it.
//! - The tree held nothing but the commit, before and after: with a change or a file that git does not know there is no record.
//! - A step that this machine cannot do is marked as left out. A flaky test failed at its first try. What a test lacked is named.
//! - `cargo xtask release` takes the record of its commit into the provenance that is signed; no person types one.
//!
//! Read next: `apps/cli/src/release/record.rs`, which reads it there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::{Counts, Lap};
use crate::process::{Workspace, output_of};
use crate::{contract, release};

/// The form of the record.
const FORMAT: u64 = 1;

/// Where the record is.
fn place(workspace: &Workspace) -> PathBuf {
    workspace.target().join("tests.json")
}

/// The commit that a run of all steps begins at, or why there will be no record of it. Removes the record of an earlier run.
///
/// # Errors
/// A disk that refuses.
pub(super) fn begin(workspace: &Workspace) -> Result<Result<String, String>> {
    let path = place(workspace);
    if path.exists() {
        fs::remove_file(&path).with_context(|| format!("{} cannot be removed", path.display()))?;
    }
    Ok(only_a_commit(workspace))
}

/// Keeps the record of a run of all steps that has ended well, or says why there is none.
///
/// # Errors
/// A disk that refuses.
pub(super) fn keep(workspace: &Workspace, begun: Result<String, String>, laps: &[Lap]) -> Result<()> {
    let begun = begun.and_then(|commit| match only_a_commit(workspace)? {
        same if same == commit => Ok(commit),
        other => Err(format!("{other} was checked out while the tests of {commit} ran")),
    });
    let commit = match begun {
        Ok(commit) => commit,
        Err(why) => {
            println!("tests: no record is kept, because {why}");
            return Ok(());
        }
    };
    let date = String::from_utf8(output_of(workspace.program("date").args(["-u", "+%F"]))?)?;
    let lacked = contract::lacked(&contract::record_folder(workspace))?;
    let path = place(workspace);
    fs::write(&path, format!("{:#}\n", record(&commit, date.trim(), laps, &lacked)))
        .with_context(|| format!("{} cannot be written", path.display()))?;
    println!("tests: {} says that all of them passed at {commit}", path.display());
    Ok(())
}

/// The commit that is checked out, where the tree holds nothing else.
fn only_a_commit(workspace: &Workspace) -> Result<String, String> {
    let words = ["status", "--porcelain", "--untracked-files=normal"];
    let said = output_of(workspace.program("git").args(words)).map_err(|error| format!("{error:#}"))?;
    if !said.is_empty() {
        return Err(format!(
            "there are changes that are not committed:\n{}",
            String::from_utf8_lossy(&said).trim_end()
        ));
    }
    release::checked_out(workspace).map_err(|error| format!("{error:#}"))
}

fn record(commit: &str, date: &str, laps: &[Lap], lacked: &BTreeSet<String>) -> Value {
    let steps = laps
        .iter()
        .map(|lap| json!({ "step": lap.step.name(), "seconds": lap.time.as_secs(), "left_out": lap.seen.is_left_out }));
    let Counts { passed, flaky, skipped } = laps.iter().map(|lap| lap.seen.tests).fold(Counts::default(), Counts::plus);
    json!({
        "format": FORMAT,
        "commit": commit,
        "date": date,
        // A run in which one failed has no record.
        "tests": { "run": passed, "passed": passed, "flaky": flaky, "skipped": skipped },
        "steps": steps.collect::<Vec<_>>(),
        "lacked": lacked,
    })
}

/// The record of a run at `commit`: the one that is named, else the one that the last run left, where it is of this commit.
///
/// # Errors
/// A named record that is missing or of another commit, and a file that is no record.
pub(crate) fn of_commit(workspace: &Workspace, named: Option<&Path>, commit: &str) -> Result<Option<Value>> {
    let path = named.map_or_else(|| place(workspace), Path::to_owned);
    if named.is_none() && !path.exists() {
        return Ok(None);
    }
    let shown = path.display();
    let text = fs::read_to_string(&path)
        .with_context(|| format!("{shown} cannot be read; next: name a record that `cargo xtask test` has written"))?;
    let record: Value = serde_json::from_str(&text)
        .with_context(|| format!("{shown} is no record of tests; next: run `cargo xtask test`, which writes one"))?;
    ensure!(
        record["format"] == FORMAT,
        "{shown} is no record of tests in format {FORMAT}; next: run `cargo xtask test`, which writes one"
    );
    match record["commit"].as_str() {
        Some(of) if of == commit => Ok(Some(record)),
        of if named.is_some() => bail!(
            "{shown} is the record of the tests of {}, and {commit} is built; next: run `cargo xtask test` at {commit}, or \
             name no record",
            of.unwrap_or("no commit")
        ),
        _ => Ok(None),
    }
}

/// What a record says, in a few words.
pub(crate) fn summary(record: Option<&Value>) -> String {
    record.map_or_else(
        || "none".to_owned(),
        |record| format!("{} passed on {}", record["tests"]["passed"], record["date"].as_str().unwrap_or("no day")),
    )
}

#[cfg(test)]
mod tests;
