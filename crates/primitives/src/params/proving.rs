//! Governed values of the proving module. Rules in `spec/proving.md`.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ParamsError, range};
use crate::actions::proving::PROOF_BYTES_MAX;
use crate::amount::Amount;

/// A bond is at least so many verifications.
pub const BOND_VERIFICATIONS: u64 = 100;

/// Bonds, turns and pay of provers, and what a lag of proofs does to blocks.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProvingParams {
    /// Largest chain proof that a block takes, bytes.
    pub proof_bytes_max: u64,
    /// What verifying one proof costs the chain, µBLOCK.
    pub verification_cost: Amount,
    /// Least bond of a prover, µBLOCK: at least 100 times `verification_cost`.
    pub bond_min: Amount,
    /// Heights between asking for a bond and its payout.
    pub unbonding_blocks: u64,
    /// Heights in which only the assigned prover may prove a window, from the block that records it on.
    pub turn_blocks: u64,
    /// Paid from the prover pool for each height by which a proof raises the proven height, µBLOCK.
    pub reward_per_height: Amount,
    /// Closed windows without a proof that leave the block weight as it is.
    pub lag_free_windows: u64,
    /// Closed windows without a proof from which on the block weight is at its floor.
    pub lag_floor_windows: u64,
}

impl Default for ProvingParams {
    fn default() -> Self {
        Self {
            proof_bytes_max: 384 * 1024,
            verification_cost: Amount::new(100_000).expect("small"),
            bond_min: Amount::from_blocks(10),
            unbonding_blocks: 240,
            turn_blocks: 120,
            reward_per_height: Amount::new(10_000).expect("small"),
            lag_free_windows: 10,
            lag_floor_windows: 60,
        }
    }
}

impl ProvingParams {
    /// Checks every bound and relation.
    ///
    /// # Errors
    /// The first [`ParamsError`] in field order.
    pub fn validate(&self) -> Result<(), ParamsError> {
        let bytes_max = u64::try_from(PROOF_BYTES_MAX).unwrap_or(u64::MAX);
        range("proving.proof_bytes_max", self.proof_bytes_max, 1, bytes_max, "1 byte to 4 MiB")?;
        let cost = self.verification_cost.micro();
        range("proving.verification_cost", cost, 1, 1 << 50, "1 to 2^50 µBLOCK")?;
        let bond = cost.saturating_mul(BOND_VERIFICATIONS);
        let rule = "100 times proving.verification_cost to 2^60 µBLOCK";
        range("proving.bond_min", self.bond_min.micro(), bond, 1 << 60, rule)?;
        range("proving.unbonding_blocks", self.unbonding_blocks, 1, 1_000_000, "1 to 1,000,000 heights")?;
        range("proving.turn_blocks", self.turn_blocks, 0, 1_000_000, "0 to 1,000,000 heights")?;
        range("proving.reward_per_height", self.reward_per_height.micro(), 0, 1 << 40, "0 to 2^40 µBLOCK")?;
        range("proving.lag_free_windows", self.lag_free_windows, 1, 1_000_000, "1 to 1,000,000 windows")?;
        let rule = "above proving.lag_free_windows, at most 1,000,001 windows";
        range("proving.lag_floor_windows", self.lag_floor_windows, self.lag_free_windows + 1, 1_000_001, rule)
    }
}
