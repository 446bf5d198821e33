//! The constraints of the range table.

use openvm_stark_backend::interaction::InteractionBuilder;
use openvm_stark_backend::p3_air::{Air, BaseAir};
use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_backend::p3_matrix::Matrix;
use openvm_stark_backend::{BaseAirWithPublicValues, PartitionedBaseAir};

use super::columns::RangeColumns;
use openvm_stark_backend::p3_air::AirBuilder;

use crate::airs::bus::RANGE;
use crate::airs::limbs::LIMB;

/// The range table.
#[derive(Debug, Clone, Copy)]
pub struct RangeAir;

impl<F> BaseAir<F> for RangeAir {
    fn width(&self) -> usize {
        RangeColumns::<F>::WIDTH
    }
}

impl<F> BaseAirWithPublicValues<F> for RangeAir {}

impl<F> PartitionedBaseAir<F> for RangeAir {}

impl<AB: InteractionBuilder> Air<AB> for RangeAir {
    fn eval(&self, builder: &mut AB) {
        let main = builder.main();
        let row = main.row_slice(0).expect("a table has a current row");
        let local = RangeColumns::<AB::Var>::read(&row);
        let next = main.row_slice(1).expect("a table has a next row");
        let next = RangeColumns::<AB::Var>::read(&next);

        // PRF-R1: the values count from 0 to 65,535, so the table has exactly 65,536 rows.
        builder.when_first_row().assert_zero(local.value);
        builder.when_transition().assert_eq(next.value, local.value + AB::Expr::ONE);
        builder.when_last_row().assert_eq(local.value, AB::Expr::from_u32(LIMB - 1));

        // PRF-R2: each value is in the table.
        RANGE.add_key_with_lookups(builder, [local.value], local.lookups);
    }
}
