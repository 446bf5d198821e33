//! What can fail, and for how long.
//!
//! Rule: every fault ends; times are milliseconds, chances parts per million.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use storage::CrashPoint;

use super::WriteStep;

/// What a failing disk answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskAnswer {
    /// An input/output error (EIO).
    Io,
    /// No space left (ENOSPC).
    NoSpace,
}

/// Which operation of the disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskOperation {
    /// A read.
    Read,
    /// The write of a batch.
    Write,
    /// The sync of written batches.
    Sync,
    /// The write of the mark.
    Mark,
}

/// Where the process of a validator ends while it makes, removes or fetches a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotStep {
    /// The snapshot has a folder and nothing in it.
    BeforeWrite,
    /// Half of the chunks are written.
    Half,
    /// Every file is durable, their names are not.
    BeforeSync,
    /// Everything is durable under the other name.
    BeforeRename,
    /// The snapshot has its name; the folder above is not synced.
    AfterRename,
    /// The snapshot is durable, the caller does not know.
    AfterSync,
    /// A snapshot that goes has lost its name, its files are there.
    Removed,
    /// A chunk of another validator's snapshot is kept, its name is not durable.
    ChunkKept,
}

impl SnapshotStep {
    /// Every step, in the order in which they are reached.
    pub const ALL: [Self; 8] = [
        Self::BeforeWrite,
        Self::Half,
        Self::BeforeSync,
        Self::BeforeRename,
        Self::AfterRename,
        Self::AfterSync,
        Self::Removed,
        Self::ChunkKept,
    ];

    /// The place in the code of the node.
    pub const fn point(self) -> CrashPoint {
        match self {
            Self::BeforeWrite => CrashPoint::SnapshotBeforeWrite,
            Self::Half => CrashPoint::SnapshotHalf,
            Self::BeforeSync => CrashPoint::SnapshotBeforeSync,
            Self::BeforeRename => CrashPoint::SnapshotBeforeRename,
            Self::AfterRename => CrashPoint::SnapshotAfterRename,
            Self::AfterSync => CrashPoint::SnapshotAfterSync,
            Self::Removed => CrashPoint::SnapshotRemoved,
            Self::ChunkKept => CrashPoint::ChunkKept,
        }
    }

    /// Its name among the effects of a report.
    pub const fn effect(self) -> &'static str {
        match self {
            Self::BeforeWrite => "snapshot_crash_before_write",
            Self::Half => "snapshot_crash_half",
            Self::BeforeSync => "snapshot_crash_before_sync",
            Self::BeforeRename => "snapshot_crash_before_rename",
            Self::AfterRename => "snapshot_crash_after_rename",
            Self::AfterSync => "snapshot_crash_after_sync",
            Self::Removed => "snapshot_crash_removed",
            Self::ChunkKept => "snapshot_crash_chunk_kept",
        }
    }
}

/// Which operation fails on the files of a validator's snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotOperation {
    /// A read.
    Read,
    /// A write.
    Write,
    /// A sync.
    Sync,
    /// A change of a name.
    Rename,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Messages between `side` and the others are lost; with `one_way` only those that leave `side`.
    Partition {
        /// One side.
        side: BTreeSet<u16>,
        /// Only what leaves `side` is lost.
        #[serde(default)]
        one_way: bool,
    },
    /// A validator crashes after so many more effects of its engine, and restarts from its disk at the end.
    Crash {
        /// Who.
        node: u16,
        /// Effects that still happen.
        effects: u32,
    },
    /// A validator is stopped in order, and started again at the end.
    Restart {
        /// Who.
        node: u16,
    },
    /// A validator stands still: what reaches it waits until the end.
    Pause {
        /// Who.
        node: u16,
    },
    /// Nothing passes between a validator and the others.
    Disconnect {
        /// Who.
        node: u16,
    },
    /// All validators crash at once.
    PowerLoss,
    /// A validator loses its disk and its log but not the guard of its key, and joins again from nothing.
    LostDisk {
        /// Who.
        node: u16,
    },
    /// More messages are lost.
    Loss {
        /// Chance, parts per million.
        ppm: u32,
    },
    /// Messages arrive twice.
    Duplicates {
        /// Chance, parts per million.
        ppm: u32,
    },
    /// Messages take longer and overtake each other.
    Delay {
        /// Up to this much longer, milliseconds.
        jitter_ms: u64,
    },
    /// A validator is slow to take in what reaches it.
    Slow {
        /// Who.
        node: u16,
        /// How much later, milliseconds.
        by_ms: u64,
    },
    /// A validator's clock is off.
    Clock {
        /// Who.
        node: u16,
        /// By how much, milliseconds.
        offset_ms: i64,
    },
    /// The next operation of this kind fails on a validator's disk; the validator stops and restarts at the end.
    Disk {
        /// Who.
        node: u16,
        /// Which operation.
        operation: DiskOperation,
        /// What the disk answers.
        answer: DiskAnswer,
    },
    /// The next batch of a validator's store is torn by a crash: only its first changes are there.
    TornWrite {
        /// Who.
        node: u16,
    },
    /// A crash, and one bit of some stored value is inverted.
    BitFlip {
        /// Who.
        node: u16,
    },
    /// A crash, and some stored value is in the place of another.
    MisdirectedWrite {
        /// Who.
        node: u16,
    },
    /// A validator crashes at this step of its next snapshot, and restarts at the end.
    SnapshotCrash {
        /// Who.
        node: u16,
        /// Where.
        at: SnapshotStep,
    },
    /// The next operation of this kind fails on the files of a validator's snapshots.
    SnapshotDisk {
        /// Who.
        node: u16,
        /// Which operation.
        operation: SnapshotOperation,
        /// What the disk answers.
        answer: DiskAnswer,
    },
    /// One bit of some file of a validator's snapshots is inverted.
    SnapshotDamage {
        /// Who.
        node: u16,
    },
    /// No prover makes or hands in anything.
    ProversStop,
    /// A validator crashes at this step of its next pruning, and restarts at the end.
    PruneCrash {
        /// Who.
        node: u16,
        /// Where.
        at: WriteStep,
    },
    /// A validator is stopped, its store is that of an older program, and the migration dies at this step. It is migrated again and started at
    /// the end.
    MigrateCrash {
        /// Who.
        node: u16,
        /// Where.
        at: WriteStep,
    },
    /// One bit of what a validator keeps of an old block is inverted while it runs. At the end it looks at its store, unless it was started
    /// before, which looks too.
    Rot {
        /// Who.
        node: u16,
    },
}

impl Fault {
    /// The names of the kinds that seeds draw, as summaries use them. `restart`, `pause` and `disconnect` are for
    /// scenarios: to a simulated network they are a crash, a slow validator and a partition.
    pub const KINDS: [&'static str; 20] = [
        "partition",
        "crash",
        "power_loss",
        "lost_disk",
        "loss",
        "duplicates",
        "delay",
        "slow",
        "clock",
        "disk",
        "torn_write",
        "bit_flip",
        "misdirected_write",
        "snapshot_crash",
        "snapshot_disk",
        "snapshot_damage",
        "provers_stop",
        "migrate_crash",
        "rot",
        "prune_crash",
    ];

    /// The name of its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Partition { .. } => "partition",
            Self::Crash { .. } => "crash",
            Self::Restart { .. } => "restart",
            Self::Pause { .. } => "pause",
            Self::Disconnect { .. } => "disconnect",
            Self::PowerLoss => "power_loss",
            Self::LostDisk { .. } => "lost_disk",
            Self::Loss { .. } => "loss",
            Self::Duplicates { .. } => "duplicates",
            Self::Delay { .. } => "delay",
            Self::Slow { .. } => "slow",
            Self::Clock { .. } => "clock",
            Self::Disk { .. } => "disk",
            Self::TornWrite { .. } => "torn_write",
            Self::BitFlip { .. } => "bit_flip",
            Self::MisdirectedWrite { .. } => "misdirected_write",
            Self::SnapshotCrash { .. } => "snapshot_crash",
            Self::SnapshotDisk { .. } => "snapshot_disk",
            Self::SnapshotDamage { .. } => "snapshot_damage",
            Self::ProversStop => "provers_stop",
            Self::PruneCrash { .. } => "prune_crash",
            Self::MigrateCrash { .. } => "migrate_crash",
            Self::Rot { .. } => "rot",
        }
    }

    /// True for a fault of snapshots, which only a plan with snapshots may have.
    pub const fn is_of_snapshots(&self) -> bool {
        matches!(self, Self::SnapshotCrash { .. } | Self::SnapshotDisk { .. } | Self::SnapshotDamage { .. })
    }

    /// The validators that it names.
    pub fn nodes(&self) -> BTreeSet<u16> {
        match self {
            Self::Partition { side, .. } => side.clone(),
            Self::Crash { node, .. }
            | Self::Restart { node }
            | Self::Pause { node }
            | Self::Disconnect { node }
            | Self::LostDisk { node }
            | Self::Slow { node, .. }
            | Self::Clock { node, .. }
            | Self::TornWrite { node }
            | Self::BitFlip { node }
            | Self::MisdirectedWrite { node }
            | Self::SnapshotCrash { node, .. }
            | Self::SnapshotDisk { node, .. }
            | Self::SnapshotDamage { node }
            | Self::PruneCrash { node, .. }
            | Self::MigrateCrash { node, .. }
            | Self::Rot { node }
            | Self::Disk { node, .. } => BTreeSet::from([*node]),
            Self::PowerLoss | Self::Loss { .. } | Self::Duplicates { .. } | Self::Delay { .. } | Self::ProversStop => {
                BTreeSet::new()
            }
        }
    }
}

/// A fault with its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheduled {
    /// When it begins, milliseconds.
    pub at_ms: u64,
    /// How long it lasts, milliseconds.
    pub for_ms: u64,
    /// What.
    pub fault: Fault,
}
