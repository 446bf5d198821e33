//! The constraints of the supply table.

use openvm_stark_backend::interaction::InteractionBuilder;
use openvm_stark_backend::p3_air::{Air, BaseAir};
use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_backend::p3_matrix::Matrix;
use openvm_stark_backend::{BaseAirWithPublicValues, PartitionedBaseAir};

use super::columns::SupplyColumns;
use crate::airs::bus::{LIMBS, LIMITS, RANGE, SUPPLY, SupplyChange, exprs, joined};
use crate::airs::limbs::{carry_in, carry_out};

/// The supply table.
#[derive(Debug, Clone, Copy)]
pub struct SupplyAir;

impl<F> BaseAir<F> for SupplyAir {
    fn width(&self) -> usize {
        SupplyColumns::<F>::WIDTH
    }
}

impl<F> BaseAirWithPublicValues<F> for SupplyAir {}

impl<F> PartitionedBaseAir<F> for SupplyAir {}

impl<AB: InteractionBuilder> Air<AB> for SupplyAir {
    fn eval(&self, builder: &mut AB) {
        let main = builder.main();
        let row = main.row_slice(0).expect("a table has a current row");
        let local = SupplyColumns::<AB::Var>::read(&row);
        let [real, seal] = exprs::<AB, 2>([local.real, local.seal]);
        let burn = real.clone() - seal.clone();

        // PRF-U1: a row is real or padding, which is no seal. A real one is what an operation asks for, and that
        // says 0 or 1 for a seal.
        builder.assert_bool(local.real);
        builder.assert_zero(seal.clone() * (AB::Expr::ONE - local.real));
        let change = SupplyChange {
            seal: seal.clone(),
            height: exprs::<AB, 4>(local.height),
            height_after: exprs::<AB, 4>(local.height_after),
            amount: exprs::<AB, 4>(local.amount),
            supply: exprs::<AB, 4>(local.supply),
            supply_after: exprs::<AB, 4>(local.supply_after),
        };
        SUPPLY.receive(builder, change.message(), real.clone());

        // PRF-U2: carries are 0 or 1.
        let carries = [local.height_carry, local.supply_carry, local.issuance_carry, local.cap_carry];
        for carry in carries.into_iter().flatten() {
            builder.assert_bool(carry);
        }

        for limb in 0..LIMBS {
            // PRF-U3: a seal names the next height.
            let one = if limb == 0 { AB::Expr::ONE } else { carry_in::<AB>(&local.height_carry, limb) };
            let next = local.height[limb] + one - carry_out::<AB>(&local.height_carry, limb);
            builder.assert_zero(seal.clone() * (next - local.height_after[limb]));
            RANGE.lookup_key(builder, [local.height_after[limb]], seal.clone());

            // PRF-U4: a seal adds to the supply, a burn takes from it, and neither leaves the range.
            let moved = local.amount[limb] + carry_in::<AB>(&local.supply_carry, limb)
                - carry_out::<AB>(&local.supply_carry, limb);
            let grown = local.supply_after[limb] - local.supply[limb];
            builder.assert_zero(seal.clone() * (moved.clone() - grown.clone()));
            builder.assert_zero(burn.clone() * (moved + grown));
            RANGE.lookup_key(builder, [local.supply_after[limb]], real.clone());

            // PRF-U5: what is missing to the issuance bound and to the cap is not negative.
            RANGE.lookup_key(builder, [local.issuance_slack[limb]], seal.clone());
            RANGE.lookup_key(builder, [local.cap_slack[limb]], seal.clone());
        }

        // PRF-U6: amount + slack is the issuance bound, and supply after + slack is the cap.
        let sum = |low: [AB::Var; LIMBS], slack: [AB::Var; LIMBS], carry: &[AB::Var; 3], limb: usize| {
            low[limb] + slack[limb] + carry_in::<AB>(carry, limb) - carry_out::<AB>(carry, limb)
        };
        let bound: [AB::Expr; LIMBS] =
            std::array::from_fn(|limb| sum(local.amount, local.issuance_slack, &local.issuance_carry, limb));
        let cap: [AB::Expr; LIMBS] =
            std::array::from_fn(|limb| sum(local.supply_after, local.cap_slack, &local.cap_carry, limb));
        LIMITS.lookup_key(builder, joined(bound, cap), seal);
    }
}
