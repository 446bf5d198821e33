//! The keys of snapshots: when they are made, how many stay, and how fast they are given and taken.
//!
//! Read next: [`super::KEYS`], where they stand in the order of the template; `spec/snapshots.md`.

use super::entry::{Key, key, number};
use super::{SNAPSHOT_INTERVAL_MAX, STORE_LIMIT_MAX};

/// Most snapshots that may be kept.
const SNAPSHOTS_MAX: u64 = 1_024;
/// Longest time that snapshots may be kept for, hours: ten years.
const SNAPSHOT_HOURS_MAX: u64 = 87_600;

pub(super) const INTERVAL_BLOCKS: Key = key(
    "snapshots.interval_blocks",
    &["TB_SNAPSHOTS_INTERVAL_BLOCKS"],
    number(0, SNAPSHOT_INTERVAL_MAX),
    "A snapshot is made at every height that is a multiple of this; 0: only on demand. Nodes with the same value copy the same heights, so that others can fetch from all of them.",
)
.unit("blocks")
.default("3600", "600");

pub(super) const KEEP: Key = key(
    "snapshots.keep",
    &["TB_SNAPSHOTS_KEEP"],
    number(1, SNAPSHOTS_MAX),
    "Most snapshots that are kept; older ones are removed when one is made.",
)
.unit("snapshots")
.default("3", "24");

pub(super) const KEEP_HOURS: Key = key(
    "snapshots.keep_hours",
    &["TB_SNAPSHOTS_KEEP_HOURS"],
    number(0, SNAPSHOT_HOURS_MAX),
    "Snapshots older than this are removed when one is made, but for the newest; 0: no limit.",
)
.unit("hours")
.default("0", "72");

pub(super) const SERVE_BYTES_PER_SEC: Key = key(
    "snapshots.serve_bytes_per_sec",
    &["TB_SNAPSHOTS_SERVE_BYTES_PER_SEC"],
    number(0, STORE_LIMIT_MAX),
    "Most bytes of snapshots that are given to others, all together; who asks for more waits. 0: no limit.",
)
.unit("bytes per second")
.default("0", "10485760")
.live();

pub(super) const FETCH_BYTES_PER_SEC: Key = key(
    "snapshots.fetch_bytes_per_sec",
    &["TB_SNAPSHOTS_FETCH_BYTES_PER_SEC"],
    number(0, STORE_LIMIT_MAX),
    "Most bytes of a snapshot that are taken from others, all together. 0: no limit.",
)
.unit("bytes per second")
.default("0", "10485760")
.live();
