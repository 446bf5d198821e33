//! The keys of the store's upkeep.
//!
//! Read next: [`super::KEYS`], where they stand in the order of the template; `spec/recovery.md`.

use super::STORE_LIMIT_MAX;
use super::entry::{Key, key, number};
use crate::value::Kind;

/// Smallest bound on journals, bytes.
const JOURNAL_BYTES_MIN: u64 = 65_536;

pub(super) const MEND: Key = key(
    "storage.mend",
    &["TB_STORAGE_MEND"],
    Kind::Bool,
    "Whether a start builds a damaged store anew from what can be read, and quarantines the rest until peers give it; with false it refuses to start and says what is damaged.",
)
.default("true", "false");

pub(super) const REBUILD: Key = key(
    "storage.rebuild",
    &["TB_STORAGE_REBUILD"],
    Kind::Bool,
    "Whether a start that finds its state, a journal or its last block damaged moves the store aside and takes the chain again: from an own snapshot, from a snapshot of peers, or block by block. It begins at that height. With false, or with storage.mend = false, it refuses to start. An archive node may want false.",
)
.default("true", "false");

pub(super) const SCRUB_BYTES_PER_SEC: Key = key(
    "storage.scrub_bytes_per_sec",
    &["TB_STORAGE_SCRUB_BYTES_PER_SEC"],
    number(0, STORE_LIMIT_MAX),
    "Bytes of stored blocks that a running node checks against their headers each second, again and again from the oldest to the newest; 0: none.",
)
.unit("bytes per second")
.default("1048576", "8388608");

pub(super) const JOURNAL_BYTES_MAX: Key = key(
    "storage.journal_bytes_max",
    &["TB_STORAGE_JOURNAL_BYTES_MAX"],
    number(JOURNAL_BYTES_MIN, STORE_LIMIT_MAX),
    "Bytes of journals above which the node writes what they hold to tables, so that they can go. The journal that is written to has up to 64 MiB and stays.",
)
.unit("bytes")
.default("134217728", "268435456");
