//! Governed values: equal on all nodes, fixed by genesis until an upgrade changes them.
//!
//! Every field says its unit; [`Params::validate`] checks bounds and the relations between fields. Each
//! module's values are a struct of its own, in the file of its name.

pub mod evidence;
pub mod identity;
pub mod lottery;
pub mod proving;
pub mod reputation;
pub mod rewards;
pub mod staking;
pub mod timetoke;
pub mod witness;

pub use evidence::EvidenceParams;
pub use identity::IdentityParams;
pub use lottery::LotteryParams;
pub use proving::ProvingParams;
pub use reputation::{ReputationParams, TierThresholds};
pub use rewards::RewardParams;
pub use staking::StakingParams;
pub use timetoke::TimetokeParams;
pub use witness::WitnessParams;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::block::{BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX};
use crate::codec::encode;
use crate::hash::{Domain, Hash, hash};
use crate::part::PART_OPS_MAX;

/// Basis points in one.
pub const BASIS_POINTS: u64 = 10_000;
/// Parts per million in one.
pub const PPM: u64 = 1_000_000;

/// An error unless `low ≤ value ≤ high`.
pub(crate) fn range(
    name: &'static str,
    value: u64,
    low: u64,
    high: u64,
    rule: &'static str,
) -> Result<(), ParamsError> {
    if value < low || value > high { Err(ParamsError { name, value, rule }) } else { Ok(()) }
}

/// The governed values.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Heights in one epoch.
    pub epoch_blocks: u64,
    /// Heights in one proof window.
    pub window_blocks: u64,
    /// Target time between blocks, milliseconds.
    pub block_interval_ms: u64,
    /// How long round 0 waits for a proposal, milliseconds.
    pub timeout_propose_ms: u64,
    /// How long round 0 waits for votes after two thirds have voted differently, milliseconds.
    pub timeout_vote_ms: u64,
    /// How much longer each further round waits, milliseconds.
    pub timeout_delta_ms: u64,
    /// A fresh proposal's time may lie this far in the past, milliseconds (widened by the round).
    pub time_past_ms: u64,
    /// A fresh proposal's time may lie this far in the future, milliseconds (widened by the round).
    pub time_future_ms: u64,
    /// Largest block, bytes.
    pub block_bytes_max: u64,
    /// Most transactions in a block.
    #[serde(alias = "max_block_transactions")]
    pub block_transactions_max: u64,
    /// Weight all lanes of a block share.
    pub block_weight_max: u64,
    /// The consumer lane's guaranteed share, basis points.
    pub consumer_share_bps: u64,
    /// The industrial lane's guaranteed share, basis points; what is left is the reserved lane.
    pub industrial_share_bps: u64,
    /// Base fee of each lane at the first block, µBLOCK per weight unit.
    pub base_fee_initial: Amount,
    /// The base fee never falls below this, µBLOCK per weight unit, at least 1.
    pub base_fee_floor: Amount,
    /// Price of the first account opened after genesis, µBLOCK.
    pub open_fee_base: Amount,
    /// Added to the price for each 1,000,000 slots in use, µBLOCK.
    pub open_fee_step: Amount,
    /// Most accounts opened in one block.
    pub block_opens_max: u64,
    /// Most ledger operations in one block.
    pub block_ops_max: u64,
    /// Most heights between now and a transaction's `valid_until`.
    pub valid_until_max: u64,
    /// All the money there may ever be.
    pub supply_cap: Amount,
    /// Most new money in one block.
    pub issuance_per_block_max: Amount,
    /// The staking module's values.
    pub staking: StakingParams,
    /// The evidence module's values.
    pub evidence: EvidenceParams,
    /// The rewards module's values.
    pub rewards: RewardParams,
    /// The identity module's values.
    pub identity: IdentityParams,
    /// The timetoke module's values.
    pub timetoke: TimetokeParams,
    /// The reputation module's values.
    pub reputation: ReputationParams,
    /// The lottery module's values.
    pub lottery: LotteryParams,
    /// The witness module's values.
    pub witness: WitnessParams,
    /// The proving module's values.
    pub proving: ProvingParams,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            epoch_blocks: 120,
            window_blocks: 120,
            block_interval_ms: 1_000,
            timeout_propose_ms: 3_000,
            timeout_vote_ms: 1_000,
            timeout_delta_ms: 500,
            time_past_ms: 30_000,
            time_future_ms: 2_000,
            block_bytes_max: 4 * 1024 * 1024,
            block_transactions_max: 10_000,
            block_weight_max: 2_000_000,
            consumer_share_bps: 5_500,
            industrial_share_bps: 3_500,
            base_fee_initial: Amount::new(8).expect("small"),
            base_fee_floor: Amount::new(1).expect("small"),
            open_fee_base: Amount::new(1_000).expect("small"),
            open_fee_step: Amount::new(1_000).expect("small"),
            block_opens_max: 256,
            block_ops_max: 65_536,
            valid_until_max: 1_000,
            supply_cap: Amount::from_blocks(40_000_000),
            issuance_per_block_max: Amount::from_blocks(1),
            staking: StakingParams::default(),
            evidence: EvidenceParams::default(),
            rewards: RewardParams::default(),
            identity: IdentityParams::default(),
            timetoke: TimetokeParams::default(),
            reputation: ReputationParams::default(),
            lottery: LotteryParams::default(),
            witness: WitnessParams::default(),
            proving: ProvingParams::default(),
        }
    }
}

/// A governed value outside its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("params.{name} is {value}; {rule}")]
pub struct ParamsError {
    /// The field.
    pub name: &'static str,
    /// What it holds.
    pub value: u64,
    /// What would be right.
    pub rule: &'static str,
}

impl Params {
    /// Checks every bound and relation.
    ///
    /// # Errors
    /// The first [`ParamsError`] in field order.
    pub fn validate(&self) -> Result<(), ParamsError> {
        let bytes_max = u64::try_from(BLOCK_BYTES_MAX).unwrap_or(u64::MAX);
        let transactions_max = u64::try_from(BLOCK_TRANSACTIONS_MAX).unwrap_or(u64::MAX);
        let ops_max = u64::try_from(PART_OPS_MAX).unwrap_or(u64::MAX);
        range("epoch_blocks", self.epoch_blocks, 1, 1_000_000, "1 to 1,000,000 heights")?;
        range("window_blocks", self.window_blocks, 1, 10_000, "1 to 10,000 heights")?;
        range("block_interval_ms", self.block_interval_ms, 1, 3_600_000, "1 ms to one hour")?;
        range("timeout_propose_ms", self.timeout_propose_ms, 10, 3_600_000, "10 ms to one hour")?;
        range("timeout_vote_ms", self.timeout_vote_ms, 10, 3_600_000, "10 ms to one hour")?;
        range("timeout_delta_ms", self.timeout_delta_ms, 1, 3_600_000, "1 ms to one hour")?;
        range("time_past_ms", self.time_past_ms, 1, 3_600_000, "1 ms to one hour")?;
        range("time_future_ms", self.time_future_ms, 1, 3_600_000, "1 ms to one hour")?;
        range("block_bytes_max", self.block_bytes_max, 65_536, bytes_max, "64 KiB to 8 MiB")?;
        range("block_transactions_max", self.block_transactions_max, 1, transactions_max, "1 to 16,384")?;
        range("block_weight_max", self.block_weight_max, 10_000, 1 << 40, "10,000 to 2^40 units")?;
        range("consumer_share_bps", self.consumer_share_bps, 1, 9_998, "1 to 9,998 basis points")?;
        let left = BASIS_POINTS - 1 - self.consumer_share_bps;
        range(
            "industrial_share_bps",
            self.industrial_share_bps,
            1,
            left,
            "the shares must leave something to the reserved lane",
        )?;
        let fee_max = 1 << 40;
        range("base_fee_floor", self.base_fee_floor.micro(), 1, fee_max, "1 to 2^40 µBLOCK")?;
        range(
            "base_fee_initial",
            self.base_fee_initial.micro(),
            self.base_fee_floor.micro(),
            fee_max,
            "the floor to 2^40 µBLOCK",
        )?;
        range("open_fee_base", self.open_fee_base.micro(), 1, fee_max, "1 to 2^40 µBLOCK")?;
        range("open_fee_step", self.open_fee_step.micro(), 1, fee_max, "1 to 2^40 µBLOCK")?;
        range("block_opens_max", self.block_opens_max, 1, 256, "1 to 256")?;
        range("block_ops_max", self.block_ops_max, 1_024, ops_max, "1,024 to 65,536, what one proof takes")?;
        range("valid_until_max", self.valid_until_max, 1, 1_000, "1 to 1,000 heights")?;
        range("supply_cap", self.supply_cap.micro(), 1, 1 << 62, "1 to 2^62 µBLOCK")?;
        range(
            "issuance_per_block_max",
            self.issuance_per_block_max.micro(),
            0,
            self.supply_cap.micro(),
            "at most the supply cap",
        )?;
        self.validate_modules()
    }

    fn validate_modules(&self) -> Result<(), ParamsError> {
        self.staking.validate()?;
        self.evidence.validate(self.staking.unbonding_epochs)?;
        self.rewards.validate(self.issuance_per_block_max)?;
        self.identity.validate(self.evidence_blocks())?;
        self.timetoke.validate()?;
        self.reputation.validate(self.timetoke.cap_hours)?;
        self.lottery.validate()?;
        self.witness.validate()?;
        self.proving.validate()
    }

    /// What the other lanes leave to the reserved one, weight units, rounded down.
    pub fn reserved_share(&self) -> u64 {
        let points = BASIS_POINTS.saturating_sub(self.consumer_share_bps).saturating_sub(self.industrial_share_bps);
        let share = u128::from(self.block_weight_max) * u128::from(points) / u128::from(BASIS_POINTS);
        u64::try_from(share).unwrap_or(u64::MAX)
    }

    /// How long evidence may name an offender, heights: age and delay together.
    pub fn evidence_blocks(&self) -> u64 {
        self.evidence.age_epochs.saturating_add(self.evidence.delay_epochs).saturating_mul(self.epoch_blocks)
    }

    /// Hash of the canonical bytes, for the header.
    pub fn hash(&self) -> Hash {
        hash(Domain::Params, &[&encode(self)])
    }
}
