//! The fold table: what a proof over proofs says about the proofs below it.
//!
//! The tables of the verifier hold one proof per row of this table, and give for each its public values, the pre-hash
//! of the key it was verified under, and the commitment to the constraints that *its* verifier was given. This table
//! takes all of them and says what they must be.

use openvm_recursion_circuit::bus::{
    CachedCommitBus, CachedCommitBusMessage, PreHashBus, PreHashMessage, PublicValuesBus, PublicValuesBusMessage,
};
use openvm_stark_backend::interaction::InteractionBuilder;
use openvm_stark_backend::p3_air::{Air, AirBuilder, AirBuilderWithPublicValues, BaseAir};
use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_backend::p3_matrix::Matrix;
use openvm_stark_backend::{BaseAirWithPublicValues, PartitionedBaseAir};
use openvm_stark_sdk::config::baby_bear_poseidon2::{Digest, F};
use proof::airs::STATEMENT;
use proof::folded::{CONSTRAINTS_TABLE, FOLD_CELLS, FOLD_VALUES, FoldColumns, FoldValues, STATEMENT_VALUES};

/// The keys that the children of a layer may have.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Children {
    /// Window proofs.
    Windows {
        /// Pre-hash of their key.
        key: Digest,
    },
    /// Lifted windows, or folds.
    Ranges {
        /// Pre-hash of the key of lifted windows.
        lift_key: Digest,
        /// Commitment to the constraints of the key of windows, which a lifted window carries.
        window_constraints: Digest,
        /// Commitment to the constraints of the key of lifted windows, which a fold of them carries.
        lift_constraints: Digest,
    },
}

/// The fold table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FoldAir {
    pub(crate) public_values: PublicValuesBus,
    pub(crate) pre_hash: PreHashBus,
    pub(crate) cached_commit: CachedCommitBus,
    pub(crate) children: Children,
}

impl<T> BaseAir<T> for FoldAir {
    fn width(&self) -> usize {
        FoldColumns::<T>::WIDTH
    }
}

impl<T> BaseAirWithPublicValues<T> for FoldAir {
    fn num_public_values(&self) -> usize {
        FOLD_VALUES
    }
}

impl<T> PartitionedBaseAir<T> for FoldAir {}

impl<AB: InteractionBuilder + AirBuilderWithPublicValues> Air<AB> for FoldAir
where
    AB::F: PrimeCharacteristicRing,
{
    fn eval(&self, builder: &mut AB) {
        let main = builder.main();
        let row = main.row_slice(0).expect("a table has a current row");
        let local = FoldColumns::<AB::Var>::read(&row);
        let child: Vec<AB::Var> = row.iter().skip(FOLD_CELLS).copied().collect();
        let row = main.row_slice(1).expect("a table has a next row");
        let next = FoldColumns::<AB::Var>::read(&row);
        let said: Vec<AB::Expr> = builder.public_values().iter().map(|value| (*value).into()).collect();
        let said = FoldValues::read(&said);

        rows(builder, &local, &next);
        statements(builder, &local, &next, &said);
        self.values(builder, &local, &child);
        self.keys(builder, &local, &said);
    }
}

/// PRF-F1 and PRF-F2: the children come first, numbered from 0, at least one, and the last one is marked.
fn rows<AB: InteractionBuilder>(builder: &mut AB, local: &FoldColumns<AB::Var>, next: &FoldColumns<AB::Var>) {
    builder.assert_bool(local.real);
    builder.when_first_row().assert_one(local.real);
    builder.when_transition().assert_bool(local.real - next.real);
    builder.when_first_row().assert_zero(local.child);
    builder.when_transition().when(next.real).assert_eq(next.child, local.child + AB::Expr::ONE);

    builder.when_transition().assert_eq(local.last, local.real - next.real);
    builder.when_last_row().assert_eq(local.last, local.real);
}

fn equal<AB: AirBuilder, const N: usize>(
    builder: &mut AB,
    left: [impl Into<AB::Expr>; N],
    right: [impl Into<AB::Expr>; N],
) {
    for (left, right) in left.into_iter().zip(right) {
        builder.assert_eq(left, right);
    }
}

/// PRF-F3 to PRF-F5: the children are neighbours, and together they are what is said.
fn statements<AB: InteractionBuilder>(
    builder: &mut AB,
    local: &FoldColumns<AB::Var>,
    next: &FoldColumns<AB::Var>,
    said: &FoldValues<AB::Expr>,
) {
    // PRF-F3: a child starts where the one before it ends, on the same chain with the same constants.
    let mut joined = builder.when_transition();
    let mut joined = joined.when(next.real);
    equal(&mut joined, local.after, next.before);
    equal(&mut joined, local.genesis, next.genesis);
    equal(&mut joined, local.issuance_max, next.issuance_max);
    equal(&mut joined, local.supply_cap, next.supply_cap);

    // PRF-F4: the first child's start and constants are those said.
    let mut first = builder.when_first_row();
    equal(&mut first, local.before, said.before.clone());
    equal(&mut first, local.genesis, said.genesis.clone());
    equal(&mut first, local.issuance_max, said.issuance_max.clone());
    equal(&mut first, local.supply_cap, said.supply_cap.clone());

    // PRF-F5: the last child's end and payout address are those said, so that nobody is paid for a proof by
    // wrapping it once more.
    let mut last = builder.when(local.last);
    equal(&mut last, local.after, said.after.clone());
    equal(&mut last, local.payout, said.payout.clone());
}

impl FoldAir {
    /// 1 when the children are lifted windows or folds.
    fn ranges<E: PrimeCharacteristicRing>(&self) -> E {
        E::from_bool(matches!(self.children, Children::Ranges { .. }))
    }

    /// PRF-F7: all public values of each child are taken, and a child has no others.
    fn values<AB: InteractionBuilder>(&self, builder: &mut AB, local: &FoldColumns<AB::Var>, child: &[AB::Var]) {
        for (at, value) in child.iter().enumerate() {
            let message = PublicValuesBusMessage {
                air_idx: AB::Expr::from_usize(STATEMENT),
                pv_idx: AB::Expr::from_usize(at),
                value: (*value).into(),
            };
            let real: AB::Expr = local.real.into();
            let taken = if at < STATEMENT_VALUES { real } else { self.ranges::<AB::Expr>() * real };
            self.public_values.receive(builder, local.child, message, taken);
        }
    }

    /// PRF-F6 and PRF-F8 to PRF-F10: what the children were proven under.
    fn keys<AB: InteractionBuilder>(
        &self,
        builder: &mut AB,
        local: &FoldColumns<AB::Var>,
        said: &FoldValues<AB::Expr>,
    ) {
        let digest = |digest: Digest| digest.map(|element| AB::Expr::from_u32(canonical(element)));
        let ranges: AB::Expr = self.ranges();
        let none = [F::ZERO; 8];
        let (first_key, window_constraints, lift_constraints) = match self.children {
            Children::Windows { key } => (digest(key), digest(none), digest(none)),
            Children::Ranges { lift_key, window_constraints, lift_constraints } => {
                (digest(lift_key), digest(window_constraints), digest(lift_constraints))
            }
        };
        let real: AB::Expr = local.real.into();
        let later = said.later.clone();

        // PRF-F6: the children are of the first kind or of the later one; windows are of the first.
        builder.when_first_row().assert_bool(later.clone());
        builder.when_first_row().assert_zero(later.clone() * (AB::Expr::ONE - ranges.clone()));

        // PRF-F8: a later child names the same own key as this one.
        let mut folds = builder.when(later.clone() * real.clone());
        folds.assert_bool(local.later);
        equal(&mut folds, local.own_key, said.own_key.clone());
        equal(&mut folds, local.own_constraints, said.own_constraints.clone());

        // PRF-F9: the children's key has the pre-hash of the first kind, or of the own key.
        let first = AB::Expr::ONE - later.clone();
        let vk_pre_hash: [AB::Expr; 8] = std::array::from_fn(|at| {
            first.clone() * first_key[at].clone() + later.clone() * said.own_key[at].clone()
        });
        self.pre_hash.receive(builder, local.child, PreHashMessage { vk_pre_hash }, local.real);

        // PRF-F10: the constraints that a child's own children were verified with are those of windows for a lifted
        // window, of lifted windows for a first fold, and the own ones for a later fold.
        let below: AB::Expr = local.later.into();
        let cached_commit: [AB::Expr; 8] = std::array::from_fn(|at| {
            let fold = below.clone() * said.own_constraints[at].clone()
                + (AB::Expr::ONE - below.clone()) * lift_constraints[at].clone();
            first.clone() * window_constraints[at].clone() + later.clone() * fold
        });
        let message = CachedCommitBusMessage {
            air_idx: AB::Expr::from_usize(CONSTRAINTS_TABLE),
            cached_idx: AB::Expr::ZERO,
            global_cached_idx: AB::Expr::ZERO,
            cached_commit,
        };
        self.cached_commit.receive(builder, local.child, message, ranges * real);
    }
}

/// The number that an element stands for.
fn canonical(element: F) -> u32 {
    use openvm_stark_backend::p3_field::PrimeField32;
    element.as_canonical_u32()
}
