//! The matrix of the range table.

use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_backend::p3_matrix::dense::RowMajorMatrix;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use proof::airs::range::RangeColumns;

/// One row per 16-bit value.
pub fn trace(counts: &[u32]) -> RowMajorMatrix<F> {
    let width = RangeColumns::<F>::WIDTH;
    let mut cells = Vec::with_capacity(counts.len() * width);
    for (value, count) in (0_u32..).zip(counts) {
        RangeColumns { value: F::from_u32(value), lookups: F::from_u32(*count) }.write(&mut cells);
    }
    RowMajorMatrix::new(cells, width)
}
