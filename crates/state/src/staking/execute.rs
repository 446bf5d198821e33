//! Carries out staking actions.
//!
//! Rules
//! - Every check comes before the first write; on an outcome other than success nothing has changed.
//! - Whenever a delegation grows or its owner takes from it, its rewards are paid first, so that one mark
//!   fits all its shares.

use primitives::actions::Bond;
use primitives::ledger::STAKE_POT;
use primitives::{Address, Amount, Event, Outcome, StakeAction, encode};

use super::check::{self, Checked};
use super::keys::{self, Move};
use super::pool::Pool;
use super::{Candidate, Delegation, HELD_MAX, REDELEGATIONS_PER_VALIDATOR_MAX, candidate, delegation};
use crate::context::{Env, Payer};
use crate::overlay::Overlay;
use crate::rewards;
use crate::view::{Broken, StateView, read};

/// What an action caused, or the outcome that the receipt records.
type Done = Checked<Vec<Event>>;

/// Goes on with a checked value, or ends with the outcome.
macro_rules! checked {
    ($check:expr) => {
        match $check? {
            Ok(value) => value,
            Err(outcome) => return Ok(Err(outcome)),
        }
    };
}

/// Executes one action, whose fee is paid and whose spend the balance covers.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other. A named outcome is the inner error.
pub fn execute(overlay: &mut Overlay<'_>, env: Env<'_>, payer: Payer, action: &StakeAction) -> Done {
    match action {
        StakeAction::Bond(bond) => self::bond(overlay, env, payer, bond),
        StakeAction::Delegate { validator, amount } => {
            let (found, shares) = checked!(check::joinable(overlay, env, validator, *amount));
            deposit(overlay, payer, (*validator, found), *amount, shares).map(Ok)
        }
        StakeAction::Unbond { validator, amount } => unbond(overlay, env, payer, validator, *amount),
        StakeAction::Redelegate { from, to, amount } => redelegate(overlay, env, payer, (from, to), *amount),
        StakeAction::SetCommission { commission_bps } => set_commission(overlay, env, payer, *commission_bps),
        StakeAction::Unjail => unjail(overlay, env, payer),
        StakeAction::Claim { validator } => claim(overlay, payer, validator),
    }
}

fn bond(overlay: &mut Overlay<'_>, env: Env<'_>, payer: Payer, bond: &Bond) -> Done {
    checked!(check::bond(overlay, env, &payer.address, bond));
    if let Some(candidacy) = &bond.candidacy {
        let shares = Pool::default().price(bond.amount).ok_or(Broken("checked bond has no price"))?;
        let new = Candidate {
            key: payer.key,
            vrf_key: candidacy.vrf_key,
            commission_bps: candidacy.commission_bps,
            commission_epoch: env.epoch(),
            bonded: Pool::default(),
            jailed_until: None,
            reward_per_share: 0,
        };
        return deposit(overlay, payer, (payer.address, new), bond.amount, shares).map(Ok);
    }
    let (found, shares) = checked!(check::joinable(overlay, env, &payer.address, bond.amount));
    deposit(overlay, payer, (payer.address, found), bond.amount, shares).map(Ok)
}

/// Moves money into the pot behind a validator.
fn deposit(
    overlay: &mut Overlay<'_>,
    payer: Payer,
    (validator, mut found): (Address, Candidate),
    amount: Amount,
    shares: u128,
) -> Result<Vec<Event>, Broken> {
    let mut events = rewards::delegation::pay(overlay, &validator, &found, (payer.slot, payer.address))?;
    overlay.transfer(payer.slot, STAKE_POT, amount)?;
    join(overlay, &validator, &mut found, &payer.address, (amount, shares))?;
    events.push(Event::Bonded { owner: payer.address, validator, amount });
    Ok(events)
}

/// Adds tokens and shares to a validator and to one owner's part of it.
fn join(
    overlay: &mut Overlay<'_>,
    validator: &Address,
    found: &mut Candidate,
    owner: &Address,
    (amount, shares): (Amount, u128),
) -> Result<(), Broken> {
    found.bonded.join(amount, shares)?;
    let mut owned = delegation(overlay, validator, owner)?;
    owned.shares = owned.shares.checked_add(shares).ok_or(Broken("delegation shares out of range"))?;
    owned.reward_mark = found.reward_per_share;
    overlay.put(keys::delegation(validator, owner), encode(&owned));
    overlay.put(keys::candidate(validator), encode(found));
    Ok(())
}

/// Takes tokens and shares from a validator and from one owner's part of it; returns what came out.
pub(super) fn leave(
    overlay: &mut Overlay<'_>,
    validator: &Address,
    found: &mut Candidate,
    owner: &Address,
    (amount, shares): (Amount, u128),
) -> Result<Amount, Broken> {
    let given = found.bonded.leave(amount, shares)?;
    let owned = delegation(overlay, validator, owner)?;
    let left = owned.shares.checked_sub(shares).ok_or(Broken("delegation shares below zero"))?;
    let key = keys::delegation(validator, owner);
    if left == 0 {
        overlay.delete(key);
    } else {
        overlay.put(key, encode(&Delegation { shares: left, ..owned }));
    }
    overlay.put(keys::candidate(validator), encode(found));
    Ok(given)
}

fn unbond(overlay: &mut Overlay<'_>, env: Env<'_>, payer: Payer, validator: &Address, amount: Amount) -> Done {
    let (mut found, shares) = checked!(check::leavable(overlay, env, validator, &payer.address, amount));
    let epoch = env.epoch().saturating_add(env.params.staking.unbonding_epochs);
    let bucket_key = keys::bucket(validator, epoch);
    let mut bucket: Pool = read(overlay, &bucket_key, "unbonding bucket does not decode")?.unwrap_or_default();
    if bucket.price(found.bonded.given(amount, shares)).is_none() {
        return Ok(Err(Outcome::StakeOutOfRange));
    }
    let mut events = rewards::delegation::pay(overlay, validator, &found, (payer.slot, payer.address))?;
    let given = leave(overlay, validator, &mut found, &payer.address, (amount, shares))?;
    let part = bucket.price(given).ok_or(Broken("checked unbonding has no price"))?;
    bucket.join(given, part)?;
    let entry_key = keys::unbonding(epoch, validator, &payer.address);
    let entry: u128 = read(overlay, &entry_key, "unbonding entry does not decode")?.unwrap_or(0);
    let entry = entry.checked_add(part).ok_or(Broken("unbonding shares out of range"))?;
    overlay.put(bucket_key, encode(&bucket));
    overlay.put(entry_key, encode(&entry));
    events.push(Event::Unbonding { owner: payer.address, validator: *validator, amount: given, epoch });
    Ok(Ok(events))
}

fn redelegate(
    overlay: &mut Overlay<'_>,
    env: Env<'_>,
    payer: Payer,
    (from, to): (&Address, &Address),
    amount: Amount,
) -> Done {
    let (mut source, cost) = checked!(check::leavable(overlay, env, from, &payer.address, amount));
    let (mut target, _) = checked!(check::joinable(overlay, env, to, source.bonded.given(amount, cost)));
    let epoch = env.epoch().saturating_add(env.params.staking.unbonding_epochs);
    let moved = Move { from: *from, owner: payer.address, to: *to, epoch };
    let known: Option<Amount> = read(overlay, &moved.by_source(), "redelegation does not decode")?;
    let leaving = overlay.scan(&keys::redelegations(from), REDELEGATIONS_PER_VALIDATOR_MAX).len();
    let holding = overlay.scan(&keys::held(to, &payer.address), HELD_MAX).len();
    if known.is_none() && (leaving >= REDELEGATIONS_PER_VALIDATOR_MAX || holding >= HELD_MAX) {
        return Ok(Err(Outcome::RedelegationLimit));
    }
    let owner = (payer.slot, payer.address);
    let mut events = rewards::delegation::pay(overlay, from, &source, owner)?;
    events.extend(rewards::delegation::pay(overlay, to, &target, owner)?);
    let given = leave(overlay, from, &mut source, &payer.address, (amount, cost))?;
    let shares = target.bonded.price(given).ok_or(Broken("checked redelegation has no price"))?;
    join(overlay, to, &mut target, &payer.address, (given, shares))?;
    let total = known.unwrap_or_default().checked_add(given).ok_or(Broken("redelegation out of range"))?;
    overlay.put(moved.by_source(), encode(&total));
    overlay.put(moved.held(), encode(&total));
    overlay.put(moved.queued(), Vec::new());
    events.push(Event::Redelegated { owner: payer.address, from: *from, to: *to, amount: given });
    Ok(Ok(events))
}

fn set_commission(overlay: &mut Overlay<'_>, env: Env<'_>, payer: Payer, commission_bps: u64) -> Done {
    let Some(mut found) = candidate(overlay, &payer.address)? else { return Ok(Err(Outcome::NotCandidate)) };
    let step = found.commission_bps.abs_diff(commission_bps);
    if found.commission_epoch >= env.epoch() || step > env.params.staking.commission_step_bps {
        return Ok(Err(Outcome::CommissionStep));
    }
    found.commission_bps = commission_bps;
    found.commission_epoch = env.epoch();
    overlay.put(keys::candidate(&payer.address), encode(&found));
    Ok(Ok(vec![Event::CommissionSet { validator: payer.address, commission_bps }]))
}

fn unjail(overlay: &mut Overlay<'_>, env: Env<'_>, payer: Payer) -> Done {
    if super::tombstone(overlay, &payer.address)?.is_some() {
        return Ok(Err(Outcome::Tombstoned));
    }
    let Some(mut found) = candidate(overlay, &payer.address)? else { return Ok(Err(Outcome::NotCandidate)) };
    let Some(until) = found.jailed_until else { return Ok(Err(Outcome::NotJailed)) };
    if env.epoch() < until {
        return Ok(Err(Outcome::JailNotOver));
    }
    if super::self_stake(overlay, &payer.address, &found)? < env.params.staking.min_self_stake {
        return Ok(Err(Outcome::StakeBelowMinimum));
    }
    found.jailed_until = None;
    overlay.put(keys::candidate(&payer.address), encode(&found));
    Ok(Ok(vec![Event::Unjailed { validator: payer.address }]))
}

fn claim(overlay: &mut Overlay<'_>, payer: Payer, validator: &Address) -> Done {
    let Some(found) = candidate(overlay, validator)? else { return Ok(Err(Outcome::UnknownValidator)) };
    let events = rewards::delegation::pay(overlay, validator, &found, (payer.slot, payer.address))?;
    if events.is_empty() { Ok(Err(Outcome::NothingToClaim)) } else { Ok(Ok(events)) }
}
