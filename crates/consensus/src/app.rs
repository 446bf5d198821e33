//! The app loop: one message of the engine at a time, one handler per message.

use arc_malachitebft_app_channel::AppMsg;
use primitives::{Height, Round};
use replica::application::Fault;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior};

use crate::again;
use crate::context::ChainContext;
use crate::events::StopReason;
use crate::handlers::{
    consensus_ready, decided, extend_vote, finalized, get_decided_values, get_history_min_height, get_value,
    process_synced_value, received_proposal_part, restream_proposal, started_round, verify_vote_extensions,
};
use crate::room::{Held, LOOK_EVERY};
use crate::signer::GuardedSigner;
use crate::state::State;

/// Handles messages until someone asks to stop, the engine is gone, or the chain has a fault. `listens` is told once the
/// engine listens.
pub(crate) async fn run(
    mut state: State,
    mut messages: mpsc::Receiver<AppMsg<ChainContext>>,
    mut stop: watch::Receiver<bool>,
    listens: oneshot::Sender<()>,
) -> StopReason {
    let mut listens = Some(listens);
    let (mut stands, mut held) = (Standing::of(&state), Held::default());
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let event = tokio::select! {
            biased;
            // An error means that the handle is gone, and with it whoever could use the engine.
            _ = stop.wait_for(|stop| *stop) => return StopReason::Requested,
            _ = looks.tick() => Event::Look,
            message = messages.recv() => {
                tell(&mut listens, message.as_ref());
                Event::Message(message)
            }
            () = tokio::time::sleep_until(stands.until) => Event::StandsStill,
        };
        let done = match event {
            Event::Message(Some(message)) => match held.take(&state.room, message).await {
                Some(message) => dispatch(&mut state, message).await,
                None => Ok(()),
            },
            Event::Message(None) => {
                return StopReason::Engine("the consensus engine ended; see its log for the cause".to_owned());
            }
            Event::Look => look(&mut state, &mut held).await,
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

/// The engine asks for its first height once it listens, also while there is no room to answer it.
fn tell(listens: &mut Option<oneshot::Sender<()>>, message: Option<&AppMsg<ChainContext>>) {
    if let Some(AppMsg::ConsensusReady { .. }) = message
        && let Some(listens) = listens.take()
    {
        // An error means that nobody waits for it any more.
        let _ = listens.send(());
    }
}

/// What the app loop waits for.
#[expect(clippy::large_enum_variant, reason = "one exists at a time, and most are messages")]
enum Event {
    /// A message of the engine; `None` when it is gone.
    Message(Option<AppMsg<ChainContext>>),
    /// It is time to look for room.
    Look,
    /// The round has stood still for `timeout_vote_ms`.
    StandsStill,
}

/// Goes on with what was held once there is room. A signature that there was no room for ends the engine.
async fn look(state: &mut State, held: &mut Held) -> Result<(), Fault> {
    if state.signer.as_ref().is_some_and(GuardedSigner::is_starved) {
        return Err(Fault(
            "the disk had no room for a signature; next: free room, and start the node again".to_owned(),
        ));
    }
    if held.is_empty() || !state.room.is_there().await {
        return Ok(());
    }
    while let Some(message) = held.next() {
        dispatch(state, message).await?;
    }
    Ok(())
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
