//! Places where a test makes the process die, named after the step they follow or precede.
//!
//! A crash point is set at most once, before work starts. The node's wiring accepts one on development chains
//! only. Reaching it aborts the process at once: no destructor runs and no buffer is flushed, as with `kill -9`.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

/// A place in [`commit`](crate::Store::commit), in [`save_candidate`](crate::Store::save_candidate), in a piece of
/// [`prune`](crate::Store::prune), in the making, removal or fetching of a snapshot (crate `snapshots`), or
/// in the moves of a rebuild.
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
    /// Nothing of a pruned piece is written.
    PruneBeforeWrite,
    /// A pruned piece is with the engine, not yet durable.
    PruneAfterWrite,
    /// A pruned piece is durable, the mark is the one before.
    PruneAfterSync,
    /// Piece and mark are durable, the caller does not know.
    PruneAfterHead,
    /// What was pruned still takes its room.
    CompactBefore,
    /// The room is taken back, the caller does not know.
    CompactAfter,
    /// Nothing of a migration is written.
    MigrateBeforeWrite,
    /// The new schema is with the engine, not yet durable.
    MigrateAfterWrite,
    /// The new schema is durable, the mark is the one before.
    MigrateAfterSync,
    /// Schema and mark are durable, the caller does not know.
    MigrateAfterHead,
    /// A store that was filled anew has its name, the damaged one is in place.
    RebuildFilled,
    /// The consensus log is aside, the damaged store is in place.
    RebuildLogAside,
    /// The damaged store is aside, and no store is in its place.
    RebuildStoreAside,
    /// The new store is in place, the caller does not know.
    RebuildInPlace,
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
    /// Those of pruning, in the order in which they are reached.
    pub const PRUNING: [Self; 6] = [
        Self::PruneBeforeWrite,
        Self::PruneAfterWrite,
        Self::PruneAfterSync,
        Self::PruneAfterHead,
        Self::CompactBefore,
        Self::CompactAfter,
    ];
    /// Those of a migration, in the order in which they are reached.
    pub const MIGRATION: [Self; 4] =
        [Self::MigrateBeforeWrite, Self::MigrateAfterWrite, Self::MigrateAfterSync, Self::MigrateAfterHead];

    /// Those of a rebuild, in the order in which they are reached.
    pub const REBUILD: [Self; 4] =
        [Self::RebuildFilled, Self::RebuildLogAside, Self::RebuildStoreAside, Self::RebuildInPlace];

    /// Every crash point.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::STORE.into_iter().chain(Self::SNAPSHOTS).chain(Self::PRUNING).chain(Self::MIGRATION).chain(Self::REBUILD)
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
            Self::PruneBeforeWrite => "prune_before_write",
            Self::PruneAfterWrite => "prune_after_write",
            Self::PruneAfterSync => "prune_after_sync",
            Self::PruneAfterHead => "prune_after_head",
            Self::CompactBefore => "compact_before",
            Self::CompactAfter => "compact_after",
            Self::MigrateBeforeWrite => "migrate_before_write",
            Self::MigrateAfterWrite => "migrate_after_write",
            Self::MigrateAfterSync => "migrate_after_sync",
            Self::MigrateAfterHead => "migrate_after_head",
            Self::RebuildFilled => "rebuild_filled",
            Self::RebuildLogAside => "rebuild_log_aside",
            Self::RebuildStoreAside => "rebuild_store_aside",
            Self::RebuildInPlace => "rebuild_in_place",
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
