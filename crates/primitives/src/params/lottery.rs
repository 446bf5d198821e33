//! Governed values of the lottery module. Rules in `spec/lottery.md`.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{PPM, ParamsError, range};

/// How many candidates may enter, and what their chance depends on besides stake.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LotteryParams {
    /// The lowest tier that may wait for a seat; 0 turns the lottery off, and stake alone decides who enters.
    pub min_tier: u64,
    /// Most candidates that are admitted in one epoch.
    pub seats: u64,
    /// Added to the weight for each tier above TL3, ppm of the stake.
    pub tier_bonus_ppm: u64,
    /// Added to the weight at the timetoke cap, ppm of the stake; less in proportion below.
    pub timetoke_bonus_ppm: u64,
}

impl Default for LotteryParams {
    fn default() -> Self {
        Self { min_tier: 3, seats: 4, tier_bonus_ppm: 100_000, timetoke_bonus_ppm: 250_000 }
    }
}

impl LotteryParams {
    /// Checks every bound.
    ///
    /// # Errors
    /// The first [`ParamsError`] in field order.
    pub fn validate(&self) -> Result<(), ParamsError> {
        range("lottery.min_tier", self.min_tier, 0, 5, "0 (no lottery) to 5")?;
        range("lottery.seats", self.seats, 1, 64, "1 to 64 candidates of an epoch")?;
        range("lottery.tier_bonus_ppm", self.tier_bonus_ppm, 0, PPM, "0 to 1,000,000 ppm")?;
        range("lottery.timetoke_bonus_ppm", self.timetoke_bonus_ppm, 0, PPM, "0 to 1,000,000 ppm")
    }
}
