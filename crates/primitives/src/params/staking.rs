//! Governed values of staking and of the voting set.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{BASIS_POINTS, ParamsError, range};
use crate::amount::Amount;
use crate::validator::VALIDATORS_MAX;

/// Longest unbonding time in epochs; also bounds the unbonding buckets of one validator.
pub const UNBONDING_EPOCHS_MAX: u64 = 20_160;

/// How stake becomes power and how it leaves.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StakingParams {
    /// Most validators in the voting set.
    pub max_validators: u64,
    /// Least self-stake of a validator in the voting set, µBLOCK.
    pub min_self_stake: Amount,
    /// Least amount of one bond, delegation, redelegation or unbonding, µBLOCK.
    pub min_delegation: Amount,
    /// Epochs between leaving and being paid out; stake is slashable for that long.
    pub unbonding_epochs: u64,
    /// A validator's power is capped at this part of the total, basis points.
    pub power_cap_bps: u64,
    /// Most change of power per epoch, basis points of the total.
    pub churn_bps: u64,
    /// Most change of a commission per epoch, basis points.
    pub commission_step_bps: u64,
    /// Epochs a jailed validator waits before it may ask to return.
    pub jail_epochs: u64,
    /// A validator that misses more than this part of an epoch's commits is jailed, basis points.
    pub missed_max_bps: u64,
    /// A proposer whose blocks leave out more than this part of an epoch's votes is jailed, basis points. At 10,000 nobody
    /// is; honest proposers leave out up to a third, because a certificate closes with the first two thirds.
    pub left_out_max_bps: u64,
    /// A proposer that loses more than this part of its turns of an epoch is jailed, basis points. At 10,000 nobody is.
    pub turns_lost_max_bps: u64,
    /// Epochs for which a light client may trust a header without a newer one.
    pub trusting_epochs: u64,
}

impl Default for StakingParams {
    fn default() -> Self {
        Self {
            max_validators: 100,
            min_self_stake: Amount::from_blocks(1),
            min_delegation: Amount::new(10_000).expect("small"),
            unbonding_epochs: 10_080,
            power_cap_bps: 1_000,
            churn_bps: 1_000,
            commission_step_bps: 100,
            jail_epochs: 1,
            missed_max_bps: 9_500,
            left_out_max_bps: BASIS_POINTS,
            turns_lost_max_bps: BASIS_POINTS,
            trusting_epochs: 5_040,
        }
    }
}

impl StakingParams {
    /// Checks every bound and the relations inside.
    ///
    /// # Errors
    /// The first [`ParamsError`] in field order.
    pub fn validate(&self) -> Result<(), ParamsError> {
        let validators_max = u64::try_from(VALIDATORS_MAX).unwrap_or(u64::MAX);
        range("staking.max_validators", self.max_validators, 1, validators_max, "1 to 128")?;
        range("staking.min_self_stake", self.min_self_stake.micro(), 1_000_000, 1 << 60, "1 BLOCK to 2^60 µBLOCK")?;
        range("staking.min_delegation", self.min_delegation.micro(), 1, 1 << 60, "1 to 2^60 µBLOCK")?;
        range("staking.unbonding_epochs", self.unbonding_epochs, 3, UNBONDING_EPOCHS_MAX, "3 to 20,160 epochs")?;
        range("staking.power_cap_bps", self.power_cap_bps, 1, BASIS_POINTS, "1 to 10,000 basis points")?;
        range("staking.churn_bps", self.churn_bps, 1, 3_333, "1 to 3,333 basis points: below a third of the power")?;
        range("staking.commission_step_bps", self.commission_step_bps, 1, BASIS_POINTS, "1 to 10,000 basis points")?;
        range("staking.jail_epochs", self.jail_epochs, 1, self.unbonding_epochs, "1 to unbonding_epochs")?;
        range("staking.missed_max_bps", self.missed_max_bps, 1, BASIS_POINTS, "1 to 10,000 basis points")?;
        range("staking.left_out_max_bps", self.left_out_max_bps, 3_334, BASIS_POINTS, "3,334 to 10,000 basis points")?;
        range("staking.turns_lost_max_bps", self.turns_lost_max_bps, 1, BASIS_POINTS, "1 to 10,000 basis points")?;
        let trusting_max = self.unbonding_epochs * 2 / 3;
        range(
            "staking.trusting_epochs",
            self.trusting_epochs,
            1,
            trusting_max,
            "at most two thirds of unbonding_epochs",
        )
    }
}
