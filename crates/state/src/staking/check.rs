//! May the payer do this with its stake? Every check of an action, before anything changes.
//!
//! Rule: whoever votes keeps the least self-stake until another member of the voting set has it and may vote (STK-33), so that no
//! chain goes on under keys with nothing at stake. Moves of other owners cannot get around that: what stays in a pool is never
//! worth less because somebody came or left.

use primitives::actions::Bond;
use primitives::{Address, Amount, Outcome, decode};

use super::pool::Pool;
use super::{Candidate, HELD_MAX, candidate, delegation, keys, self_stake, tombstone};
use crate::context::Env;
use crate::view::{self, Broken, StateView};

/// The inner result of a check: the value, or the outcome that the receipt records.
pub type Checked<T> = Result<Result<T, Outcome>, Broken>;

/// A candidate that may get more stake, and the shares that `amount` buys there.
///
/// # Errors
/// [`Broken`] when stored values do not decode.
pub fn joinable(view: &dyn StateView, env: Env<'_>, validator: &Address, amount: Amount) -> Checked<(Candidate, u128)> {
    if amount < env.params.staking.min_delegation {
        return Ok(Err(Outcome::StakeBelowMinimum));
    }
    if tombstone(view, validator)?.is_some() {
        return Ok(Err(Outcome::Tombstoned));
    }
    let Some(found) = candidate(view, validator)? else { return Ok(Err(Outcome::UnknownValidator)) };
    match found.bonded.price(amount) {
        Some(shares) => Ok(Ok((found, shares))),
        None => Ok(Err(Outcome::StakeOutOfRange)),
    }
}

/// A candidate that `owner` may take `amount` from, and the shares that this costs.
///
/// # Errors
/// [`Broken`] when stored values do not decode.
pub fn leavable(
    view: &dyn StateView,
    env: Env<'_>,
    validator: &Address,
    owner: &Address,
    amount: Amount,
) -> Checked<(Candidate, u128)> {
    let Some(found) = candidate(view, validator)? else { return Ok(Err(Outcome::UnknownValidator)) };
    let owned = delegation(view, validator, owner)?;
    let worth = found.bonded.value(owned.shares)?;
    if amount < env.params.staking.min_delegation && amount < worth {
        return Ok(Err(Outcome::StakeBelowMinimum));
    }
    let Some(shares) = found.bonded.cost(amount).filter(|shares| *shares <= owned.shares && amount <= worth) else {
        return Ok(Err(Outcome::NotEnoughStake));
    };
    let left = worth.checked_sub(amount).unwrap_or_default();
    if left < held(view, validator, owner)? {
        return Ok(Err(Outcome::StakeHeld));
    }
    if validator == owner {
        let mut rest = found.bonded;
        rest.leave(amount, shares)?;
        let own = rest.value(owned.shares.saturating_sub(shares))?;
        if own < env.params.staking.min_self_stake && is_last(view, env, validator)? {
            return Ok(Err(Outcome::LastValidator));
        }
    }
    Ok(Ok((found, shares)))
}

/// Whether `validator` votes and no other member of the voting set could be in the next one (STK-33).
fn is_last(view: &dyn StateView, env: Env<'_>, validator: &Address) -> Result<bool, Broken> {
    let set = view::validators(view)?;
    if set.get(validator).is_none() {
        return Ok(false);
    }
    for member in set.validators().iter().filter(|member| member.address != *validator) {
        let Some(found) = candidate(view, &member.address)? else { continue };
        let may_vote = found.jailed_until.is_none() && tombstone(view, &member.address)?.is_none();
        if may_vote && self_stake(view, &member.address, &found)? >= env.params.staking.min_self_stake {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How much of a delegation came by redelegation and stays slashable for the validator it left.
///
/// # Errors
/// [`Broken`] when stored values do not decode.
pub fn held(view: &dyn StateView, to: &Address, owner: &Address) -> Result<Amount, Broken> {
    let entries = view.scan(&keys::held(to, owner), HELD_MAX);
    entries.iter().try_fold(Amount::ZERO, |sum, (_, value)| {
        let amount: Amount = decode(value).map_err(|_| Broken("held stake does not decode"))?;
        sum.checked_add(amount).ok_or(Broken("held stake out of range"))
    })
}

/// What a bond's candidacy must look like for this payer.
///
/// # Errors
/// [`Broken`] when stored values do not decode.
pub fn bond(view: &dyn StateView, env: Env<'_>, owner: &Address, bond: &Bond) -> Checked<()> {
    if tombstone(view, owner)?.is_some() {
        return Ok(Err(Outcome::Tombstoned));
    }
    let outcome = match (&bond.candidacy, candidate(view, owner)?) {
        (Some(_), Some(_)) => Err(Outcome::AlreadyCandidate),
        (None, None) => Err(Outcome::NotCandidate),
        (None, Some(_)) => Ok(()),
        (Some(_), None) if bond.amount < env.params.staking.min_self_stake => Err(Outcome::StakeBelowMinimum),
        (Some(_), None) if Pool::default().price(bond.amount).is_none() => Err(Outcome::StakeOutOfRange),
        (Some(_), None) => {
            let known = view.scan(&[keys::CANDIDATE], super::CANDIDATES_MAX).len();
            if known < super::CANDIDATES_MAX { Ok(()) } else { Err(Outcome::CandidateLimit) }
        }
    };
    Ok(outcome)
}
