//! Lottery: which waiting candidates may enter the voting set.
//!
//! ```text
//! end of e−3              end of e−2                epoch e−1                    end of e−1
//! stakes, keys frozen ──► seed = its beacon ──► candidates submit proofs ──► draw: admission list ──► set of e
//! ```
//!
//! Invariants
//! - Who votes is decided by stake; the lottery only says who may come in, at most `seats` an epoch.
//! - The frozen list is older than the seed, so neither keys nor stakes can be chosen after the seed is known.
//! - The draw is a function of the state: a silent candidate changes nothing for the others.
//!
//! Read next: [`draw`], [`why`] (what a candidate is told), `spec/lottery.md`.

pub mod block;
pub mod draw;
pub mod execute;
pub mod keys;
pub mod why;

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::defect::{Defect, is_seeded};
use primitives::{Address, BoundedVec, Hash, Height, Params, Timestamp, decode};

use crate::overlay::Overlay;
use crate::reputation::Tier;
use crate::view::{self, Broken, StateView};
use crate::{identity, reputation, staking};
use draw::{Admitted, FrozenCandidate};

/// Most candidates that are frozen for one epoch: the largest stakes.
pub const FROZEN_MAX: usize = 512;
/// Most seats of one epoch.
pub const SEATS_MAX: usize = 64;
/// Epochs whose results stay.
pub const RESULTS_KEPT: u64 = 8;

/// Candidates as they were at the end of one epoch.
pub type Frozen = BoundedVec<FrozenCandidate, FROZEN_MAX>;

/// What the lottery of one epoch gave (LOT-13).
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LotteryResult {
    /// The first epoch of those admitted.
    pub epoch: u64,
    /// The seed.
    pub seed: Hash,
    /// Seats there were.
    pub seats: u64,
    /// Candidates on the frozen list.
    pub candidates: u64,
    /// Tickets that were submitted.
    pub submissions: u64,
    /// Who may enter, in order.
    pub admitted: BoundedVec<Admitted, SEATS_MAX>,
}

/// True when candidates need the lottery to enter; otherwise stake alone decides.
pub const fn is_on(params: &Params) -> bool {
    params.lottery.min_tier > 0
}

/// Whether `address` waits for a seat or votes: enough bonded stake of its own, neither jailed nor removed.
///
/// # Errors
/// [`Broken`] when a record does not decode.
pub fn is_bonded(view: &dyn StateView, params: &Params, address: &Address) -> Result<bool, Broken> {
    let Some(candidate) = staking::candidate(view, address)? else { return Ok(false) };
    Ok(candidate.jailed_until.is_none()
        && staking::tombstone(view, address)?.is_none()
        && staking::self_stake(view, address, &candidate)? >= params.staking.min_self_stake)
}

/// The tier of `address` in a block at `height` and `now`.
///
/// # Errors
/// [`Broken`] when a record does not decode.
pub fn tier(
    view: &dyn StateView,
    params: &Params,
    address: &Address,
    height: Height,
    now: Timestamp,
) -> Result<Tier, Broken> {
    Ok(reputation::explain(view, params, address, height, now)?.tier)
}

/// The order in which candidates outside the voting set may enter it at the end of `epoch`; `None` when the chain
/// has no lottery, and everyone may enter in the order of stake.
///
/// # Errors
/// [`Broken`] when the recorded order does not decode.
pub fn admission(view: &dyn StateView, epoch: u64) -> Result<Option<Vec<Address>>, Broken> {
    if !is_on(&view::params(view)?) || is_seeded(Defect::ForgetsTheLottery) {
        return Ok(None);
    }
    let result = result(view, epoch.saturating_add(1))?;
    Ok(Some(result.map_or_else(Vec::new, |result| result.admitted.iter().map(|one| one.address).collect())))
}

/// The recorded result of the lottery of `epoch`.
///
/// # Errors
/// [`Broken`] when it does not decode.
pub fn result(view: &dyn StateView, epoch: u64) -> Result<Option<LotteryResult>, Broken> {
    view::read(view, &keys::result(epoch), "a lottery result does not decode")
}

/// The seed of the lottery of `epoch` (LOT-1); none before it is known.
///
/// # Errors
/// [`Broken`] when it does not decode.
pub fn seed(view: &dyn StateView, epoch: u64) -> Result<Option<Hash>, Broken> {
    match epoch.checked_sub(2) {
        Some(end) => view::read(view, &keys::seed(end), "a lottery seed does not decode"),
        None => Ok(None),
    }
}

/// The candidates of the lottery of `epoch` (LOT-2), by falling stake. They stay for one epoch after the draw.
///
/// # Errors
/// [`Broken`] when the list does not decode.
pub fn frozen(view: &dyn StateView, epoch: u64) -> Result<Frozen, Broken> {
    let Some(end) = epoch.checked_sub(3) else { return Ok(Frozen::default()) };
    Ok(view::read(view, &keys::frozen(end), "a frozen list does not decode")?.unwrap_or_default())
}

/// The tickets for `epoch` so far. They stay for one epoch after the draw.
///
/// # Errors
/// [`Broken`] when one does not decode.
pub fn tickets(view: &dyn StateView, epoch: u64) -> Result<BTreeMap<Address, u64>, Broken> {
    let entries = view.scan(&keys::tickets(epoch), FROZEN_MAX);
    let ticket = |(key, value): (Vec<u8>, Vec<u8>)| {
        let address = staking::keys::address_at(&key, 9).ok_or(Broken("a ticket key is too short"))?;
        Ok((address, decode(&value).map_err(|_| Broken("a ticket does not decode"))?))
    };
    entries.into_iter().map(ticket).collect()
}

/// Whether a frozen candidate may still enter (LOT-12).
fn is_eligible(overlay: &Overlay<'_>, params: &Params, address: &Address, height: Height) -> Result<bool, Broken> {
    let waits = view::validators(overlay)?.get(address).is_none();
    Ok(waits && is_bonded(overlay, params, address)? && identity::active(overlay, address, height)?.is_some())
}
