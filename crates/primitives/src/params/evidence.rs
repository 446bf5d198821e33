//! Governed values of evidence and slashing.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{PPM, ParamsError, range};

/// How long evidence counts and what it costs.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvidenceParams {
    /// Evidence about messages older than this many epochs is refused.
    pub age_epochs: u64,
    /// Epochs allowed between an offence and its evidence reaching a block, on top of the age.
    pub delay_epochs: u64,
    /// Part of the stake burned for an equivocation by one validator alone, ppm.
    pub equivocation_ppm: u64,
    /// Part of the stake burned for conflicting heartbeats, ppm.
    pub heartbeat_ppm: u64,
    /// Part of the stake burned for a false identity proof, ppm.
    pub false_identity_ppm: u64,
    /// Offences within this many epochs of each other count as done together.
    pub together_epochs: u64,
}

impl Default for EvidenceParams {
    fn default() -> Self {
        Self {
            age_epochs: 9_000,
            delay_epochs: 60,
            equivocation_ppm: 100_000,
            heartbeat_ppm: 250_000,
            false_identity_ppm: 500_000,
            together_epochs: 10,
        }
    }
}

impl EvidenceParams {
    /// Checks every bound, and that evidence arrives while the stake is still there.
    ///
    /// # Errors
    /// The first [`ParamsError`] in field order.
    pub fn validate(&self, unbonding_epochs: u64) -> Result<(), ParamsError> {
        let rule = "evidence.age_epochs + evidence.delay_epochs must be below staking.unbonding_epochs";
        range("evidence.age_epochs", self.age_epochs, 1, unbonding_epochs.saturating_sub(2), rule)?;
        let left = unbonding_epochs.saturating_sub(1).saturating_sub(self.age_epochs);
        range("evidence.delay_epochs", self.delay_epochs, 1, left, rule)?;
        range("evidence.equivocation_ppm", self.equivocation_ppm, 1, PPM, "1 to 1,000,000 ppm")?;
        range("evidence.heartbeat_ppm", self.heartbeat_ppm, 1, PPM, "1 to 1,000,000 ppm")?;
        range("evidence.false_identity_ppm", self.false_identity_ppm, 1, PPM, "1 to 1,000,000 ppm")?;
        range("evidence.together_epochs", self.together_epochs, 1, self.age_epochs, "1 to evidence.age_epochs")
    }
}
