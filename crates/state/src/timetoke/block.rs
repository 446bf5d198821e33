//! What the timetoke module does at the end of each block: tally the commit, open a challenge when one is due.

use primitives::actions::TimetokeEvent;
use primitives::{Event, encode};

use super::{Challenge, challenge, keys, tally};
use crate::context::Env;
use crate::overlay::Overlay;
use crate::view::Broken;

/// Runs after all transactions, before the next voting set is made.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub fn end_block(overlay: &mut Overlay<'_>, env: Env<'_>, events: &mut Vec<Event>) -> Result<(), Broken> {
    tally::add(overlay, env)?;
    let open = challenge(overlay)?;
    let Some(number) = tally::is_due(env, open.as_ref(), env.block.time) else { return Ok(()) };
    if let Some(open) = open {
        tally::settle(overlay, env, &open)?;
    }
    let height = env.block.height.previous().ok_or(Broken("a block at the height of genesis"))?;
    let next = Challenge { number, height, value: env.block.parent, seed: env.block.beacon, opened_at: env.block.time };
    overlay.put(keys::challenge(), encode(&next));
    events.push(Event::Timetoke(TimetokeEvent::ChallengeOpened { challenge: number, height, seed: next.seed }));
    Ok(())
}
