//! The app loop: one message of the engine at a time, one handler per message.

use arc_malachitebft_app_channel::AppMsg;
use replica::application::Fault;
use tokio::sync::{mpsc, watch};

use crate::context::ChainContext;
use crate::events::StopReason;
use crate::handlers::{
    consensus_ready, decided, extend_vote, finalized, get_decided_values, get_history_min_height, get_value,
    process_synced_value, received_proposal_part, restream_proposal, started_round, verify_vote_extensions,
};
use crate::state::State;

/// Handles messages until someone asks to stop, the engine is gone, or the chain has a fault.
pub(crate) async fn run(
    mut state: State,
    mut messages: mpsc::Receiver<AppMsg<ChainContext>>,
    mut stop: watch::Receiver<bool>,
) -> StopReason {
    loop {
        let message = tokio::select! {
            biased;
            // An error means that the handle is gone, and with it whoever could use the engine.
            _ = stop.wait_for(|stop| *stop) => return StopReason::Requested,
            message = messages.recv() => message,
        };
        let Some(message) = message else {
            return StopReason::Engine("the consensus engine ended; see its log for the cause".to_owned());
        };
        if let Err(Fault(reason)) = dispatch(&mut state, message).await {
            tracing::error!(reason, "the chain has a fault: consensus stops");
            // Before anything else: votes that are already on their way to the signer are refused.
            if let Some(signer) = &state.signer {
                signer.close();
            }
            return StopReason::Fault(reason);
        }
    }
}

pub(crate) async fn dispatch(state: &mut State, message: AppMsg<ChainContext>) -> Result<(), Fault> {
    match message {
        AppMsg::ConsensusReady { reply } => consensus_ready::handle(state, reply).await,
        AppMsg::StartedRound { height, round, proposer, role: _, reply_value } => {
            started_round::handle(state, height, round, proposer, reply_value).await
        }
        AppMsg::GetValue { height, round, timeout: _, reply } => get_value::handle(state, height, round, reply).await,
        AppMsg::ExtendVote { reply, .. } => extend_vote::handle(reply),
        AppMsg::VerifyVoteExtensions { extensions, reply, .. } => verify_vote_extensions::handle(extensions, reply),
        AppMsg::RestreamProposal { height, round, valid_round, address, value_id } => {
            restream_proposal::handle(state, height, round, valid_round, address, value_id).await
        }
        AppMsg::GetHistoryMinHeight { reply } => get_history_min_height::handle(state, reply).await,
        AppMsg::ReceivedProposalPart { from, published_by, part, reply } => {
            received_proposal_part::handle(state, from, published_by, part, reply).await
        }
        AppMsg::Decided { certificate, extensions: _, reply } => decided::handle(state, certificate, reply).await,
        AppMsg::Finalized { certificate, extensions: _, evidence, reply } => {
            finalized::handle(state, certificate, evidence, reply).await
        }
        AppMsg::GetDecidedValues { range, reply } => get_decided_values::handle(state, range, reply).await,
        AppMsg::ProcessSyncedValue { height, round, proposer, value_bytes, reply } => {
            process_synced_value::handle(state, height, round, proposer, value_bytes, reply).await
        }
    }
}
