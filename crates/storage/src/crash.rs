//! Places where a test makes the process die, named after the step they follow or precede.
//!
//! A crash point is set at most once, before work starts. The node's wiring accepts one on development chains
//! only. Reaching it aborts the process at once: no destructor runs and no buffer is flushed, as with `kill -9`.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

/// A place in [`commit`](crate::Store::commit), in [`save_candidate`](crate::Store::save_candidate), or in the making, removal or
/// fetching of a snapshot (crate `snapshots`).
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
    /// A snapshot has a folder and nothing in it.
    SnapshotBeforeWrite,
    /// Half of a snapshot's chunks are written.
    SnapshotHalf,
    /// Every file of a snapshot is durable, their names are not.
    SnapshotBeforeSync,
    /// Everything is durable under the other name.
    SnapshotBeforeRename,
    /// The snapshot has its name; the folder above is not synced.
    SnapshotAfterRename,
    /// The snapshot is durable, the caller does not know.
    SnapshotAfterSync,
    /// A snapshot that goes has lost its name, its files are there.
    SnapshotRemoved,
    /// A fetched chunk of a state sync is kept, its name is not durable.
    ChunkKept,
}

impl CrashPoint {
    /// Those of the store, in the order in which they are reached.
    pub const STORE: [Self; 6] = [
        Self::CommitBeforeWrite,
        Self::CommitAfterWrite,
        Self::CommitAfterSync,
        Self::CommitAfterHead,
        Self::CandidateBeforeWrite,
        Self::CandidateAfterSync,
    ];
    /// Those of snapshots, in the order in which they are reached.
    pub const SNAPSHOTS: [Self; 8] = [
        Self::SnapshotBeforeWrite,
        Self::SnapshotHalf,
        Self::SnapshotBeforeSync,
        Self::SnapshotBeforeRename,
        Self::SnapshotAfterRename,
        Self::SnapshotAfterSync,
        Self::SnapshotRemoved,
        Self::ChunkKept,
    ];

    /// Every crash point.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::STORE.into_iter().chain(Self::SNAPSHOTS)
    }

    /// The name used in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CommitBeforeWrite => "commit_before_write",
            Self::CommitAfterWrite => "commit_after_write",
            Self::CommitAfterSync => "commit_after_sync",
            Self::CommitAfterHead => "commit_after_head",
            Self::CandidateBeforeWrite => "candidate_before_write",
            Self::CandidateAfterSync => "candidate_after_sync",
            Self::SnapshotBeforeWrite => "snapshot_before_write",
            Self::SnapshotHalf => "snapshot_half",
            Self::SnapshotBeforeSync => "snapshot_before_sync",
            Self::SnapshotBeforeRename => "snapshot_before_rename",
            Self::SnapshotAfterRename => "snapshot_after_rename",
            Self::SnapshotAfterSync => "snapshot_after_sync",
            Self::SnapshotRemoved => "snapshot_removed",
            Self::ChunkKept => "chunk_kept",
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
#[error("{0} is no crash point; next: use one of {names}", names = CrashPoint::all().map(CrashPoint::name).collect::<Vec<_>>().join(", "))]
pub struct CrashPointTextError(String);

impl FromStr for CrashPoint {
    type Err = CrashPointTextError;
    fn from_str(text: &str) -> Result<Self, CrashPointTextError> {
        Self::all().find(|point| point.name() == text).ok_or_else(|| CrashPointTextError(text.to_owned()))
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
