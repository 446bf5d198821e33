//! The matrix of the poseidon2 table.

use std::collections::BTreeMap;

use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_backend::p3_matrix::dense::RowMajorMatrix;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use p3_poseidon2_air::generate_trace_rows;
use proof::airs::poseidon2::{
    HALF_FULL_ROUNDS, LinearLayers, LookupColumns, PARTIAL_ROUNDS, PERMUTATION_COLUMNS, SBOX_DEGREE, SBOX_REGISTERS,
    WIDTH, constants,
};

use crate::tables::HashLookups;

/// One row per input, filled with permutations of zeros that nobody looks up.
pub fn trace(hashes: &BTreeMap<[F; 16], HashLookups>) -> RowMajorMatrix<F> {
    let height = hashes.len().next_power_of_two();
    let mut inputs: Vec<[F; WIDTH]> = hashes.keys().copied().collect();
    inputs.resize(height, [F::ZERO; WIDTH]);
    let permutations =
        generate_trace_rows::<F, LinearLayers, WIDTH, SBOX_DEGREE, SBOX_REGISTERS, HALF_FULL_ROUNDS, PARTIAL_ROUNDS>(
            inputs,
            &constants(),
            0,
        );
    let width = PERMUTATION_COLUMNS + LookupColumns::<F>::WIDTH;
    let mut cells = Vec::with_capacity(height * width);
    let mut counts = hashes.values();
    for permutation in permutations.values.chunks_exact(PERMUTATION_COLUMNS) {
        cells.extend_from_slice(permutation);
        let count = counts.next().copied().unwrap_or_default();
        let lookups =
            LookupColumns { absorb_lookups: F::from_u32(count.absorb), compress_lookups: F::from_u32(count.compress) };
        lookups.write(&mut cells);
    }
    RowMajorMatrix::new(cells, width)
}
