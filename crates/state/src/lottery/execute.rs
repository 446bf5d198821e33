//! Carries out the actions of the lottery module. Implements LOT-4 to LOT-8.
//!
//! Rule: every check comes before the first write; on an outcome other than success nothing has changed.

use primitives::actions::LotteryEvent;
use primitives::actions::lottery::lottery_input;
use primitives::{Event, LotteryAction, Outcome, VrfProof, encode};

use super::draw::ticket_of;
use super::{frozen, is_on, keys, seed};
use crate::context::{Env, Payer};
use crate::overlay::Overlay;
use crate::view::{Broken, StateView};

/// Executes one action, whose fee is paid and whose spend the balance covers.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other. A named outcome is the inner error.
pub fn execute(
    overlay: &mut Overlay<'_>,
    env: Env<'_>,
    payer: Payer,
    action: &LotteryAction,
) -> Result<Result<Vec<Event>, Outcome>, Broken> {
    let LotteryAction::Submit { epoch, proof } = action;
    match ticket(overlay, env, payer, *epoch, proof)? {
        Ok(ticket) => {
            overlay.put(keys::ticket(*epoch, &payer.address), encode(&ticket));
            let event = LotteryEvent::Submitted { candidate: payer.address, epoch: *epoch, ticket };
            Ok(Ok(vec![Event::Lottery(event)]))
        }
        Err(outcome) => Ok(Err(outcome)),
    }
}

/// The payer's ticket, when it may have one.
fn ticket(
    view: &dyn StateView,
    env: Env<'_>,
    payer: Payer,
    epoch: u64,
    proof: &VrfProof,
) -> Result<Result<u64, Outcome>, Broken> {
    let seed = if is_on(env.params) && env.epoch().checked_add(1) == Some(epoch) { seed(view, epoch)? } else { None };
    let Some(seed) = seed else { return Ok(Err(Outcome::LotteryWrongEpoch)) };
    let list = frozen(view, epoch)?;
    let Some(candidate) = list.iter().find(|candidate| candidate.address == payer.address) else {
        return Ok(Err(Outcome::NotInLottery));
    };
    if view.get(&keys::ticket(epoch, &payer.address)).is_some() {
        return Ok(Err(Outcome::LotteryRepeated));
    }
    let input = lottery_input(&env.block.genesis, epoch, &seed, &payer.address);
    match candidate.vrf_key.verify(&input, proof) {
        Some(output) => Ok(Ok(ticket_of(&output))),
        None => Ok(Err(Outcome::BadLotteryProof)),
    }
}
