//! Carries out the actions of the timetoke module. Implements TTK-7 to TTK-13.
//!
//! Rule: every check comes before the first write; on an outcome other than success nothing has changed. Signatures,
//! keys and the order of the list are checked before a transaction gets here ([`TimetokeAction::check_form`]).

use primitives::actions::TimetokeEvent;
use primitives::actions::timetoke::Heartbeat;
use primitives::defect::{Defect, is_seeded};
use primitives::{Event, Outcome, TimetokeAction};

use super::{Challenge, answer, challenge, get};
use crate::context::{Env, Payer};
use crate::overlay::Overlay;
use crate::view::{self, Broken, StateView};
use crate::{identity, lottery, reputation};

/// Milliseconds in a second.
const MS: u64 = 1_000;

/// Executes one action, whose fee is paid. The payer is nobody's witness but its own: it only brings the heartbeats.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other. A named outcome is the inner error.
pub fn execute(
    overlay: &mut Overlay<'_>,
    env: Env<'_>,
    _payer: Payer,
    action: &TimetokeAction,
) -> Result<Result<Vec<Event>, Outcome>, Broken> {
    let TimetokeAction::Heartbeats { list } = action;
    let mut answers = Vec::with_capacity(list.len());
    for signed in list {
        match check(overlay, env, &signed.heartbeat)? {
            Ok((number, open)) => answers.push((signed.heartbeat, number, open)),
            Err(outcome) => return Ok(Err(outcome)),
        }
    }
    let mut events = Vec::with_capacity(answers.len());
    for (heartbeat, number, open) in answers {
        let right = heartbeat.value == open.value;
        answer(overlay, &env.params.timetoke, &heartbeat.identity, number, open.number)?;
        let bonded = lottery::is_bonded(overlay, env.params, &heartbeat.identity)?;
        reputation::heartbeat(overlay, &heartbeat.identity, right, bonded, env.block.time)?;
        events.push(Event::Timetoke(TimetokeEvent::HeartbeatAccepted {
            identity: heartbeat.identity,
            challenge: open.number,
            right,
        }));
    }
    Ok(Ok(events))
}

/// The identity's number and the open challenge when the heartbeat counts.
fn check(
    view: &dyn StateView,
    env: Env<'_>,
    heartbeat: &Heartbeat,
) -> Result<Result<(u32, Challenge), Outcome>, Broken> {
    let Some(identity) = identity::active(view, &heartbeat.identity, env.block.height)? else {
        return Ok(Err(Outcome::IdentityNotActive));
    };
    let open = challenge(view)?.filter(|open| {
        let age = env.block.time.since(open.opened_at);
        open.number == heartbeat.challenge && age <= env.params.timetoke.answer_seconds.saturating_mul(MS)
    });
    let Some(open) = open else { return Ok(Err(Outcome::HeartbeatLate)) };
    if heartbeat.seed != open.seed {
        return Ok(Err(Outcome::HeartbeatWrongSeed));
    }
    let is_repeated = get(view, &heartbeat.identity)?.last_challenge.is_some_and(|last| last >= open.number);
    if is_repeated && !is_seeded(Defect::CountsAHeartbeatTwice) {
        return Ok(Err(Outcome::HeartbeatRepeated));
    }
    if view::validators(view)?.get(&heartbeat.identity).is_some() {
        return Ok(Err(Outcome::HeartbeatNotNeeded));
    }
    Ok(Ok((identity.number, open)))
}
