//! The rewards of one delegation: its shares times what a share earned since its mark.
//!
//! A share's earnings are counted in units of 2^-64 µBLOCK, so that small rewards on large pools are not
//! lost; each step is rounded down, so the parts together never exceed what was promised.

use primitives::ledger::ISSUANCE_POT;
use primitives::{Address, Amount, Event, SlotIndex, encode};

use super::{keys, promises};
use crate::overlay::Overlay;
use crate::staking::{self, Candidate, Delegation};
use crate::view::Broken;

/// What a validator's shares together earn by `reward`, added to its counter.
///
/// # Errors
/// [`Broken`] when the counter leaves its range, which the supply cap excludes.
pub fn earn(candidate: &mut Candidate, reward: Amount) -> Result<(), Broken> {
    let scaled = u128::from(reward.micro()) << 64;
    let per_share = scaled.checked_div(candidate.bonded.shares).ok_or(Broken("rewards for a pool without shares"))?;
    let counter = candidate.reward_per_share.checked_add(per_share);
    candidate.reward_per_share = counter.ok_or(Broken("reward counter out of range"))?;
    Ok(())
}

/// What a delegation has earned and not been paid, rounded down.
///
/// # Errors
/// [`Broken`] when marks and counters do not fit each other.
pub fn owed(candidate: &Candidate, part: &Delegation) -> Result<Amount, Broken> {
    let since = candidate.reward_per_share.checked_sub(part.reward_mark);
    let scaled = since.and_then(|since| since.checked_mul(part.shares)).ok_or(Broken("rewards out of range"))?;
    u64::try_from(scaled >> 64).ok().and_then(Amount::new).ok_or(Broken("rewards out of range"))
}

/// Settles a delegation: moves its mark to now and takes what it earned out of the promises.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub fn settle(
    overlay: &mut Overlay<'_>,
    validator: &Address,
    candidate: &Candidate,
    owner: &Address,
) -> Result<Amount, Broken> {
    let part = staking::delegation(overlay, validator, owner)?;
    if part.shares == 0 || part.reward_mark == candidate.reward_per_share {
        return Ok(Amount::ZERO);
    }
    let amount = owed(candidate, &part)?;
    let moved = Delegation { reward_mark: candidate.reward_per_share, ..part };
    overlay.put(staking::keys::delegation(validator, owner), encode(&moved));
    if amount > Amount::ZERO {
        let mut promised = promises(overlay)?;
        let left = promised.delegators.checked_sub(amount);
        promised.delegators = left.ok_or(Broken("more rewards claimed than promised"))?;
        overlay.put(keys::promises(), encode(&promised));
    }
    Ok(amount)
}

/// Pays what a delegation has earned, if anything.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub fn pay(
    overlay: &mut Overlay<'_>,
    validator: &Address,
    candidate: &Candidate,
    (slot, owner): (SlotIndex, Address),
) -> Result<Vec<Event>, Broken> {
    let amount = settle(overlay, validator, candidate, &owner)?;
    if amount == Amount::ZERO {
        return Ok(Vec::new());
    }
    overlay.transfer(ISSUANCE_POT, slot, amount)?;
    Ok(vec![Event::RewardPaid { to: owner, amount }])
}
