//! What rewards do at the end of each block.
//!
//! ```text
//! last block of an epoch ── split the validators' part by power × signed commits ── one transfer each
//!                        ── fund the pools ── share the timetoke pool's part
//! every block ── promise this block's issuance: bonus of the proposer, validators, pools
//! ```
//! Payments come first: what this block issues is in the pot only after its seal.

use primitives::defect::{Defect, is_seeded};
use primitives::ledger::{ISSUANCE_POT, PROVER_POOL, TIMETOKE_POOL, TREASURY, WITNESS_POOL};
use primitives::params::BASIS_POINTS;
use primitives::{Address, Amount, Event, SlotIndex, ValidatorSet, decode, encode};

use super::delegation::{earn, settle};
use super::{POOLS, Promises, issuance, keys, promises};
use crate::context::Env;
use crate::overlay::Overlay;
use crate::view::{self, Broken, StateView, read, slot_of};
use crate::{staking, timetoke};

/// The module accounts of the pools, in their fixed order.
const POOL_SLOTS: [(SlotIndex, &str); POOLS] = [
    (WITNESS_POOL, "witness_pool"),
    (TIMETOKE_POOL, "timetoke_pool"),
    (PROVER_POOL, "prover_pool"),
    (TREASURY, "treasury"),
];

/// Runs after all transactions. Returns what went into the witness pool, for its witnesses to share.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub fn end_block(overlay: &mut Overlay<'_>, env: Env<'_>, events: &mut Vec<Event>) -> Result<Amount, Broken> {
    let mut witnesses = Amount::ZERO;
    if env.ends_epoch() {
        let bonuses = bonuses(overlay)?;
        pay_validators(overlay, env, &bonuses, events)?;
        let [funded_witnesses, funded_timetoke, ..] = fund_pools(overlay, events)?;
        timetoke::payout::end_epoch(overlay, env, funded_timetoke, &bonuses, events)?;
        witnesses = funded_witnesses;
    }
    promise(overlay, env)?;
    Ok(witnesses)
}

/// `bps` of `amount`, rounded down.
pub(crate) fn share(amount: Amount, bps: u64) -> Amount {
    scaled(amount, u128::from(bps), u128::from(BASIS_POINTS))
}

/// `amount · numerator / denominator`, rounded down; nothing of nothing. A denominator above 2^64 is cut to its first 64 bits
/// and rounded up, so that every product fits 128 bits and parts of a whole never sum to more than it.
pub(crate) fn scaled(amount: Amount, numerator: u128, denominator: u128) -> Amount {
    let excess = 64_u32.saturating_sub(denominator.leading_zeros());
    let (numerator, denominator) = match excess {
        0 => (numerator, denominator),
        _ => (numerator >> excess, (denominator >> excess).saturating_add(1)),
    };
    let product = u128::from(amount.micro()).checked_mul(numerator);
    let part = product.and_then(|product| product.checked_div(denominator)).unwrap_or(0);
    u64::try_from(part).ok().and_then(Amount::new).unwrap_or_default()
}

fn plus(left: Amount, right: Amount) -> Result<Amount, Broken> {
    left.checked_add(right).ok_or(Broken("rewards out of range"))
}

fn minus(left: Amount, right: Amount) -> Result<Amount, Broken> {
    left.checked_sub(right).ok_or(Broken("more rewards given than promised"))
}

/// Promises what this block's seal will issue.
fn promise(overlay: &mut Overlay<'_>, env: Env<'_>) -> Result<(), Broken> {
    let issued = issuance(env.params, overlay.supply());
    if issued == Amount::ZERO {
        return Ok(());
    }
    let rates = &env.params.rewards;
    let mut promised = promises(overlay)?;
    let most = share(issued, rates.proposer_bonus_bps);
    let mut left = minus(issued, most)?;
    let parts = [rates.witness_bps, rates.timetoke_bps, rates.prover_bps, rates.treasury_bps];
    for (pool, bps) in promised.pools.iter_mut().zip(parts) {
        let part = share(issued, bps);
        *pool = plus(*pool, part)?;
        left = minus(left, part)?;
    }
    promised.validators = plus(promised.validators, left)?;
    overlay.put(keys::promises(), encode(&promised));
    let bonus = bonus(&view::previous_validators(overlay)?, env, most);
    if bonus > Amount::ZERO {
        let key = keys::bonus(&env.block.proposer);
        let before: Amount = read(overlay, &key, "bonus does not decode")?.unwrap_or_default();
        overlay.put(key, encode(&plus(before, bonus)?));
    }
    Ok(())
}

/// The part of `most` that the proposer earned: none at two thirds of the power in its certificate, all at
/// full power, linear between.
fn bonus(set: &ValidatorSet, env: Env<'_>, most: Amount) -> Amount {
    let Some(commit) = &env.block.last_commit else { return Amount::ZERO };
    let signed = commit.signers.iter().filter_map(|address| set.get(address));
    let signed: u128 = signed.map(|member| u128::from(member.power)).sum();
    let total = u128::from(set.total_power());
    scaled(most, (signed * 3).saturating_sub(total * 2), total)
}

/// Splits the epoch's part of the validators and pays each one's own money by one transfer.
fn pay_validators(
    overlay: &mut Overlay<'_>,
    env: Env<'_>,
    bonuses: &[(Address, Amount)],
    events: &mut Vec<Event>,
) -> Result<(), Broken> {
    let set = view::validators(overlay)?;
    let mut weights = Vec::new();
    let mut total = 0_u128;
    for member in set.validators() {
        let missed = staking::missed(overlay, env.epoch(), &member.address)?;
        let signed = env.params.epoch_blocks.saturating_sub(missed);
        let tombstoned = staking::tombstone(overlay, &member.address)?.is_some();
        let weight = if tombstoned { 0 } else { u128::from(member.power) * u128::from(signed) };
        total = total.saturating_add(weight);
        weights.push((member.address, weight));
    }
    let pot = promises(overlay)?.validators;
    for (validator, weight) in weights {
        let reward = scaled(pot, weight, total);
        let bonus: Amount = read(overlay, &keys::bonus(&validator), "bonus does not decode")?.unwrap_or_default();
        let own = distribute(overlay, &validator, reward)?;
        pay(overlay, &validator, plus(own, bonus)?, events)?;
    }
    // Also those of proposers that are not in the set any more: they left with the last change.
    for (proposer, bonus) in bonuses {
        if set.get(proposer).is_none() {
            pay(overlay, proposer, *bonus, events)?;
        }
        overlay.delete(keys::bonus(proposer));
    }
    let mut promised: Promises = promises(overlay)?;
    promised.validators = Amount::ZERO;
    overlay.put(keys::promises(), encode(&promised));
    Ok(())
}

/// The proposers' bonuses of the epoch, by address.
fn bonuses(view: &dyn StateView) -> Result<Vec<(Address, Amount)>, Broken> {
    let entries = view.scan(&[keys::BONUS], usize::MAX).into_iter();
    entries
        .map(|(key, value)| {
            let proposer = staking::keys::address_at(&key, 1).ok_or(Broken("bonus key is too short"))?;
            Ok((proposer, decode(&value).map_err(|_| Broken("bonus does not decode"))?))
        })
        .collect()
}

/// Gives a validator's reward to its delegators' counter, after its commission; returns the commission with
/// what its own delegation has earned. A validator that nobody backs any more gets nothing.
fn distribute(overlay: &mut Overlay<'_>, validator: &Address, reward: Amount) -> Result<Amount, Broken> {
    let Some(mut found) = staking::candidate(overlay, validator)? else { return Ok(Amount::ZERO) };
    if found.bonded.shares == 0 {
        return Ok(Amount::ZERO);
    }
    let commission = share(reward, found.commission_bps);
    let shared = minus(reward, commission)?;
    if shared > Amount::ZERO {
        earn(&mut found, shared)?;
        overlay.put(staking::keys::candidate(validator), encode(&found));
        let mut promised = promises(overlay)?;
        promised.delegators = plus(promised.delegators, shared)?;
        overlay.put(keys::promises(), encode(&promised));
    }
    plus(commission, settle(overlay, validator, &found, validator)?)
}

fn pay(overlay: &mut Overlay<'_>, to: &Address, amount: Amount, events: &mut Vec<Event>) -> Result<(), Broken> {
    if amount > Amount::ZERO {
        let slot = slot_of(overlay, to)?.ok_or(Broken("a validator has no account"))?;
        overlay.transfer(ISSUANCE_POT, slot, amount)?;
        events.push(Event::RewardPaid { to: *to, amount });
    }
    Ok(())
}

/// Moves what was promised to the pools; returns how much each got.
fn fund_pools(overlay: &mut Overlay<'_>, events: &mut Vec<Event>) -> Result<[Amount; POOLS], Broken> {
    let mut promised = promises(overlay)?;
    let funded = promised.pools;
    for (amount, (slot, name)) in promised.pools.iter_mut().zip(POOL_SLOTS) {
        if *amount > Amount::ZERO {
            overlay.transfer(ISSUANCE_POT, slot, *amount)?;
            if is_seeded(Defect::PaysThePoolsTwice) {
                overlay.transfer(ISSUANCE_POT, slot, *amount)?;
            }
            events.push(Event::PoolFunded { pool: Address::of_module(name), amount: *amount });
            *amount = Amount::ZERO;
        }
    }
    overlay.put(keys::promises(), encode(&promised));
    Ok(funded)
}
