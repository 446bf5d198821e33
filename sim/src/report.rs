//! What a run gives: a verdict, a hash of everything that happened, and what happened in numbers.
//!
//! Rule: a report is JSON that can be read back, so that an interrupted batch goes on where it was.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::histogram::Histogram;
use crate::properties::{Broken, Property};
use crate::run::slowest;
use crate::world::{MS, World};

/// What takes effect besides faults and dishonest validators, as summaries name it.
pub const EFFECTS: [&str; 74] = [
    "unsynced_write_lost",
    "disk_error",
    "disk_full",
    "clock_set_ahead",
    "clock_set_back",
    "queue_full",
    "reported",
    "slashed",
    "jailed",
    "unjailed",
    "bonded",
    "unbonding",
    "unbonded",
    "redelegated",
    "set_changed",
    "set_changed_under_fault",
    "set_changed_in_partition",
    "seat_taken",
    "seat_left",
    "identity_registered",
    "identity_attested",
    "identity_activated",
    "identity_ended",
    "bond_returned",
    "challenge_opened",
    "heartbeat_accepted",
    "timetoke_paid",
    "sample_opened",
    "sample_attested",
    "witness_promised",
    "witness_paid",
    "ticket_submitted",
    "admitted",
    "admitted_by_fallback",
    "entered_by_lottery",
    "snapshot_made",
    "snapshot_failed",
    "snapshot_refused",
    "snapshot_restored",
    "chunk_refused",
    "snapshot_crash_before_write",
    "snapshot_crash_half",
    "snapshot_crash_before_sync",
    "snapshot_crash_before_rename",
    "snapshot_crash_after_rename",
    "snapshot_crash_after_sync",
    "snapshot_crash_removed",
    "snapshot_crash_chunk_kept",
    "prover_bonded",
    "prover_unbonding",
    "prover_returned",
    "window_closed",
    "window_assigned",
    "proof_accepted",
    "proof_invalid",
    "proof_refused",
    "windows_proven_at_once",
    "pool_ran_dry",
    "block_lightened",
    "block_at_floor",
    "carried_at_floor",
    "weight_recovered",
    "oversize_proof_refused",
    "unbonded_proof_refused",
    "second_proof_refused",
    "migrated",
    "migrate_crash_before_write",
    "migrate_crash_after_write",
    "migrate_crash_after_sync",
    "migrate_crash_after_mark",
    "rot_found",
    "store_mended",
    "body_back",
    "body_refused",
];

/// The same of what only scenarios have.
pub const SCENARIO_EFFECTS: [&str; 5] = [
    "pruned",
    "prune_crash_before_write",
    "prune_crash_after_write",
    "prune_crash_after_sync",
    "prune_crash_after_mark",
];

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

    /// The verdict with this text, as [`Display`](fmt::Display) writes it.
    pub fn read(text: &str, detail: String) -> Option<Self> {
        match text {
            "pass" => Some(Self::Pass),
            "no progress" => Some(Self::NoProgress(detail)),
            "diverged" => Some(Self::Diverged(detail)),
            _ => {
                let property = Property::of_name(text.strip_prefix("invariant broken: ")?)?;
                Some(Self::Broken(Broken { property, detail }))
            }
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

impl<'a> Deserialize<'a> for Verdict {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let unknown = || serde::de::Error::custom(format!("`{text}` is no verdict of this version"));
        Self::read(&text, String::new()).ok_or_else(unknown)
    }
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// How it ended.
    pub verdict: Verdict,
    /// Where and how, unless everything held.
    pub detail: Option<String>,
    /// What the plan expected and the run did not give; nothing when the run is as expected.
    pub unmet: Vec<String>,
    /// BLAKE3 of every event in order, hexadecimal.
    pub trace_hash: String,
    /// Validators.
    pub validators: u16,
    /// Who is linked to whom.
    pub topology: String,
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
    /// From the end of a fault until something new was finalized, the longest by kind, milliseconds.
    pub recovery_ms: BTreeMap<String, u64>,
    /// From an offer until a validator had judged it, median, milliseconds.
    pub propagation_p50_ms: Option<u64>,
    /// The same, 95 of 100.
    pub propagation_p95_ms: Option<u64>,
    /// The same, all of them, by bucket.
    pub propagation_ms: Histogram,
    /// Transactions that were told to be final.
    pub acknowledged: u64,
    /// Faults that took effect, by kind.
    pub faults: BTreeMap<String, u64>,
    /// How long they were in effect, by kind, milliseconds.
    pub fault_ms: BTreeMap<String, u64>,
    /// What else took effect, by name.
    #[serde(default)]
    pub effects: BTreeMap<String, u64>,
    /// Dishonest validators, by kind.
    pub dishonest: BTreeMap<String, u64>,
    /// Double signatures that honest validators reported.
    pub equivocations: u64,
    /// Validators that the witness saw sign two messages for one height, round and step.
    #[serde(default)]
    pub equivocators: Vec<u16>,
    /// Votes of unreliable validators against their own lock, which no two messages prove.
    #[serde(default)]
    pub unattributed: u64,
    /// Messages that dishonest validators made up or damaged.
    pub tamper_attempts: u64,
    /// Blocks that dishonest validators made up and an honest one finalized.
    pub tamper_accepted: u64,
    /// How often each property was checked.
    pub properties: BTreeMap<String, u64>,
}

impl Report {
    /// The report of a run that ended with `verdict`.
    pub fn of(world: &World, verdict: Verdict, resume_ms: Option<u64>) -> Self {
        let mut times_us = world.counts.propagation_us.clone();
        times_us.sort_unstable();
        let percentile = |hundredths: usize| {
            let index = times_us.len().saturating_mul(hundredths) / 100;
            times_us.get(index.min(times_us.len().saturating_sub(1))).map(|us| us / MS)
        };
        let mut propagation_ms = Histogram::default();
        times_us.iter().for_each(|us| propagation_ms.add(us / MS));
        let mut dishonest: BTreeMap<String, u64> = BTreeMap::new();
        for kind in world.plan.dishonest.values() {
            *dishonest.entry(kind.name().to_owned()).or_default() += 1;
        }
        let mut report = Self {
            seed: world.plan.seed,
            detail: verdict.detail().map(str::to_owned),
            verdict,
            unmet: Vec::new(),
            trace_hash: world.trace_hash(),
            validators: world.plan.validators,
            topology: world.plan.topology.kind().to_owned(),
            virtual_ms: world.now_us / MS,
            events: world.counts.events,
            height: world.judge.height().0,
            calm_heights: world.healed_at.map_or(0, |healed| slowest(world).0.saturating_sub(healed.0)),
            round_max: world.counts.rounds.last_key_value().map_or(0, |(round, _)| *round),
            rounds: world.counts.rounds.clone(),
            resume_ms,
            recovery_ms: world.recovery_ms(),
            propagation_p50_ms: percentile(50),
            propagation_p95_ms: percentile(95),
            propagation_ms,
            acknowledged: u64::try_from(world.judge.acknowledged()).unwrap_or(u64::MAX),
            faults: named(&world.counts.faults),
            fault_ms: world.fault_ms(),
            effects: effects(world),
            dishonest,
            equivocations: world.counts.equivocations,
            equivocators: world.witness.equivocators().iter().copied().collect(),
            unattributed: world.witness.unattributed(),
            tamper_attempts: world.counts.tampered,
            tamper_accepted: world.counts.tampered_final,
            properties: named(world.judge.checks()),
        };
        report.unmet = world.plan.expect.unmet(&report);
        report
    }

    /// True when the run ended as its plan expects.
    pub fn is_expected(&self) -> bool {
        self.unmet.is_empty()
    }

    /// True when honest validators finalized different blocks, and the judge saw it.
    pub fn fork_detected(&self) -> bool {
        matches!(self.verdict, Verdict::Diverged(_))
    }

    /// Reads a report that [`Serialize`] wrote.
    ///
    /// # Errors
    /// In words: what does not fit this version.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let mut report: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if let Some(detail) = &report.detail {
            let verdict = Verdict::read(&report.verdict.to_string(), detail.clone());
            report.verdict = verdict.expect("a verdict that was read can be read again");
        }
        Ok(report)
    }
}

/// What took effect besides faults: in the world, in stakes, in identities, in proofs.
fn effects(world: &World) -> BTreeMap<String, u64> {
    let judge = &world.judge;
    let counts = [
        &world.counts.effects,
        judge.stakes().counts(),
        judge.registry().counts(),
        judge.lottery().counts(),
        judge.proving().counts(),
    ];
    counts.into_iter().flat_map(named).collect()
}

fn named(counts: &BTreeMap<&'static str, u64>) -> BTreeMap<String, u64> {
    counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}
