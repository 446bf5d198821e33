//! What an epoch's timetoke is worth. Implements TTK-21 to TTK-25.
//!
//! ```text
//! this epoch's funding of timetoke_pool ──┬─ timetoke_proposer_bps ── by bonus × hours   (who built blocks)
//!                                         ├─ timetoke_witness_bps ─── by power × commits × hours   (who signed)
//!                                         └─ the rest, and what rounding leaves, stays in the pool
//! ```
//! Both weights fall apart with the stake: who splits its stake over two validators has half the bonus and half the
//! power in each, and gains nothing.

use std::collections::BTreeMap;

use primitives::actions::TimetokeEvent;
use primitives::ledger::TIMETOKE_POOL;
use primitives::{Address, Amount, Event};

use crate::context::Env;
use crate::overlay::Overlay;
use crate::rewards::block::{scaled, share};
use crate::view::{self, Broken, StateView};
use crate::{identity, staking, timetoke};

/// The gate.
pub const GATE: &str = "timetoke_rewards";

/// A validator's claims on the two parts.
#[derive(Debug, Clone, Copy, Default)]
struct Weights {
    proposer: u128,
    witness: u128,
}

/// Pays what `funded` is worth to each validator, or only reports it while the gate is off. `bonuses` are the proposers'
/// bonuses of the epoch.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub fn end_epoch(
    overlay: &mut Overlay<'_>,
    env: Env<'_>,
    funded: Amount,
    bonuses: &[(Address, Amount)],
    events: &mut Vec<Event>,
) -> Result<(), Broken> {
    let weights = weights(overlay, env, bonuses)?;
    let sum = |of: fn(&Weights) -> u128| weights.values().fold(0_u128, |sum, one| sum.saturating_add(of(one)));
    let (built, signed) = (sum(|one| one.proposer), sum(|one| one.witness));
    let rates = &env.params.rewards;
    let proposers = share(funded, rates.timetoke_proposer_bps);
    let witnesses = share(funded, rates.timetoke_witness_bps);
    let on = view::gate(overlay, GATE, env.block.height)?;
    for (validator, one) in weights {
        let proposer_part = scaled(proposers, one.proposer, built);
        let witness_part = scaled(witnesses, one.witness, signed);
        let amount = proposer_part.checked_add(witness_part).ok_or(Broken("timetoke rewards out of range"))?;
        if amount == Amount::ZERO {
            continue;
        }
        let paid = on && (rates.timetoke_paid.is_empty() || rates.timetoke_paid.contains(&validator));
        if paid {
            let slot = view::slot_of(overlay, &validator)?.ok_or(Broken("a validator has no account"))?;
            overlay.transfer(TIMETOKE_POOL, slot, amount)?;
        }
        events.push(Event::Timetoke(TimetokeEvent::Rewarded { validator, proposer_part, witness_part, paid }));
    }
    Ok(())
}

/// Every validator with hours of its own that built or signed something in the epoch.
fn weights(
    view: &dyn StateView,
    env: Env<'_>,
    bonuses: &[(Address, Amount)],
) -> Result<BTreeMap<Address, Weights>, Broken> {
    let mut weights: BTreeMap<Address, Weights> = BTreeMap::new();
    for (builder, bonus) in bonuses {
        let hours = u128::from(hours(view, env, builder)?);
        weights.entry(*builder).or_default().proposer = u128::from(bonus.micro()).saturating_mul(hours);
    }
    for member in view::validators(view)?.validators() {
        let missed = staking::missed(view, env.epoch(), &member.address)?;
        let signed = u128::from(env.params.epoch_blocks.saturating_sub(missed));
        let hours = u128::from(hours(view, env, &member.address)?);
        let weight = u128::from(member.power).saturating_mul(signed).saturating_mul(hours);
        weights.entry(member.address).or_default().witness = weight;
    }
    Ok(weights)
}

/// The hours that count: none without an active identity, and none for who was removed for an offence.
fn hours(view: &dyn StateView, env: Env<'_>, address: &Address) -> Result<u64, Broken> {
    let counts =
        identity::active(view, address, env.block.height)?.is_some() && staking::tombstone(view, address)?.is_none();
    if counts { timetoke::hours(view, &env.params.timetoke, address, env.block.time) } else { Ok(0) }
}
