//! The order in which waiting transactions are offered to a block.
//!
//! ```text
//! score      = priority weight · age + fee weight · fee points          (weights in ppm, sum 1,000,000)
//! age        = milliseconds since admission
//! fee points = tip · 1000 / weight, rounded down, at most 60,000        (thousandths of a µBLOCK per weight unit)
//! ```
//!
//! At equal weights a tip of 1 µBLOCK per weight unit counts as much as one second of waiting. The highest score
//! goes first; equal scores go oldest first.
//!
//! Rules
//! - All scores grow at the same rate, so the order of two entries never changes with time. A [`Place`] is that
//!   order without the clock: `fee weight · fee points − priority weight · admission time`.
//! - At fee weight 0 this is strictly first come, first served.
//! - The cap on fee points bounds how long a tip can hold others back: no newcomer overtakes an entry that has waited
//!   longer than 60 s · fee weight / priority weight (25.7 s at 0.7/0.3, 40 s at 0.6/0.4).
//! - A replacement keeps the admission time and number of what it replaces.

use std::cmp::Reverse;

use primitives::{Amount, Timestamp};

use crate::config::MempoolConfig;

/// Fee points for a tip of 1 µBLOCK per weight unit.
pub const FEE_POINTS_PER_MICRO: u64 = 1_000;
/// The most fee points a tip can earn, in the unit of milliseconds of waiting.
pub const FEE_POINTS_MAX: u64 = 60_000;

/// An entry's place in the order; the greatest goes first. No two entries of a mempool share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    rank: i128,
    admission: Reverse<u64>,
}

/// The fee points of a tip (µBLOCK) on a transaction of this weight.
pub fn fee_points(tip: Amount, weight: u64) -> u64 {
    // Nothing weighs less than one unit; this keeps a wrong weight from dividing by zero.
    let points = u128::from(tip.micro()) * u128::from(FEE_POINTS_PER_MICRO) / u128::from(weight.max(1));
    u64::try_from(points).map_or(FEE_POINTS_MAX, |points| points.min(FEE_POINTS_MAX))
}

/// The score of an entry at `now`, in millionths of a point. For display; blocks are filled by [`place`].
pub fn score(config: &MempoolConfig, admitted_at: Timestamp, fee_points: u64, now: Timestamp) -> u128 {
    let age = u128::from(now.since(admitted_at)) * u128::from(config.priority_weight_ppm);
    let fee = u128::from(fee_points) * u128::from(config.fee_weight_ppm);
    // Each product is below 2^84.
    age + fee
}

/// The place of an entry: its score without the clock, then its admission number.
pub fn place(config: &MempoolConfig, admitted_at: Timestamp, fee_points: u64, admission: u64) -> Place {
    let fee = i128::from(fee_points) * i128::from(config.fee_weight_ppm);
    let time = i128::from(admitted_at.0) * i128::from(config.priority_weight_ppm);
    Place { rank: fee - time, admission: Reverse(admission) }
}
