//! Many runs together.
//!
//! Rule: the summary of a batch depends on its reports alone, in the order of their seeds; an interruption in
//! between leaves no mark.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::histogram::Histogram;
use crate::plan::{Fault, Misbehaviour};
use crate::report::{EFFECTS, Report};
use crate::run::RUN_MS_MIN;

/// Most failing runs that a summary lists.
pub const FAILED_MAX: usize = 100;
/// Kinds of faults that three in four runs have.
pub const KINDS_WANTED: usize = 3;
/// Heights after the last fault that every run has.
pub const CALM_HEIGHTS_WANTED: u64 = 20;

/// Runs from which on their plans together promise every kind of fault.
pub const PROMISES_FROM: u64 = 200;

/// What a number of runs gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// `pass`, or the verdict of the first run that is not as expected.
    pub verdict: String,
    /// BLAKE3 over the trace hashes in the order of the seeds, hexadecimal.
    pub trace_hash: String,
    /// Runs.
    pub seeds: u64,
    /// Runs that ended as their plan expects; for a plan of a seed: every property held.
    pub passed: u64,
    /// Runs in which three kinds of faults or more took effect.
    pub seeds_with_three_kinds: u64,
    /// Runs of 60 seconds of virtual time or more.
    pub seeds_of_60_s: u64,
    /// Runs in which every honest validator finalized 20 heights or more after the last fault.
    pub seeds_with_20_calm_heights: u64,
    /// The fewest heights after the last fault.
    pub calm_heights_min: u64,
    /// Virtual time of all runs, milliseconds.
    pub virtual_ms: u64,
    /// Events of all runs.
    pub events: u64,
    /// Finalized heights of all runs.
    pub heights: u64,
    /// How many heights were decided in each round.
    pub rounds: BTreeMap<u32, u64>,
    /// Transactions that were told to be final.
    pub acknowledged: u64,
    /// The highest round of any run.
    pub round_max: u32,
    /// The time from the last fault until all went on, for 95 of 100 runs, milliseconds.
    pub resume_p95_ms: Option<u64>,
    /// The longest of them; nothing when a run did not go on.
    pub resume_ms: Option<u64>,
    /// From the end of a fault until something new was finalized, the longest by kind, milliseconds.
    pub recovery_ms: BTreeMap<String, u64>,
    /// From an offer until a validator had judged it, median, milliseconds.
    pub propagation_p50_ms: Option<u64>,
    /// The same, 95 of 100.
    pub propagation_p95_ms: Option<u64>,
    /// Double signatures that honest validators reported.
    pub equivocations: u64,
    /// Messages that dishonest validators made up or damaged.
    pub tamper_attempts: u64,
    /// Blocks that dishonest validators made up and an honest one finalized.
    pub tamper_accepted: u64,
    /// Faults that took effect, by kind; every kind is listed.
    pub faults: BTreeMap<String, u64>,
    /// How long they were in effect, by kind, milliseconds of virtual time; every kind is listed.
    pub fault_ms: BTreeMap<String, u64>,
    /// What else took effect: writes that were lost, a full mempool, stake and sets that changed; every name is listed.
    pub effects: BTreeMap<String, u64>,
    /// Dishonest validators, by kind; every kind is listed.
    pub dishonest: BTreeMap<String, u64>,
    /// How long they ran, by kind, milliseconds of virtual time; every kind is listed.
    pub dishonest_ms: BTreeMap<String, u64>,
    /// Runs on each kind of network.
    pub topologies: BTreeMap<String, u64>,
    /// How often each property was checked.
    pub properties: BTreeMap<String, u64>,
    /// What seeds promise together and these do not hold ([`Summary::of_seeds`]).
    pub unmet: Vec<String>,
    /// The first runs that are not as expected.
    pub failed: Vec<Report>,
}

impl Summary {
    /// The summary of these runs, in the order of their seeds.
    pub fn of<'a>(reports: impl IntoIterator<Item = &'a Report>) -> Self {
        let mut summary = Self::empty();
        let (mut traces, mut propagation, mut resume) =
            (blake3::Hasher::new(), Histogram::default(), Histogram::default());
        let (mut all_resumed, mut calm_min) = (true, None);
        for report in reports {
            traces.update(report.trace_hash.as_bytes());
            propagation.merge(&report.propagation_ms);
            report.resume_ms.into_iter().for_each(|ms| resume.add(ms));
            all_resumed &= report.resume_ms.is_some();
            calm_min = Some(calm_min.unwrap_or(u64::MAX).min(report.calm_heights));
            summary.add(report);
        }
        summary.trace_hash = traces.finalize().to_hex().to_string();
        summary.calm_heights_min = calm_min.unwrap_or(0);
        summary.propagation_p50_ms = propagation.percentile(50);
        summary.propagation_p95_ms = propagation.percentile(95);
        summary.resume_p95_ms = resume.percentile(95).filter(|_| all_resumed);
        summary.resume_ms = summary.resume_ms.filter(|_| all_resumed);
        if let Some(first) = summary.failed.first() {
            summary.verdict = first.verdict.to_string();
        }
        summary
    }

    /// The summary of plans that were made from seeds. Every run is long enough and goes on long enough after its last
    /// fault; of [`PROMISES_FROM`] runs or more, three in four have three kinds of faults, and every kind takes effect.
    pub fn of_seeds<'a>(reports: impl IntoIterator<Item = &'a Report>) -> Self {
        let mut summary = Self::of(reports);
        let seeds = summary.seeds;
        for (name, runs) in [
            ("are 60 s long", summary.seeds_of_60_s),
            ("have 20 heights after the last fault", summary.seeds_with_20_calm_heights),
        ] {
            if runs < seeds {
                summary.unmet.push(format!("{runs} of {seeds} runs {name}"));
            }
        }
        if seeds < PROMISES_FROM {
            return summary;
        }
        let many = summary.seeds_with_three_kinds;
        if many.saturating_mul(4) < seeds.saturating_mul(3) {
            summary.unmet.push(format!("{many} of {seeds} runs have three kinds of faults, three in four are wanted"));
        }
        let counts = [&summary.faults, &summary.fault_ms, &summary.effects, &summary.dishonest, &summary.dishonest_ms];
        let none = counts.into_iter().flatten().filter(|(_, count)| **count == 0);
        let none: Vec<String> = none.map(|(kind, _)| format!("{kind} never took effect")).collect();
        summary.unmet.extend(none);
        summary
    }

    /// True when every run ended as its plan expects, and together they hold what seeds promise.
    pub fn is_expected(&self) -> bool {
        self.passed == self.seeds && self.unmet.is_empty()
    }

    fn empty() -> Self {
        let faults: BTreeMap<String, u64> = Fault::KINDS.into_iter().map(|kind| (kind.to_owned(), 0)).collect();
        let dishonest: BTreeMap<String, u64> =
            Misbehaviour::ALL.into_iter().map(|kind| (kind.name().to_owned(), 0)).collect();
        Self {
            verdict: "pass".to_owned(),
            trace_hash: String::new(),
            seeds: 0,
            passed: 0,
            seeds_with_three_kinds: 0,
            seeds_of_60_s: 0,
            seeds_with_20_calm_heights: 0,
            calm_heights_min: 0,
            virtual_ms: 0,
            events: 0,
            heights: 0,
            rounds: BTreeMap::new(),
            acknowledged: 0,
            round_max: 0,
            resume_p95_ms: None,
            resume_ms: None,
            recovery_ms: BTreeMap::new(),
            propagation_p50_ms: None,
            propagation_p95_ms: None,
            equivocations: 0,
            tamper_attempts: 0,
            tamper_accepted: 0,
            fault_ms: faults.clone(),
            faults,
            effects: EFFECTS.into_iter().map(|name| (name.to_owned(), 0)).collect(),
            dishonest_ms: dishonest.clone(),
            dishonest,
            topologies: BTreeMap::new(),
            properties: BTreeMap::new(),
            unmet: Vec::new(),
            failed: Vec::new(),
        }
    }

    fn add(&mut self, report: &Report) {
        self.seeds += 1;
        self.passed += u64::from(report.is_expected());
        self.seeds_with_three_kinds += u64::from(report.faults.len() >= KINDS_WANTED);
        self.seeds_of_60_s += u64::from(report.virtual_ms >= RUN_MS_MIN);
        self.seeds_with_20_calm_heights += u64::from(report.calm_heights >= CALM_HEIGHTS_WANTED);
        self.virtual_ms = self.virtual_ms.saturating_add(report.virtual_ms);
        self.events = self.events.saturating_add(report.events);
        self.heights = self.heights.saturating_add(report.height);
        self.acknowledged = self.acknowledged.saturating_add(report.acknowledged);
        self.round_max = self.round_max.max(report.round_max);
        self.resume_ms = self.resume_ms.max(report.resume_ms);
        self.equivocations = self.equivocations.saturating_add(report.equivocations);
        self.tamper_attempts = self.tamper_attempts.saturating_add(report.tamper_attempts);
        self.tamper_accepted = self.tamper_accepted.saturating_add(report.tamper_accepted);
        merge(&mut self.rounds, &report.rounds);
        merge(&mut self.faults, &report.faults);
        merge(&mut self.fault_ms, &report.fault_ms);
        merge(&mut self.effects, &report.effects);
        merge(&mut self.dishonest, &report.dishonest);
        merge(&mut self.properties, &report.properties);
        for (kind, count) in &report.dishonest {
            let sum = self.dishonest_ms.entry(kind.clone()).or_default();
            *sum = sum.saturating_add(count.saturating_mul(report.virtual_ms));
        }
        for (kind, ms) in &report.recovery_ms {
            let worst = self.recovery_ms.entry(kind.clone()).or_default();
            *worst = (*worst).max(*ms);
        }
        *self.topologies.entry(report.topology.clone()).or_default() += 1;
        if !report.is_expected() && self.failed.len() < FAILED_MAX {
            self.failed.push(report.clone());
        }
    }
}

fn merge<K: Clone + Ord>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (key, count) in from {
        let sum = into.entry(key.clone()).or_default();
        *sum = sum.saturating_add(*count);
    }
}
