//! May the payer do this with its stake? Every check of an action, before anything changes.

use primitives::actions::Bond;
use primitives::{Address, Amount, Outcome, decode};

use super::pool::Pool;
use super::{Candidate, HELD_MAX, candidate, delegation, keys, tombstone};
use crate::context::Env;
use crate::view::{Broken, StateView};

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
    Ok(Ok((found, shares)))
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
