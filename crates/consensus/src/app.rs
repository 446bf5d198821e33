//! The app loop: one message of the engine at a time, one handler per message.

use arc_malachitebft_app_channel::AppMsg;
use primitives::{Height, Round};
use replica::application::Fault;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::again;
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
    let mut stands = Standing::of(&state);
    loop {
        let event = tokio::select! {
            biased;
            // An error means that the handle is gone, and with it whoever could use the engine.
            _ = stop.wait_for(|stop| *stop) => return StopReason::Requested,
            message = messages.recv() => Event::Message(message),
            () = tokio::time::sleep_until(stands.until) => Event::StandsStill,
        };
        let done = match event {
            Event::Message(Some(message)) => dispatch(&mut state, message).await,
            Event::Message(None) => {
                return StopReason::Engine("the consensus engine ended; see its log for the cause".to_owned());
            }
            Event::StandsStill => again::send(&mut state).await,
        };
        stands.look(&state);
        if let Err(Fault(reason)) = done {
            tracing::error!(reason, "the chain has a fault: consensus stops");
            // Before anything else: votes that are already on their way to the signer are refused.
            if let Some(signer) = &state.signer {
                signer.close();
            }
            return StopReason::Fault(reason);
        }
    }
}

/// What the app loop waits for.
#[expect(clippy::large_enum_variant, reason = "one exists at a time, and most are messages")]
enum Event {
    /// A message of the engine; `None` when it is gone.
    Message(Option<AppMsg<ChainContext>>),
    /// The round has stood still for `timeout_vote_ms`.
    StandsStill,
}

/// How long a round stands still.
struct Standing {
    place: (Height, Option<Round>),
    until: Instant,
}

impl Standing {
    fn of(state: &State) -> Self {
        Self { place: place(state), until: Instant::now() + patience(state) }
    }

    /// Looks whether there is another round by now, or the time has passed.
    fn look(&mut self, state: &State) {
        if self.place != place(state) || Instant::now() >= self.until {
            *self = Self::of(state);
        }
    }
}

fn place(state: &State) -> (Height, Option<Round>) {
    let status = state.status.borrow();
    (status.height, status.round)
}

fn patience(state: &State) -> Duration {
    Duration::from_millis(state.params.timeout_vote_ms)
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
