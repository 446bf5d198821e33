//! Commits of validators between two challenges. Implements TTK-14 and REP-11.
//!
//! Every block adds one line to a single value; the opening of the next challenge settles it: who signed enough has
//! answered the challenge, and the counters of reputation move. Only `last_commit`s inside blocks are read.

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::{Address, BoundedVec, Timestamp, decode, encode};

use super::{Challenge, keys};
use crate::context::Env;
use crate::overlay::Overlay;
use crate::reputation::{self, Commits};
use crate::view::{self, Broken, StateView};
use crate::{identity, timetoke};

/// Most validators that are tallied between two challenges: several sets when epochs are short. Who joins beyond
/// is not credited for this challenge, and loses nothing.
pub const TALLIED_MAX: usize = 1_024;
/// Parts per million in one.
const PPM: u64 = 1_000_000;

/// One validator since the challenge opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Tallied {
    /// Who.
    pub address: Address,
    /// Commits that it could have signed.
    pub commits: u32,
    /// Commits that carry its signature.
    pub signed: u32,
    /// Blocks that it built.
    pub built: u32,
}

/// All validators since the challenge opened, sorted by address.
pub type Tally = BoundedVec<Tallied, TALLIED_MAX>;

/// The tally so far.
///
/// # Errors
/// [`Broken`] when it does not decode.
pub fn tally(view: &dyn StateView) -> Result<Tally, Broken> {
    match view.get(&keys::tally()) {
        Some(bytes) => decode(&bytes).map_err(|_| Broken("the tally does not decode")),
        None => Ok(Tally::default()),
    }
}

/// Adds this block's certificate and its builder.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub(crate) fn add(overlay: &mut Overlay<'_>, env: Env<'_>) -> Result<(), Broken> {
    let mut list = tally(overlay)?.into_inner();
    if let Some(commit) = &env.block.last_commit {
        let set = view::previous_validators(overlay)?;
        for member in set.validators() {
            let signed = commit.signers.binary_search(&member.address).is_ok();
            if let Some(entry) = entry(&mut list, member.address) {
                entry.commits = entry.commits.saturating_add(1);
                entry.signed = entry.signed.saturating_add(u32::from(signed));
            }
        }
    }
    if let Some(entry) = entry(&mut list, env.block.proposer) {
        entry.built = entry.built.saturating_add(1);
    }
    let list = Tally::new(list).ok_or(Broken("the tally is over its bound"))?;
    overlay.put(keys::tally(), encode(&list));
    Ok(())
}

/// The entry of `address`, new if there is room.
fn entry(list: &mut Vec<Tallied>, address: Address) -> Option<&mut Tallied> {
    let at = match list.binary_search_by_key(&address, |entry| entry.address) {
        Ok(at) => at,
        Err(_) if list.len() >= TALLIED_MAX => return None,
        Err(at) => {
            list.insert(at, Tallied { address, commits: 0, signed: 0, built: 0 });
            at
        }
    };
    list.get_mut(at)
}

/// Settles the tally of `challenge` and starts the next one.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub(crate) fn settle(overlay: &mut Overlay<'_>, env: Env<'_>, challenge: &Challenge) -> Result<(), Broken> {
    let list = tally(overlay)?;
    for entry in &list {
        let Some(identity) = identity::active(overlay, &entry.address, env.block.height)? else { continue };
        let needed = u64::from(entry.commits).saturating_mul(env.params.timetoke.participation_min_ppm).div_ceil(PPM);
        let answered = entry.commits > 0 && u64::from(entry.signed) >= needed;
        if answered {
            timetoke::answer(overlay, &env.params.timetoke, &entry.address, identity.number, challenge.number)?;
        }
        let commits = Commits {
            signed: entry.signed,
            missed: entry.commits.saturating_sub(entry.signed),
            built: entry.built,
            answered: (entry.commits > 0).then_some(answered),
        };
        reputation::committed(overlay, &entry.address, commits, env.block.time)?;
    }
    overlay.delete(keys::tally());
    Ok(())
}

/// What a validator would show if the tally were settled now, for explanations.
///
/// # Errors
/// [`Broken`] when the tally does not decode.
pub fn of(view: &dyn StateView, address: &Address) -> Result<Option<Tallied>, Broken> {
    let list = tally(view)?;
    let at = list.binary_search_by_key(address, |entry| entry.address).ok();
    Ok(at.and_then(|at| list.get(at)).copied())
}

/// True when block time `now` opens a challenge after `open` (TTK-3).
pub(crate) fn is_due(env: Env<'_>, open: Option<&Challenge>, now: Timestamp) -> Option<u64> {
    let number = super::account::challenge_at(&env.params.timetoke, now);
    open.is_none_or(|open| number > open.number).then_some(number)
}
