//! A proposal part arrived. The part that completes a block of the running height has it executed.

use arc_malachitebft_app_channel::Reply;
use arc_malachitebft_app_channel::app::streaming::StreamMessage;
use arc_malachitebft_app_channel::app::types::{PeerId, ProposedValue};
use replica::application::Fault;

use crate::context::ChainContext;
use crate::offers;
use crate::state::State;
use crate::streaming::Assembled;
use crate::types::ProposalPart;

pub(crate) async fn handle(
    state: &mut State,
    from: PeerId,
    published_by: Option<PeerId>,
    part: StreamMessage<ProposalPart>,
    reply: Reply<Option<ProposedValue<ChainContext>>>,
) -> Result<(), Fault> {
    let publisher = published_by.unwrap_or(from);
    let key = (publisher, part.stream_id.clone());
    // Taken out for the call: the check of the first part reads the rest of the state.
    let mut streams = std::mem::take(&mut state.streams);
    let outcome = streams.insert(key, part, state.finalized, |init| state.is_offer(init));
    state.streams = streams;
    let value = match outcome {
        Ok(None) => None,
        Ok(Some(whole)) => judge_or_hold(state, whole).await?,
        Err(refused) => {
            tracing::debug!(%from, %publisher, %refused, "proposal part refused");
            None
        }
    };
    let _ = reply.send(value);
    Ok(())
}

/// Judges a proposal of the height whose voters are known; keeps one of a later height.
async fn judge_or_hold(state: &mut State, whole: Assembled) -> Result<Option<ProposedValue<ChainContext>>, Fault> {
    let height = whole.init.proposal.height;
    if state.voting.as_ref().is_none_or(|(voting, _)| *voting != height) {
        if !state.streams.hold(whole) {
            tracing::debug!(%height, "no room to hold a proposal of a later height");
        }
        return Ok(None);
    }
    // The stream may have opened before the proposers of this height were known.
    if state.is_offer(&whole.init) { offers::judge(state, whole).await } else { Ok(None) }
}
