//! Fees: a base fee per lane that follows demand and is burned, tips, lane shares and opening fees.
//!
//! Model: each lane owns a guaranteed share of the block's weight and targets half of it. A transaction
//! pays `base fee of its lane × weight`. When its own share is full it may borrow what the other lane
//! leaves free; then it pays the higher of the two base fees and counts in the lender's demand.
//!
//! ```text
//! block weight ┌── consumer share ──┬── industrial share ──┬─ reserved ─┐
//!              │ own …      │ lent  │ own …        │ lent  │ proofs, …  │
//! ```
//!
//! The reserved lane (evidence, proofs) has what the other two leave; it neither lends nor borrows, and true
//! evidence pays no base fee.
//!
//! Rules
//! - Once a lane has lent, no further transaction of that lane may follow in the block: a proposer must
//!   serve each lane before it lends the rest.
//! - The base fee moves by at most an eighth per block, at least by 1 when demand is off target, rounded
//!   up in both directions, and never below the floor.
//! - Opening an account costs `open_fee_base + open_fee_step × (slots in use / 1,000,000)`, burned.
//!
//! Read next: `spec/fees.md`.

pub mod lanes;
pub mod weight;

use primitives::{Amount, Lane, Params};

pub use lanes::{LaneMeter, Placement};
pub use weight::weight;

/// Slots per step of the opening fee.
pub const OPEN_FEE_SLOTS: u64 = 1_000_000;
/// The base fee moves by at most one part in this many per block.
pub const BASE_FEE_STEP: u64 = 8;

/// The price of opening one account while `next_slot` slots are in use; `None` when out of range.
pub fn open_fee(params: &Params, next_slot: u32) -> Option<Amount> {
    params.open_fee_base.checked_add(params.open_fee_step.checked_mul(u64::from(next_slot) / OPEN_FEE_SLOTS)?)
}

/// The base fee of the next block, from this block's `demand` (weight) and the lane's `share`.
///
/// Rounding: the step is rounded up, so that a fee always reacts; it favours neither side.
pub fn next_base_fee(params: &Params, current: Amount, demand: u64, share: u64) -> Amount {
    let target = (share / 2).max(1);
    let difference = demand.abs_diff(target).min(target);
    if difference == 0 {
        return current;
    }
    let numerator = u128::from(current.micro()) * u128::from(difference);
    let step = numerator.div_ceil(u128::from(target) * u128::from(BASE_FEE_STEP));
    let step = u64::try_from(step).unwrap_or(u64::MAX);
    let moved = if demand > target {
        current.micro().saturating_add(step).min(BASE_FEE_MAX)
    } else {
        current.micro().saturating_sub(step)
    };
    Amount::new(moved).unwrap_or(Amount::MAX).max(params.base_fee_floor)
}

/// The base fee never rises above this, µBLOCK per weight unit, so that a fee always fits an amount.
pub const BASE_FEE_MAX: u64 = 1 << 40;

/// The guaranteed share of a lane, in weight units.
pub fn share(params: &Params, lane: Lane) -> u64 {
    let points = match lane {
        Lane::Consumer => params.consumer_share_bps,
        Lane::Industrial => params.industrial_share_bps,
        Lane::Reserved => primitives::params::BASIS_POINTS
            .saturating_sub(params.consumer_share_bps)
            .saturating_sub(params.industrial_share_bps),
    };
    let share = u128::from(params.block_weight_max) * u128::from(points) / u128::from(primitives::params::BASIS_POINTS);
    u64::try_from(share).unwrap_or(u64::MAX)
}
