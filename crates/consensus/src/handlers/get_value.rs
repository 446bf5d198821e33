//! It is our turn to propose: the mempool's transactions become a block.
//!
//! The chain makes the block durable before it is offered, and gives the same block for the same round
//! after a restart. No answer means no proposal: the round then times out. Without room for
//! the block there is none.

use arc_malachitebft_app_channel::Reply;
use arc_malachitebft_app_channel::app::types::LocallyProposedValue;
use arc_malachitebft_app_channel::app::types::core::Round as EngineRound;
use bytes::Bytes;
use primitives::Proposal;
use replica::application::Fault;

use crate::context::ChainContext;
use crate::events::ConsensusEvent;
use crate::offers;
use crate::state::State;
use crate::types::{BlockId, ChainHeight, chain_round};

pub(crate) async fn handle(
    state: &mut State,
    height: ChainHeight,
    engine_round: EngineRound,
    reply: Reply<LocallyProposedValue<ChainContext>>,
) -> Result<(), Fault> {
    let (Some(round), Some(proposer)) = (chain_round(engine_round), state.own_address()) else { return Ok(()) };
    let wanted = height.0;
    if !state.room.is_there().await {
        tracing::debug!(%wanted, "no offer: the disk has no room");
        return Ok(());
    }
    let now = state.host.now();
    let candidate = state
        .with_app(move |app| if app.finalized().next() == wanted { app.build(round, now).map(Some) } else { Ok(None) })
        .await?;
    let Some(candidate) = candidate else { return Ok(()) };
    let bytes = Bytes::copy_from_slice(&candidate.bytes);
    state.blocks.insert(wanted, candidate.hash, bytes.clone());
    let _ = reply.send(LocallyProposedValue::new(height, engine_round, BlockId(candidate.hash)));
    state.tell(ConsensusEvent::Proposed { height: wanted, round, block: candidate.hash });
    let proposal = Proposal { height: wanted, round, value: candidate.hash, pol_round: None, proposer };
    offers::publish(state, proposal, bytes).await;
    Ok(())
}
