//! Pruning: which blocks and headers validators throw away while the chain runs, and where the process ends while they do.
//!
//! Model: with this key every validator prunes at the heights that `every_heights` divides, one piece at a time. Nobody who has fallen behind
//! what the others keep can catch up by value sync, so faults must be shorter than `keep_heights` take.

use serde::{Deserialize, Serialize};
use storage::FaultOn;

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pruning {
    /// A piece is removed at every height that this divides.
    #[serde(default = "every_heights")]
    pub every_heights: u64,
    /// So many of the newest blocks stay.
    #[serde(default = "keep_heights")]
    pub keep_heights: u64,
    /// So many of the newest headers stay; not fewer than blocks.
    #[serde(default = "keep_headers")]
    pub keep_headers: u64,
}

const fn every_heights() -> u64 {
    5
}

const fn keep_heights() -> u64 {
    30
}

const fn keep_headers() -> u64 {
    50
}

/// Where the process of a validator ends while it writes one batch: a piece that it prunes, or a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteStep {
    /// Nothing of it is written.
    BeforeWrite,
    /// It is with the engine, not yet durable.
    AfterWrite,
    /// It is durable, the mark is the one before.
    AfterSync,
    /// Batch and mark are durable, the caller does not know.
    AfterMark,
}

impl WriteStep {
    /// Every step, in the order in which they are reached.
    pub const ALL: [Self; 4] = [Self::BeforeWrite, Self::AfterWrite, Self::AfterSync, Self::AfterMark];

    /// The call of the disk that a process that ends at this step does not live to see done.
    pub(crate) const fn fails_on(self) -> Option<FaultOn> {
        match self {
            Self::BeforeWrite => Some(FaultOn::Write),
            Self::AfterWrite => Some(FaultOn::Sync),
            Self::AfterSync => Some(FaultOn::Mark),
            Self::AfterMark => None,
        }
    }

    /// Its name among the effects of a report, of a migration.
    pub const fn migrate_effect(self) -> &'static str {
        match self {
            Self::BeforeWrite => "migrate_crash_before_write",
            Self::AfterWrite => "migrate_crash_after_write",
            Self::AfterSync => "migrate_crash_after_sync",
            Self::AfterMark => "migrate_crash_after_mark",
        }
    }

    /// Its name among the effects of a report, of a piece that is pruned.
    pub const fn prune_effect(self) -> &'static str {
        match self {
            Self::BeforeWrite => "prune_crash_before_write",
            Self::AfterWrite => "prune_crash_after_write",
            Self::AfterSync => "prune_crash_after_sync",
            Self::AfterMark => "prune_crash_after_mark",
        }
    }
}
