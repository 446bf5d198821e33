//! Rows of the operations table.

use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use primitives::LedgerOp;
use proof::airs::operations::OperationColumns;
use proof::statement::limbs;
use tree::ops_digest;

use super::flag;
use crate::hash::{Half, node, sponge};
use crate::tables::Lookups;

/// What the operations of a window have come to.
#[derive(Debug, Clone, Copy)]
pub struct State {
    /// Index of the next operation, from 1.
    pub index: u32,
    /// The running digest.
    pub digest: Half,
    /// The last sealed height.
    pub height: u64,
    /// The sum of all balances, µBLOCK.
    pub supply: u64,
    /// The next free slot.
    pub next_slot: u32,
    /// True right after a seal.
    pub sealed: bool,
}

/// The row of an operation after which the supply is `supply_after`.
pub fn row(op: &LedgerOp, state: &State, supply_after: u64) -> OperationColumns<F> {
    let elements = ops_digest::row_of(op).map(F::from_u32);
    let (first, second) = halves(&elements);
    let (capacity, row_digest) = sponge(first, second);
    OperationColumns {
        open: flag(matches!(op, LedgerOp::Open { .. })),
        charge: flag(matches!(op, LedgerOp::Charge { .. })),
        transfer: flag(matches!(op, LedgerOp::Transfer { .. })),
        burn: flag(matches!(op, LedgerOp::Burn { .. })),
        seal: flag(matches!(op, LedgerOp::Seal { .. })),
        slot: elements[1],
        second_slot: elements[2],
        payload: std::array::from_fn(|at| elements[3 + at]),
        index: F::from_u32(state.index),
        next_slot: F::from_u32(state.next_slot),
        sealed: flag(state.sealed),
        height: limbs(state.height),
        supply: limbs(state.supply),
        supply_after: limbs(supply_after),
        digest: state.digest,
        digest_after: node(state.digest, row_digest),
        capacity,
        row_digest,
    }
}

/// What the row looks up.
pub fn look_up(row: &OperationColumns<F>, lookups: &mut Lookups) {
    let tag = row.open
        + row.charge.double()
        + row.transfer * F::from_u8(3)
        + row.burn * F::from_u8(4)
        + row.seal * F::from_u8(5);
    let mut elements = [F::ZERO; 16];
    elements[0] = tag;
    elements[1] = row.slot;
    elements[2] = row.second_slot;
    elements[3..11].copy_from_slice(&row.payload);
    let (first, second) = halves(&elements);
    lookups.absorb(first, Half::default());
    lookups.compress(second, row.capacity);
    lookups.compress(row.digest, row.row_digest);
    if row.open == F::ZERO {
        row.payload.iter().take(4).for_each(|limb| lookups.range(*limb));
    }
}

fn halves(elements: &[F; 16]) -> (Half, Half) {
    (std::array::from_fn(|at| elements[at]), std::array::from_fn(|at| elements[8 + at]))
}
