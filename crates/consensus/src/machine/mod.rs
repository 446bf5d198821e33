//! One validator as a machine: inputs go in, outputs come out, nothing else happens.
//!
//! Model: the engine's core and this crate's app loop, driven by hand. Bytes arrive and leave in their network form, so both
//! codecs are exercised; time is what the owner's [`Clock`] shows; the log is what the owner keeps of [`Output::Log`] and
//! gives back after a crash. The simulator is the owner.
//!
//! ```text
//! start, receive, elapsed, synced ──► core ──effects──► app loop (handlers/*) ──► Application
//!                                       └─────────► outputs, in the order in which they happened
//! ```
//!
//! Rules
//! - The same inputs give the same outputs: no thread, no clock, no randomness, no address in memory.
//! - Outputs keep the barriers of the engine and the signer: the log is flushed before a message, a round, a decision, a signature.
//! - A fuse ends the machine between any two effects, as a crash would; what was output before stands.
//! - There is no target time, whose only use is the machine's own clock.
//!
//! Read next: `effects.rs`, then the simulator's `node.rs`.

mod defect;
mod effects;
mod verdicts;
mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use arc_malachitebft_app_channel::app::consensus::{
    Error as CoreError, Input, Params as CoreParams, State as Core, process,
};
use arc_malachitebft_app_channel::app::engine::host::Next;
use arc_malachitebft_app_channel::app::metrics::Metrics;
use arc_malachitebft_app_channel::app::types::ValuePayload;
use arc_malachitebft_app_channel::app::types::core::{
    HeightParams, Timeout, TimeoutKind, ValueOrigin, ValueResponse, VoteExtensionPolicy,
};
use arc_malachitebft_app_channel::app::types::sync::RawDecidedValue;
use arc_malachitebft_app_channel::{AppMsg, NetworkMsg};
use bytes::Bytes;
use primitives::{Hash, Height, Round};
use replica::QueueLength;
use replica::application::Fault;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::again::{self, Repeats, SIGNED_OFFERS_MAX, SignedOffer};
use crate::app;
use crate::blocks::{PROPOSED_BLOCKS_MAX, ProposedBlocks};
use crate::codec::{NetworkCodec, WalCodec, wal_message};
use crate::context::ChainContext;
use crate::events::{ConsensusEvent, EVENTS_MAX};
use crate::signer::{ChainVerifier, GuardedSigner, LogSync, VoteSigner};
use crate::state::{Clock, Host, OFFERS_MAX, RoundStatus, SharedApplication, State};
use crate::streaming::{HELD_MAX, STREAM_BYTES_MAX, STREAMS_MAX, Streams};
use crate::types::{BlockId, ChainHeight, ValidatorAddress, chain_round};
use crate::vote_queue::{Capacity, VoteQueue};
use effects::Work;

pub use defect::Defect;
pub use verdicts::{VERDICTS_MAX, Verdicts};
pub use wire::{Signed, decode_signed, decode_vote, describe, encode_parts, encode_proposal, encode_vote};

/// Most parts that one call may publish; a block has fewer.
const PARTS_MAX: usize = 1_024;
/// Most synced blocks that wait for their height.
pub const SYNCED_MAX: usize = 64;

/// Which of the engine's topics a message belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// Votes and proposals.
    Consensus,
    /// Votes and certificates that are sent again.
    Liveness,
    /// Parts of proposals.
    Parts,
}

/// A timer of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer(Timeout);

impl Timer {
    /// Its round.
    pub fn round(&self) -> Option<Round> {
        chain_round(self.0.round)
    }

    /// What it ends, in words.
    pub fn name(&self) -> String {
        format!("{:?}", self.0.kind).to_lowercase()
    }
}

/// What the log holds: the payload as the log's codec writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEntry {
    /// A vote or proposal.
    Message(Bytes),
    /// A proposed value with its block.
    Offer(Bytes),
    /// A certificate of prevotes.
    Polka(Bytes),
    /// A timer that ran out.
    Timeout(Timer),
}

/// What the machine wants done.
#[derive(Debug, Clone)]
pub enum Output {
    /// Send to every peer.
    Publish(Channel, Bytes),
    /// Run a timer, instead of a running one of the same name.
    SetTimer(Timer, Duration),
    /// Stop a timer.
    CancelTimer(Timer),
    /// Stop all timers.
    CancelTimers,
    /// Append to the log of this height.
    Log(Height, LogEntry),
    /// Make the log durable.
    FlushLog,
    /// Call [`Machine::start`] for this height after the wait, with an empty log.
    Next(Height, Duration),
    /// A peer's synced block is not what its certificate says: ask someone else.
    SyncFault(Height),
    /// Something that the node reports.
    Event(ConsensusEvent),
}

/// Why the machine does nothing any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The fuse blew.
    Crashed,
    /// The chain reported a fault of its own.
    Fault(String),
    /// The engine's core refused to go on.
    Core(String),
}

/// Where a machine stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    /// The height it works on.
    pub height: Height,
    /// The round it is in; `None` between two heights.
    pub round: Option<Round>,
    /// The step of the round, in words.
    pub step: String,
    /// The round and block that it is locked on.
    pub locked: Option<(Round, Hash)>,
    /// The round and block of the last certificate of prevotes that it saw.
    pub valid: Option<(Round, Hash)>,
}

/// One validator, or a full node when it has no signer.
pub struct Machine {
    core: Core<ChainContext>,
    host: EffectHost,
    /// The signer was told what the log holds.
    recovered: bool,
}

/// Everything but the core, so that effects can be handled while the core waits.
struct EffectHost {
    metrics: Metrics,
    state: State,
    published: mpsc::Receiver<NetworkMsg<ChainContext>>,
    signed_offers: mpsc::Receiver<SignedOffer>,
    events: broadcast::Receiver<ConsensusEvent>,
    network_codec: NetworkCodec,
    wal_codec: WalCodec,
    next: Option<(Height, HeightParams<ChainContext>)>,
    params: HeightParams<ChainContext>,
    synced: BTreeMap<Height, (u16, RawDecidedValue<ChainContext>)>,
    /// The signer wants the log durable: what was output so far comes before the signature.
    log_asked: Arc<AtomicBool>,
    defect: Option<Defect>,
    validator: bool,
    recovering: bool,
    fuse: Option<u32>,
    end: Option<End>,
    work: VecDeque<Work>,
    outputs: Vec<Output>,
}

impl Machine {
    /// A machine on `app`, which must be at rest between two heights. A `defect` is for checks of the checker.
    ///
    /// # Errors
    /// [`Fault`] when the chain does not know who decides its next height.
    pub fn new(
        app: SharedApplication,
        signer: Option<Box<dyn VoteSigner>>,
        clock: Clock,
        vote_queue_limit: u64,
        defect: Option<Defect>,
    ) -> Result<Self, Fault> {
        let (genesis, hash, finalized) = {
            let app = app.lock().map_err(|_| Fault("a thread died while it held the chain".to_owned()))?;
            (app.genesis().clone(), app.genesis_hash(), app.finalized())
        };
        let (log_asked, log) = asked_sync();
        let signer = signer.map(|signer| GuardedSigner::new(signer, hash).inline());
        let waits = defect != Some(Defect::SignsBeforeTheLog);
        let signer = signer.map(|signer| if waits { signer.after(log) } else { signer });
        let (blocks, queue) = (ProposedBlocks::default(), VoteQueue::new(vote_queue_limit, finalized.next()));
        let (network, published) = mpsc::channel(PARTS_MAX);
        let (offered_again, signed_offers) = mpsc::channel(SIGNED_OFFERS_MAX);
        let ((net_requests, _), (events, told)) = (mpsc::channel(1), broadcast::channel(EVENTS_MAX));
        let (status, _) = watch::channel(RoundStatus::default());
        let mut state = State {
            host: Host::Inline(clock),
            room: Default::default(),
            app,
            params: genesis.params,
            verifier: ChainVerifier::new(hash),
            signer,
            streams: Streams::default(),
            offers: BTreeMap::new(),
            blocks: blocks.clone(),
            queue: queue.clone(),
            voting: None,
            finalized,
            fetched: None,
            streams_opened: 0,
            persistent_peers: 0,
            network,
            signed_offers: offered_again,
            repeats: Repeats::default(),
            net_requests,
            events,
            status,
        };
        let height = finalized.next();
        let params = done(state.enter(height))?;
        let core = core(&state, height, &params, vote_queue_limit, defect);
        let host = EffectHost {
            metrics: Metrics::new(),
            published,
            signed_offers,
            events: told,
            network_codec: NetworkCodec::new(queue),
            wal_codec: WalCodec::new(blocks),
            next: Some((height, params.clone())),
            params,
            synced: BTreeMap::new(),
            log_asked,
            defect,
            validator: false,
            recovering: false,
            fuse: None,
            end: None,
            work: VecDeque::new(),
            outputs: Vec::new(),
            state,
        };
        Ok(Self { core, host, recovered: false })
    }

    /// Shares verdicts about signatures with other machines in this process. The same inputs give the same outputs
    /// with and without it.
    pub fn share_verdicts(&mut self, verdicts: Verdicts) {
        self.host.state.verifier = self.host.state.verifier.clone().sharing(verdicts);
    }

    /// Lets `effects` more effects happen, then ends the machine; `None` takes the fuse out.
    pub fn set_fuse(&mut self, effects: Option<u32>) {
        self.host.fuse = effects;
    }

    /// Why it has ended, if it has.
    pub fn end(&self) -> Option<&End> {
        self.host.end.as_ref()
    }

    /// The height it works on.
    pub fn height(&self) -> Height {
        self.core.height().0
    }

    /// The round it is in.
    pub fn round(&self) -> Option<Round> {
        chain_round(self.core.round())
    }

    /// Where it stands, for whoever watches.
    pub fn glance(&self) -> Glance {
        let round = self.core.driver.round_state();
        let place = |round, value: BlockId| chain_round(round).map(|round| (round, value.0));
        Glance {
            height: self.height(),
            round: self.round(),
            step: format!("{:?}", round.step).to_lowercase(),
            locked: round.locked.as_ref().and_then(|locked| place(locked.round, locked.value)),
            valid: round.valid.as_ref().and_then(|valid| place(valid.round, valid.value)),
        }
    }

    /// How full everything is that waits here.
    pub fn queues(&self) -> [QueueLength; 9] {
        let (state, votes) = (&self.host.state, self.host.state.queue.status());
        let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let of = |name, length, limit| QueueLength { name, length, limit };
        let (engine, inputs) = (Capacity::of(votes.limit).of_engine(), &self.core.input_queue);
        [
            of("messages of later heights", count(votes.waiting), count(votes.limit)),
            of("heights in the engine", inputs.len(), count(engine.heights)),
            of("inputs in the engine", inputs.size(), count(engine.heights.saturating_mul(engine.per_height))),
            of("synced blocks", self.host.synced.len(), SYNCED_MAX),
            of("proposal streams", state.streams.len(), STREAMS_MAX),
            of("bytes of proposals", state.streams.bytes(), STREAM_BYTES_MAX),
            of("proposals of later heights", state.streams.held(), HELD_MAX),
            of("judged offers", state.offers.len(), OFFERS_MAX),
            of("offered blocks", state.blocks.len(), PROPOSED_BLOCKS_MAX),
        ]
    }

    /// Starts the height that comes next, and first replays what the log holds for it.
    pub fn start(&mut self, log: &[LogEntry]) -> Vec<Output> {
        let Some((height, params)) = self.host.next.take() else { return self.outputs() };
        self.host.validator = self.host.is_validator(&params);
        self.host.params = params.clone();
        if !std::mem::replace(&mut self.recovered, true) {
            self.recover(height, log);
        }
        let set = params.validator_set;
        self.run(Input::StartHeight(ChainHeight(height), set, false, None, VoteExtensionPolicy::Disabled));
        if self.host.validator && !log.is_empty() {
            self.replay(log);
        }
        self.settle();
        self.feed_synced();
        self.outputs()
    }

    /// Takes a message that `from` sent. Bytes that are no message are dropped.
    pub fn receive(&mut self, from: u16, channel: Channel, bytes: &Bytes) -> Vec<Output> {
        if let Some(work) = self.host.decode(from, channel, bytes) {
            self.host.work.push_back(work);
        }
        self.settle();
        self.outputs()
    }

    /// A timer ran out.
    pub fn elapsed(&mut self, timer: Timer) -> Vec<Output> {
        let stands_still = timer.0.kind == TimeoutKind::Rebroadcast;
        if stands_still && self.host.defect == Some(Defect::SaysNothingTwice) {
            return self.outputs();
        }
        self.run(Input::TimeoutElapsed(timer.0));
        self.settle();
        if stands_still {
            self.host.offer_again();
        }
        self.outputs()
    }

    /// Finalized blocks from `first` to `last` with their certificates, as the sync protocol sends them.
    pub fn serve(&mut self, first: Height, last: Height) -> Option<Bytes> {
        let (reply, answer) = oneshot::channel();
        let range = ChainHeight(first)..=ChainHeight(last);
        self.host.dispatch(AppMsg::GetDecidedValues { range, reply });
        let mut answer = answer;
        self.host.encode_answer(first, answer.try_recv().ok()?)
    }

    /// Takes a sync answer of `from`. Values wait here until their height starts.
    pub fn synced(&mut self, from: u16, answer: &Bytes) -> Vec<Output> {
        for value in self.host.decode_answer(answer) {
            let height = value.certificate.height.0;
            if height >= self.height() && self.host.synced.len() < SYNCED_MAX {
                self.host.synced.entry(height).or_insert((from, value));
            }
        }
        self.feed_synced();
        self.outputs()
    }

    fn feed_synced(&mut self) {
        let height = self.height();
        self.host.synced.retain(|waiting, _| *waiting >= height);
        // Between two heights nothing is fed: the next start comes back here.
        if self.host.next.is_some() {
            return;
        }
        if let Some((from, value)) = self.host.synced.remove(&height) {
            let peer = wire::peer_id(from);
            self.run(Input::SyncValueResponse(ValueResponse::new(peer, value.value_bytes, value.certificate)));
            self.settle();
        }
    }

    /// Tells the signer which of its messages the log holds, as the engine does before it starts.
    fn recover(&mut self, height: Height, log: &[LogEntry]) {
        let Some(signer) = self.host.state.signer.clone() else { return };
        let messages = log.iter().filter_map(|entry| match entry {
            LogEntry::Message(bytes) => wal_message(bytes).ok(),
            LogEntry::Offer(_) | LogEntry::Polka(_) | LogEntry::Timeout(_) => None,
        });
        let own: Vec<_> = messages.filter(|message| message.sender() == signer.address()).collect();
        if let Err(refused) = signer.recover(height.previous().unwrap_or_default(), &own) {
            self.host.stop(End::Core(refused.reason));
        }
    }

    fn replay(&mut self, log: &[LogEntry]) {
        let entries: Result<Vec<_>, _> = log.iter().map(|entry| self.host.decode_log(entry)).collect();
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.host.stop(End::Core(format!("the log cannot be read: {error}"))),
        };
        self.core.record_recovered_own_precommit_extensions(entries.iter());
        self.core.index_wal_entries(entries.iter());
        self.host.recovering = true;
        for entry in entries {
            self.run(entry);
        }
        self.core.reset_entries_index();
        self.host.recovering = false;
    }

    /// Works until nothing waits.
    fn settle(&mut self) {
        while self.host.end.is_none()
            && let Some(work) = self.host.work.pop_front()
        {
            if let Some(input) = self.host.perform(work) {
                self.run(input);
            }
        }
    }

    fn run(&mut self, input: Input<ChainContext>) {
        if self.host.end.is_some() {
            return;
        }
        let Self { core, host, .. } = self;
        let metrics = host.metrics.clone();
        let outcome: Result<(), CoreError<ChainContext>> = process!(
            input: input,
            state: core,
            metrics: &metrics,
            with: effect => host.effect(effect)
        );
        if let Err(error) = outcome
            && host.end.is_none()
        {
            host.stop(End::Core(error.to_string()));
        }
    }

    fn outputs(&mut self) -> Vec<Output> {
        self.host.drain();
        std::mem::take(&mut self.host.outputs)
    }
}

/// A sync of the log that only notes that it was asked for: the owner of the machine has the log.
fn asked_sync() -> (Arc<AtomicBool>, LogSync) {
    let log_asked = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&log_asked);
    let log: LogSync = Arc::new(move || {
        asked.store(true, Ordering::Relaxed);
        Ok(())
    });
    (log_asked, log)
}

/// The engine's core at the start of `height`.
fn core(
    state: &State,
    height: Height,
    params: &HeightParams<ChainContext>,
    limit: u64,
    defect: Option<Defect>,
) -> Core<ChainContext> {
    let address = state.own_address().unwrap_or_else(|| primitives::Address::of_module("full_node"));
    let capacity = Capacity::of(limit).given_to_engine();
    let size = |bound: u64| usize::try_from(bound).unwrap_or(usize::MAX);
    let core = CoreParams {
        address: ValidatorAddress(address),
        threshold_params: Defect::thresholds(defect),
        value_payload: ValuePayload::ProposalAndParts,
        enabled: state.signer.is_some(),
    };
    let (heights, per_height) = (size(capacity.heights), size(capacity.per_height));
    Core::new(ChainContext, ChainHeight(height), params.validator_set.clone(), core, heights, per_height)
}

impl EffectHost {
    fn is_validator(&self, params: &HeightParams<ChainContext>) -> bool {
        let own = self.state.own_address();
        own.is_some_and(|own| params.validator_set.validators().get(&own).is_some())
    }

    fn stop(&mut self, end: End) {
        if let Some(signer) = &self.state.signer {
            signer.close();
        }
        self.end.get_or_insert(end);
    }

    /// Burns the fuse by one effect; true when the machine has ended.
    fn is_over(&mut self) -> bool {
        match self.fuse {
            Some(0) => self.stop(End::Crashed),
            Some(left) => self.fuse = Some(left - 1),
            None => {}
        }
        self.end.is_some()
    }

    /// Hands one message to the app loop's handlers.
    fn dispatch(&mut self, message: AppMsg<ChainContext>) {
        if self.is_over() {
            return;
        }
        if let Err(Fault(reason)) = done(app::dispatch(&mut self.state, message)) {
            self.stop(End::Fault(reason));
        }
        self.drain();
    }

    /// The round stands still: our offer of it goes out again, if there is one.
    fn offer_again(&mut self) {
        if self.is_over() {
            return;
        }
        if let Err(Fault(reason)) = done(again::send(&mut self.state)) {
            self.stop(End::Fault(reason));
        }
        self.drain();
    }

    /// Puts the flush that the signer asked for behind the log entries that came before the signature.
    fn flush_if_asked(&mut self) {
        if self.log_asked.swap(false, Ordering::Relaxed) {
            self.flush();
        }
    }

    /// Moves what the handlers published and told to the outputs.
    fn drain(&mut self) {
        self.flush_if_asked();
        while let Ok(NetworkMsg::PublishProposalPart(part)) = self.published.try_recv() {
            if let Some(bytes) = self.encode_part(&part) {
                self.outputs.push(Output::Publish(Channel::Parts, bytes));
            }
        }
        while let Ok(offer) = self.signed_offers.try_recv() {
            self.publish_offer(offer);
        }
        while let Ok(event) = self.events.try_recv() {
            self.outputs.push(Output::Event(event));
        }
    }

    fn started_next(&mut self, next: Next<ChainContext>) {
        let (Next::Start(height, params) | Next::Restart(height, params)) = next;
        let (now, interval) = (self.state.host.now(), self.state.params.block_interval_ms);
        let parent = self.state.app.lock().map(|app| app.finalized_time()).unwrap_or(now);
        self.next = Some((height.0, params));
        self.outputs.push(Output::Next(height.0, crate::pacing::wait(now, parent, interval)));
    }

    fn value(value: arc_malachitebft_app_channel::app::types::ProposedValue<ChainContext>) -> Input<ChainContext> {
        Input::ProposedValue(value, ValueOrigin::Consensus)
    }
}

/// The result of a future that has nothing to wait for.
fn done<T>(future: impl Future<Output = T>) -> T
where
    T: Unready,
{
    let mut context = TaskContext::from_waker(Waker::noop());
    // A caller that runs inside a runtime has a budget of steps, which must not end ours.
    match pin!(tokio::task::unconstrained(future)).poll(&mut context) {
        Poll::Ready(value) => value,
        Poll::Pending => T::unready(),
    }
}

/// What a call gives when it wanted to wait after all, which none does without a runtime.
trait Unready {
    fn unready() -> Self;
}

impl<T> Unready for Result<T, Fault> {
    fn unready() -> Self {
        Err(Fault("a handler waited for something outside the machine".to_owned()))
    }
}
