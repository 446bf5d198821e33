//! Rows of the accesses table.

use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use primitives::SlotIndex;
use proof::airs::accesses::{AccessColumns, ELAPSED_WEIGHT};
use proof::statement::limbs;

use super::{carries, flag};
use crate::tables::Lookups;

/// An account at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// When it became so.
    pub time: u32,
    /// Its nonce.
    pub nonce: u64,
    /// Its money, µBLOCK.
    pub balance: u64,
}

/// The row that takes an account from `before` to `after`, both at their times. Credits have odd times.
pub fn row(slot: SlotIndex, before: &Account, after: &Account) -> AccessColumns<F> {
    let amount = after.balance.abs_diff(before.balance);
    let elapsed = after.time.saturating_sub(before.time).saturating_sub(1);
    // 16 bits of the elapsed time, and the rest in units of 2^14: a multiple of four of them.
    let (low, high) = (elapsed & 0xFFFF, (elapsed >> 16) * ((1 << 16) / ELAPSED_WEIGHT));
    AccessColumns {
        real: F::ONE,
        slot: F::from_u32(slot.get()),
        time: F::from_u32(after.time),
        previous_time: F::from_u32(before.time),
        elapsed: [F::from_u32(low), F::from_u32(high)],
        credit: flag(after.time % 2 == 1),
        charge: flag(after.nonce != before.nonce),
        amount: limbs(amount),
        nonce: limbs(before.nonce),
        nonce_after: limbs(after.nonce),
        nonce_carry: carries(before.nonce, 0, u32::from(after.nonce != before.nonce)),
        balance: limbs(before.balance),
        balance_after: limbs(after.balance),
        balance_carry: carries(before.balance.min(after.balance), amount, 0),
    }
}

/// What the row looks up.
pub fn look_up(row: &AccessColumns<F>, lookups: &mut Lookups) {
    row.elapsed.iter().for_each(|limb| lookups.range(*limb));
    for [low, middle, high, highest] in [row.balance_after, row.nonce_after] {
        [low, middle, high, highest.double()].iter().for_each(|limb| lookups.range(*limb));
    }
}
