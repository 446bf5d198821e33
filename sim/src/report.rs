//! What a run gives: a verdict, a hash of everything that happened, and what happened in numbers.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::properties::{Broken, Property};

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every property held.
    Pass,
    /// Heights were not decided again after the last fault.
    NoProgress(String),
    /// Honest validators hold different chains or states.
    Diverged(String),
    /// Another property did not hold.
    Broken(Broken),
}

impl Verdict {
    /// The verdict of a property that does not hold.
    pub fn of(broken: Broken) -> Self {
        match broken.property {
            Property::Agreement | Property::StateRootsEqual => Self::Diverged(broken.detail),
            Property::Progress => Self::NoProgress(broken.detail),
            _ => Self::Broken(broken),
        }
    }

    /// True when every property held.
    pub fn is_pass(&self) -> bool {
        *self == Self::Pass
    }

    /// Where and how, unless everything held.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Pass => None,
            Self::NoProgress(detail) | Self::Diverged(detail) => Some(detail),
            Self::Broken(broken) => Some(&broken.detail),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("pass"),
            Self::NoProgress(_) => f.write_str("no progress"),
            Self::Diverged(_) => f.write_str("diverged"),
            Self::Broken(broken) => write!(f, "invariant broken: {}", broken.property.name()),
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// How it ended.
    pub verdict: Verdict,
    /// Where and how, unless everything held.
    pub detail: Option<String>,
    /// BLAKE3 of every event in order, hexadecimal.
    pub trace_hash: String,
    /// Validators.
    pub validators: u16,
    /// How long it was, milliseconds of virtual time.
    pub virtual_ms: u64,
    /// Events that were handled.
    pub events: u64,
    /// The highest finalized height.
    pub height: u64,
    /// Heights that were finalized after the last fault, by the slowest honest validator.
    pub calm_heights: u64,
    /// The highest round in which a height was decided.
    pub round_max: u32,
    /// How many heights were decided in each round.
    pub rounds: BTreeMap<u32, u64>,
    /// From the last fault until every honest validator finalized something new, milliseconds.
    pub resume_ms: Option<u64>,
    /// From an offer until a validator had judged it, median, milliseconds.
    pub propagation_p50_ms: u64,
    /// The same, 95 of 100.
    pub propagation_p95_ms: u64,
    /// Transactions that were told to be final.
    pub acknowledged: u64,
    /// Faults that took effect, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Dishonest validators, by kind.
    pub dishonest: BTreeMap<&'static str, u64>,
    /// Double signatures that honest validators reported.
    pub equivocations: u64,
    /// How often each property was checked.
    pub properties: BTreeMap<&'static str, u64>,
}
