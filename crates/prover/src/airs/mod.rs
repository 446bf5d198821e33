//! Trace generation, one file per table of `proof/src/airs`: how a row is made, and what it looks up.
//!
//! What a row looks up is read from its cells, not from how it was made, so a row that lies is caught by the buses.

pub mod accesses;
pub mod boundary;
pub mod merkle;
pub mod opens;
pub mod operations;
pub mod poseidon2;
pub mod range;
pub mod statement;
pub mod supply;

use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use primitives::ledger::limb_of;

/// A boolean cell.
pub fn flag(value: bool) -> F {
    F::from_bool(value)
}

/// The carries out of the three lower limbs of `left + right + first`.
pub fn carries(left: u64, right: u64, first: u32) -> [F; 3] {
    let mut carry = first;
    std::array::from_fn(|limb| {
        carry = (limb_of(left, limb) + limb_of(right, limb) + carry) >> 16;
        F::from_u32(carry)
    })
}
