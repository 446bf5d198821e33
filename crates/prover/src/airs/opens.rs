//! Rows of the opens table.

use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use primitives::{Address, SlotIndex};
use proof::airs::opens::OpenColumns;

use crate::tables::Lookups;

/// The row of an opened slot.
pub fn row(slot: SlotIndex, address: &Address) -> OpenColumns<F> {
    let limbs = address.limbs();
    OpenColumns {
        real: F::ONE,
        slot: F::from_u32(slot.get()),
        low: limbs.map(|limb| F::from_u32(limb & 0xFFFF)),
        high: limbs.map(|limb| F::from_u32(limb >> 16)),
    }
}

/// What the row looks up.
pub fn look_up(row: &OpenColumns<F>, lookups: &mut Lookups) {
    for (low, high) in row.low.into_iter().zip(row.high) {
        lookups.range(low);
        lookups.range(high);
        lookups.range(high * F::from_u8(4));
    }
}
