//! Governed values of issuance and its distribution.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{BASIS_POINTS, ParamsError, range};
use crate::address::Address;
use crate::amount::Amount;
use crate::codec::BoundedVec;
use crate::validator::VALIDATORS_MAX;

/// How much is issued per block, and to whom it goes.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RewardParams {
    /// New money per block, µBLOCK; at most `issuance_per_block_max`, and less near the cap.
    pub issuance_per_block: Amount,
    /// The proposer's bonus at full participation, basis points of the issuance.
    pub proposer_bonus_bps: u64,
    /// The witness pool's part, basis points of the issuance.
    pub witness_bps: u64,
    /// The timetoke pool's part, basis points of the issuance.
    pub timetoke_bps: u64,
    /// The prover pool's part, basis points of the issuance.
    pub prover_bps: u64,
    /// The treasury's part, basis points of the issuance.
    pub treasury_bps: u64,
    /// Of the timetoke pool's part: what the builders of the epoch's blocks share, basis points.
    pub timetoke_proposer_bps: u64,
    /// Of the timetoke pool's part: what the signers of the epoch's commits share, basis points. The rest stays in the pool.
    pub timetoke_witness_bps: u64,
    /// The only validators that are paid for timetoke, sorted, each once; empty pays everyone.
    pub timetoke_paid: BoundedVec<Address, VALIDATORS_MAX>,
}

impl Default for RewardParams {
    fn default() -> Self {
        Self {
            issuance_per_block: Amount::new(100_000).expect("small"),
            proposer_bonus_bps: 2_000,
            witness_bps: 500,
            timetoke_bps: 500,
            prover_bps: 1_000,
            treasury_bps: 500,
            timetoke_proposer_bps: 6_000,
            timetoke_witness_bps: 3_000,
            timetoke_paid: BoundedVec::default(),
        }
    }
}

impl RewardParams {
    /// Checks every bound, and that something is left for the validators.
    ///
    /// # Errors
    /// The first [`ParamsError`] in field order.
    pub fn validate(&self, issuance_max: Amount) -> Result<(), ParamsError> {
        let rule = "at most issuance_per_block_max";
        range("rewards.issuance_per_block", self.issuance_per_block.micro(), 0, issuance_max.micro(), rule)?;
        let mut left = BASIS_POINTS;
        for (name, value) in [
            ("rewards.proposer_bonus_bps", self.proposer_bonus_bps),
            ("rewards.witness_bps", self.witness_bps),
            ("rewards.timetoke_bps", self.timetoke_bps),
            ("rewards.prover_bps", self.prover_bps),
            ("rewards.treasury_bps", self.treasury_bps),
        ] {
            range(name, value, 0, left, "the parts together are at most 10,000 basis points")?;
            left -= value;
        }
        let bound = self.timetoke_proposer_bps;
        range("rewards.timetoke_proposer_bps", bound, 0, BASIS_POINTS, "at most 10,000 basis points")?;
        let rule = "with timetoke_proposer_bps at most 10,000 basis points";
        range("rewards.timetoke_witness_bps", self.timetoke_witness_bps, 0, BASIS_POINTS - bound, rule)?;
        let rises = |pair: &[Address]| matches!(pair, [one, two] if one < two);
        let listed = u64::try_from(self.timetoke_paid.len()).unwrap_or(u64::MAX);
        if !self.timetoke_paid.windows(2).all(rises) {
            let rule = "the list must be sorted by address, each address once";
            return Err(ParamsError { name: "rewards.timetoke_paid", value: listed, rule });
        }
        Ok(())
    }
}
