//! The constraints of the statement table.

use openvm_stark_backend::interaction::InteractionBuilder;
use openvm_stark_backend::p3_air::{Air, AirBuilderWithPublicValues, BaseAir};
use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_backend::p3_matrix::Matrix;
use openvm_stark_backend::{BaseAirWithPublicValues, PartitionedBaseAir};
use primitives::ledger::LEDGER_DEPTH;

use super::columns::{PointValues, StatementColumns, StatementValues};
use crate::airs::bus::{BOUND, LIMITS, NODE, Node, STATE, State, joined};

/// The statement table.
#[derive(Debug, Clone, Copy)]
pub struct StatementAir;

impl<F> BaseAir<F> for StatementAir {
    fn width(&self) -> usize {
        StatementColumns::<F>::WIDTH
    }
}

impl<F> BaseAirWithPublicValues<F> for StatementAir {
    fn num_public_values(&self) -> usize {
        StatementValues::<F>::WIDTH
    }
}

impl<F> PartitionedBaseAir<F> for StatementAir {}

impl<AB: InteractionBuilder + AirBuilderWithPublicValues> Air<AB> for StatementAir {
    fn eval(&self, builder: &mut AB) {
        let main = builder.main();
        let row = main.row_slice(0).expect("a table has a current row");
        let local = StatementColumns::<AB::Var>::read(&row);
        let values: Vec<AB::Expr> = builder.public_values().iter().map(|value| (*value).into()).collect();
        let values = StatementValues::read(&values);
        let before = PointValues::read(&values.before);
        let after = PointValues::read(&values.after);

        // PRF-S1: exactly the first row is real, so a taller table states nothing twice.
        let first = builder.is_first_row();
        builder.assert_eq(local.real, first);

        // PRF-S2: the operations lead from the point before, with index 1, to the point after, which a seal ends.
        let root = Node {
            level: AB::Expr::from_usize(LEDGER_DEPTH),
            index: AB::Expr::ZERO,
            old: before.root.clone(),
            new: after.root.clone(),
        };
        STATE.send(builder, state(before, AB::Expr::ONE).message(), local.real);
        STATE.receive(builder, state(after, local.index_after.into()).message(), local.real);

        // PRF-S3: the changed ledger tree has these roots.
        NODE.receive(builder, root.message(), local.real);

        // PRF-S4: the limits that every seal looks up.
        let limits = joined(values.issuance_max, values.supply_cap);
        LIMITS.add_key_with_lookups(builder, limits, local.limits_lookups);

        // PRF-S5: no rule needs these two, but a verifier within a circuit knows only the public values that a table
        // mentions.
        let bound = joined(values.genesis, values.payout);
        BOUND.send(builder, bound.clone(), local.real);
        BOUND.receive(builder, bound, local.real);
    }
}

/// The state of the chain of operations at a point between two blocks.
fn state<E: PrimeCharacteristicRing>(point: PointValues<E>, index: E) -> State<E> {
    State {
        index,
        digest: point.ops_digest,
        height: point.height,
        supply: point.supply,
        next_slot: point.next_slot,
        sealed: E::ONE,
    }
}
