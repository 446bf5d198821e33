//! Stream a known block again: as proposer of a new round, or on behalf of the round's proposer.

use arc_malachitebft_app_channel::app::types::core::Round as EngineRound;
use primitives::Proposal;
use replica::application::Fault;

use crate::state::State;
use crate::types::{BlockId, ChainHeight, ValidatorAddress, chain_round};
use crate::{again, offers};

pub(crate) async fn handle(
    state: &mut State,
    height: ChainHeight,
    round: EngineRound,
    pol_round: EngineRound,
    proposer: ValidatorAddress,
    value: BlockId,
) -> Result<(), Fault> {
    let Some(round) = chain_round(round) else { return Ok(()) };
    let (height, value, proposer) = (height.0, value.0, proposer.0);
    if height != state.finalized.next() {
        return Ok(());
    }
    let Some(block) = again::block(state, value).await? else {
        tracing::warn!(%height, %round, block = %value, "a block to stream again is not here");
        return Ok(());
    };
    if state.own_address() == Some(proposer) {
        let proposal = Proposal { height, round, value, pol_round: chain_round(pol_round), proposer };
        offers::publish(state, proposal, block).await;
    } else if let Some(offer) = state.offers.get(&(height, round, value)) {
        let init = offer.init;
        offers::stream(state, init, block).await;
    }
    Ok(())
}
