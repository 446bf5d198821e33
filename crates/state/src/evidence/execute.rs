//! Carries out admitted evidence: the offender is slashed and removed forever.

use primitives::{Address, Event, Evidence, decode, encode};

use super::{keys, penalty_ppm};
use crate::context::{Env, epoch_of};
use crate::overlay::Overlay;
use crate::staking::{CANDIDATES_MAX, keys as staking_keys, slash::slash};
use crate::view::{self, Broken, StateView};

/// Slashes the offender of evidence that [`super::check::admit`] let in.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub fn execute(overlay: &mut Overlay<'_>, env: Env<'_>, evidence: &Evidence) -> Result<Vec<Event>, Broken> {
    let offender = evidence.offender();
    let epoch = epoch_of(env.params, evidence.height());
    let set = view::validators(overlay)?;
    let power = set.get(&offender).map_or(0, |member| member.power);
    let others = together(overlay, env, epoch, &offender)?;
    let ppm = penalty_ppm(&env.params.evidence, others, set.total_power());
    overlay.put(keys::recent(epoch, &offender), encode(&power));
    let slashed = slash(overlay, &offender, ppm, evidence.hash(), true)?;
    // Score and timetoke end with the offender's identity, whose bond pays the same share.
    let punished = crate::identity::punish(overlay, &offender, ppm, env.block.height)?;
    Ok(std::iter::once(slashed).chain(punished).collect())
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
