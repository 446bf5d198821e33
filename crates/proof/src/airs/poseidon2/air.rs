//! The constraints of the poseidon2 table.

use std::borrow::Borrow;

use openvm_stark_backend::air_builders::sub::SubAirBuilder;
use openvm_stark_backend::interaction::InteractionBuilder;
use openvm_stark_backend::p3_air::{Air, BaseAir};
use openvm_stark_backend::p3_matrix::Matrix;
use openvm_stark_backend::{BaseAirWithPublicValues, PartitionedBaseAir};
use p3_baby_bear::BabyBear;

use super::columns::LookupColumns;
use super::constants::{HALF_FULL_ROUNDS, PERMUTATION_COLUMNS, Permutation, PermutationColumns, constants};
use crate::airs::bus::{ABSORB, COMPRESS, exprs, joined};

/// The poseidon2 table.
#[derive(Clone)]
pub struct Poseidon2Air {
    permutation: Permutation,
}

impl Default for Poseidon2Air {
    fn default() -> Self {
        Self { permutation: Permutation::new(constants()) }
    }
}

impl<F> BaseAir<F> for Poseidon2Air {
    fn width(&self) -> usize {
        PERMUTATION_COLUMNS + LookupColumns::<F>::WIDTH
    }
}

impl<F> BaseAirWithPublicValues<F> for Poseidon2Air {}

impl<F> PartitionedBaseAir<F> for Poseidon2Air {}

impl<AB: InteractionBuilder<F = BabyBear>> Air<AB> for Poseidon2Air {
    fn eval(&self, builder: &mut AB) {
        // PRF-P1: the columns of a row are one run of the permutation.
        let mut sub = SubAirBuilder::<AB, Permutation, BabyBear>::new(builder, 0..PERMUTATION_COLUMNS);
        self.permutation.eval(&mut sub);

        let main = builder.main();
        let row = main.row_slice(0).expect("a table has a current row");
        let (permutation, lookups) = row.split_at(PERMUTATION_COLUMNS);
        let permutation: &PermutationColumns<AB::Var> = permutation.borrow();
        let lookups = LookupColumns::<AB::Var>::read(lookups);
        let result = &permutation.ending_full_rounds[HALF_FULL_ROUNDS - 1].post;
        let (lower, upper) = result.split_at(8);

        // PRF-P2: either half of the result can be looked up with all of the input.
        let half = |half: &[AB::Var]| -> Vec<AB::Expr> {
            joined(exprs::<AB, 16>(permutation.inputs), half.iter().map(|element| (*element).into()))
        };
        ABSORB.add_key_with_lookups(builder, half(upper), lookups.absorb_lookups);
        COMPRESS.add_key_with_lookups(builder, half(lower), lookups.compress_lookups);
    }
}
