//! What the proving module does at both ends of each block: record a closed window and assign it, return bonds, delete records of
//! proven windows. Implements PRV-1 to PRV-3, PRV-7 and PRV-13.

use primitives::actions::ProvingEvent;
use primitives::defect::{Defect, is_seeded};
use primitives::hash::{Domain, hash};
use primitives::ledger::PROVER_BONDS;
use primitives::params::ProvingParams;
use primitives::{Address, Event, Hash, Height, encode};

use super::check::number_of;
use super::{Bond, DELETED_PER_BLOCK, Window, Windows, is_on, keys, proven_height, provers, windows};
use crate::context::Env;
use crate::overlay::Overlay;
use crate::view::{self, Broken, StateView};

/// Runs before all transactions.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub fn begin_block(overlay: &mut Overlay<'_>, env: Env<'_>, events: &mut Vec<Event>) -> Result<(), Broken> {
    let before = &env.block.before;
    if env.block.height.previous() != Some(before.height) {
        return Err(Broken("the ledger before a block is of another height"));
    }
    if before.height == Height::GENESIS {
        overlay.put(keys::origin(), encode(before));
    }
    if !is_on(overlay, env.block.height)? {
        return Ok(());
    }
    let Some(number) = number_of(env.params, before.height) else { return Ok(()) };
    let assigned = assign(&provers(overlay)?, &env.params.proving, &env.block.beacon, number);
    let mut end = *before;
    if is_seeded(Defect::RecordsAnotherLedger) {
        end.next_slot = end.next_slot.saturating_add(1);
    }
    let window = Window { end, opened_at: env.block.height, assigned };
    let first = windows(overlay)?.map_or(number, |recorded| recorded.first);
    overlay.put(keys::window(number), encode(&window));
    overlay.put(keys::windows(), encode(&Windows { first, next: number.saturating_add(1) }));
    events.push(Event::Proving(ProvingEvent::WindowClosed { end: before.height, assigned }));
    Ok(())
}

/// Draws the prover of a window, by bond: splitting a bond over several provers gains nothing. Total on any input.
pub fn assign(provers: &[(Address, Bond)], params: &ProvingParams, beacon: &Hash, number: u64) -> Option<Address> {
    let eligible = |(_, bond): &&(Address, Bond)| bond.leaves_at.is_none() && bond.amount >= params.bond_min;
    let list: Vec<&(Address, Bond)> = provers.iter().filter(eligible).collect();
    let total: u128 = list.iter().map(|(_, bond)| u128::from(bond.amount.micro())).sum();
    let digest = hash(Domain::Turn, &[beacon.as_bytes(), &number.to_le_bytes()]);
    let draw = digest.0.iter().take(16).fold(0_u128, |draw, byte| (draw << 8) | u128::from(*byte));
    // The remainder favours nobody by more than one part in 2^64.
    let mut left = draw.checked_rem(total)?;
    for (who, bond) in list {
        let share = u128::from(bond.amount.micro());
        match left.checked_sub(share) {
            Some(rest) => left = rest,
            None => return Some(*who),
        }
    }
    None
}

/// Runs after all transactions.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub fn end_block(overlay: &mut Overlay<'_>, env: Env<'_>, events: &mut Vec<Event>) -> Result<(), Broken> {
    for (prover, bond) in provers(overlay)? {
        if bond.leaves_at.is_none_or(|height| height > env.block.height) {
            continue;
        }
        let slot = view::slot_of(overlay, &prover)?.ok_or(Broken("a prover has no account"))?;
        overlay.transfer(PROVER_BONDS, slot, bond.amount)?;
        overlay.delete(keys::prover(&prover));
        events.push(Event::Proving(ProvingEvent::Returned { prover, amount: bond.amount }));
    }
    let proven = proven_height(overlay)?.0 / env.params.window_blocks.max(1);
    for (key, _) in overlay.scan(&[keys::WINDOW], DELETED_PER_BLOCK) {
        if key >= keys::window(proven) || is_seeded(Defect::TakesAnOldProof) {
            break;
        }
        overlay.delete(key);
    }
    Ok(())
}
