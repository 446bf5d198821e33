//! Rows of the boundary table.

use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use primitives::{Address, LedgerSlot, SlotIndex};
use proof::airs::boundary::BoundaryColumns;
use proof::statement::limbs;

use super::accesses::Account;
use super::flag;
use crate::hash::{Half, permute, sponge};
use crate::tables::Lookups;

/// The row of a slot that held `before` and has come to `after`.
pub fn row(slot: SlotIndex, address: &Address, before: Option<&LedgerSlot>, after: &Account) -> BoundaryColumns<F> {
    let address = address.limbs().map(F::from_u32);
    let (nonce, balance) = before.map_or((0, 0), |content| (content.nonce.get(), content.balance.micro()));
    let (capacity, new) = sponge(address, content(&limbs(after.nonce), &limbs(after.balance)));
    let old = before.map_or(Half::default(), |_| permute(content(&limbs(nonce), &limbs(balance)), capacity).0);
    BoundaryColumns {
        real: F::ONE,
        opened: flag(before.is_none()),
        slot: F::from_u32(slot.get()),
        address,
        nonce: limbs(nonce),
        balance: limbs(balance),
        nonce_after: limbs(after.nonce),
        balance_after: limbs(after.balance),
        last_time: F::from_u32(after.time),
        capacity,
        old,
        new,
    }
}

/// What the row looks up.
pub fn look_up(row: &BoundaryColumns<F>, lookups: &mut Lookups) {
    lookups.absorb(row.address, Half::default());
    lookups.compress(content(&row.nonce_after, &row.balance_after), row.capacity);
    if row.opened == F::ZERO {
        lookups.compress(content(&row.nonce, &row.balance), row.capacity);
        row.nonce.iter().chain(&row.balance).for_each(|limb| lookups.range(*limb));
    }
}

/// The second half of a leaf.
fn content(nonce: &[F; 4], balance: &[F; 4]) -> Half {
    std::array::from_fn(|at| if at < 4 { nonce[at] } else { balance[at - 4] })
}
