//! What happens in a run: how many validators, over which network, with which traffic, and which faults when.
//!
//! Model: a plan is data. One is made from a seed ([`Plan::of_seed`]) or read from a scenario file
//! (`scenarios/*.toml`, or the same keys in RON); both are the same type, and a plan says everything that a run
//! depends on.
//!
//! Rules
//! - Times are milliseconds of virtual time since the start; chances are parts per million.
//! - Faults end: every fault has a duration, so that a run always has an end of the last fault.
//! - Honest validators hold more than two thirds of the power, unless the plan says `beyond_bound`, and then the
//!   run expects that the fork is found.
//! - Unknown keys of a scenario file are refused, and the nearest key that exists is named.
//!
//! Read next: `plan/fault.rs`, `plan/topology.rs`, `plan/read.rs`.

mod bug;
mod check;
mod expect;
mod fault;
mod identities;
mod links;
mod misbehaviour;
mod phases;
mod proofs;
mod pruning;
mod read;
mod seeded;
mod snapshots;
mod staking;
mod topology;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use bug::SeededBug;
pub use check::PlanError;
pub use expect::Expectations;
pub use fault::{DiskAnswer, DiskOperation, Fault, Scheduled, SnapshotOperation, SnapshotStep};
pub use identities::Identities;
pub use links::{Links, Region, Route};
pub use misbehaviour::Misbehaviour;
pub use phases::{Pattern, Phase};
pub use proofs::Proofs;
pub use pruning::{Pruning, WriteStep};
pub use read::Format;
pub use snapshots::Snapshots;
pub use staking::Staking;
pub use topology::Topology;

/// Fewest validators of a plan.
pub const VALIDATORS_MIN: u16 = 1;
/// Most validators of a plan.
pub const VALIDATORS_MAX: u16 = 32;
/// Most faults of a plan.
pub const FAULTS_MAX: usize = 256;
/// Most phases of traffic of a plan.
pub const PHASES_MAX: usize = 64;
/// Most seeds that one plan asks for.
pub const SEEDS_MAX: u64 = 10_000;
/// Longest time with faults, milliseconds.
pub const FAULTS_MS_MAX: u64 = 24 * 3_600_000;
/// Most transactions per second of a plan.
pub const TRAFFIC_MAX: u32 = 200;

/// Everything a run depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Chance of the run: delays, losses, transactions.
    pub seed: u64,
    /// How many seeds a scenario is run with, from `seed` on; one run uses `seed` alone.
    #[serde(default = "one_seed")]
    pub seeds: u64,
    /// How many validators, of equal power.
    pub validators: u16,
    /// The dishonest ones may hold a third of the power or more.
    #[serde(default)]
    pub beyond_bound: bool,
    /// Transactions per second, until the first phase of traffic begins.
    #[serde(default)]
    pub traffic_per_second: u32,
    /// No fault begins after this, milliseconds.
    pub faults_ms: u64,
    /// Heights that every honest validator must finalize after the last fault.
    #[serde(default = "calm_heights")]
    pub calm_heights: u64,
    /// The voting set changes; without it, it stays what it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staking: Option<Staking>,
    /// Accounts register as identities and answer; without it, only validators have identities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identities: Option<Identities>,
    /// Validators copy their state; without it, nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<Snapshots>,
    /// Blocks take proofs; without it, no block does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proofs: Option<Proofs>,
    /// Validators throw old blocks away; without it, nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pruning: Option<Pruning>,
    /// A defect of every honest validator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeded_bug: Option<SeededBug>,
    /// The dishonest ones.
    #[serde(default, with = "misbehaviour::by_text")]
    pub dishonest: BTreeMap<u16, Misbehaviour>,
    /// Who is linked to whom.
    #[serde(default)]
    pub topology: Topology,
    /// The links.
    #[serde(default)]
    pub links: Links,
    /// Groups of validators that are far from each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<Region>,
    /// The links between two regions, where they differ from `links`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// The traffic, phase by phase.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<Phase>,
    /// The faults.
    #[serde(default)]
    pub faults: Vec<Scheduled>,
    /// How the run is meant to end.
    #[serde(default)]
    pub expect: Expectations,
}

const fn calm_heights() -> u64 {
    20
}

const fn one_seed() -> u64 {
    1
}

impl Plan {
    /// Most dishonest validators that the protocol bears: fewer than a third.
    pub const fn dishonest_max(validators: u16) -> u16 {
        validators.saturating_sub(1) / 3
    }

    /// Who may break the protocol: the dishonest, and those whose disk is lost or damaged and with it what they locked on.
    pub fn unreliable(&self) -> BTreeSet<u16> {
        let lost = self.faults.iter().filter_map(|scheduled| match scheduled.fault {
            Fault::LostDisk { node }
            | Fault::TornWrite { node }
            | Fault::BitFlip { node }
            | Fault::MisdirectedWrite { node } => Some(node),
            _ => None,
        });
        self.dishonest.keys().copied().chain(lost).collect()
    }

    /// True when what is sent arrives, by itself and once, as long as no fault is in effect.
    pub fn has_reliable_links(&self) -> bool {
        let routes = self.routes.iter().map(|route| route.links(&self.links).loss_ppm);
        self.topology == Topology::FullMesh && self.links.loss_ppm == 0 && routes.fold(0, u32::max) == 0
    }

    /// Validators that have a seat at the start.
    pub fn seats(&self) -> u16 {
        self.validators.saturating_sub(self.staking.as_ref().map_or(0, |staking| staking.candidates))
    }

    /// True when somebody may break the protocol or forget, so that the others keep their power.
    pub fn is_guarded(&self) -> bool {
        !self.unreliable().is_empty()
    }

    /// The validators that run their key twice, in the order of their second nodes.
    pub fn twins(&self) -> Vec<u16> {
        let twins = self.dishonest.iter().filter(|(_, kind)| **kind == Misbehaviour::Twin);
        twins.map(|(node, _)| *node).collect()
    }

    /// How many nodes run: one for each validator, and the second ones of twins.
    pub fn nodes(&self) -> u16 {
        self.validators.saturating_add(u16::try_from(self.twins().len()).unwrap_or(u16::MAX))
    }

    /// When the last fault has ended, milliseconds; without any fault, when the last one could have begun.
    pub fn healed_ms(&self) -> u64 {
        let ends = self.faults.iter().map(|scheduled| scheduled.at_ms.saturating_add(scheduled.for_ms));
        ends.max().unwrap_or(self.faults_ms)
    }
}
