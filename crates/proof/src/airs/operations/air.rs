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
        let operation = Operation::<AB>::of(&local);
        operation.form(builder, &local);
        operation.digest(builder, &local);
        operation.chain(builder, &local);
        operation.effects(builder, &local);
    }
}

/// What an operation is, as expressions.
struct Operation<AB: InteractionBuilder> {
    open: AB::Expr,
    charge: AB::Expr,
    transfer: AB::Expr,
    burn: AB::Expr,
    seal: AB::Expr,
    real: AB::Expr,
    amount: [AB::Expr; LIMBS],
    height_named: [AB::Expr; LIMBS],
}

impl<AB: InteractionBuilder> Operation<AB> {
    fn of(local: &OperationColumns<AB::Var>) -> Self {
        let kinds = [local.open, local.charge, local.transfer, local.burn, local.seal];
        let [open, charge, transfer, burn, seal] = exprs::<AB, 5>(kinds);
        Self {
            real: open.clone() + charge.clone() + transfer.clone() + burn.clone() + seal.clone(),
            amount: std::array::from_fn(|limb| local.payload[limb].into()),
            height_named: std::array::from_fn(|limb| local.payload[LIMBS + limb].into()),
            open,
            charge,
            transfer,
            burn,
            seal,
        }
    }

    /// A row is one operation with everything that is not part of it zero.
    fn form(&self, builder: &mut AB, local: &OperationColumns<AB::Var>) {
        let Self { open, charge, transfer, burn, seal, real, .. } = self;

        // PRF-O1: a row is of one kind, or padding.
        for kind in [local.open, local.charge, local.transfer, local.burn, local.seal] {
            builder.assert_bool(kind);
        }
        builder.assert_bool(real.clone());

        // PRF-O2: elements that a kind does not use are zero, so the row is the one the digest is defined over.
        builder.assert_zero(seal.clone() * local.slot);
        builder.assert_zero((open.clone() + charge.clone() + burn.clone() + seal.clone()) * local.second_slot);
        for unused in &self.height_named {
            builder.assert_zero((charge.clone() + transfer.clone() + burn.clone()) * unused.clone());
        }

        // PRF-O3: slots are opened one after another.
        builder.assert_zero(open.clone() * (local.slot - local.next_slot));

        // PRF-O4: the amount's limbs are limbs.
        for limb in &self.amount {
            RANGE.lookup_key(builder, [limb.clone()], real.clone() - open.clone());
        }
    }

    /// PRF-O5: the running digest takes one step over the operation's row.
    fn digest(&self, builder: &mut AB, local: &OperationColumns<AB::Var>) {
        let tag = self.open.clone()
            + self.charge.clone() * AB::Expr::TWO
            + self.transfer.clone() * AB::Expr::from_u8(3)
            + self.burn.clone() * AB::Expr::from_u8(4)
            + self.seal.clone() * AB::Expr::from_u8(5);
        let mut elements = vec![tag, local.slot.into(), local.second_slot.into()];
        elements.extend(exprs::<AB, 8>(local.payload));
        elements.resize(16, AB::Expr::ZERO);
        let second = elements.split_off(8);
        let empty: [AB::Expr; 8] = std::array::from_fn(|_| AB::Expr::ZERO);
        let [capacity, row_digest] = [local.capacity, local.row_digest].map(exprs::<AB, 8>);
        let [before, after] = [local.digest, local.digest_after].map(exprs::<AB, 8>);
        ABSORB.lookup_key(builder, joined(joined(elements, empty), capacity.clone()), self.real.clone());
        COMPRESS.lookup_key(builder, joined(joined(second, capacity), row_digest.clone()), self.real.clone());
        COMPRESS.lookup_key(builder, joined(joined(before, row_digest), after), self.real.clone());
    }

    /// PRF-O6: the state goes from the operation before to the next one.
    fn chain(&self, builder: &mut AB, local: &OperationColumns<AB::Var>) {
        let state = State {
            index: local.index.into(),
            digest: exprs::<AB, 8>(local.digest),
            height: exprs::<AB, 4>(local.height),
            supply: exprs::<AB, 4>(local.supply),
            next_slot: local.next_slot.into(),
            sealed: local.sealed.into(),
        };
        let height = |limb: usize| {
            local.height[limb] + self.seal.clone() * (self.height_named[limb].clone() - local.height[limb])
        };
        let supply = |limb: usize| {
            let changes = self.seal.clone() + self.burn.clone();
            local.supply[limb] + changes * (local.supply_after[limb] - local.supply[limb])
        };
        let state_after = State {
            index: local.index + AB::Expr::ONE,
            digest: exprs::<AB, 8>(local.digest_after),
            height: std::array::from_fn(height),
            supply: std::array::from_fn(supply),
            next_slot: local.next_slot + self.open.clone(),
            sealed: self.seal.clone(),
        };
        STATE.receive(builder, state.message(), self.real.clone());
        STATE.send(builder, state_after.message(), self.real.clone());
    }

    /// What the operation asks of the other tables.
    fn effects(&self, builder: &mut AB, local: &OperationColumns<AB::Var>) {
        let Self { open, charge, transfer, burn, seal, .. } = self;

        // PRF-O7: a seal or a burn changes the supply as the supply table allows.
        let change = SupplyChange {
            seal: seal.clone(),
            height: exprs::<AB, 4>(local.height),
            height_after: self.height_named.clone(),
            amount: self.amount.clone(),
            supply: exprs::<AB, 4>(local.supply),
            supply_after: exprs::<AB, 4>(local.supply_after),
        };
        SUPPLY.send(builder, change.message(), seal.clone() + burn.clone());

        // PRF-O8: an `open` makes an account with nothing in it.
        let time = local.index * AB::Expr::TWO;
        let opened: Vec<AB::Expr> = joined([local.slot.into()], exprs::<AB, 8>(local.payload));
        OPENED.send(builder, opened, open.clone());
        let nothing = || std::array::from_fn(|_| AB::Expr::ZERO);
        let account = Memory { slot: local.slot.into(), time: time.clone(), nonce: nothing(), balance: nothing() };
        MEMORY.send(builder, account.message(), open.clone());

        // PRF-O9: the debit, and after it the credit: to the fee pot in slot 0, to the named slot, or to the issuance
        // pot in slot 1. The second slot is 0 for a charge and for a seal.
        let debit = Access {
            time: time.clone(),
            slot: local.slot.into(),
            credit: AB::Expr::ZERO,
            charge: charge.clone(),
            amount: self.amount.clone(),
        };
        ACCESS.send(builder, debit.message(), charge.clone() + transfer.clone() + burn.clone());
        let credit = Access {
            time: time + AB::Expr::ONE,
            slot: local.second_slot + seal.clone(),
            credit: AB::Expr::ONE,
            charge: AB::Expr::ZERO,
            amount: self.amount.clone(),
        };
        ACCESS.send(builder, credit.message(), charge.clone() + transfer.clone() + seal.clone());
    }
}
