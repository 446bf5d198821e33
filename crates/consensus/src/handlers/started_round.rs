//! A round began. Whole proposals that arrived while their height was still ahead are judged now.

use arc_malachitebft_app_channel::Reply;
use arc_malachitebft_app_channel::app::types::ProposedValue;
use arc_malachitebft_app_channel::app::types::core::Round as EngineRound;
use replica::application::Fault;

use crate::context::ChainContext;
use crate::events::ConsensusEvent;
use crate::offers;
use crate::state::State;
use crate::types::{ChainHeight, ValidatorAddress, chain_round};

pub(crate) async fn handle(
    state: &mut State,
    height: ChainHeight,
    round: EngineRound,
    proposer: ValidatorAddress,
    reply: Reply<Vec<ProposedValue<ChainContext>>>,
) -> Result<(), Fault> {
    let (height, proposer) = (height.0, proposer.0);
    state.queue.started(height);
    let own = state.own_address();
    let voting =
        state.voting.as_ref().is_some_and(|(_, set)| own.is_some_and(|own| set.validators().get(&own).is_some()));
    state.status.send_modify(|status| {
        status.height = height;
        status.round = chain_round(round);
        status.proposer = Some(proposer);
        status.voting = voting;
    });
    if let Some(round) = chain_round(round) {
        state.tell(ConsensusEvent::RoundStarted { height, round, proposer });
    }
    let mut values = Vec::new();
    for held in state.streams.take(height) {
        // The proposers of this height were not known when the stream came in.
        if state.is_offer(&held.init) {
            values.extend(offers::judge(state, held).await?);
        }
    }
    let _ = reply.send(values);
    Ok(())
}
