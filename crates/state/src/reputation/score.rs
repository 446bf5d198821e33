//! Score and tier: pure functions of counters. Implements REP-1 to REP-10.
//!
//! ```text
//! counters ──► curves (0 … 1,000,000 ppm) ──► weights ──► score ──► tier
//! ```
//! Nothing here reads the state: the module's `mod.rs` collects the [`Facts`], and API and command line print the
//! [`Explanation`] that [`explain`] returns.

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::params::ReputationParams;

/// Parts per million in one.
pub const PPM: u64 = 1_000_000;

/// A point of a curve: count, then ppm.
type Point = (u64, u64);

/// Validations and consensus successes (REP-3).
pub const COUNT_CURVE: [Point; 9] = [
    (0, 0),
    (1, 50_000),
    (5, 200_000),
    (10, 400_000),
    (25, 600_000),
    (50, 750_000),
    (100, 900_000),
    (250, 970_000),
    (1_000, 1_000_000),
];
/// Hours of timetoke (REP-3).
pub const UPTIME_CURVE: [Point; 8] =
    [(0, 0), (1, 50_000), (6, 200_000), (24, 500_000), (72, 700_000), (168, 850_000), (360, 950_000), (720, 1_000_000)];
/// Vouches of peers (REP-3).
pub const FEEDBACK_CURVE: [Point; 5] = [(0, 0), (1, 100_000), (5, 400_000), (20, 800_000), (100, 1_000_000)];
/// Full days without a success (REP-3).
pub const DECAY_CURVE: [Point; 4] = [(0, 0), (1, 50_000), (7, 400_000), (30, 1_000_000)];

/// The value of a curve at `count`, ppm, rounded down between two points.
pub fn curve(points: &[Point], count: u64) -> u64 {
    let mut below = (0, 0);
    for &(at, value) in points {
        if count == at {
            return value;
        }
        if count < at {
            let (from, low) = below;
            let (run, rise) = (at - from, value - low);
            return low + rise * (count - from) / run;
        }
        below = (at, value);
    }
    below.1
}

/// A band of reputation (REP-7): each holds when its condition and all below hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Tier {
    /// TL0: no valid identity.
    New = 0,
    /// TL1: the identity is active.
    Valid = 1,
    /// TL2: enough hours online.
    Online = 2,
    /// TL3: enough consensus successes to be a candidate.
    Candidate = 3,
    /// TL4: many consensus successes.
    Proven = 4,
    /// TL5: a high verifiable score.
    Trusted = 5,
}

impl Tier {
    /// All tiers, lowest first.
    pub const ALL: [Self; 6] = [Self::New, Self::Valid, Self::Online, Self::Candidate, Self::Proven, Self::Trusted];

    /// The number in TL0 … TL5.
    pub const fn level(self) -> u8 {
        match self {
            Self::New => 0,
            Self::Valid => 1,
            Self::Online => 2,
            Self::Candidate => 3,
            Self::Proven => 4,
            Self::Trusted => 5,
        }
    }

    /// The name used in JSON, metrics and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "tl0",
            Self::Valid => "tl1",
            Self::Online => "tl2",
            Self::Candidate => "tl3",
            Self::Proven => "tl4",
            Self::Trusted => "tl5",
        }
    }
}

/// What a score is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// Whether the identity is active.
    pub active: bool,
    /// Validations less failures (REP-1).
    pub validations: u64,
    /// Consensus successes less failures (REP-1).
    pub successes: u64,
    /// Hours of timetoke after decay.
    pub hours: u64,
    /// Vouches of other identities.
    pub vouches: u64,
    /// Full days since the last success.
    pub idle_days: u64,
}

/// One line of an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The counter's name.
    pub name: &'static str,
    /// Its value.
    pub count: u64,
    /// What its curve makes of it, ppm.
    pub curve_ppm: u64,
    /// Its weight, ppm.
    pub weight_ppm: u64,
    /// What it adds to the score (or takes from it, for `decay`), ppm, rounded down.
    pub contribution_ppm: u64,
    /// Whether it is taken from the score.
    pub negative: bool,
    /// Whether it counts for tiers.
    pub verifiable: bool,
}

/// The first threshold that is not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextThreshold {
    /// The tier that is missed.
    pub tier: Tier,
    /// Which counter it asks for.
    pub counter: &'static str,
    /// What there is.
    pub has: u64,
    /// What is needed.
    pub needs: u64,
}

/// A score with everything it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The tier.
    pub tier: Tier,
    /// With peer feedback, ppm.
    pub score_ppm: u64,
    /// Without peer feedback, ppm: decides tiers.
    pub verifiable_score_ppm: u64,
    /// Each counter.
    pub parts: [Part; 5],
    /// What the next tier needs; none at TL5.
    pub next: Option<NextThreshold>,
}

/// Explains `facts` under `params` (REP-10). Total on any input: everything saturates.
pub fn explain(params: &ReputationParams, facts: &Facts) -> Explanation {
    let parts = parts(params, facts);
    let verifiable_score_ppm = score(&parts, false);
    let (tier, next) = tier(params, facts, verifiable_score_ppm);
    Explanation { tier, score_ppm: score(&parts, true), verifiable_score_ppm, parts, next }
}

fn parts(params: &ReputationParams, facts: &Facts) -> [Part; 5] {
    let part = |name, count, points: &[Point], weight_ppm: u64| {
        let curve_ppm = curve(points, count);
        // Both factors are at most 10^6.
        let contribution_ppm = curve_ppm.saturating_mul(weight_ppm) / PPM;
        Part { name, count, curve_ppm, weight_ppm, contribution_ppm, negative: false, verifiable: true }
    };
    [
        part("validation", facts.validations, &COUNT_CURVE, params.weight_validation_ppm),
        part("uptime", facts.hours, &UPTIME_CURVE, params.weight_uptime_ppm),
        part("consensus", facts.successes, &COUNT_CURVE, params.weight_consensus_ppm),
        Part { verifiable: false, ..part("peer_feedback", facts.vouches, &FEEDBACK_CURVE, params.weight_feedback_ppm) },
        Part { negative: true, ..part("decay", facts.idle_days, &DECAY_CURVE, params.weight_decay_ppm) },
    ]
}

fn score(parts: &[Part], with_unverifiable: bool) -> u64 {
    let counted = |part: &&Part| part.verifiable || with_unverifiable;
    let sum = |negative: bool| {
        parts
            .iter()
            .filter(counted)
            .filter(|part| part.negative == negative)
            .fold(0_u64, |sum, part| sum.saturating_add(part.contribution_ppm))
    };
    sum(false).saturating_sub(sum(true))
}

/// The highest tier whose conditions all hold, and the first condition that does not.
fn tier(params: &ReputationParams, facts: &Facts, verifiable_score_ppm: u64) -> (Tier, Option<NextThreshold>) {
    let thresholds = &params.tier_thresholds;
    let ladder = [
        (Tier::Valid, "identity", u64::from(facts.active), 1),
        (Tier::Online, "hours", facts.hours, thresholds.hours),
        (Tier::Candidate, "consensus_successes", facts.successes, thresholds.candidate_successes),
        (Tier::Proven, "consensus_successes", facts.successes, thresholds.proven_successes),
        (Tier::Trusted, "verifiable_score_ppm", verifiable_score_ppm, thresholds.score_ppm),
    ];
    let mut reached = Tier::New;
    for (tier, counter, has, needs) in ladder {
        if has < needs {
            return (reached, Some(NextThreshold { tier, counter, has, needs }));
        }
        reached = tier;
    }
    (reached, None)
}
