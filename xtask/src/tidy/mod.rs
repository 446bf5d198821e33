//! `cargo xtask tidy`: the house rules that no compiler knows, as one test over all files.
//!
//! A rule is a pure function from the files of the project ([`Snapshot`]) to findings. It reports every finding,
//! not only the first. Who reads where:
//!
//! | file | rules |
//! |---|---|
//! | `rust_files.rs` | header, length of files and functions, banned words in identifiers, unfinished code |
//! | `text_files.rs` | words that must not stand in any file, stray files in the root |
//! | `crates.rs` | the crate table of ARCHITECTURE.md, shared lints, one place for versions |
//! | `links.rs` | relative links in Markdown lead somewhere |
//! | `columns.rs` | ids of the key spaces are unique |
//! | `policies.rs` (one folder up) | every direct dependency is listed with a reason |
//! | `nightly.rs` (one folder up) | every nightly task has a result that passes |
//! | `exceptions.rs` | the only list of exceptions, each with a reason |
//!
//! STYLE.md says the rules in words.

mod blank;
mod columns;
mod crates;
mod exceptions;
mod links;
mod rust_files;
mod text_files;

pub(crate) use crates::{members, root_dependencies};

use std::fmt;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::nightly;
use crate::policies;
use crate::process::Workspace;
use crate::snapshot::Snapshot;
use crate::vendor;

/// One breach of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    /// Counted from 1; absent when the finding is about the file as a whole.
    line: Option<usize>,
    message: String,
    /// What an exception would have to name; absent where there are none.
    subject: Option<String>,
}

impl Finding {
    /// A finding about a whole file.
    pub(crate) fn in_file(path: &str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, message: message.into(), subject: None }
    }

    /// A finding at one line, counted from 1.
    pub(crate) fn at(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: Some(line), message: message.into(), subject: None }
    }

    /// The finding with the subject that an exception may name.
    pub(crate) fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(out, "{}:{line}: {}", self.path, self.message),
            None => write!(out, "{}: {}", self.path, self.message),
        }
    }
}

/// Checks every rule. With `write`, first brings the generated parts up to date.
///
/// # Errors
/// Any finding; all of them are printed to standard error.
pub(crate) fn run(workspace: &Workspace, write: bool) -> Result<()> {
    let mut snapshot = Snapshot::read(workspace)?;
    if write {
        let rewritten = crates::rewrite(&snapshot)?.into_iter().chain([policies::rewrite(&snapshot)?]);
        for (path, text) in rewritten {
            fs::write(workspace.root().join(path), text).with_context(|| format!("{path} cannot be written"))?;
        }
        snapshot = Snapshot::read(workspace)?;
    }
    let findings = check(&snapshot, policies::Strictness::from_environment())?;
    for finding in &findings {
        eprintln!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} findings; STYLE.md has the rules, and each line above says what is wrong", findings.len());
    }
    // In the notes of CI, where whoever reviews a commit sees what it adds below the direct dependencies.
    for change in vendor::changes(workspace)? {
        println!("dependency: {change}");
    }
    println!("tidy: {} files are in order", snapshot.paths().count());
    Ok(())
}

/// All findings of all rules, in order of path and line.
fn check(snapshot: &Snapshot, strictness: policies::Strictness) -> Result<Vec<Finding>> {
    let mut findings = exceptions::apply(rust_files::check(snapshot), exceptions::EXCEPTIONS);
    findings.extend(text_files::check(snapshot));
    findings.extend(crates::check(snapshot)?);
    findings.extend(columns::check(snapshot));
    findings.extend(links::check(snapshot));
    findings.extend(policies::check(snapshot, strictness)?);
    findings.extend(nightly::check(snapshot));
    findings.sort();
    Ok(findings)
}
