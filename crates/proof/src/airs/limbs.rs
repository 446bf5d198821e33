//! Arithmetic on 64-bit numbers in four 16-bit limbs, with the carries out of the three lower limbs as cells.
//!
//! The highest limb has no carry out: a sum that needs one is out of range and no carry cell can make it fit.
//! Soundness needs carries that are 0 or 1 and limbs that are looked up in the range table.

use openvm_stark_backend::p3_air::AirBuilder;
use openvm_stark_backend::p3_field::PrimeCharacteristicRing;

/// One more than the largest limb.
pub const LIMB: u32 = 1 << 16;

/// The carry into limb `limb`; none into the lowest.
pub fn carry_in<AB: AirBuilder>(carries: &[AB::Var; 3], limb: usize) -> AB::Expr {
    limb.checked_sub(1).and_then(|below| carries.get(below)).map_or(AB::Expr::ZERO, |carry| carry.clone().into())
}

/// What the carry out of limb `limb` is worth within that limb; none out of the highest.
pub fn carry_out<AB: AirBuilder>(carries: &[AB::Var; 3], limb: usize) -> AB::Expr {
    carries.get(limb).map_or(AB::Expr::ZERO, |carry| carry.clone().into() * AB::Expr::from_u32(LIMB))
}
