//! What staking does at the end of each block.
//!
//! ```text
//! every block ── count who missed the included commit, who built, whose turn was lost ── pay what finished unbonding ── forget old moves
//! last block of an epoch ── jail who missed, left out or lost too much ── make the next voting set ── forget old counts
//! ```
//!
//! On a chain with the engine `solo` the set never changes: one process makes every block.

use primitives::defect::{Defect, is_seeded};
use primitives::ledger::STAKE_POT;
use primitives::params::BASIS_POINTS;
use primitives::{Address, Amount, Event, ValidatorSet, decode, encode};

use super::keys::{self, Move};
use super::pool::Pool;
use super::sets::{self, Contender, Stakes};
use super::statistics;
use super::{PAST_SETS_MAX, PAYOUTS_PER_BLOCK, candidate, candidates, missed, power_of, self_stake, tombstone};
use crate::context::Env;
use crate::overlay::Overlay;
use crate::view::{self, Broken, StateView, read, slot_of};
use crate::{identity, lottery};

/// The gate that is in force exactly when validators decide together.
const BFT_GATE: &str = "malachite_consensus";

/// Counts who of the previous set is missing from the included certificate. Runs before rewards.
///
/// # Errors
/// [`Broken`] when stored values do not decode.
pub fn record(overlay: &mut Overlay<'_>, env: Env<'_>) -> Result<(), Broken> {
    statistics::record(overlay, env)?;
    let Some(commit) = &env.block.last_commit else { return Ok(()) };
    let set = view::previous_validators(overlay)?;
    for member in set.validators() {
        if commit.signers.binary_search(&member.address).is_err() {
            let count = missed(overlay, env.epoch(), &member.address)?;
            overlay.put(keys::missed(env.epoch(), &member.address), encode(&count.saturating_add(1)));
        }
    }
    Ok(())
}

/// Runs after all transactions. Returns the next voting set at the end of an epoch.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub fn end_block(
    overlay: &mut Overlay<'_>,
    env: Env<'_>,
    events: &mut Vec<Event>,
) -> Result<Option<ValidatorSet>, Broken> {
    pay_unbonded(overlay, env, events)?;
    forget_moves(overlay, env)?;
    if !env.ends_epoch() {
        return Ok(None);
    }
    let current = view::validators(overlay)?;
    let beyond = statistics::beyond(overlay, &env.params.staking, &current)?;
    statistics::end_epoch(overlay, env, &current)?;
    let voting = view::gate(overlay, BFT_GATE, env.block.height)?;
    if let Some(member) = current.validators().first().filter(|_| is_seeded(Defect::SlashesTheInnocent)) {
        events.push(super::slash::slash(overlay, &member.address, 1_000, env.block.parent, false)?);
    }
    let mut next = None;
    if voting {
        jail_absent(overlay, env, (&current, &beyond), events)?;
        let set = sets::next(&current, stakes(overlay, env, &current)?, &env.params.staking)?;
        if set != current {
            // A rotated VRF key alone changes no hash: certificates verify as before.
            if set.hash() != current.hash() {
                events.push(Event::ValidatorSetChanged { set: set.hash() });
                remember(overlay, env, &current);
            }
            next = Some(set);
        }
    }
    for (key, _) in overlay.scan(&keys::missed_in(env.epoch()), primitives::validator::VALIDATORS_MAX * 2) {
        overlay.delete(key);
    }
    Ok(next)
}

/// Pays finished unbondings from the stake pot, oldest epoch first.
fn pay_unbonded(overlay: &mut Overlay<'_>, env: Env<'_>, events: &mut Vec<Event>) -> Result<(), Broken> {
    for (key, value) in overlay.scan(&[keys::UNBONDING], PAYOUTS_PER_BLOCK) {
        let parts = (keys::number_at(&key, 1), keys::address_at(&key, 9), keys::address_at(&key, 39));
        let (Some(epoch), Some(validator), Some(owner)) = parts else {
            return Err(Broken("unbonding key is too short"));
        };
        if epoch >= env.epoch() {
            break;
        }
        let shares: u128 = decode(&value).map_err(|_| Broken("unbonding entry does not decode"))?;
        let bucket_key = keys::bucket(&validator, epoch);
        let mut bucket: Pool = read(overlay, &bucket_key, "unbonding bucket does not decode")?
            .ok_or(Broken("an unbonding entry has no bucket"))?;
        let amount = bucket.leave(bucket.value(shares)?, shares)?;
        if bucket.shares == 0 {
            overlay.delete(bucket_key);
        } else {
            overlay.put(bucket_key, encode(&bucket));
        }
        overlay.delete(key);
        if amount > Amount::ZERO {
            let slot = slot_of(overlay, &owner)?.ok_or(Broken("a staker has no account"))?;
            overlay.transfer(STAKE_POT, slot, amount)?;
            events.push(Event::Unbonded { owner, validator, amount });
        }
        forget_candidate(overlay, &validator)?;
    }
    Ok(())
}

/// Removes a candidate that nobody backs any more.
fn forget_candidate(overlay: &mut Overlay<'_>, validator: &Address) -> Result<(), Broken> {
    let Some(found) = candidate(overlay, validator)? else { return Ok(()) };
    let backed = found.bonded.shares > 0 || !overlay.scan(&keys::buckets(validator), 1).is_empty();
    let moved = !overlay.scan(&keys::redelegations(validator), 1).is_empty();
    if !backed && !moved && view::validators(overlay)?.get(validator).is_none() {
        overlay.delete(keys::candidate(validator));
        overlay.delete(keys::statistics(validator));
    }
    Ok(())
}

/// Forgets redelegations whose time is over.
fn forget_moves(overlay: &mut Overlay<'_>, env: Env<'_>) -> Result<(), Broken> {
    for (key, _) in overlay.scan(&[keys::REDELEGATION_QUEUE], PAYOUTS_PER_BLOCK) {
        let moved = Move::of_queue(&key).ok_or(Broken("redelegation key is too short"))?;
        if moved.epoch >= env.epoch() {
            break;
        }
        overlay.delete(moved.by_source());
        overlay.delete(moved.held());
        overlay.delete(key);
    }
    Ok(())
}

/// Jails members that missed more of the epoch's commits than they may, and those in `beyond`.
fn jail_absent(
    overlay: &mut Overlay<'_>,
    env: Env<'_>,
    (current, beyond): (&ValidatorSet, &[Address]),
    events: &mut Vec<Event>,
) -> Result<(), Broken> {
    for member in current.validators() {
        let count = missed(overlay, env.epoch(), &member.address)?;
        let allowed = u128::from(env.params.epoch_blocks) * u128::from(env.params.staking.missed_max_bps);
        let is_present = u128::from(count) * u128::from(BASIS_POINTS) <= allowed;
        if is_present && !beyond.contains(&member.address) {
            continue;
        }
        if jail(overlay, env, &member.address)? {
            events.push(Event::Jailed { validator: member.address });
        }
    }
    Ok(())
}

/// Jails a candidate from the next epoch on; false when there is none, or it is jailed already.
///
/// # Errors
/// [`Broken`] when its record does not decode.
pub(crate) fn jail(overlay: &mut Overlay<'_>, env: Env<'_>, address: &Address) -> Result<bool, Broken> {
    let Some(mut found) = candidate(overlay, address)? else { return Ok(false) };
    if found.jailed_until.is_some() {
        return Ok(false);
    }
    found.jailed_until = Some(env.epoch().saturating_add(1).saturating_add(env.params.staking.jail_epochs));
    overlay.put(keys::candidate(address), encode(&found));
    statistics::jailed(overlay, address)?;
    Ok(true)
}

/// Sorts the candidates into contenders and members that must leave.
fn stakes(view: &dyn StateView, env: Env<'_>, current: &ValidatorSet) -> Result<Stakes, Broken> {
    let admitted = lottery::admission(view, env.epoch())?;
    let mut stakes = Stakes { contenders: Vec::new(), removed: Vec::new() };
    for (address, found) in candidates(view)? {
        let is_member = current.get(&address).is_some();
        if found.jailed_until.is_some() || tombstone(view, &address)?.is_some() {
            if is_member {
                stakes.removed.push(address);
            }
            continue;
        }
        let rank = match &admitted {
            None => Some(0),
            Some(order) => order.iter().position(|one| *one == address),
        };
        let power = power_of(found.bonded.tokens);
        let enough = self_stake(view, &address, &found)? >= env.params.staking.min_self_stake;
        let may_vote = is_member || rank.is_some();
        if power > 0 && enough && may_vote {
            let rank = rank.unwrap_or(0);
            // The key of the next epoch: a rotation reaches beacons when it reaches lotteries (STK-30).
            let rotated = identity::vrf_key(view, &address, env.block.height, env.epoch().saturating_add(1))?;
            let vrf_key = rotated.unwrap_or(found.vrf_key);
            stakes.contenders.push(Contender { address, key: found.key, vrf_key, power, rank });
        }
    }
    Ok(stakes)
}

/// Keeps the set that decided up to now, for whoever verifies past heights.
fn remember(overlay: &mut Overlay<'_>, env: Env<'_>, current: &ValidatorSet) {
    overlay.put(keys::past_set(env.block.height.0.saturating_add(1)), encode(current));
    let known = overlay.scan(&[keys::PAST_SET], PAST_SETS_MAX.saturating_add(1));
    if known.len() > PAST_SETS_MAX
        && let Some((oldest, _)) = known.into_iter().next()
    {
        overlay.delete(oldest);
    }
}
