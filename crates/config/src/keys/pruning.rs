//! The keys of pruning.
//!
//! Read next: [`super::KEYS`], where they stand in the order of the template; `spec/recovery.md`.

use super::entry::{Key, key, number};
use super::{QUEUE_MAX, SNAPSHOT_INTERVAL_MAX, STORE_LIMIT_MAX};
use crate::value::Kind;

/// Fewest blocks that pruning may leave.
const RETENTION_MIN: u64 = 16;

pub(super) const RETENTION_DEPTH: Key = key(
        "pruning.retention_depth",
        &["TB_PRUNING_RETENTION_DEPTH"],
        number(RETENTION_MIN, SNAPSHOT_INTERVAL_MAX),
        "Newest blocks that are kept whatever happens, while the gate `pruning` is on. More are kept for evidence and for windows that are not proven.",
    )
    .unit("blocks")
    .default("128", "3600");

pub(super) const OPEN_WINDOWS_MAX: Key = key(
        "pruning.open_windows_max",
        &["TB_PRUNING_OPEN_WINDOWS_MAX"],
        number(0, SNAPSHOT_INTERVAL_MAX),
        "Most proof windows without a proof whose blocks are kept for provers; older ones can be proven with an archive node. It bounds the disk where nobody proves.",
    )
    .unit("windows")
    .default("64", "1024");

pub(super) const PAUSE_MS: Key = key(
    "pruning.pause_ms",
    &["TB_PRUNING_PAUSE_MS"],
    number(10, 3_600_000),
    "Pause between two pieces of at most 64 blocks, so that pruning takes little of the disk and of the processor.",
)
.unit("milliseconds")
.default("250", "1000");

pub(super) const BACKLOG_MAX: Key = key(
    "pruning.backlog_max",
    &["TB_PRUNING_BACKLOG_MAX"],
    number(0, QUEUE_MAX),
    "Pruning waits while more transactions than this wait for a block.",
)
.unit("transactions")
.default("2048", "256");

pub(super) const COMPACT_BYTES: Key = key(
    "pruning.compact_bytes",
    &["TB_PRUNING_COMPACT_BYTES"],
    number(4_096, STORE_LIMIT_MAX),
    "Bytes that must have been removed of blocks, of receipts or of the indexes before the room is taken back from the disk by rewriting what is left of them; a fourth of them must be gone too.",
)
.unit("bytes")
.default("67108864", "1073741824");

pub(super) const COMPACT_BYTES_PER_SEC: Key = key(
    "pruning.compact_bytes_per_sec",
    &["TB_PRUNING_COMPACT_BYTES_PER_SEC"],
    number(65_536, STORE_LIMIT_MAX),
    "Bytes that taking room back may read each second, on the average: after so many bytes were read for it, it rests for as long as they take at this pace.",
)
.unit("bytes per second")
.default("33554432", "8388608")
.live();

pub(super) const EMERGENCY_PAUSE: Key = key(
    "pruning.emergency_pause",
    &["TB_PRUNING_EMERGENCY_PAUSE"],
    Kind::Bool,
    "Stops pruning at once, between two pieces, until it is false again; the node goes on.",
)
.default("false", "true")
.live();
