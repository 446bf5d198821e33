//! The constraints of the operations table.

use openvm_stark_backend::interaction::InteractionBuilder;
use openvm_stark_backend::p3_air::{Air, BaseAir};
use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_backend::p3_matrix::Matrix;
use openvm_stark_backend::{BaseAirWithPublicValues, PartitionedBaseAir};

use super::columns::OperationColumns;
use crate::airs::bus::{
    ABSORB, ACCESS, Access, COMPRESS, LIMBS, MEMORY, Memory, OPENED, RANGE, STATE, SUPPLY, State, SupplyChange, exprs,
    joined,
};

/// The operations table.
#[derive(Debug, Clone, Copy)]
pub struct OperationsAir;

impl<F> BaseAir<F> for OperationsAir {
    fn width(&self) -> usize {
        OperationColumns::<F>::WIDTH
    }
}

impl<F> BaseAirWithPublicValues<F> for OperationsAir {}

impl<F> PartitionedBaseAir<F> for OperationsAir {}

impl<AB: InteractionBuilder> Air<AB> for OperationsAir {
    fn eval(&self, builder: &mut AB) {
        let main = builder.main();
        let row = main.row_slice(0).expect("a table has a current row");
        let local = OperationColumns::<AB::Var>::read(&row);
        let kinds = [local.open, local.charge, local.transfer, local.burn, local.seal];
        let [open, charge, transfer, burn, seal] = exprs::<AB, 5>(kinds);
        let real = open.clone() + charge.clone() + transfer.clone() + burn.clone() + seal.clone();
        let amount: [AB::Expr; LIMBS] = std::array::from_fn(|limb| local.payload[limb].into());
        let height_named: [AB::Expr; LIMBS] = std::array::from_fn(|limb| local.payload[LIMBS + limb].into());

        // PRF-O1: a row is of one kind, or padding.
        for kind in kinds {
            builder.assert_bool(kind);
        }
        builder.assert_bool(real.clone());

        // PRF-O2: elements that a kind does not use are zero, so the row is the one the digest is defined over.
        builder.assert_zero(seal.clone() * local.slot);
        builder.assert_zero((open.clone() + charge.clone() + burn.clone() + seal.clone()) * local.second_slot);
        for unused in height_named.clone() {
            builder.assert_zero((charge.clone() + transfer.clone() + burn.clone()) * unused);
        }

        // PRF-O3: slots are opened one after another.
        builder.assert_zero(open.clone() * (local.slot - local.next_slot));

        // PRF-O4: the amount's limbs are limbs.
        for limb in amount.clone() {
            RANGE.lookup_key(builder, [limb], real.clone() - open.clone());
        }

        // PRF-O5: the running digest takes one step over the operation's row.
        let tag = open.clone()
            + charge.clone() * AB::Expr::TWO
            + transfer.clone() * AB::Expr::from_u8(3)
            + burn.clone() * AB::Expr::from_u8(4)
            + seal.clone() * AB::Expr::from_u8(5);
        let mut elements = vec![tag, local.slot.into(), local.second_slot.into()];
        elements.extend(exprs::<AB, 8>(local.payload));
        elements.resize(16, AB::Expr::ZERO);
        let (first, second) = elements.split_at(8);
        let empty: [AB::Expr; 8] = std::array::from_fn(|_| AB::Expr::ZERO);
        let absorbed = joined(first.iter().cloned().chain(empty), exprs::<AB, 8>(local.capacity));
        ABSORB.lookup_key(builder, absorbed, real.clone());
        let squeezed =
            joined(second.iter().cloned().chain(exprs::<AB, 8>(local.capacity)), exprs::<AB, 8>(local.row_digest));
        COMPRESS.lookup_key(builder, squeezed, real.clone());
        let step = joined(
            exprs::<AB, 8>(local.digest).into_iter().chain(exprs::<AB, 8>(local.row_digest)),
            exprs::<AB, 8>(local.digest_after),
        );
        COMPRESS.lookup_key(builder, step, real.clone());

        // PRF-O6: the state goes from the operation before to the next one.
        let changes_supply = seal.clone() + burn.clone();
        let state = State {
            index: local.index.into(),
            digest: exprs::<AB, 8>(local.digest),
            height: exprs::<AB, 4>(local.height),
            supply: exprs::<AB, 4>(local.supply),
            next_slot: local.next_slot.into(),
            sealed: local.sealed.into(),
        };
        let state_after = State {
            index: local.index + AB::Expr::ONE,
            digest: exprs::<AB, 8>(local.digest_after),
            height: std::array::from_fn(|limb| {
                local.height[limb] + seal.clone() * (height_named[limb].clone() - local.height[limb])
            }),
            supply: std::array::from_fn(|limb| {
                local.supply[limb] + changes_supply.clone() * (local.supply_after[limb] - local.supply[limb])
            }),
            next_slot: local.next_slot + open.clone(),
            sealed: seal.clone(),
        };
        STATE.receive(builder, state.message(), real.clone());
        STATE.send(builder, state_after.message(), real.clone());

        // PRF-O7: a seal or a burn changes the supply as the supply table allows.
        let change = SupplyChange {
            seal: seal.clone(),
            height: exprs::<AB, 4>(local.height),
            height_after: height_named,
            amount: amount.clone(),
            supply: exprs::<AB, 4>(local.supply),
            supply_after: exprs::<AB, 4>(local.supply_after),
        };
        SUPPLY.send(builder, change.message(), changes_supply);

        // PRF-O8: an `open` makes an account with nothing in it.
        let time = local.index * AB::Expr::TWO;
        let opened: Vec<AB::Expr> = joined([local.slot.into()], exprs::<AB, 8>(local.payload));
        OPENED.send(builder, opened, open.clone());
        let nothing = || std::array::from_fn(|_| AB::Expr::ZERO);
        let account = Memory { slot: local.slot.into(), time: time.clone(), nonce: nothing(), balance: nothing() };
        MEMORY.send(builder, account.message(), open);

        // PRF-O9: the debit, and after it the credit: to the fee pot in slot 0, to the named slot, or to the issuance
        // pot in slot 1. The second slot is 0 for a charge and for a seal.
        let debit = Access {
            time: time.clone(),
            slot: local.slot.into(),
            credit: AB::Expr::ZERO,
            charge: charge.clone(),
            amount: amount.clone(),
        };
        ACCESS.send(builder, debit.message(), charge.clone() + transfer.clone() + burn);
        let credit = Access {
            time: time + AB::Expr::ONE,
            slot: local.second_slot + seal.clone(),
            credit: AB::Expr::ONE,
            charge: AB::Expr::ZERO,
            amount,
        };
        ACCESS.send(builder, credit.message(), charge + transfer + seal);
    }
}
