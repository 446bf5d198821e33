//! The contract table: what operators were promised, and which tests show it.
//!
//! `docs/contract.tsv` has one row per promise, tab-separated, with a header line:
//!
//! ```text
//! id <tab> status <tab> test <tab> name <tab> expected
//! ```
//!
//! - `id`, `name` and `expected` never change: a hash of them is pinned in [`PINNED`], so no row can be dropped
//!   or reworded on the way.
//! - `status` is `planned`, `done`, or `declined: reason`, where the reason names a record `docs/adr/….md`.
//! - `test` names the tests that show the row, and is empty unless the row is done.
//!
//! Nobody types `done`. A test carries `testkit::contract!("S000-030")`, which leaves a record when the test
//! passes. A `done` row without a record from each test that it names, in the last full run, fails the run: the table
//! never claims more than was shown. What it leaves unsaid is printed, and `--write` makes it the whole truth.
//! A row whose test says that this machine lacks a program it needs keeps its status, and is named. So is a test without a row
//! that lacked one.
//! `crates/testkit/src/shown.rs` draws the record.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::process::Workspace;

/// The environment variable that tells the tests where to leave their records.
pub(crate) const RECORD_VARIABLE: &str = "TB_CONTRACT_DIR";

/// The table, relative to the root.
const TABLE: &str = "docs/contract.tsv";

/// The first line of the table.
const HEADER: &str = "id\tstatus\ttest\tname\texpected";

/// BLAKE3 over `id <tab> name <tab> expected <newline>` of every row in order.
const PINNED: &str = "feccc2896b7b1acd68efd663a660c3a85109fafb11d8ab564778f4d201b6b136";

/// The file that tests write what must never happen to (`testkit::safety!`).
const VIOLATIONS: &str = "violations";

/// The file of tests that lacked a program (`testkit::lacks!` without a row).
const UNSEEN: &str = "unseen";

/// The file that says that all tests ended, without which the records are those of a broken run.
const COMPLETE: &str = "complete";

/// How many ids a message lists before it only counts the rest.
const LISTED_MAX: usize = 12;

/// Tests by the id they showed.
type Shown = BTreeMap<String, BTreeSet<String>>;

/// How far a row is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Status {
    Planned,
    Done,
    /// With the reason.
    Declined(String),
}

impl Status {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "planned" => Some(Self::Planned),
            "done" => Some(Self::Done),
            _ => text.strip_prefix("declined: ").map(|reason| Self::Declined(reason.to_owned())),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Planned => "planned".to_owned(),
            Self::Done => "done".to_owned(),
            Self::Declined(reason) => format!("declined: {reason}"),
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    id: String,
    status: Status,
    test: String,
    name: String,
    expected: String,
}

/// The folder in which tests leave their records.
pub(crate) fn record_folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("contract")
}

/// Says in `folder` that every test of the run has ended well.
pub(crate) fn mark_complete(folder: &Path) -> Result<()> {
    fs::write(folder.join(COMPLETE), "").context("the record of the tests cannot be completed")
}

/// Refuses a run in which something happened that must never happen, though the test passed at a second try.
///
/// # Errors
/// What happened, and where.
pub(crate) fn check_violations(folder: &Path) -> Result<()> {
    let found = match fs::read_to_string(folder.join(VIOLATIONS)) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).context("the violations of the run cannot be read"),
    };
    bail!("what must never happen did, also if the test passed at its second try:\n{found}")
}

/// Compares the table with the tests that ran last, or rewrites it from them.
///
/// # Errors
/// A table that is damaged or claims more than the tests showed, or no record of a complete run.
pub(crate) fn run(workspace: &Workspace, write: bool) -> Result<()> {
    let path = workspace.root().join(TABLE);
    let text = fs::read_to_string(&path).with_context(|| format!("{TABLE} cannot be read"))?;
    let mut rows = parse(&text)?;
    let hash = pinned_hash(&rows);
    ensure!(
        hash == PINNED,
        "the ids, names or expectations in {TABLE} were changed (hash {hash}); restore them: rows \
         are never dropped or reworded"
    );
    check_declined(&rows, workspace.root())?;
    let folder = record_folder(workspace);
    let mut shown = read_records(&folder, "ran")?;
    let lacking = read_records(&folder, "lacks")?;
    keep_unseen(&rows, &mut shown, &lacking);
    check_shown(&rows, &shown)?;
    if write {
        update(&mut rows, &shown);
        fs::write(&path, render(&rows)).with_context(|| format!("{TABLE} cannot be written"))?;
    }
    for unsaid in compare(&rows, &shown)? {
        println!("contract: {unsaid}; `cargo xtask contract --write` says so");
    }
    for unseen in unseen(&folder)? {
        println!("contract: {unseen}");
    }
    let done = rows.iter().filter(|row| row.status == Status::Done).count();
    println!("contract: {done} of {} rows are shown by tests", rows.len());
    Ok(())
}

/// Reads the table. Every line must have five columns, a known status and an id of its own.
fn parse(text: &str) -> Result<Vec<Row>> {
    let mut lines = text.lines();
    ensure!(lines.next() == Some(HEADER), "{TABLE}:1: the header must be {HEADER:?}");
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for (number, line) in (2..).zip(lines) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [id, status, test, name, expected] = columns[..] else {
            bail!("{TABLE}:{number}: a row has five columns, this one has {}", columns.len());
        };
        let Some(status) = Status::parse(status) else {
            bail!("{TABLE}:{number}: the status is `planned`, `done` or `declined: reason`, not {status:?}");
        };
        ensure!(seen.insert(id), "{TABLE}:{number}: the id {id} stands here a second time");
        ensure!(
            (status == Status::Done) != test.is_empty(),
            "{TABLE}:{number}: a row names a test exactly when it is done"
        );
        rows.push(Row {
            id: id.to_owned(),
            status,
            test: test.to_owned(),
            name: name.to_owned(),
            expected: expected.to_owned(),
        });
    }
    Ok(rows)
}

/// The table as text.
fn render(rows: &[Row]) -> String {
    let mut text = format!("{HEADER}\n");
    for row in rows {
        let status = row.status.text();
        let columns = [&row.id, &status, &row.test, &row.name, &row.expected];
        text.push_str(&columns.map(String::as_str).join("\t"));
        text.push('\n');
    }
    text
}

/// The hash of the columns that never change.
fn pinned_hash(rows: &[Row]) -> String {
    let mut hasher = blake3::Hasher::new();
    for row in rows {
        hasher.update(format!("{}\t{}\t{}\n", row.id, row.name, row.expected).as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// Refuses a declined row whose reason names no decision record that exists.
fn check_declined(rows: &[Row], root: &Path) -> Result<()> {
    for row in rows {
        let Status::Declined(reason) = &row.status else {
            continue;
        };
        let record =
            reason.split([' ', '(', ')', ',', ';']).find(|word| word.starts_with("docs/adr/") && word.ends_with(".md"));
        let Some(record) = record else {
            bail!("{TABLE}: {} is declined without naming its decision record docs/adr/….md", row.id);
        };
        ensure!(root.join(record).is_file(), "{TABLE}: {} is declined by {record}, which does not exist", row.id);
    }
    Ok(())
}

/// Counts a row as shown by the tests that the table names, when one of its tests lacked a program.
fn keep_unseen(rows: &[Row], shown: &mut Shown, lacking: &Shown) {
    for row in rows.iter().filter(|row| row.status == Status::Done) {
        if let Some(programs) = lacking.get(&row.id) {
            println!("contract: {} keeps its status: this machine lacks {}", row.id, join(programs));
            shown.entry(row.id.clone()).or_default().extend(row.test.split(", ").map(str::to_owned));
        }
    }
}

/// Reads what the tests of the last run showed (`ran`), or lacked (`lacks`): the second column by the id.
fn read_records(folder: &Path, kind: &str) -> Result<Shown> {
    ensure!(
        folder.join(COMPLETE).is_file(),
        "there is no record of a complete run of the tests; run `cargo xtask test --only tests`"
    );
    let mut shown = Shown::new();
    let entries = fs::read_dir(folder).context("the record of the tests cannot be read")?;
    for entry in entries {
        let path = entry.context("the record of the tests cannot be read")?.path();
        if path.extension().is_none_or(|extension| extension != kind) {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        for line in text.lines() {
            let mut columns = line.split('\t');
            let (Some(id), Some(test)) = (columns.next(), columns.next()) else {
                bail!("{} has a line that no test wrote: {line:?}", path.display());
            };
            shown.entry(id.to_owned()).or_default().insert(test.to_owned());
        }
    }
    Ok(shown)
}

/// What the tests of the last run that need a program of this machine could not show, in a line for each.
fn unseen(folder: &Path) -> Result<BTreeSet<String>> {
    let lines = unseen_lines(folder)?.into_iter();
    Ok(lines.map(|(program, place)| format!("{place} showed nothing: this machine lacks {program}")).collect())
}

/// The programs that tests without a row lacked, and the places of these tests.
fn unseen_lines(folder: &Path) -> Result<Vec<(String, String)>> {
    let text = match fs::read_to_string(folder.join(UNSEEN)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).context("the record of tests that lacked a program cannot be read"),
    };
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    Ok(lines.map(|(program, place)| (program.to_owned(), place.to_owned())).collect())
}

/// The programs that tests of the last run needed and this machine lacks.
///
/// # Errors
/// No record of a complete run.
pub(crate) fn lacked(folder: &Path) -> Result<BTreeSet<String>> {
    let of_rows = read_records(folder, "lacks")?.into_values().flatten();
    let of_others = unseen_lines(folder)?;
    Ok(of_rows.chain(of_others.into_iter().map(|(program, _)| program)).collect())
}

/// Refuses a test that shows a row which is unknown or declined.
fn check_shown(rows: &[Row], shown: &Shown) -> Result<()> {
    for (id, tests) in shown {
        let tests = join(tests);
        match rows.iter().find(|row| row.id == *id).map(|row| &row.status) {
            None => bail!("{tests} shows {id}, which {TABLE} does not have"),
            Some(Status::Declined(_)) => {
                bail!("{tests} shows {id}, which {TABLE} declines; set it to planned first")
            }
            Some(Status::Planned | Status::Done) => {}
        }
    }
    Ok(())
}

/// Sets status and test of every row that is not declined.
fn update(rows: &mut [Row], shown: &Shown) {
    for row in rows {
        if let Status::Declined(_) = row.status {
            continue;
        }
        match shown.get(&row.id) {
            Some(tests) => {
                row.status = Status::Done;
                row.test = join(tests);
            }
            None => {
                row.status = Status::Planned;
                row.test.clear();
            }
        }
    }
}

/// Refuses a table that claims more than the tests showed, and returns what it leaves unsaid, one line each.
fn compare(rows: &[Row], shown: &Shown) -> Result<Vec<String>> {
    let (mut claimed, mut renamed) = (Vec::new(), Vec::new());
    let (mut unclaimed, mut unnamed) = (Vec::new(), Vec::new());
    for row in rows {
        match (&row.status, shown.get(&row.id)) {
            (Status::Done, None) => claimed.push(row.id.as_str()),
            (Status::Done, Some(tests)) if row.test.split(", ").any(|test| !tests.contains(test)) => {
                renamed.push(row.id.as_str());
            }
            (Status::Done, Some(tests)) if row.test != join(tests) => unnamed.push(row.id.as_str()),
            (Status::Planned, Some(_)) => unclaimed.push(row.id.as_str()),
            _ => {}
        }
    }
    let say = |found: [(&str, Vec<&str>); 2]| -> Vec<String> {
        let found = found.into_iter().filter(|(_, ids)| !ids.is_empty());
        found.map(|(cause, ids)| format!("{cause}: {}", list(&ids))).collect()
    };
    let causes =
        say([("called done but shown by no test that ran", claimed), ("naming a test that did not show it", renamed)]);
    ensure!(
        causes.is_empty(),
        "{TABLE} claims more than the tests showed ({}); run `cargo xtask contract --write` and commit the file",
        causes.join("; ")
    );
    Ok(say([("shown by a test but not called done", unclaimed), ("shown by more tests than named", unnamed)]))
}

/// The first ids, and how many there are beyond them.
fn list(ids: &[&str]) -> String {
    let first = ids.iter().take(LISTED_MAX).copied().collect::<Vec<_>>().join(", ");
    match ids.len().checked_sub(LISTED_MAX) {
        None | Some(0) => first,
        Some(more) => format!("{first} and {more} more"),
    }
}

fn join(tests: &BTreeSet<String>) -> String {
    tests.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
