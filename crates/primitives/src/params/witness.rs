//! Governed values of the witness module. Rules in `spec/witness.md`.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ParamsError, range};

/// Which blocks are sampled, by how many identities, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WitnessParams {
    /// Heights between two sampled blocks.
    pub interval_blocks: u64,
    /// Heights in which a sample can be attested.
    pub answer_blocks: u64,
    /// Identities that are sampled for a block, in the mean over seeds.
    pub committee: u64,
    /// Most attestations that count for one sample.
    pub attestations_max: u64,
    /// The lowest tier of a witness.
    pub min_tier: u64,
}

impl Default for WitnessParams {
    fn default() -> Self {
        Self { interval_blocks: 10, answer_blocks: 10, committee: 16, attestations_max: 64, min_tier: 2 }
    }
}

impl WitnessParams {
    /// Checks every bound.
    ///
    /// # Errors
    /// The first [`ParamsError`] in field order.
    pub fn validate(&self) -> Result<(), ParamsError> {
        range("witness.interval_blocks", self.interval_blocks, 1, 1_000_000, "1 to 1,000,000 heights")?;
        let rule = "1 to witness.interval_blocks: one sample is open at a time";
        range("witness.answer_blocks", self.answer_blocks, 1, self.interval_blocks, rule)?;
        range("witness.committee", self.committee, 1, 1_024, "1 to 1,024 identities")?;
        let rule = "witness.committee to 4,096 attestations";
        range("witness.attestations_max", self.attestations_max, self.committee, 4_096, rule)?;
        range("witness.min_tier", self.min_tier, 1, 5, "1 to 5")
    }
}
