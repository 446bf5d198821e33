//! How a run is meant to end.
//!
//! Model: without a word, a run is meant to pass. A scenario that goes beyond what the protocol bears may expect
//! another verdict; then the run is as expected when it ends so, and a pass is not.

use serde::{Deserialize, Serialize};

use super::check::PlanError;
use super::read::nearest;
use crate::properties::Property;
use crate::report::{EFFECTS, Report, SCENARIO_EFFECTS, Verdict};

/// What a scenario expects of its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expectations {
    /// The verdict, as a report prints it.
    pub verdict: String,
    /// Two honest validators finalized different blocks, and this was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fork_detected: Option<bool>,
    /// Fewest heights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heights_min: Option<u64>,
    /// Longest time from the last fault until everybody goes on, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume_ms_max: Option<u64>,
    /// Longest time from an offer to its verdict for 95 of 100, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub propagation_p95_ms_max: Option<u64>,
    /// Highest round that decided a height.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_max: Option<u32>,
    /// Fewest double signatures that honest validators report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equivocations_min: Option<u64>,
    /// Effects of the report that are more than none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<String>,
}

impl Default for Expectations {
    fn default() -> Self {
        Self {
            verdict: Verdict::Pass.to_string(),
            fork_detected: None,
            heights_min: None,
            resume_ms_max: None,
            propagation_p95_ms_max: None,
            round_max: None,
            equivocations_min: None,
            effects: Vec::new(),
        }
    }
}

impl Expectations {
    pub(super) fn check(&self) -> Result<(), PlanError> {
        let named = self.verdict.strip_prefix("invariant broken: ").and_then(Property::of_name);
        let known = named.is_some() || ["pass", "no progress", "diverged"].contains(&self.verdict.as_str());
        if !known {
            return Err(PlanError::Verdict(self.verdict.clone()));
        }
        let known = [&EFFECTS[..], &SCENARIO_EFFECTS].concat();
        match self.effects.iter().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(PlanError::Effect { name: name.clone(), hint: nearest(name, &known) }),
        }
    }

    /// What a run was meant to give and did not, one sentence each; nothing when it is as expected.
    pub fn unmet(&self, report: &Report) -> Vec<String> {
        let verdict = report.verdict.to_string();
        let mut unmet = Vec::new();
        if verdict != self.verdict {
            unmet.push(format!("the verdict is `{verdict}`, `{}` was expected", self.verdict));
        }
        if let Some(expected) = self.fork_detected.filter(|expected| *expected != report.fork_detected()) {
            unmet.push(format!("a fork was {}detected", if expected { "not " } else { "" }));
        }
        let mut limit = |name: &str, found: Option<u64>, limit: Option<u64>, is_least: bool| {
            let Some(limit) = limit else { return };
            let word = if is_least { "least" } else { "most" };
            match found {
                None => unmet.push(format!("{name} is not known, at {word} {limit} was expected")),
                Some(found) if (is_least && found < limit) || (!is_least && found > limit) => {
                    unmet.push(format!("{name} is {found}, at {word} {limit} was expected"));
                }
                Some(_) => {}
            }
        };
        limit("height", Some(report.height), self.heights_min, true);
        limit("resume_ms", report.resume_ms, self.resume_ms_max, false);
        limit("propagation_p95_ms", report.propagation_p95_ms, self.propagation_p95_ms_max, false);
        limit("round_max", Some(u64::from(report.round_max)), self.round_max.map(u64::from), false);
        limit("equivocations", Some(report.equivocations), self.equivocations_min, true);
        let none = self.effects.iter().filter(|name| report.effects.get(*name).is_none_or(|count| *count == 0));
        unmet.extend(none.map(|name| format!("{name} never took effect")));
        unmet
    }
}
