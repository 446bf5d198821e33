//! Many runs together.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::plan::{Fault, Misbehaviour};
use crate::report::Report;

/// Most failing runs that a summary lists.
pub const FAILED_MAX: usize = 100;

/// What a number of runs gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// `pass`, or the verdict of the first failing seed.
    pub verdict: String,
    /// BLAKE3 over the trace hashes in the order of the seeds, hexadecimal.
    pub trace_hash: String,
    /// Runs.
    pub seeds: u64,
    /// Runs in which every property held.
    pub passed: u64,
    /// Runs with three kinds of faults or more.
    pub seeds_with_three_kinds: u64,
    /// Virtual time of all runs, milliseconds.
    pub virtual_ms: u64,
    /// Events of all runs.
    pub events: u64,
    /// Finalized heights of all runs.
    pub heights: u64,
    /// Transactions that were told to be final.
    pub acknowledged: u64,
    /// The highest round of any run.
    pub round_max: u32,
    /// The longest time from the last fault until all went on, milliseconds.
    pub resume_ms_max: u64,
    /// Double signatures that honest validators reported.
    pub equivocations: u64,
    /// Faults that took effect, by kind; every kind is listed.
    pub faults: BTreeMap<&'static str, u64>,
    /// Dishonest validators, by kind; every kind is listed.
    pub dishonest: BTreeMap<&'static str, u64>,
    /// How often each property was checked.
    pub properties: BTreeMap<&'static str, u64>,
    /// The first failing runs.
    pub failed: Vec<Report>,
}

impl Summary {
    /// The summary of these runs, in the order of their seeds.
    pub fn of<'a>(reports: impl IntoIterator<Item = &'a Report>) -> Self {
        let mut summary = Self {
            verdict: "pass".to_owned(),
            trace_hash: String::new(),
            seeds: 0,
            passed: 0,
            seeds_with_three_kinds: 0,
            virtual_ms: 0,
            events: 0,
            heights: 0,
            acknowledged: 0,
            round_max: 0,
            resume_ms_max: 0,
            equivocations: 0,
            faults: Fault::KINDS.into_iter().map(|kind| (kind, 0)).collect(),
            dishonest: Misbehaviour::ALL.into_iter().map(|kind| (kind.name(), 0)).collect(),
            properties: BTreeMap::new(),
            failed: Vec::new(),
        };
        let mut traces = blake3::Hasher::new();
        for report in reports {
            traces.update(report.trace_hash.as_bytes());
            summary.add(report);
        }
        summary.trace_hash = traces.finalize().to_hex().to_string();
        if let Some(first) = summary.failed.first() {
            summary.verdict = first.verdict.to_string();
        }
        summary
    }

    fn add(&mut self, report: &Report) {
        self.seeds += 1;
        self.passed += u64::from(report.verdict.is_pass());
        self.seeds_with_three_kinds += u64::from(report.faults.len() >= 3);
        self.virtual_ms = self.virtual_ms.saturating_add(report.virtual_ms);
        self.events = self.events.saturating_add(report.events);
        self.heights = self.heights.saturating_add(report.height);
        self.acknowledged = self.acknowledged.saturating_add(report.acknowledged);
        self.round_max = self.round_max.max(report.round_max);
        self.resume_ms_max = self.resume_ms_max.max(report.resume_ms.unwrap_or(0));
        self.equivocations = self.equivocations.saturating_add(report.equivocations);
        merge(&mut self.faults, &report.faults);
        merge(&mut self.dishonest, &report.dishonest);
        merge(&mut self.properties, &report.properties);
        if !report.verdict.is_pass() && self.failed.len() < FAILED_MAX {
            self.failed.push(report.clone());
        }
    }
}

fn merge(into: &mut BTreeMap<&'static str, u64>, from: &BTreeMap<&'static str, u64>) {
    for (key, count) in from {
        *into.entry(key).or_default() += count;
    }
}
