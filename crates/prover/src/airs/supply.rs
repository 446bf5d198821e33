//! Rows of the supply table.

use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use proof::airs::supply::SupplyColumns;
use proof::statement::limbs;

use super::carries;
use crate::tables::Lookups;
use crate::witness::ChainConstants;

/// The row of a burn.
pub fn burn(height: u64, supply: u64, amount: u64) -> SupplyColumns<F> {
    let after = supply.saturating_sub(amount);
    SupplyColumns {
        real: F::ONE,
        height: limbs(height),
        amount: limbs(amount),
        supply: limbs(supply),
        supply_after: limbs(after),
        supply_carry: carries(after, amount, 0),
        ..SupplyColumns::default()
    }
}

/// The row of a seal of the height after `height`.
pub fn seal(height: u64, supply: u64, issuance: u64, chain: &ChainConstants) -> SupplyColumns<F> {
    let after = supply.saturating_add(issuance);
    let issuance_slack = chain.issuance_max.micro().saturating_sub(issuance);
    let cap_slack = chain.supply_cap.micro().saturating_sub(after);
    SupplyColumns {
        real: F::ONE,
        seal: F::ONE,
        height: limbs(height),
        height_after: limbs(height.saturating_add(1)),
        height_carry: carries(height, 0, 1),
        amount: limbs(issuance),
        supply: limbs(supply),
        supply_after: limbs(after),
        supply_carry: carries(supply, issuance, 0),
        issuance_slack: limbs(issuance_slack),
        issuance_carry: carries(issuance, issuance_slack, 0),
        cap_slack: limbs(cap_slack),
        cap_carry: carries(after, cap_slack, 0),
    }
}

/// What the row looks up.
pub fn look_up(row: &SupplyColumns<F>, lookups: &mut Lookups) {
    row.supply_after.iter().for_each(|limb| lookups.range(*limb));
    if row.seal == F::ONE {
        let limbs = row.height_after.iter().chain(&row.issuance_slack).chain(&row.cap_slack);
        limbs.for_each(|limb| lookups.range(*limb));
    }
}
