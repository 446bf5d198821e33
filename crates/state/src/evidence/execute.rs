//! Carries out admitted evidence: the offender is slashed; an equivocator is removed forever, others are jailed.

use primitives::actions::About;
use primitives::{Address, Event, Evidence, Height, decode, encode};

use super::{keys, penalty_ppm};
use crate::context::{Env, epoch_of};
use crate::overlay::Overlay;
use crate::staking::{self, CANDIDATES_MAX, keys as staking_keys, slash::slash};
use crate::view::{self, Broken, StateView};

/// Slashes the offender of evidence that [`super::check::admit`] let in.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub fn execute(overlay: &mut Overlay<'_>, env: Env<'_>, evidence: &Evidence) -> Result<Vec<Event>, Broken> {
    let offender = evidence.offender();
    let rates = &env.params.evidence;
    let ppm = match (evidence, evidence.about()) {
        (Evidence::ConflictingHeartbeats(_), _) | (_, About::Challenge(_)) => rates.heartbeat_ppm,
        (Evidence::FalseKeyProof(_), _) => rates.false_identity_ppm,
        (Evidence::DoubleVote(_) | Evidence::DoubleProposal(_), About::Height(height)) => {
            equivocation(overlay, env, &offender, height)?
        }
    };
    let mut events = Vec::new();
    if staking::candidate(overlay, &offender)?.is_some() {
        let forever = evidence.is_equivocation();
        events.push(slash(overlay, &offender, ppm, evidence.hash(), forever)?);
        if !forever && staking::block::jail(overlay, env, &offender)? {
            events.push(Event::Jailed { validator: offender });
        }
    }
    // Score and timetoke end with the offender's identity, whose bond pays the same share.
    events.extend(crate::identity::punish(overlay, &offender, ppm, env.block.height)?);
    Ok(events)
}

/// What an equivocation at `height` costs, ppm; remembers it for those that follow.
fn equivocation(overlay: &mut Overlay<'_>, env: Env<'_>, offender: &Address, height: Height) -> Result<u64, Broken> {
    let epoch = epoch_of(env.params, height);
    let set = view::validators(overlay)?;
    let power = set.get(offender).map_or(0, |member| member.power);
    let others = together(overlay, env, epoch, offender)?;
    overlay.put(keys::recent(epoch, offender), encode(&power));
    Ok(penalty_ppm(&env.params.evidence, others, set.total_power()))
}

/// The power of the other offenders around `epoch`; forgets those that no evidence can join any more.
fn together(overlay: &mut Overlay<'_>, env: Env<'_>, epoch: u64, offender: &Address) -> Result<u64, Broken> {
    let window = env.params.evidence.together_epochs;
    let oldest = env.epoch().saturating_sub(env.params.evidence.age_epochs.saturating_add(window));
    let mut power = 0_u64;
    for (key, value) in overlay.scan(&[keys::RECENT], CANDIDATES_MAX) {
        let parts = (staking_keys::number_at(&key, 1), staking_keys::address_at(&key, 9));
        let (Some(when), Some(who)) = parts else { return Err(Broken("offence key is too short")) };
        if when < oldest {
            overlay.delete(key);
        } else if when.abs_diff(epoch) <= window && who != *offender {
            let more: u64 = decode(&value).map_err(|_| Broken("offence does not decode"))?;
            power = power.saturating_add(more);
        }
    }
    Ok(power)
}
