//! Whole-state checks, for tests, the simulator and `tb storage verify`: each a named sentence.

use primitives::ledger::FEE_POT;
use primitives::{Amount, Lane, SlotIndex};

use crate::view::{self, Broken, StateView};

/// Runs every check in order.
///
/// # Errors
/// The first that does not hold, as [`Broken`].
pub fn check_all(state: &dyn StateView) -> Result<(), Broken> {
    balances_sum_to_supply(state)?;
    accounts_and_slots_name_each_other(state)?;
    fee_pot_is_empty_between_blocks(state)?;
    base_fees_are_at_or_above_the_floor(state)?;
    crate::staking::pot_equals_bonded_and_unbonding(state)?;
    crate::rewards::pot_covers_promises(state)?;
    crate::identity::pot_equals_bonds(state)?;
    crate::witness::pool_covers_promises(state)?;
    crate::proving::pot_equals_bonds(state)
}

fn slots(state: &dyn StateView) -> impl Iterator<Item = (SlotIndex, Option<primitives::LedgerSlot>)> + '_ {
    (0..state.next_slot()).filter_map(SlotIndex::new).map(|slot| (slot, state.slot(slot)))
}

/// The sum of all balances is the supply.
///
/// # Errors
/// [`Broken`].
pub fn balances_sum_to_supply(state: &dyn StateView) -> Result<(), Broken> {
    let sum = slots(state).try_fold(Amount::ZERO, |sum, (_, slot)| sum.checked_add(slot?.balance));
    if sum == Some(state.supply()) { Ok(()) } else { Err(Broken("balances do not sum to the supply")) }
}

/// Every slot's address has an account that names the slot.
///
/// # Errors
/// [`Broken`].
pub fn accounts_and_slots_name_each_other(state: &dyn StateView) -> Result<(), Broken> {
    for (index, slot) in slots(state) {
        let slot = slot.ok_or(Broken("a slot below next_slot is empty"))?;
        if view::slot_of(state, &slot.address)? != Some(index) {
            return Err(Broken("a slot's address has another account"));
        }
    }
    Ok(())
}

/// Fees are burned or paid out within their block.
///
/// # Errors
/// [`Broken`].
pub fn fee_pot_is_empty_between_blocks(state: &dyn StateView) -> Result<(), Broken> {
    match state.slot(FEE_POT) {
        Some(pot) if pot.balance == Amount::ZERO => Ok(()),
        Some(_) | None => Err(Broken("the fee pot is not empty between blocks")),
    }
}

/// No lane is cheaper than the floor.
///
/// # Errors
/// [`Broken`].
pub fn base_fees_are_at_or_above_the_floor(state: &dyn StateView) -> Result<(), Broken> {
    let floor = view::params(state)?.base_fee_floor;
    for lane in Lane::ALL {
        if view::base_fee(state, lane)? < floor {
            return Err(Broken("a base fee is below the floor"));
        }
    }
    Ok(())
}
