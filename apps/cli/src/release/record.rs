//! The record of the tests of a release: what `cargo xtask test` wrote down when every check and every test had passed.
//!
//! ```text
//! provenance.json: "predicate": { "runDetails": { "theblock_tests": null, or the record } }
//! { "format": 1,
//!   "commit": "<40 digits>",
//!   "date": "2026-03-03",                 the day on which the run ended, UTC
//!   "tests": { "run": 3, "passed": 3, "flaky": 1, "skipped": 2 },
//!   "steps": [ { "step": "fmt", "seconds": 2, "left_out": false }, … ],
//!   "lacked": [ "promtool" ] }            programs that tests need and that machine did not have
//! ```
//! Rules
//! - It is of the commit of the provenance that it stands in, and of a run in which every test passed: anything else is no record, and
//!   a release with it is refused.
//! - It counts as what the signer of the provenance says, and only after the signature was verified.
//!
//! Read next: `xtask/src/test/record.rs`, which writes it. `fixtures/tests_record.json` is one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The form of records that this program reads.
pub const FORMAT: u32 = 1;

/// Why a record says nothing about a release.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It has another form.
    #[error("its record of the tests has format {0}, and this program reads format {FORMAT}")]
    Format(u32),
    /// It is of another commit.
    #[error("its record of the tests is of commit {0}, which is not its own")]
    Commit(String),
    /// Not every test passed, or none was run.
    #[error("its record of the tests says that {passed} of {run} passed")]
    Failed {
        /// Tests that ran.
        run: u64,
        /// Tests that passed.
        passed: u64,
    },
}

/// A run of all tests of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestRecord {
    /// The form of the record.
    pub format: u32,
    /// The commit.
    pub commit: String,
    /// The day on which the run ended, UTC.
    pub date: String,
    /// How many tests there were.
    pub tests: TestCounts,
    /// The steps of the run, in their order.
    pub steps: Vec<TestStep>,
    /// Programs that tests needed and the machine did not have.
    pub lacked: Vec<String>,
}

/// How many tests there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestCounts {
    /// Tests that ran.
    pub run: u64,
    /// Tests that passed.
    pub passed: u64,
    /// Tests among them that failed at their first try.
    pub flaky: u64,
    /// Tests that did not run.
    pub skipped: u64,
}

/// One step of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestStep {
    /// Its name.
    pub step: String,
    /// How long it took, seconds.
    pub seconds: u64,
    /// Whether that machine could not do it.
    pub left_out: bool,
}

impl TestRecord {
    /// The record, when it says that every test of `commit` passed.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn of_commit(self, commit: &str) -> Result<Self, RecordError> {
        let TestCounts { run, passed, .. } = self.tests;
        if self.format != FORMAT {
            return Err(RecordError::Format(self.format));
        }
        if self.commit != commit {
            return Err(RecordError::Commit(self.commit));
        }
        if run == 0 || passed != run {
            return Err(RecordError::Failed { run, passed });
        }
        Ok(self)
    }
}

impl fmt::Display for TestRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TestCounts { run, passed, flaky, skipped } = self.tests;
        write!(formatter, "{passed} of {run} passed on {}, {flaky} flaky, {skipped} skipped", self.date)?;
        let left_out: Vec<&str> =
            self.steps.iter().filter(|step| step.left_out).map(|step| step.step.as_str()).collect();
        for (what, names) in [("left out", left_out.join(", ")), ("lacked", self.lacked.join(", "))] {
            if !names.is_empty() {
                write!(formatter, "; {what}: {names}")?;
            }
        }
        Ok(())
    }
}
