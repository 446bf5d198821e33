//! The constraints of the merkle table.

use openvm_stark_backend::interaction::InteractionBuilder;
use openvm_stark_backend::p3_air::{Air, BaseAir};
use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_backend::p3_matrix::Matrix;
use openvm_stark_backend::{BaseAirWithPublicValues, PartitionedBaseAir};

use super::columns::MerkleColumns;
use crate::airs::bus::{COMPRESS, NODE, Node, exprs, joined};

/// The merkle table.
#[derive(Debug, Clone, Copy)]
pub struct MerkleAir;

impl<F> BaseAir<F> for MerkleAir {
    fn width(&self) -> usize {
        MerkleColumns::<F>::WIDTH
    }
}

impl<F> BaseAirWithPublicValues<F> for MerkleAir {}

impl<F> PartitionedBaseAir<F> for MerkleAir {}

impl<AB: InteractionBuilder> Air<AB> for MerkleAir {
    fn eval(&self, builder: &mut AB) {
        let main = builder.main();
        let row = main.row_slice(0).expect("a table has a current row");
        let local = MerkleColumns::<AB::Var>::read(&row);
        let real: AB::Expr = local.real.into();

        // PRF-M1: a row is real or padding.
        builder.assert_bool(local.real);

        let sides = [
            (local.left_touched, local.left_old, local.left_new, AB::Expr::ZERO),
            (local.right_touched, local.right_old, local.right_new, AB::Expr::ONE),
        ];
        for (touched, old, new, side) in sides {
            // PRF-M2: a touched child is a row of its own, at its only place below this node. Padding takes none.
            builder.assert_bool(touched);
            builder.assert_zero(touched * (AB::Expr::ONE - local.real));
            let child = Node {
                level: local.level - AB::Expr::ONE,
                index: local.index * AB::Expr::TWO + side,
                old: exprs::<AB, 8>(old),
                new: exprs::<AB, 8>(new),
            };
            NODE.receive(builder, child.message(), touched);

            // PRF-M3: a child that is not touched does not change.
            for (before, after) in old.into_iter().zip(new) {
                builder.assert_zero((AB::Expr::ONE - touched) * (after - before));
            }
        }

        // PRF-M4: the node is the hash of its children, before and after, and goes to its parent.
        let hashed = |left: [AB::Var; 8], right: [AB::Var; 8], node: [AB::Var; 8]| -> Vec<AB::Expr> {
            joined(joined(exprs::<AB, 8>(left), exprs::<AB, 8>(right)), exprs::<AB, 8>(node))
        };
        COMPRESS.lookup_key(builder, hashed(local.left_old, local.right_old, local.old), real.clone());
        COMPRESS.lookup_key(builder, hashed(local.left_new, local.right_new, local.new), real.clone());
        let node = Node {
            level: local.level.into(),
            index: local.index.into(),
            old: exprs::<AB, 8>(local.old),
            new: exprs::<AB, 8>(local.new),
        };
        NODE.send(builder, node.message(), real);
    }
}
