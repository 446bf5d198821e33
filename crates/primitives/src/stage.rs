//! How far a transaction has come: one list of words for tracker, API, commands and metrics.
//!
//! ```text
//! received ─► admitted ─► gossiped ─► proposed ─► decided ─► finalized ─► proven
//!     │           └──────────┴───────────┴─► expired
//!     │           └──────────┴───────────┴─► dropped(reason)
//!     └─► rejected(reason)
//! ```
//!
//! A stage is what one node saw; no two nodes need to agree on it and no rule of the chain reads it. Read next:
//! `replica/src/stages.rs`, which remembers when each was reached.

use serde::{Deserialize, Serialize};

/// How far a transaction has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// This node has read it.
    Received,
    /// It waits in this node's mempool.
    Admitted,
    /// It was passed on to peers. A transaction of one node only may be proposed without it.
    Gossiped,
    /// It is in a proposed block.
    Proposed,
    /// It is in a decided block.
    Decided,
    /// Its block is durable here; it never reverts.
    Finalized,
    /// A verified proof covers its block.
    Proven,
    /// It was refused; the reason is a code of the error table.
    Rejected,
    /// `valid_until` passed before a block took it.
    Expired,
    /// The mempool gave it up; the reason says why.
    Dropped,
}

impl Stage {
    /// Every stage: the seven of a good transaction in order, then the three ways to stop.
    pub const ALL: [Self; 10] = [
        Self::Received,
        Self::Admitted,
        Self::Gossiped,
        Self::Proposed,
        Self::Decided,
        Self::Finalized,
        Self::Proven,
        Self::Rejected,
        Self::Expired,
        Self::Dropped,
    ];

    /// The number of stages of a good transaction.
    pub const STEPS: usize = 7;

    /// The name used in JSON, logs, metrics and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Admitted => "admitted",
            Self::Gossiped => "gossiped",
            Self::Proposed => "proposed",
            Self::Decided => "decided",
            Self::Finalized => "finalized",
            Self::Proven => "proven",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Dropped => "dropped",
        }
    }

    /// The stage with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }

    /// The place among the stages of a good transaction, from 0; none for the three ways to stop.
    pub const fn step(self) -> Option<usize> {
        match self {
            Self::Received => Some(0),
            Self::Admitted => Some(1),
            Self::Gossiped => Some(2),
            Self::Proposed => Some(3),
            Self::Decided => Some(4),
            Self::Finalized => Some(5),
            Self::Proven => Some(6),
            Self::Rejected | Self::Expired | Self::Dropped => None,
        }
    }

    /// The stages of a good transaction, in order.
    pub fn steps() -> impl DoubleEndedIterator<Item = Self> {
        Self::ALL.into_iter().filter(|stage| stage.step().is_some())
    }

    /// True for the three ways to stop before a block.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Rejected | Self::Expired | Self::Dropped)
    }

    /// True when a wait for `target` is over: it is reached, passed, or out of reach.
    pub fn ends_wait_for(self, target: Self) -> bool {
        self == target || self.is_failure() || (!target.is_failure() && self >= target)
    }
}
