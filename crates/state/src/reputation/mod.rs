//! Reputation: scores and tiers, a pure function of counters.
//!
//! ```text
//! commits in blocks ─┐
//! right heartbeats  ─┼─► counters ─┐
//! vouches           ─┘             ├─► score::explain ─► score, tier, what is missing
//! timetoke (hours, decayed) ───────┘
//! ```
//!
//! Invariants
//! - Nothing but the rules below moves a counter; nobody sets a score or a tier (REP-8, REP-9).
//! - Reading never writes: promotion and demotion follow from counters, hours and block time.
//!
//! Read next: [`score`], `spec/reputation.md`.

pub mod keys;
pub mod score;

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::{Address, Height, Params, Timestamp, decode, encode};

pub use score::{Explanation, Facts, NextThreshold, Part, Tier};

use crate::overlay::Overlay;
use crate::view::{Broken, StateView};
use crate::{identity, timetoke};

/// Milliseconds in a second.
const MS: u64 = 1_000;

/// What an identity did (REP-1). Everything saturates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Counters {
    /// Blocks built, challenges answered by commits, right heartbeats.
    pub validations: u32,
    /// Challenges not answered by commits, wrong heartbeats.
    pub validation_failures: u32,
    /// Commits signed, right heartbeats of bonded candidates.
    pub successes: u32,
    /// Commits missed, wrong heartbeats of bonded candidates.
    pub failures: u32,
    /// Vouches of other identities.
    pub vouches: u32,
    /// Block time of the last success or validation.
    pub active_at: Option<Timestamp>,
}

/// A validator's part in the commits between two challenges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commits {
    /// Commits that carry its signature.
    pub signed: u32,
    /// Commits that could carry it and do not.
    pub missed: u32,
    /// Blocks that it built.
    pub built: u32,
    /// Whether the commits answer the challenge; none when there was no commit to sign.
    pub answered: Option<bool>,
}

/// The counters of an identity; all zero before its first deed.
///
/// # Errors
/// [`Broken`] when the record does not decode.
pub fn counters(view: &dyn StateView, address: &Address) -> Result<Counters, Broken> {
    let stored = view.get(&keys::counters(address));
    let counters = stored.map(|bytes| decode(&bytes).map_err(|_| Broken("reputation counters do not decode")));
    Ok(counters.transpose()?.unwrap_or_default())
}

/// What the score of `address` is made of, in a block at `height` and `now`.
///
/// # Errors
/// [`Broken`] when a record does not decode.
pub fn facts(
    view: &dyn StateView,
    params: &Params,
    address: &Address,
    height: Height,
    now: Timestamp,
) -> Result<Facts, Broken> {
    let counters = counters(view, address)?;
    let day = params.timetoke.decay_seconds.saturating_mul(MS).max(1);
    Ok(Facts {
        active: identity::active(view, address, height)?.is_some(),
        validations: u64::from(counters.validations.saturating_sub(counters.validation_failures)),
        successes: u64::from(counters.successes.saturating_sub(counters.failures)),
        hours: timetoke::hours(view, &params.timetoke, address, now)?,
        vouches: u64::from(counters.vouches),
        idle_days: counters.active_at.map_or(0, |active_at| now.since(active_at) / day),
    })
}

/// Score, tier and everything they are made of (REP-10).
///
/// # Errors
/// [`Broken`] when a record does not decode.
pub fn explain(
    view: &dyn StateView,
    params: &Params,
    address: &Address,
    height: Height,
    now: Timestamp,
) -> Result<Explanation, Broken> {
    Ok(score::explain(&params.reputation, &facts(view, params, address, height, now)?))
}

/// The first time after `now` at which the score or the tier of `address` may differ although no block writes anything about it:
/// hours that a window gives or decay takes, or one more idle day. `None` when time alone changes nothing any more.
///
/// # Errors
/// [`Broken`] when a record does not decode.
pub fn next_change(
    view: &dyn StateView,
    params: &Params,
    address: &Address,
    now: Timestamp,
) -> Result<Option<Timestamp>, Broken> {
    let hours = timetoke::get(view, address)?.next_change(&params.timetoke, now);
    let day = params.timetoke.decay_seconds.saturating_mul(MS).max(1);
    let last = score::DECAY_CURVE.last().map_or(0, |(days, _)| *days);
    let idle = counters(view, address)?.active_at.and_then(|active_at| {
        let days = now.since(active_at) / day;
        (days < last).then(|| active_at.plus(days.saturating_add(1).saturating_mul(day)))
    });
    Ok(hours.into_iter().chain(idle).min())
}

/// Forgets everything, as when an identity ends.
pub fn erase(overlay: &mut Overlay<'_>, address: &Address) {
    overlay.delete(keys::counters(address));
}

/// Adds a validator's commits between two challenges.
pub(crate) fn committed(
    overlay: &mut Overlay<'_>,
    address: &Address,
    commits: Commits,
    now: Timestamp,
) -> Result<(), Broken> {
    change(overlay, address, |counters| {
        let answered = commits.answered == Some(true);
        counters.successes = counters.successes.saturating_add(commits.signed);
        counters.failures = counters.failures.saturating_add(commits.missed);
        counters.validations = counters.validations.saturating_add(commits.built).saturating_add(u32::from(answered));
        let failed = u32::from(commits.answered == Some(false));
        counters.validation_failures = counters.validation_failures.saturating_add(failed);
        if commits.signed > 0 || commits.built > 0 {
            counters.active_at = Some(now);
        }
    })
}

/// Adds a heartbeat; only a bonded candidate's counts for consensus.
pub(crate) fn heartbeat(
    overlay: &mut Overlay<'_>,
    address: &Address,
    right: bool,
    bonded: bool,
    now: Timestamp,
) -> Result<(), Broken> {
    change(overlay, address, |counters| {
        let consensus = u32::from(bonded);
        if right {
            counters.validations = counters.validations.saturating_add(1);
            counters.successes = counters.successes.saturating_add(consensus);
            counters.active_at = Some(now);
        } else {
            counters.validation_failures = counters.validation_failures.saturating_add(1);
            counters.failures = counters.failures.saturating_add(consensus);
        }
    })
}

/// Adds a vouch.
pub(crate) fn vouched(overlay: &mut Overlay<'_>, address: &Address) -> Result<(), Broken> {
    change(overlay, address, |counters| counters.vouches = counters.vouches.saturating_add(1))
}

fn change(overlay: &mut Overlay<'_>, address: &Address, edit: impl FnOnce(&mut Counters)) -> Result<(), Broken> {
    let mut record = counters(overlay, address)?;
    edit(&mut record);
    overlay.put(keys::counters(address), encode(&record));
    Ok(())
}
