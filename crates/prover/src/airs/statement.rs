//! The row of the statement table.

use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use proof::airs::statement::StatementColumns;

/// The row of a window with so many operations, of which so many are seals.
pub fn row(operations: u32, seals: u32) -> StatementColumns<F> {
    StatementColumns { real: F::ONE, index_after: F::from_u32(operations) + F::ONE, limits_lookups: F::from_u32(seals) }
}
