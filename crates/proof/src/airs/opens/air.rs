//! The constraints of the opens table.

use openvm_stark_backend::interaction::InteractionBuilder;
use openvm_stark_backend::p3_air::{Air, BaseAir};
use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_backend::p3_matrix::Matrix;
use openvm_stark_backend::{BaseAirWithPublicValues, PartitionedBaseAir};

use super::columns::OpenColumns;
use crate::airs::bus::{ACCOUNT, OPENED, RANGE, joined};
use crate::airs::limbs::LIMB;

/// The opens table.
#[derive(Debug, Clone, Copy)]
pub struct OpensAir;

impl<F> BaseAir<F> for OpensAir {
    fn width(&self) -> usize {
        OpenColumns::<F>::WIDTH
    }
}

impl<F> BaseAirWithPublicValues<F> for OpensAir {}

impl<F> PartitionedBaseAir<F> for OpensAir {}

impl<AB: InteractionBuilder> Air<AB> for OpensAir {
    fn eval(&self, builder: &mut AB) {
        let main = builder.main();
        let row = main.row_slice(0).expect("a table has a current row");
        let local = OpenColumns::<AB::Var>::read(&row);
        let real: AB::Expr = local.real.into();

        // PRF-N1: a row is real or padding. A real one takes an address from an `open` and gives it to its slot.
        builder.assert_bool(local.real);
        let limbs: [AB::Expr; 8] =
            std::array::from_fn(|limb| local.low[limb] + local.high[limb] * AB::Expr::from_u32(LIMB));
        let account: Vec<AB::Expr> = joined([local.slot.into()], limbs);
        OPENED.receive(builder, account.clone(), real.clone());
        ACCOUNT.send(builder, account, real.clone());

        // PRF-N2: each limb is below 2^30: 16 bits, and 14 bits, which are a limb four times over too.
        for limb in 0..8 {
            RANGE.lookup_key(builder, [local.low[limb]], real.clone());
            RANGE.lookup_key(builder, [local.high[limb]], real.clone());
            RANGE.lookup_key(builder, [local.high[limb] * AB::Expr::from_u8(4)], real.clone());
        }
    }
}
