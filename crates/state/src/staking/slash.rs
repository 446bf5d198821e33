//! Burning stake for a proven offence.
//!
//! Everything that backed the validator and was not paid out yet is cut by the same part: its bonded pool,
//! its unbonding buckets, and what was redelegated away from it, where that is now. Each cut is rounded down.
//!
//! Rules
//! - What is cut is burned from the stake pot by one operation; nobody gains by a slash.
//! - A held redelegation can lose at most what its owner's delegation is still worth.
//! - Rewards that slashed shares had not claimed stay in the issuance pot.

use primitives::ledger::STAKE_POT;
use primitives::params::staking::UNBONDING_EPOCHS_MAX;
use primitives::{Address, Amount, Event, Hash, decode, encode};

use super::execute::leave;
use super::keys::{self, Move};
use super::pool::{Pool, part};
use super::{REDELEGATIONS_PER_VALIDATOR_MAX, candidate, delegation};
use crate::overlay::Overlay;
use crate::view::{Broken, StateView};

/// Cuts `ppm` millionths of all stake that is slashable for `validator` and burns it. `evidence` names the
/// proof. With `forever` the validator is removed for good.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub fn slash(
    overlay: &mut Overlay<'_>,
    validator: &Address,
    ppm: u64,
    evidence: Hash,
    forever: bool,
) -> Result<Event, Broken> {
    let mut burned = Amount::ZERO;
    if let Some(mut found) = candidate(overlay, validator)? {
        add(&mut burned, found.bonded.slash(ppm)?)?;
        overlay.put(keys::candidate(validator), encode(&found));
    }
    let buckets_max = usize::try_from(UNBONDING_EPOCHS_MAX).unwrap_or(usize::MAX).saturating_add(2);
    for (key, value) in overlay.scan(&keys::buckets(validator), buckets_max) {
        let mut bucket: Pool = decode(&value).map_err(|_| Broken("unbonding bucket does not decode"))?;
        add(&mut burned, bucket.slash(ppm)?)?;
        overlay.put(key, encode(&bucket));
    }
    for (key, value) in overlay.scan(&keys::redelegations(validator), REDELEGATIONS_PER_VALIDATOR_MAX) {
        let moved = Move::of_source(&key).ok_or(Broken("redelegation key is too short"))?;
        let amount: Amount = decode(&value).map_err(|_| Broken("redelegation does not decode"))?;
        let cut = part(amount, ppm).ok_or(Broken("slash above everything"))?;
        add(&mut burned, slash_moved(overlay, &moved, cut)?)?;
        let left = amount.checked_sub(cut).unwrap_or_default();
        overlay.put(moved.by_source(), encode(&left));
        overlay.put(moved.held(), encode(&left));
    }
    if forever {
        overlay.put(keys::tombstone(validator), encode(&evidence));
    }
    if burned > Amount::ZERO {
        overlay.burn(STAKE_POT, burned)?;
    }
    Ok(Event::Slashed { validator: *validator, amount: burned, evidence })
}

/// Takes up to `cut` out of the delegation that a redelegation went to; returns what came out.
fn slash_moved(overlay: &mut Overlay<'_>, moved: &Move, cut: Amount) -> Result<Amount, Broken> {
    let Some(mut target) = candidate(overlay, &moved.to)? else { return Ok(Amount::ZERO) };
    let owned = delegation(overlay, &moved.to, &moved.owner)?;
    let cut = cut.min(target.bonded.value(owned.shares)?);
    let Some(shares) = target.bonded.cost(cut).filter(|shares| *shares <= owned.shares && *shares > 0) else {
        return Ok(Amount::ZERO);
    };
    leave(overlay, &moved.to, &mut target, &moved.owner, (cut, shares))
}

fn add(sum: &mut Amount, more: Amount) -> Result<(), Broken> {
    *sum = sum.checked_add(more).ok_or(Broken("slash out of range"))?;
    Ok(())
}
