//! Places where a test makes the process die, named after the step they follow or precede.
//!
//! A crash point is set at most once, before work starts. The node's wiring accepts one on development chains
//! only. Reaching it aborts the process at once: no destructor runs and no buffer is flushed, as with `kill -9`.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

/// A place in [`commit`](crate::Store::commit) or [`save_candidate`](crate::Store::save_candidate).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CrashPoint {
    /// Nothing of the block is written.
    CommitBeforeWrite,
    /// The batch is with the engine, not yet durable.
    CommitAfterWrite,
    /// The batch is durable, the mark is the one before.
    CommitAfterSync,
    /// Batch and mark are durable, the caller does not know.
    CommitAfterHead,
    /// Nothing of the candidate is written.
    CandidateBeforeWrite,
    /// The candidate is durable, the caller does not know.
    CandidateAfterSync,
}

impl CrashPoint {
    /// Every crash point, in the order in which they are reached.
    pub const ALL: [Self; 6] = [
        Self::CommitBeforeWrite,
        Self::CommitAfterWrite,
        Self::CommitAfterSync,
        Self::CommitAfterHead,
        Self::CandidateBeforeWrite,
        Self::CandidateAfterSync,
    ];

    /// The name used in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CommitBeforeWrite => "commit_before_write",
            Self::CommitAfterWrite => "commit_after_write",
            Self::CommitAfterSync => "commit_after_sync",
            Self::CommitAfterHead => "commit_after_head",
            Self::CandidateBeforeWrite => "candidate_before_write",
            Self::CandidateAfterSync => "candidate_after_sync",
        }
    }
}

impl fmt::Display for CrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Text that names no crash point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is no crash point; next: use one of commit_before_write, commit_after_write, commit_after_sync, \
         commit_after_head, candidate_before_write, candidate_after_sync"
)]
pub struct CrashPointTextError(String);

impl FromStr for CrashPoint {
    type Err = CrashPointTextError;
    fn from_str(text: &str) -> Result<Self, CrashPointTextError> {
        Self::ALL.into_iter().find(|point| point.name() == text).ok_or_else(|| CrashPointTextError(text.to_owned()))
    }
}

static CRASH_POINT: OnceLock<CrashPoint> = OnceLock::new();

/// Makes the process abort when `point` is next reached. Only the first call counts; false says that another
/// point was set before.
pub fn set_crash_point(point: CrashPoint) -> bool {
    CRASH_POINT.set(point).is_ok()
}

/// Aborts the process when `point` is the one that was set.
pub(crate) fn reach(point: CrashPoint) {
    if CRASH_POINT.get() == Some(&point) {
        tracing::error!(%point, "crash point reached, the process ends here on purpose");
        std::process::abort();
    }
}
