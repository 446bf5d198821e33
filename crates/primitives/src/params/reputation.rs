//! Governed values of the reputation module. Rules in `spec/reputation.md`.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{PPM, ParamsError, range};

/// What the tiers above "identity valid" ask for, lowest tier first.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TierThresholds {
    /// TL2: hours of timetoke.
    pub hours: u64,
    /// TL3: consensus successes less failures.
    pub candidate_successes: u64,
    /// TL4: consensus successes less failures; above those of TL3.
    pub proven_successes: u64,
    /// TL5: verifiable score, ppm.
    pub score_ppm: u64,
}

impl Default for TierThresholds {
    fn default() -> Self {
        Self { hours: 24, candidate_successes: 10, proven_successes: 100, score_ppm: 750_000 }
    }
}

/// Weights of the score and thresholds of the tiers.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReputationParams {
    /// Weight of validations, ppm.
    pub weight_validation_ppm: u64,
    /// Weight of hours online, ppm.
    pub weight_uptime_ppm: u64,
    /// Weight of consensus successes, ppm.
    pub weight_consensus_ppm: u64,
    /// Weight of vouches, ppm; without effect on tiers.
    pub weight_feedback_ppm: u64,
    /// Weight of the decay that is taken from the score, ppm.
    pub weight_decay_ppm: u64,
    /// When each tier is reached.
    pub tier_thresholds: TierThresholds,
}

impl Default for ReputationParams {
    fn default() -> Self {
        Self {
            weight_validation_ppm: 400_000,
            weight_uptime_ppm: 200_000,
            weight_consensus_ppm: 200_000,
            weight_feedback_ppm: 150_000,
            weight_decay_ppm: 50_000,
            tier_thresholds: TierThresholds::default(),
        }
    }
}

impl ReputationParams {
    /// Checks every bound, the sum of the weights and that the thresholds rise. `cap_hours` is the most timetoke
    /// anyone can hold.
    ///
    /// # Errors
    /// The first [`ParamsError`] in field order.
    pub fn validate(&self, cap_hours: u64) -> Result<(), ParamsError> {
        let mut left = PPM;
        for (name, value) in [
            ("reputation.weight_validation_ppm", self.weight_validation_ppm),
            ("reputation.weight_uptime_ppm", self.weight_uptime_ppm),
            ("reputation.weight_consensus_ppm", self.weight_consensus_ppm),
            ("reputation.weight_feedback_ppm", self.weight_feedback_ppm),
        ] {
            range(name, value, 0, left, "the five weights sum to exactly 1,000,000 ppm")?;
            left -= value;
        }
        let rule = "the five weights sum to exactly 1,000,000 ppm";
        range("reputation.weight_decay_ppm", self.weight_decay_ppm, left, left, rule)?;
        let tiers = &self.tier_thresholds;
        range("reputation.tier_thresholds.hours", tiers.hours, 1, cap_hours, "1 to timetoke.cap_hours")?;
        let (name, most) = ("reputation.tier_thresholds.candidate_successes", u64::from(u32::MAX) - 1);
        range(name, tiers.candidate_successes, 1, most, "1 to 2^32 − 2")?;
        let (name, least) = ("reputation.tier_thresholds.proven_successes", tiers.candidate_successes + 1);
        range(name, tiers.proven_successes, least, u64::from(u32::MAX), "above candidate_successes, below 2^32")?;
        let most = self.weight_validation_ppm + self.weight_uptime_ppm + self.weight_consensus_ppm;
        let rule = "1 to the weights of validation, uptime and consensus together";
        range("reputation.tier_thresholds.score_ppm", tiers.score_ppm, 1, most, rule)
    }
}
