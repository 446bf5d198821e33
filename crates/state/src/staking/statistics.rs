//! What validators did and left undone, kept on chain for everyone to read. Implements STK-26 to STK-29 and STK-32.
//!
//! ```text
//! each block ── builder: one more block; votes missing from its certificate; turns that earlier proposers lost
//! each epoch ── member: commits it could sign, commits it missed ──► its statistics
//! ```
//! Absence jails (`block.rs`), and so do votes left out and lost turns on a chain whose parameters say how many are too
//! many ([`beyond`]). Nothing here slashes: whether a vote was withheld or a transaction kept out cannot be proven from
//! signed messages.

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::block::genesis_beacon;
use primitives::params::{BASIS_POINTS, StakingParams};
use primitives::proposer::proposer;
use primitives::validator::VALIDATORS_MAX;
use primitives::{Address, Hash, Round, ValidatorSet, decode, encode};

use super::{keys, missed};
use crate::context::Env;
use crate::overlay::Overlay;
use crate::view::{self, Broken, StateView, read};

/// A validator's record over its whole life. Everything saturates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Statistics {
    /// Epochs in the voting set.
    pub epochs: u64,
    /// Commits it could sign, in finished epochs.
    pub commits: u64,
    /// Of these, those without its signature.
    pub missed: u64,
    /// Blocks it built, in finished epochs.
    pub built: u64,
    /// Signatures that were missing from the certificates in its blocks, in finished epochs.
    pub votes_left_out: u64,
    /// Rounds that it was to propose in and that decided nothing, in finished epochs.
    pub turns_lost: u64,
    /// Times it was jailed.
    pub jailed: u64,
}

/// A proposer's counters in the present epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Turns {
    /// Blocks it built.
    pub built: u32,
    /// Signatures missing from their certificates.
    pub votes_left_out: u32,
    /// Rounds that decided nothing.
    pub turns_lost: u32,
}

/// The beacons of the last two blocks, the newer first.
type Beacons = (Hash, Hash);

/// The record of a validator; all zero before its first epoch ends.
///
/// # Errors
/// [`Broken`] when it does not decode.
pub fn statistics(view: &dyn StateView, validator: &Address) -> Result<Statistics, Broken> {
    Ok(read(view, &keys::statistics(validator), "validator statistics do not decode")?.unwrap_or_default())
}

/// The counters of a proposer in the present epoch.
///
/// # Errors
/// [`Broken`] when they do not decode.
pub fn turns(view: &dyn StateView, validator: &Address) -> Result<Turns, Broken> {
    Ok(read(view, &keys::turns(validator), "a proposer's turns do not decode")?.unwrap_or_default())
}

/// Counts this block's builder, what its certificate lacks, and the rounds before the one that decided.
///
/// # Errors
/// [`Broken`] when stored values do not decode.
pub(super) fn record(overlay: &mut Overlay<'_>, env: Env<'_>) -> Result<(), Broken> {
    let start = genesis_beacon(&env.block.genesis);
    let stored: Option<Beacons> = read(overlay, &keys::beacons(), "the last beacons do not decode")?;
    let (last, before) = stored.unwrap_or((start, start));
    let mut left_out = 0_usize;
    if let Some(commit) = &env.block.last_commit {
        let set = view::previous_validators(overlay)?;
        left_out = set.validators().len().saturating_sub(commit.signers.len());
        lost_turns(overlay, env, &set, &before, commit.round)?;
    }
    let mut own = turns(overlay, &env.block.proposer)?;
    own.built = own.built.saturating_add(1);
    own.votes_left_out = own.votes_left_out.saturating_add(u32::try_from(left_out).unwrap_or(u32::MAX));
    overlay.put(keys::turns(&env.block.proposer), encode(&own));
    overlay.put(keys::beacons(), encode(&(env.block.beacon, last)));
    Ok(())
}

/// Counts who proposed in the rounds of the last height that decided nothing; each validator at most once.
fn lost_turns(
    overlay: &mut Overlay<'_>,
    env: Env<'_>,
    set: &ValidatorSet,
    beacon: &Hash,
    decided: Round,
) -> Result<(), Broken> {
    let Some(height) = env.block.height.previous() else { return Ok(()) };
    // From round n on the same order begins again.
    let rounds = decided.0.min(u32::try_from(set.validators().len()).unwrap_or(u32::MAX));
    for round in 0..rounds {
        let who = proposer(set, beacon, height, Round(round)).address;
        let mut lost = turns(overlay, &who)?;
        lost.turns_lost = lost.turns_lost.saturating_add(1);
        overlay.put(keys::turns(&who), encode(&lost));
    }
    Ok(())
}

/// Members whose blocks left out more votes, or who lost more of their turns, than an epoch allows (STK-32).
///
/// # Errors
/// [`Broken`] when stored values do not decode.
pub(super) fn beyond(view: &dyn StateView, params: &StakingParams, set: &ValidatorSet) -> Result<Vec<Address>, Broken> {
    let over = |part: u64, whole: u64, most: u64| {
        u128::from(part) * u128::from(BASIS_POINTS) > u128::from(whole) * u128::from(most)
    };
    let members = u64::try_from(set.validators().len()).unwrap_or(u64::MAX);
    let mut found = Vec::new();
    for member in set.validators() {
        let own = turns(view, &member.address)?;
        let [built, left_out, lost] = [own.built, own.votes_left_out, own.turns_lost].map(u64::from);
        let withholds = params.left_out_max_bps < BASIS_POINTS
            && over(left_out, built.saturating_mul(members), params.left_out_max_bps);
        let is_silent = params.turns_lost_max_bps < BASIS_POINTS
            && over(lost, built.saturating_add(lost), params.turns_lost_max_bps);
        if withholds || is_silent {
            found.push(member.address);
        }
    }
    Ok(found)
}

/// Adds the epoch to the records and starts the next one.
///
/// # Errors
/// [`Broken`] when stored values do not decode.
pub(super) fn end_epoch(overlay: &mut Overlay<'_>, env: Env<'_>, set: &ValidatorSet) -> Result<(), Broken> {
    for member in set.validators() {
        let mut record = statistics(overlay, &member.address)?;
        record.epochs = record.epochs.saturating_add(1);
        record.commits = record.commits.saturating_add(env.params.epoch_blocks);
        record.missed = record.missed.saturating_add(missed(overlay, env.epoch(), &member.address)?);
        overlay.put(keys::statistics(&member.address), encode(&record));
    }
    for (key, value) in overlay.scan(&[keys::TURNS], VALIDATORS_MAX * 2) {
        let who = keys::address_at(&key, 1).ok_or(Broken("a turns key is too short"))?;
        let turns: Turns = decode(&value).map_err(|_| Broken("a proposer's turns do not decode"))?;
        let mut record = statistics(overlay, &who)?;
        record.built = record.built.saturating_add(u64::from(turns.built));
        record.votes_left_out = record.votes_left_out.saturating_add(u64::from(turns.votes_left_out));
        record.turns_lost = record.turns_lost.saturating_add(u64::from(turns.turns_lost));
        overlay.put(keys::statistics(&who), encode(&record));
        overlay.delete(key);
    }
    Ok(())
}

/// Notes that a validator was jailed.
///
/// # Errors
/// [`Broken`] when its record does not decode.
pub(super) fn jailed(overlay: &mut Overlay<'_>, validator: &Address) -> Result<(), Broken> {
    let mut record = statistics(overlay, validator)?;
    record.jailed = record.jailed.saturating_add(1);
    overlay.put(keys::statistics(validator), encode(&record));
    Ok(())
}
