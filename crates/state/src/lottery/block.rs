//! What the lottery module does at the end of an epoch: draw, keep the seed, freeze, forget.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use primitives::actions::LotteryEvent;
use primitives::{Address, BoundedVec, Event, encode};

use super::draw::{FrozenCandidate, Route, draw};
use super::{
    Frozen, LotteryResult, RESULTS_KEPT, SEATS_MAX, frozen, is_bonded, is_eligible, is_on, keys, seed, tickets,
};
use crate::context::Env;
use crate::overlay::Overlay;
use crate::view::{self, Broken};
use crate::{identity, reputation, staking};

/// Epochs between freezing and entering (LOT-2).
const FREEZE_EPOCHS: u64 = 3;

/// Runs after all transactions, before the next voting set is made.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub fn end_block(overlay: &mut Overlay<'_>, env: Env<'_>, events: &mut Vec<Event>) -> Result<(), Broken> {
    if !env.ends_epoch() || !is_on(env.params) {
        return Ok(());
    }
    let epoch = env.epoch();
    hold(overlay, env, epoch.saturating_add(1), events)?;
    overlay.put(keys::seed(epoch), encode(&env.block.beacon));
    let list = freeze(overlay, env, epoch)?;
    overlay.put(keys::frozen(epoch), encode(&list));
    // The list frozen two ends ago was used a moment ago and stays for one epoch, with its tickets, so that a candidate can be told
    // why it was not drawn; the seed of the end before stands in the result.
    if let Some(end) = epoch.checked_sub(3) {
        overlay.delete(keys::frozen(end));
    }
    for candidate in tickets(overlay, epoch)?.keys() {
        overlay.delete(keys::ticket(epoch, candidate));
    }
    if let Some(end) = epoch.checked_sub(1) {
        overlay.delete(keys::seed(end));
    }
    if let Some(old) = epoch.saturating_add(1).checked_sub(RESULTS_KEPT) {
        overlay.delete(keys::result(old));
    }
    Ok(())
}

/// Draws for `epoch` and records the result; nothing happens before there was a frozen list.
fn hold(overlay: &mut Overlay<'_>, env: Env<'_>, epoch: u64, events: &mut Vec<Event>) -> Result<(), Broken> {
    let Some(seed) = seed(overlay, epoch)?.filter(|_| epoch >= FREEZE_EPOCHS) else { return Ok(()) };
    let (candidates, tickets) = (frozen(overlay, epoch)?, tickets(overlay, epoch)?);
    let mut eligible: BTreeSet<Address> = BTreeSet::new();
    for candidate in &candidates {
        if is_eligible(overlay, env.params, &candidate.address, env.block.height)? {
            eligible.insert(candidate.address);
        }
    }
    let params = &env.params.lottery;
    let admitted = draw(params, env.params.timetoke.cap_hours, &seed, &candidates, &tickets, &eligible);
    for one in &admitted {
        let fallback = one.route == Route::Fallback;
        events.push(Event::Lottery(LotteryEvent::Admitted { candidate: one.address, epoch, fallback }));
    }
    let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let result = LotteryResult {
        epoch,
        seed,
        seats: params.seats,
        candidates: wide(candidates.len()),
        submissions: wide(tickets.len()),
        admitted: BoundedVec::<_, SEATS_MAX>::new(admitted).ok_or(Broken("more admitted than seats"))?,
    };
    overlay.put(keys::result(epoch), encode(&result));
    Ok(())
}

/// The candidates as they are at the end of `epoch` (LOT-2).
fn freeze(overlay: &Overlay<'_>, env: Env<'_>, epoch: u64) -> Result<Frozen, Broken> {
    let (params, height, now) = (env.params, env.block.height, env.block.time);
    let set = view::validators(overlay)?;
    let mut list = Vec::new();
    for (address, candidate) in staking::candidates(overlay)? {
        if set.get(&address).is_some() || !is_bonded(overlay, params, &address)? {
            continue;
        }
        let Some(vrf_key) = identity::vrf_key(overlay, &address, height, epoch.saturating_add(FREEZE_EPOCHS))? else {
            continue;
        };
        let facts = reputation::facts(overlay, params, &address, height, now)?;
        let tier = reputation::score::explain(&params.reputation, &facts).tier;
        if u64::from(tier.level()) >= params.lottery.min_tier {
            let stake = candidate.bonded.tokens;
            list.push(FrozenCandidate { address, stake, vrf_key, tier, hours: facts.hours });
        }
    }
    list.sort_by_key(|candidate| (Reverse(candidate.stake), candidate.address));
    list.truncate(super::FROZEN_MAX);
    Frozen::new(list).ok_or(Broken("a frozen list is over its bound"))
}
