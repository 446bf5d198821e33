//! The constraints of the accesses table.

use openvm_stark_backend::interaction::InteractionBuilder;
use openvm_stark_backend::p3_air::{Air, BaseAir};
use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_backend::p3_matrix::Matrix;
use openvm_stark_backend::{BaseAirWithPublicValues, PartitionedBaseAir};

use super::columns::AccessColumns;
use super::constants::ELAPSED_WEIGHT;
use crate::airs::bus::{ACCESS, Access, LIMBS, MEMORY, Memory, RANGE, exprs};
use crate::airs::limbs::{carry_in, carry_out};

/// The accesses table.
#[derive(Debug, Clone, Copy)]
pub struct AccessesAir;

impl<F> BaseAir<F> for AccessesAir {
    fn width(&self) -> usize {
        AccessColumns::<F>::WIDTH
    }
}

impl<F> BaseAirWithPublicValues<F> for AccessesAir {}

impl<F> PartitionedBaseAir<F> for AccessesAir {}

impl<AB: InteractionBuilder> Air<AB> for AccessesAir {
    fn eval(&self, builder: &mut AB) {
        let main = builder.main();
        let row = main.row_slice(0).expect("a table has a current row");
        let local = AccessColumns::<AB::Var>::read(&row);
        let real: AB::Expr = local.real.into();

        // PRF-A1: a row is real or padding. A real one is what an operation asks for.
        builder.assert_bool(local.real);
        let access = Access {
            time: local.time.into(),
            slot: local.slot.into(),
            credit: local.credit.into(),
            charge: local.charge.into(),
            amount: exprs::<AB, 4>(local.amount),
        };
        ACCESS.receive(builder, access.message(), real.clone());

        // PRF-A2: the account goes from its last change to this one.
        let memory = |time: AB::Var, nonce: [AB::Var; LIMBS], balance: [AB::Var; LIMBS]| Memory {
            slot: local.slot.into(),
            time: time.into(),
            nonce: exprs::<AB, 4>(nonce),
            balance: exprs::<AB, 4>(balance),
        };
        MEMORY.receive(builder, memory(local.previous_time, local.nonce, local.balance).message(), real.clone());
        MEMORY.send(builder, memory(local.time, local.nonce_after, local.balance_after).message(), real.clone());

        // PRF-A3: time goes forward.
        let [low, high] = local.elapsed;
        let elapsed = low + high * AB::Expr::from_u32(ELAPSED_WEIGHT);
        builder.assert_zero(real.clone() * (local.time - local.previous_time - AB::Expr::ONE - elapsed));
        RANGE.lookup_key(builder, [low], real.clone());
        RANGE.lookup_key(builder, [high], real.clone());

        // PRF-A4: carries are 0 or 1.
        for carry in [local.nonce_carry, local.balance_carry].into_iter().flatten() {
            builder.assert_bool(carry);
        }

        let sign = local.credit * AB::Expr::TWO - AB::Expr::ONE;
        for limb in 0..LIMBS {
            // PRF-A5: a credit adds the amount, a debit takes it, and the balance stays in range.
            let moved = local.amount[limb] + carry_in::<AB>(&local.balance_carry, limb)
                - carry_out::<AB>(&local.balance_carry, limb);
            let grown = local.balance_after[limb] - local.balance[limb];
            builder.assert_eq(moved, sign.clone() * grown);

            // PRF-A6: a charge adds one to the nonce, which stays in range.
            let one = if limb == 0 { local.charge.into() } else { carry_in::<AB>(&local.nonce_carry, limb) };
            let next = local.nonce[limb] + one - carry_out::<AB>(&local.nonce_carry, limb);
            builder.assert_eq(next, local.nonce_after[limb]);

            // PRF-A7: limbs are limbs, and balance and nonce stay below 2^63: twice their highest limb is a limb. One
            // step cannot take a limb further out than 2^16, so the doubled value cannot come round the modulus.
            let unit = if limb + 1 == LIMBS { AB::Expr::TWO } else { AB::Expr::ONE };
            RANGE.lookup_key(builder, [local.balance_after[limb] * unit.clone()], real.clone());
            RANGE.lookup_key(builder, [local.nonce_after[limb] * unit], real.clone());
        }
    }
}
