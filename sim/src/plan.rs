//! What happens in a run: how many validators, over which network, with which traffic, and which faults when.
//!
//! Model: a plan is data. One is made from a seed ([`Plan::of_seed`]) or read from a scenario file
//! (`scenarios/*.toml`); both are the same type, and a plan says everything that a run depends on.
//!
//! Rules
//! - Times are milliseconds of virtual time since the start; chances are parts per million.
//! - Faults end: every fault has a duration, so that a run always has an end of the last fault.
//! - Honest validators hold more than two thirds of the power, unless the plan says `beyond_bound`, and then the
//!   run expects that the fork is found.
//! - Unknown keys of a scenario file are refused.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::random::{PPM, Random};

/// Fewest validators of a plan.
pub const VALIDATORS_MIN: u16 = 1;
/// Most validators of a plan.
pub const VALIDATORS_MAX: u16 = 32;
/// Most faults of a plan.
pub const FAULTS_MAX: usize = 256;
/// Longest time with faults, milliseconds.
pub const FAULTS_MS_MAX: u64 = 24 * 3_600_000;
/// Most transactions per second of a plan.
pub const TRAFFIC_MAX: u32 = 200;

/// The links between validators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Links {
    /// Shortest way of a message, milliseconds.
    pub delay_ms: u64,
    /// Up to this much is added to each message, milliseconds; messages overtake each other.
    pub jitter_ms: u64,
    /// Messages that are lost, parts per million.
    pub loss_ppm: u32,
    /// Messages that arrive twice, parts per million.
    pub duplicate_ppm: u32,
}

impl Default for Links {
    fn default() -> Self {
        Self { delay_ms: 20, jitter_ms: 30, loss_ppm: 0, duplicate_ppm: 0 }
    }
}

/// How a dishonest validator behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Misbehaviour {
    /// Signs two different votes for one step and shows each to a part of the others.
    EquivocatingVoter,
    /// Offers two different valid blocks in one round.
    EquivocatingProposer,
    /// Never sends a vote.
    WithheldVotes,
    /// Sends only some parts of its proposals.
    WithheldParts,
    /// Offers blocks whose header does not follow from executing them.
    InvalidBlocks,
    /// Sends random bytes and damaged messages besides its own.
    Garbage,
    /// Forgets its log and what it signed whenever it restarts.
    Amnesia,
    /// Runs its key in two nodes that know nothing of each other; the second one comes after the validators.
    Twin,
}

impl Misbehaviour {
    /// Every misbehaviour.
    pub const ALL: [Self; 8] = [
        Self::EquivocatingVoter,
        Self::EquivocatingProposer,
        Self::WithheldVotes,
        Self::WithheldParts,
        Self::InvalidBlocks,
        Self::Garbage,
        Self::Amnesia,
        Self::Twin,
    ];

    /// The name in summaries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EquivocatingVoter => "equivocating_voter",
            Self::EquivocatingProposer => "equivocating_proposer",
            Self::WithheldVotes => "withheld_votes",
            Self::WithheldParts => "withheld_parts",
            Self::InvalidBlocks => "invalid_blocks",
            Self::Garbage => "garbage",
            Self::Amnesia => "amnesia",
            Self::Twin => "twin",
        }
    }
}

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
}

impl Fault {
    /// The names of all kinds, as summaries use them.
    pub const KINDS: [&'static str; 10] =
        ["partition", "crash", "power_loss", "lost_disk", "loss", "duplicates", "delay", "slow", "clock", "disk"];

    /// The name of its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Partition { .. } => "partition",
            Self::Crash { .. } => "crash",
            Self::PowerLoss => "power_loss",
            Self::LostDisk { .. } => "lost_disk",
            Self::Loss { .. } => "loss",
            Self::Duplicates { .. } => "duplicates",
            Self::Delay { .. } => "delay",
            Self::Slow { .. } => "slow",
            Self::Clock { .. } => "clock",
            Self::Disk { .. } => "disk",
        }
    }

    fn nodes(&self) -> BTreeSet<u16> {
        match self {
            Self::Partition { side, .. } => side.clone(),
            Self::Crash { node, .. }
            | Self::LostDisk { node }
            | Self::Slow { node, .. }
            | Self::Clock { node, .. }
            | Self::Disk { node, .. } => BTreeSet::from([*node]),
            Self::PowerLoss | Self::Loss { .. } | Self::Duplicates { .. } | Self::Delay { .. } => BTreeSet::new(),
        }
    }
}

/// A defect that is put into every honest validator on purpose, to see that the properties catch it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeededBug {
    /// A crash loses the consensus log and the records of the double-sign guard.
    ForgetsWhatItSigned,
    /// The disk is never synced, though the store believes so.
    ForgetsToSync,
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

/// Everything a run depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Chance of the run: delays, losses, transactions.
    pub seed: u64,
    /// How many validators, of equal power.
    pub validators: u16,
    /// The dishonest ones.
    #[serde(default, with = "by_text")]
    pub dishonest: BTreeMap<u16, Misbehaviour>,
    /// The dishonest ones may hold a third of the power or more.
    #[serde(default)]
    pub beyond_bound: bool,
    /// The network.
    #[serde(default)]
    pub links: Links,
    /// Transactions per second.
    #[serde(default)]
    pub traffic_per_second: u32,
    /// No fault begins after this, milliseconds.
    pub faults_ms: u64,
    /// Heights that every honest validator must finalize after the last fault.
    #[serde(default = "calm_heights")]
    pub calm_heights: u64,
    /// The faults.
    #[serde(default)]
    pub faults: Vec<Scheduled>,
    /// A defect of every honest validator.
    #[serde(default)]
    pub seeded_bug: Option<SeededBug>,
}

const fn calm_heights() -> u64 {
    20
}

/// A plan that cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Not a plan.
    #[error("the scenario cannot be read: {0}; next: correct the key it names, spec/simulation.md lists them all")]
    Read(String),
    /// A value outside its bounds.
    #[error("{name} is {value}; next: use {rule}")]
    Bound {
        /// Which.
        name: &'static str,
        /// What it holds.
        value: u64,
        /// What would be right.
        rule: &'static str,
    },
    /// A third of the power or more is dishonest or forgets.
    #[error(
        "{dishonest} of {validators} validators are dishonest or lose their disk; next: name fewer, or set \
         beyond_bound = true"
    )]
    TooManyDishonest {
        /// How many are dishonest or lose their disk.
        dishonest: usize,
        /// Of how many.
        validators: u16,
    },
    /// A validator that is not there.
    #[error("validator {node} is named, the last one is {last}; next: use 0 to {last}")]
    NoSuchNode {
        /// Who is named.
        node: u16,
        /// The last one.
        last: u16,
    },
}

impl Plan {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn from_toml(text: &str) -> Result<Self, PlanError> {
        let plan: Self = toml::from_str(text).map_err(|error| PlanError::Read(error.message().to_owned()))?;
        plan.check()?;
        Ok(plan)
    }

    /// Most dishonest validators that the protocol bears: fewer than a third.
    pub const fn dishonest_max(validators: u16) -> u16 {
        validators.saturating_sub(1) / 3
    }

    /// Who may break the protocol: the dishonest, and those who lose the disk and with it what they locked on.
    pub fn unreliable(&self) -> BTreeSet<u16> {
        let lost = self.faults.iter().filter_map(|scheduled| match scheduled.fault {
            Fault::LostDisk { node } => Some(node),
            _ => None,
        });
        self.dishonest.keys().copied().chain(lost).collect()
    }

    /// Checks every bound.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn check(&self) -> Result<(), PlanError> {
        let bound = |name, value: u64, low: u64, high: u64, rule| {
            if (low..=high).contains(&value) { Ok(()) } else { Err(PlanError::Bound { name, value, rule }) }
        };
        let (low, high) = (u64::from(VALIDATORS_MIN), u64::from(VALIDATORS_MAX));
        bound("validators", u64::from(self.validators), low, high, "1 to 32")?;
        bound("faults_ms", self.faults_ms, 0, FAULTS_MS_MAX, "at most 24 hours")?;
        bound("calm_heights", self.calm_heights, 1, 10_000, "1 to 10,000")?;
        bound("traffic_per_second", u64::from(self.traffic_per_second), 0, u64::from(TRAFFIC_MAX), "at most 200")?;
        let count = u64::try_from(self.faults.len()).unwrap_or(u64::MAX);
        bound("faults", count, 0, u64::try_from(FAULTS_MAX).unwrap_or(u64::MAX), "at most 256")?;
        bound("links.loss_ppm", u64::from(self.links.loss_ppm), 0, u64::from(PPM), "at most 1,000,000")?;
        bound("links.duplicate_ppm", u64::from(self.links.duplicate_ppm), 0, u64::from(PPM), "at most 1,000,000")?;
        bound("links.delay_ms", self.links.delay_ms, 0, 60_000, "at most a minute")?;
        bound("links.jitter_ms", self.links.jitter_ms, 0, 60_000, "at most a minute")?;
        for scheduled in &self.faults {
            bound("at_ms", scheduled.at_ms, 0, self.faults_ms, "at most faults_ms")?;
            bound("for_ms", scheduled.for_ms, 1, FAULTS_MS_MAX, "1 ms to 24 hours")?;
        }
        self.check_nodes()
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

    fn check_nodes(&self) -> Result<(), PlanError> {
        let validator = self.validators.saturating_sub(1);
        if let Some(node) = self.dishonest.keys().copied().find(|node| *node > validator) {
            return Err(PlanError::NoSuchNode { node, last: validator });
        }
        let last = self.nodes().saturating_sub(1);
        let mut named = self.faults.iter().flat_map(|scheduled| scheduled.fault.nodes());
        if let Some(node) = named.find(|node| *node > last) {
            return Err(PlanError::NoSuchNode { node, last });
        }
        let dishonest = self.unreliable().len();
        if !self.beyond_bound && dishonest > usize::from(Self::dishonest_max(self.validators)) {
            return Err(PlanError::TooManyDishonest { dishonest, validators: self.validators });
        }
        Ok(())
    }

    /// When the last fault has ended, milliseconds.
    pub fn healed_ms(&self) -> u64 {
        let ends = self.faults.iter().map(|scheduled| scheduled.at_ms.saturating_add(scheduled.for_ms));
        ends.max().unwrap_or(0).max(self.faults_ms)
    }

    /// The plan of a seed: at least 60 seconds, 4 to 7 validators, and in most seeds several kinds of faults.
    pub fn of_seed(seed: u64) -> Self {
        let mut random = Random::new(seed).fork("plan");
        let validators = u16::try_from(random.between(4, 7)).unwrap_or(4);
        let mut dishonest = BTreeMap::new();
        if random.chance(PPM / 2) {
            for _ in 0..random.between(1, u64::from(Self::dishonest_max(validators))) {
                let kind = Misbehaviour::ALL[random.index(Misbehaviour::ALL.len())];
                dishonest.insert(random.node(validators), kind);
            }
        }
        let links = Links {
            delay_ms: random.between(1, 80),
            jitter_ms: random.between(0, 120),
            loss_ppm: if random.chance(PPM / 3) { u32::try_from(random.below(30_000)).unwrap_or(0) } else { 0 },
            duplicate_ppm: if random.chance(PPM / 3) { u32::try_from(random.below(50_000)).unwrap_or(0) } else { 0 },
        };
        let faults_ms = 50_000;
        let count = random.between(3, 8);
        let twins = dishonest.values().filter(|kind| **kind == Misbehaviour::Twin).count();
        let nodes = validators.saturating_add(u16::try_from(twins).unwrap_or(0));
        let mut faults: Vec<Scheduled> = (0..count).map(|_| scheduled(&mut random, nodes, faults_ms)).collect();
        faults.sort_by_key(|scheduled| scheduled.at_ms);
        let traffic_per_second = u32::try_from(random.between(1, 6)).unwrap_or(1);
        let mut unreliable: BTreeSet<u16> = dishonest.keys().copied().collect();
        faults.retain(|scheduled| match scheduled.fault {
            Fault::LostDisk { node } => {
                let room = unreliable.len() < usize::from(Self::dishonest_max(validators));
                unreliable.contains(&node) || (room && unreliable.insert(node))
            }
            _ => true,
        });
        let (beyond_bound, calm_heights) = (false, calm_heights());
        Self {
            seed,
            validators,
            dishonest,
            beyond_bound,
            links,
            traffic_per_second,
            faults_ms,
            calm_heights,
            faults,
            seeded_bug: None,
        }
    }
}

fn scheduled(random: &mut Random, nodes: u16, faults_ms: u64) -> Scheduled {
    let at_ms = random.between(1_000, faults_ms);
    let for_ms = random.between(500, 15_000);
    let node = random.node(nodes);
    let ppm = |random: &mut Random, high: u64| u32::try_from(random.between(10_000, high)).unwrap_or(0);
    let fault = match random.below(12) {
        0 | 1 => {
            let size = random.between(1, u64::from(nodes.saturating_sub(1)));
            let side = (0..size).map(|_| random.node(nodes)).collect();
            Fault::Partition { side, one_way: random.chance(PPM / 3) }
        }
        2 | 3 => Fault::Crash { node, effects: u32::try_from(random.below(60)).unwrap_or(0) },
        4 => Fault::PowerLoss,
        5 => Fault::LostDisk { node },
        6 => Fault::Loss { ppm: ppm(random, 300_000) },
        7 => Fault::Duplicates { ppm: ppm(random, 500_000) },
        8 => Fault::Delay { jitter_ms: random.between(100, 3_000) },
        9 => Fault::Slow { node, by_ms: random.between(100, 4_000) },
        10 => {
            let size = i64::try_from(random.between(1, 3_600_000)).unwrap_or(1);
            Fault::Clock { node, offset_ms: if random.chance(PPM / 2) { size } else { -size } }
        }
        _ => {
            let operations = [DiskOperation::Read, DiskOperation::Write, DiskOperation::Sync, DiskOperation::Mark];
            let answer = if random.chance(PPM / 2) { DiskAnswer::Io } else { DiskAnswer::NoSpace };
            Fault::Disk { node, operation: operations[random.index(operations.len())], answer }
        }
    };
    Scheduled { at_ms, for_ms, fault }
}

/// Validator numbers as text keys, since a key of a TOML table is text.
mod by_text {
    use std::collections::BTreeMap;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Misbehaviour;

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<u16, Misbehaviour>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text: BTreeMap<String, Misbehaviour> = map.iter().map(|(node, kind)| (node.to_string(), *kind)).collect();
        text.serialize(serializer)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(
        deserializer: D,
    ) -> Result<BTreeMap<u16, Misbehaviour>, D::Error> {
        let text = BTreeMap::<String, Misbehaviour>::deserialize(deserializer)?;
        text.into_iter().map(|(node, kind)| Ok((node.parse().map_err(D::Error::custom)?, kind))).collect()
    }
}
