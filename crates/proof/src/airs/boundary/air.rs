//! The constraints of the boundary table.

use openvm_stark_backend::interaction::InteractionBuilder;
use openvm_stark_backend::p3_air::{Air, BaseAir};
use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_backend::p3_matrix::Matrix;
use openvm_stark_backend::{BaseAirWithPublicValues, PartitionedBaseAir};

use super::columns::BoundaryColumns;
use crate::airs::bus::{ABSORB, ACCOUNT, COMPRESS, LIMBS, MEMORY, Memory, NODE, Node, RANGE, exprs, joined};

/// The boundary table.
#[derive(Debug, Clone, Copy)]
pub struct BoundaryAir;

impl<F> BaseAir<F> for BoundaryAir {
    fn width(&self) -> usize {
        BoundaryColumns::<F>::WIDTH
    }
}

impl<F> BaseAirWithPublicValues<F> for BoundaryAir {}

impl<F> PartitionedBaseAir<F> for BoundaryAir {}

impl<AB: InteractionBuilder> Air<AB> for BoundaryAir {
    fn eval(&self, builder: &mut AB) {
        let main = builder.main();
        let row = main.row_slice(0).expect("a table has a current row");
        let local = BoundaryColumns::<AB::Var>::read(&row);
        let real: AB::Expr = local.real.into();
        let opened: AB::Expr = local.opened.into();
        let existing = real.clone() - opened.clone();

        // PRF-B1: a row is of a slot that existed, of one that was opened, or padding.
        builder.assert_bool(local.real);
        builder.assert_bool(local.opened);
        builder.assert_zero(opened.clone() * (AB::Expr::ONE - local.real));

        // PRF-B2: an opened slot was empty before, and its address is the one it was opened with.
        for element in local.old {
            builder.assert_zero(opened.clone() * element);
        }
        let account: Vec<AB::Expr> = joined([local.slot.into()], exprs::<AB, 8>(local.address));
        ACCOUNT.receive(builder, account, opened);

        // PRF-B3: the leaves are the hashes of the content. Address and capacity are shared by both.
        let empty: [AB::Expr; 8] = std::array::from_fn(|_| AB::Expr::ZERO);
        let capacity = exprs::<AB, 8>(local.capacity);
        let absorbed = joined(exprs::<AB, 8>(local.address).into_iter().chain(empty), capacity.clone());
        ABSORB.lookup_key(builder, absorbed, real.clone());
        let squeezed = |nonce: [AB::Var; LIMBS], balance: [AB::Var; LIMBS], leaf: [AB::Var; 8]| -> Vec<AB::Expr> {
            let content = joined(exprs::<AB, 4>(nonce), exprs::<AB, 4>(balance));
            joined(joined(content, capacity.clone()), exprs::<AB, 8>(leaf))
        };
        COMPRESS.lookup_key(builder, squeezed(local.nonce, local.balance, local.old), existing.clone());
        COMPRESS.lookup_key(builder, squeezed(local.nonce_after, local.balance_after, local.new), real.clone());

        // PRF-B4: the memory starts and ends with the content; an opened slot starts with its `open`.
        let memory = |time: AB::Expr, nonce: [AB::Var; LIMBS], balance: [AB::Var; LIMBS]| Memory {
            slot: local.slot.into(),
            time,
            nonce: exprs::<AB, 4>(nonce),
            balance: exprs::<AB, 4>(balance),
        };
        let first = memory(AB::Expr::ZERO, local.nonce, local.balance);
        MEMORY.send(builder, first.message(), existing.clone());
        let last = memory(local.last_time.into(), local.nonce_after, local.balance_after);
        MEMORY.receive(builder, last.message(), real.clone());

        // PRF-B5: what comes in from the tree is in range.
        for limb in local.nonce.into_iter().chain(local.balance) {
            RANGE.lookup_key(builder, [limb], existing.clone());
        }

        // PRF-B6: the leaf goes to its parent.
        let leaf = Node {
            level: AB::Expr::ZERO,
            index: local.slot.into(),
            old: exprs::<AB, 8>(local.old),
            new: exprs::<AB, 8>(local.new),
        };
        NODE.send(builder, leaf.message(), real);
    }
}
