//! Snapshots: when validators copy their state, how many copies they keep, and who begins with the copy of another one.
//!
//! Model: with this key every validator copies its state at the heights that a node would, on files of its own that may fail,
//! crash and rot. A validator that lost its disk begins with a copy of another one, as `tb node start --state-sync` does:
//! its operator trusts genesis while it is young enough, and later a height that is known elsewhere.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Copies of the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshots {
    /// A copy is made of every height that this divides.
    pub every_heights: u64,
    /// So many are kept.
    #[serde(default = "keep")]
    pub keep: usize,
    /// How long a copy takes at most, milliseconds; blocks go on meanwhile.
    #[serde(default = "copy_ms")]
    pub copy_ms: u64,
    /// A validator with an empty disk begins with a copy of another one; without it, with genesis.
    #[serde(default = "restore")]
    pub restore: bool,
    /// These validators alter the chunks that they give. In consensus they are honest.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub liars: BTreeSet<u16>,
}

const fn keep() -> usize {
    2
}

const fn copy_ms() -> u64 {
    1_000
}

const fn restore() -> bool {
    true
}
