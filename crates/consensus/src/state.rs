//! What the app loop knows between two messages.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arc_malachitebft_app_channel::app::types::core::{self, HeightParams};
use arc_malachitebft_app_channel::{NetworkMsg, NetworkRequest};
use primitives::{Address, Hash, Height, Params, Round, Timestamp};
use replica::application::{Application, Electorate, Fault};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, watch};

use crate::again::{Repeats, SignedOffer};
use crate::blocks::ProposedBlocks;
use crate::context::ChainContext;
use crate::events::ConsensusEvent;
use crate::pacing;
use crate::room::Room;
use crate::signer::{ChainVerifier, GuardedSigner};
use crate::streaming::Streams;
use crate::timeouts::RoundTimeouts;
use crate::types::{ProposalInit, ProposalMessage, VotingSet};
use crate::vote_queue::VoteQueue;

/// The chain, shared with the rest of the node. It is locked for one call at a time.
pub type SharedApplication = Arc<Mutex<dyn Application>>;

/// Most proposals remembered for streaming again.
pub const OFFERS_MAX: usize = 256;

/// Where the app loop runs: what a call into the chain waits on, and whose clock is read.
#[derive(Debug, Clone)]
pub(crate) enum Host {
    /// In the node: calls into the chain go to a thread that may block, time is this machine's.
    Runtime,
    /// In a [`crate::machine::Machine`]: calls are made in place, time is what the owner says.
    Inline(Clock),
}

impl Host {
    /// The time that this node goes by.
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Runtime => pacing::now(),
            Self::Inline(clock) => clock.now(),
        }
    }
}

/// A clock that its owner sets. Clones show the same time.
#[derive(Debug, Clone, Default)]
pub struct Clock(Arc<AtomicU64>);

impl Clock {
    /// The time it shows.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }

    /// Sets it, forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::Relaxed);
    }
}

/// A proposal that was judged here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer {
    pub(crate) init: ProposalInit,
    pub(crate) valid: bool,
}

/// What [`crate::EngineHandle::status`] shows of the running round.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RoundStatus {
    pub(crate) height: Height,
    pub(crate) round: Option<Round>,
    pub(crate) proposer: Option<Address>,
    pub(crate) voting: bool,
    pub(crate) equivocations: u64,
}

/// The state of the app loop.
pub struct State {
    pub(crate) host: Host,
    pub(crate) room: Room,
    pub(crate) app: SharedApplication,
    pub(crate) params: Params,
    pub(crate) verifier: ChainVerifier,
    pub(crate) signer: Option<GuardedSigner>,
    pub(crate) streams: Streams,
    pub(crate) offers: BTreeMap<(Height, Round, Hash), Offer>,
    pub(crate) blocks: ProposedBlocks,
    pub(crate) queue: VoteQueue,
    pub(crate) voting: Option<(Height, VotingSet)>,
    pub(crate) finalized: Height,
    /// The height whose block was last fetched from a peer that had it decided.
    pub(crate) fetched: Option<Height>,
    pub(crate) streams_opened: u64,
    pub(crate) persistent_peers: usize,
    pub(crate) network: mpsc::Sender<NetworkMsg<ChainContext>>,
    /// Our signed offers, when they go out again; the engine sends them the first time.
    pub(crate) signed_offers: mpsc::Sender<SignedOffer>,
    pub(crate) repeats: Repeats,
    pub(crate) net_requests: mpsc::Sender<NetworkRequest>,
    pub(crate) events: broadcast::Sender<ConsensusEvent>,
    pub(crate) status: watch::Sender<RoundStatus>,
}

impl State {
    /// Runs `f` on the chain; in a node away from the async threads, since building, executing and
    /// committing take time.
    pub(crate) async fn with_app<T, F>(&self, f: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Application) -> Result<T, Fault> + Send + 'static,
    {
        match &self.host {
            Host::Runtime => with_app(&self.app, f).await,
            Host::Inline(_) => call(&self.app, f),
        }
    }

    /// Does `then` after `wait`, once there is room. A machine does it at once: its owner waits instead.
    pub(crate) fn after(&self, wait: Duration, then: impl FnOnce() + Send + 'static) {
        match &self.host {
            Host::Runtime => {
                let room = self.room.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(wait).await;
                    room.wait().await;
                    then();
                });
            }
            Host::Inline(_) => then(),
        }
    }

    /// Tells whoever listens.
    pub(crate) fn tell(&self, event: ConsensusEvent) {
        // An error means that nobody listens, which is fine.
        let _ = self.events.send(event);
    }

    /// Our validator address.
    pub(crate) fn own_address(&self) -> Option<Address> {
        self.signer.as_ref().map(GuardedSigner::address)
    }

    /// Loads who decides `height`, which must be the one after the last finalized.
    pub(crate) async fn enter(&mut self, height: Height) -> Result<HeightParams<ChainContext>, Fault> {
        let electorate: Option<Electorate> = self.with_app(move |app| Ok(app.electorate(height))).await?;
        let electorate =
            electorate.ok_or_else(|| Fault(format!("the chain knows no validators for height {height}")))?;
        let set = VotingSet::new(electorate);
        self.voting = Some((height, set.clone()));
        self.finalized = height.previous().unwrap_or_default();
        // Blocks are paced before a height starts (`pacing.rs`), so there is no target time here.
        Ok(HeightParams::new(set, RoundTimeouts::of(&self.params), None))
    }

    /// True when a first part is signed by someone who may have proposed it. For a height whose proposer
    /// is not known yet, that is any member of the present set.
    pub(crate) fn is_offer(&self, init: &ProposalInit) -> bool {
        let Some((height, set)) = &self.voting else { return false };
        let proposal = &init.proposal;
        let known = proposal.height == *height;
        let Some(member) = set.validators().get(&proposal.proposer) else { return false };
        let is_turn = || core::Validator::address(set.proposer(*height, proposal.round)).0 == member.address;
        if known && !is_turn() {
            return false;
        }
        let message = ProposalMessage::from(*proposal);
        self.verifier.is_proposal_valid(&message, &init.signature, &member.public_key)
    }

    /// Remembers a judged proposal.
    pub(crate) fn remember(&mut self, init: ProposalInit, valid: bool) {
        let key = (init.proposal.height, init.proposal.round, init.proposal.value);
        self.offers.insert(key, Offer { init, valid });
        while self.offers.len() > OFFERS_MAX {
            self.offers.pop_first();
        }
    }

    /// `height` is finalized: forget it and what was below.
    pub(crate) fn prune(&mut self, height: Height) {
        self.finalized = height;
        self.streams.prune(height);
        self.blocks.prune(height);
        self.offers.retain(|(offered, _, _), _| *offered > height);
    }
}

/// See [`State::with_app`].
pub(crate) async fn with_app<T, F>(app: &SharedApplication, f: F) -> Result<T, Fault>
where
    T: Send + 'static,
    F: FnOnce(&mut dyn Application) -> Result<T, Fault> + Send + 'static,
{
    let app = Arc::clone(app);
    match tokio::task::spawn_blocking(move || call(&app, f)).await {
        Ok(outcome) => outcome,
        Err(error) => Err(Fault(format!("a call into the chain died: {error}; restart the node"))),
    }
}

fn call<T>(app: &SharedApplication, f: impl FnOnce(&mut dyn Application) -> Result<T, Fault>) -> Result<T, Fault> {
    match app.lock() {
        Ok(mut app) => f(&mut *app),
        // Half-done work may be behind a panic: nothing may be built on it.
        Err(_) => Err(Fault("a thread died while it held the chain; restart the node".to_owned())),
    }
}
