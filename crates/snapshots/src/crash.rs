//! Places where a test makes the process die while a snapshot is made.
//!
//! A crash point is set at most once, before work starts. Reaching it aborts the process at once: no destructor runs
//! and no buffer is flushed, as with `kill -9`.

use std::str::FromStr;
use std::sync::OnceLock;

/// A place in [`Shelf::create`](crate::Shelf::create).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoint {
    /// Half of the chunks are written.
    SnapshotHalf,
    /// Everything is durable under the other name.
    SnapshotBeforeRename,
    /// The snapshot has its name; the folder is not synced.
    SnapshotAfterRename,
}

impl CrashPoint {
    /// Every crash point, in the order in which they are reached.
    pub const ALL: [Self; 3] = [Self::SnapshotHalf, Self::SnapshotBeforeRename, Self::SnapshotAfterRename];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SnapshotHalf => "snapshot_half",
            Self::SnapshotBeforeRename => "snapshot_before_rename",
            Self::SnapshotAfterRename => "snapshot_after_rename",
        }
    }
}

/// Text that names no crash point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no crash point; next: use one of snapshot_half, snapshot_before_rename, snapshot_after_rename")]
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
        tracing::error!(point = point.name(), "crash point reached, the process ends here on purpose");
        std::process::abort();
    }
}
