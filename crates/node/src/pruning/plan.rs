//! How far a node may prune, and how long it rests after a compaction: functions of numbers alone.
//!
//! ```text
//!   1 … headers_from │ … bodies │ ………………………………… head
//!   gone             │ headers  │ blocks: the longest of retention depth, evidence window, open proof windows
//! ```
//!
//! Rules
//! - Blocks stay for the longest of three distances: the retention depth, the evidence window, and the windows that nobody has
//!   proven. The last one has a bound, because on a chain that nobody proves it would grow for ever.
//! - Headers, certificates and hashes stay for the trusting period: a light client that trusts a header of that age can still be led
//!   to the head. The validator sets of that time are in the module state. Headers never go before their blocks do.
//! - The header at which the open windows begin stays: the proof of the next window begins there.

use std::time::Duration;

use primitives::Height;
use storage::PruneTo;

/// What decides how far to prune.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The last finalized height.
    pub head: Height,
    /// Newest blocks that are kept whatever happens.
    pub retention_depth: u64,
    /// How long evidence may name an offender, heights.
    pub evidence_blocks: u64,
    /// How long a header may be trusted, heights.
    pub trusting_blocks: u64,
    /// The height after which windows are open: that of the chain proof, or of the newest proof where there is none.
    pub proven: Height,
    /// Heights of one window.
    pub window_blocks: u64,
    /// Most open windows whose blocks are kept.
    pub open_windows_max: u64,
}

/// What keeps the oldest block that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldBy {
    /// The retention depth.
    RetentionDepth,
    /// The evidence window.
    EvidenceWindow,
    /// Windows without a proof.
    OpenWindows,
}

impl HeldBy {
    /// The word in the status.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RetentionDepth => "retention_depth",
            Self::EvidenceWindow => "evidence_window",
            Self::OpenWindows => "open_windows",
        }
    }
}

/// How far to prune, and why no farther.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// What may go.
    pub to: PruneTo,
    /// What keeps the block after it.
    pub held_by: HeldBy,
}

/// The plan for these facts.
pub fn plan(facts: &Facts) -> Plan {
    let before = |blocks: u64| facts.head.0.saturating_sub(blocks);
    let open_max = facts.open_windows_max.saturating_mul(facts.window_blocks);
    let open = facts.proven.0.max(before(open_max));
    let kept_by = [
        (before(facts.retention_depth), HeldBy::RetentionDepth),
        (before(facts.evidence_blocks), HeldBy::EvidenceWindow),
        (open, HeldBy::OpenWindows),
    ];
    // Of equals the first: it is the one that an operator has set.
    let (bodies, held_by) = kept_by.into_iter().min_by_key(|(height, _)| *height).expect("there are three");
    let headers_from = before(facts.trusting_blocks).min(bodies).min(open);
    Plan { to: PruneTo { bodies: Height(bodies), headers_from: Height(headers_from) }, held_by }
}

/// How long no space is rewritten after `bytes` were read for the last one, at so many bytes each second.
pub fn rest(bytes: u64, bytes_per_sec: u64) -> Duration {
    let milliseconds = u128::from(bytes) * 1_000 / u128::from(bytes_per_sec.max(1));
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(u64::MAX))
}
