//! `provenance.json`: an in-toto statement with the SLSA provenance of version 1, as far as a check needs it.
//!
//! ```text
//! { "_type": "https://in-toto.io/Statement/v1",
//!   "predicateType": "https://slsa.dev/provenance/v1",
//!   "subject": [ { "name": "tb", "digest": { "sha256": … } }, … ],
//!   "predicate": { "buildDefinition": { …, "resolvedDependencies": [ { "digest": { "gitCommit": … } } ] },
//!                  "runDetails": { …, "theblock_tests": null, or the record of the tests of that commit } } }
//! ```
//! [`record`](super::record) draws the record. What is not named here, such as the flags of the compiler, is for people and covered by the signature.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::info::is_commit;
use super::record::{RecordError, TestRecord};

/// The type of the statement.
pub const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// The type of what it says.
pub const PREDICATE: &str = "https://slsa.dev/provenance/v1";

/// Why a statement cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProvenanceError {
    /// It is not JSON of this shape.
    #[error("it cannot be read: {0}")]
    Shape(#[from] serde_json::Error),
    /// It is a statement of another kind.
    #[error("it is a statement of the kind {found:?}, wanted is {wanted:?}")]
    Kind {
        /// What it says.
        found: String,
        /// What was wanted.
        wanted: &'static str,
    },
    /// It names one file twice.
    #[error("it names {0:?} twice")]
    Twice(String),
    /// It names no commit, several, or something that is none.
    #[error("it does not name exactly one commit of 40 digits")]
    Commit,
    /// Its record of the tests says nothing about this release.
    #[error("{0}")]
    Tests(#[from] RecordError),
}

/// What a statement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// Files and their sums.
    pub subjects: BTreeMap<String, String>,
    /// The commit they were built from.
    pub commit: String,
    /// The tests of that commit, where the builder had a record of them.
    pub tests: Option<TestRecord>,
}

#[derive(Deserialize)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    #[serde(rename = "predicateType")]
    predicate_kind: String,
    subject: Vec<Subject>,
    predicate: Predicate,
}

#[derive(Deserialize)]
struct Subject {
    name: String,
    digest: SubjectDigest,
}

#[derive(Deserialize)]
struct SubjectDigest {
    sha256: String,
}

#[derive(Deserialize)]
struct Predicate {
    #[serde(rename = "buildDefinition")]
    build: Build,
    #[serde(rename = "runDetails", default)]
    run: Run,
}

#[derive(Default, Deserialize)]
struct Run {
    #[serde(rename = "theblock_tests")]
    tests: Option<TestRecord>,
}

#[derive(Deserialize)]
struct Build {
    #[serde(rename = "resolvedDependencies")]
    sources: Vec<BuiltFrom>,
}

#[derive(Deserialize)]
struct BuiltFrom {
    digest: BTreeMap<String, String>,
}

impl Provenance {
    /// Reads a statement.
    ///
    /// # Errors
    /// [`ProvenanceError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ProvenanceError> {
        let statement: Statement = serde_json::from_slice(bytes)?;
        for (found, wanted) in [(statement.kind, STATEMENT), (statement.predicate_kind, PREDICATE)] {
            if found != wanted {
                return Err(ProvenanceError::Kind { found, wanted });
            }
        }
        let mut subjects = BTreeMap::new();
        for Subject { name, digest } in statement.subject {
            if subjects.insert(name.clone(), digest.sha256).is_some() {
                return Err(ProvenanceError::Twice(name));
            }
        }
        let sources = statement.predicate.build.sources;
        let mut commits = sources.into_iter().filter_map(|mut source| source.digest.remove("gitCommit"));
        let commit = match (commits.next(), commits.next()) {
            (Some(commit), None) if is_commit(&commit) => commit,
            _ => return Err(ProvenanceError::Commit),
        };
        let tests = statement.predicate.run.tests.map(|tests| tests.of_commit(&commit)).transpose()?;
        Ok(Self { subjects, commit, tests })
    }
}
