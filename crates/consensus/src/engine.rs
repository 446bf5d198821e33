//! Starting and stopping the Malachite engine.
//!
//! Order at start: check the log, make the network identity, start the engine's actors, run the app loop.
//! Order at a stop, also after a fault: refuse signatures, end the app loop, stop the actors, report.

use std::path::Path;
use std::time::Duration;

use arc_malachitebft_app_channel::app::config::NodeConfig;
use arc_malachitebft_app_channel::app::consensus::SignedConsensusMsg;
use arc_malachitebft_app_channel::app::engine::consensus::state_dump::types::Step;
use arc_malachitebft_app_channel::app::engine::network::{Msg as NetworkMsg, NetworkRef};
use arc_malachitebft_app_channel::app::metrics::SharedRegistry;
use arc_malachitebft_app_channel::app::types::Keypair;
use arc_malachitebft_app_channel::spawn::spawn_network_actor;
use arc_malachitebft_app_channel::{
    Channels, ConsensusContext, ConsensusRequest, EngineBuilder, NetworkIdentity, NetworkRequest, RequestContext,
    SyncContext, WalContext,
};
use primitives::genesis::Engine as EngineKind;
use primitives::{Address, Height, PublicKey};
use replica::application::Fault;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::again::{Repeats, SIGNED_OFFERS_MAX, SignedOffer};
use crate::app;
use crate::blocks::ProposedBlocks;
use crate::codec::{NetworkCodec, WalCodec};
use crate::context::ChainContext;
use crate::events::{ConsensusEvent, EVENTS_MAX, PeerStatus, Status, StepName, StopReason};
use crate::settings::{EngineConfig, EngineSettings};
use crate::signer::{ChainVerifier, GuardedSigner, LoggedMessage, SignRefused, VoteSigner};
use crate::state::{Host, RoundStatus, SharedApplication, State, with_app};
use crate::streaming::Streams;
use crate::types::ValidatorAddress;
use crate::vote_queue::VoteQueue;
use crate::wal::{WalError, clear, create, inspect, is_in_use, syncer};

/// Requests for a state dump that may wait.
const REQUESTS_MAX: usize = 32;
/// Longest wait for the engine's actors to end.
const STOP_WAIT: Duration = Duration::from_secs(5);
/// How often the log is tried meanwhile.
const STOP_POLL: Duration = Duration::from_millis(10);
/// Longest wait until the engine listens. It does at once, or never: what the system refuses it only logs.
const LISTEN_WAIT: Duration = Duration::from_secs(15);
/// Longest wait for a state dump.
const STATUS_WAIT: Duration = Duration::from_millis(500);

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The genesis file names the other engine.
    #[error(
        "the genesis file says engine = \"solo\": this chain has no consensus network; start it with the solo engine"
    )]
    WrongEngine,
    /// The log cannot be trusted.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// The log holds messages of this validator that its signer does not know.
    #[error("{}", .0.reason)]
    Signer(SignRefused),
    /// The listen address has no transport that the engine knows.
    #[error("cannot listen on {0}: use /ip4/ADDRESS/tcp/PORT or /ip4/ADDRESS/udp/PORT/quic-v1")]
    Listen(String),
    /// The system lets the engine not listen.
    #[error(
        "the consensus engine does not listen on {address} after {seconds} s, and the line of its log that begins with \
         Error listening says why; next: choose another consensus.listen, or let this process open the sockets that it \
         needs (AF_NETLINK to listen on all addresses)"
    )]
    NotListening {
        /// The address.
        address: String,
        /// How long it was waited for, seconds.
        seconds: u64,
    },
    /// The vote queue would hold nothing.
    #[error("mempool_limit is 0: no vote could be kept; set it to 1 or more (default 8192)")]
    VoteQueueLimit,
    /// The chain has a fault.
    #[error("the chain has a fault: {0}")]
    Fault(#[from] Fault),
    /// The engine's own words.
    #[error("the consensus engine did not start: {0}; check that the listen address is free and the disk writable")]
    Engine(String),
}

/// A running engine. Dropping it stops the engine, without waiting.
pub struct EngineHandle {
    events: broadcast::Sender<ConsensusEvent>,
    rounds: watch::Receiver<RoundStatus>,
    requests: mpsc::Sender<ConsensusRequest<ChainContext>>,
    net_requests: mpsc::Sender<NetworkRequest>,
    queue: VoteQueue,
    signer: Option<GuardedSigner>,
    validator: Option<PublicKey>,
    stop: watch::Sender<bool>,
    stopped: watch::Receiver<Option<StopReason>>,
    task: JoinHandle<()>,
}

/// Starts consensus on `app`. With a signer the node votes while its key is in the voting set; without
/// one it follows. Must be called on a multi-threaded tokio runtime.
///
/// # Errors
/// [`EngineError`]: nothing was signed or sent.
pub async fn start(
    config: EngineConfig,
    app: SharedApplication,
    signer: Option<Box<dyn VoteSigner>>,
) -> Result<EngineHandle, EngineError> {
    let (genesis, hash, finalized) =
        with_app(&app, |app| Ok((app.genesis().clone(), app.genesis_hash(), app.finalized()))).await?;
    check(&config, genesis.engine)?;
    let own = signer.as_ref().map(|signer| Address::of_key(&signer.public_key()));
    let logged = open_log(&config.wal, finalized, own)?;
    let validator = signer.as_ref().map(|signer| signer.public_key());
    let signer = signer.map(|signer| {
        GuardedSigner::new(signer, hash).after(syncer(config.wal.clone(), config.crash_at)).within(config.room.clone())
    });
    if let Some(signer) = &signer {
        signer.recover(finalized, &logged).map_err(EngineError::Signer)?;
    }
    let (blocks, queue) = (ProposedBlocks::default(), VoteQueue::new(config.vote_queue_limit, finalized.next()));
    let verifier = ChainVerifier::new(hash);
    let settings = EngineSettings::new(&config, &hash);
    let (channels, engine, signed_offers) =
        build(&config, settings, &blocks, &queue, verifier.clone(), signer.clone()).await?;

    let (events, _) = broadcast::channel(EVENTS_MAX);
    let (status, rounds) = watch::channel(RoundStatus { height: finalized.next(), ..RoundStatus::default() });
    let (stop, stop_asked) = watch::channel(false);
    let (report, stopped) = watch::channel(None);
    let Channels { consensus, network, requests, net_requests, events: _ } = channels;
    let state = State {
        host: Host::Runtime,
        room: config.room.clone(),
        app,
        params: genesis.params,
        verifier,
        signer: signer.clone(),
        streams: Streams::default(),
        offers: Default::default(),
        blocks,
        queue: queue.clone(),
        voting: None,
        finalized,
        fetched: None,
        streams_opened: 0,
        persistent_peers: config.peers.len(),
        network,
        signed_offers,
        repeats: Repeats::default(),
        net_requests: net_requests.clone(),
        events: events.clone(),
        status,
    };
    let (listens, listening) = oneshot::channel();
    let told = events.clone();
    let address = config.listen.to_string();
    let task = tokio::spawn(async move {
        let reason = app::run(state, consensus, stop_asked, listens).await;
        let reason = end(engine, reason).await;
        wait_for_log(&config.wal).await;
        let _ = told.send(ConsensusEvent::Stopped(reason.clone()));
        let _ = report.send(Some(reason));
    });
    let handle = EngineHandle { events, rounds, requests, net_requests, queue, signer, validator, stop, stopped, task };
    handle.once_it_listens(listening, address).await
}

/// Ends the engine's actors; gives the reason that is known by then. An engine that stops for safety ends all of them but the outermost one; on any other
/// fault that one ends too.
async fn end(mut engine: arc_malachitebft_app_channel::EngineHandle, reason: StopReason) -> StopReason {
    let by_itself = matches!(reason, StopReason::Engine(_));
    if by_itself && tokio::time::timeout(STOP_WAIT, &mut engine.handle).await.is_ok() {
        return reason;
    }
    engine.actor.get_cell().stop_children(None);
    engine.actor.stop(None);
    if tokio::time::timeout(STOP_WAIT, engine.handle).await.is_err() {
        tracing::warn!("the consensus engine did not end in time");
    }
    if by_itself { StopReason::Safety("the consensus engine stopped for safety".to_owned()) } else { reason }
}

/// Refuses what no engine can be started with.
fn check(config: &EngineConfig, engine: EngineKind) -> Result<(), EngineError> {
    if engine != EngineKind::Bft {
        return Err(EngineError::WrongEngine);
    }
    if config.vote_queue_limit == 0 {
        return Err(EngineError::VoteQueueLimit);
    }
    let transports = ["tcp", "quic", "quic-v1"];
    if !config.listen.protocol_stack().any(|protocol| transports.contains(&protocol)) {
        return Err(EngineError::Listen(config.listen.to_string()));
    }
    Ok(())
}

/// Checks the log, makes it when there is none, and gives the messages of `own` that it holds.
fn open_log(path: &Path, finalized: Height, own: Option<Address>) -> Result<Vec<LoggedMessage>, WalError> {
    let Some(log) = inspect(path, finalized, own)? else {
        create(path, finalized)?;
        return Ok(Vec::new());
    };
    tracing::info!(height = %log.height, entries = log.entries, torn_bytes = log.torn_bytes, "consensus log is whole");
    if log.stale {
        clear(path)?;
    }
    Ok(log.own)
}

/// Waits until the engine's log thread has closed its file, so that the next start finds it free.
async fn wait_for_log(path: &Path) {
    let deadline = Instant::now() + STOP_WAIT;
    while is_in_use(path) && Instant::now() < deadline {
        tokio::time::sleep(STOP_POLL).await;
    }
}

type Running = (Channels<ChainContext>, arc_malachitebft_app_channel::EngineHandle, mpsc::Sender<SignedOffer>);

async fn build(
    config: &EngineConfig,
    settings: EngineSettings,
    blocks: &ProposedBlocks,
    queue: &VoteQueue,
    verifier: ChainVerifier,
    signer: Option<GuardedSigner>,
) -> Result<Running, EngineError> {
    let keypair =
        Keypair::ed25519_from_bytes(config.network_seed).map_err(|error| EngineError::Engine(error.to_string()))?;
    let name = signer.as_ref().map(|signer| signer.address().to_string());
    let identity = NetworkIdentity::new(config.moniker.clone(), keypair, name);
    let consensus = match signer {
        Some(signer) => {
            let address = ValidatorAddress(signer.address());
            ConsensusContext::new_validator(address, Box::new(verifier), Box::new(signer))
        }
        // The engine wants an address. No key has that of a module, so this one is never in a voting set.
        None => ConsensusContext::new_full_node(ValidatorAddress(Address::of_module("full_node")), Box::new(verifier)),
    };
    let network_codec = NetworkCodec::new(queue.clone());
    let registry = SharedRegistry::global().with_moniker(settings.moniker());
    // The network is started here, as the builder would, because the app loop sends through it too.
    let failed = |error: &dyn std::fmt::Display| EngineError::Engine(format!("{error:#}"));
    let (sync_codec, consensus_config, sync_config) =
        (network_codec.clone(), settings.consensus().clone(), *settings.value_sync());
    let spawned = spawn_network_actor(identity, &consensus_config, &sync_config, &registry, network_codec).await;
    let (network, parts) = spawned.map_err(|error| failed(&error))?;
    let built = EngineBuilder::new(ChainContext, settings)
        .with_default_wal(WalContext::new(config.wal.clone(), WalCodec::new(blocks.clone())))
        .with_custom_network(network.clone(), parts)
        .with_default_sync(SyncContext::new(sync_codec))
        .with_default_consensus(consensus)
        .with_default_request(RequestContext::new(REQUESTS_MAX))
        .build()
        .await;
    match built {
        Ok((channels, engine)) => Ok((channels, engine, forward(network))),
        Err(error) => {
            network.stop(None);
            Err(failed(&error))
        }
    }
}

/// Hands signed offers that go out again to the engine's network, until one of the two ends is gone.
fn forward(network: NetworkRef<ChainContext>) -> mpsc::Sender<SignedOffer> {
    let (offers, mut waiting) = mpsc::channel(SIGNED_OFFERS_MAX);
    tokio::spawn(async move {
        while let Some(offer) = waiting.recv().await {
            if network.cast(NetworkMsg::PublishConsensusMsg(SignedConsensusMsg::Proposal(offer))).is_err() {
                return;
            }
        }
    });
    offers
}

impl EngineHandle {
    /// Gives the engine back once it listens, or stopped before for another reason, which it tells itself.
    async fn once_it_listens(self, listening: oneshot::Receiver<()>, address: String) -> Result<Self, EngineError> {
        if tokio::time::timeout(LISTEN_WAIT, listening).await.is_ok() {
            return Ok(self);
        }
        self.shutdown().await;
        Err(EngineError::NotListening { address, seconds: LISTEN_WAIT.as_secs() })
    }

    /// A new reader of what happens from here on. One that falls [`EVENTS_MAX`] behind loses the oldest.
    pub fn events(&self) -> broadcast::Receiver<ConsensusEvent> {
        self.events.subscribe()
    }

    /// Where consensus stands; what cannot be read in half a second is left out.
    pub async fn status(&self) -> Status {
        let rounds = *self.rounds.borrow();
        let dump = tokio::time::timeout(STATUS_WAIT, ConsensusRequest::dump_state(&self.requests)).await;
        let step = match dump {
            Ok(Ok(Some(dump))) => step_name(dump.consensus.step),
            _ => StepName::Unstarted,
        };
        Status {
            height: rounds.height,
            round: rounds.round,
            step,
            proposer: rounds.proposer,
            validator: self.validator,
            voting: rounds.voting,
            peers: self.peers().await,
            vote_queue: self.queue.status(),
            sign_refusals: self.signer.as_ref().map_or(0, GuardedSigner::refusals),
            equivocations: rounds.equivocations,
        }
    }

    async fn peers(&self) -> Vec<PeerStatus> {
        let dump = tokio::time::timeout(STATUS_WAIT, NetworkRequest::dump_state(&self.net_requests)).await;
        let Ok(Ok(Some(dump))) = dump else { return Vec::new() };
        let mut peers: Vec<PeerStatus> = dump
            .peers
            .iter()
            .map(|(peer, info)| PeerStatus {
                peer: peer.to_string(),
                moniker: info.moniker.clone(),
                address: info.address.to_string(),
            })
            .collect();
        peers.sort_by(|a, b| a.peer.cmp(&b.peer));
        peers
    }

    /// Waits until the engine has stopped, and says why.
    pub async fn stopped(&self) -> StopReason {
        let mut stopped = self.stopped.clone();
        let died = || StopReason::Engine("the consensus task died".to_owned());
        match stopped.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_else(died),
            Err(_) => died(),
        }
    }

    /// Whether the engine has stopped, for whatever reason.
    pub fn has_stopped(&self) -> bool {
        self.stopped.borrow().is_some()
    }

    /// Asks the engine to stop, waits until it has, and says why it did. What runs in the chain is finished first.
    pub async fn stop(&self) -> StopReason {
        let _ = self.stop.send(true);
        self.stopped().await
    }

    /// Stops the engine and waits for it. What runs in the chain is finished first.
    pub async fn shutdown(self) -> StopReason {
        let reason = self.stop().await;
        let _ = self.task.await;
        reason
    }
}

fn step_name(step: Step) -> StepName {
    match step {
        Step::Unstarted => StepName::Unstarted,
        Step::Propose => StepName::Propose,
        Step::Prevote => StepName::Prevote,
        Step::Precommit => StepName::Precommit,
        Step::Commit => StepName::Commit,
    }
}

/// The engine's own metrics of every engine in this process, in Prometheus text form. Each series carries
/// the moniker of its engine.
pub fn export_metrics() -> String {
    let mut text = String::new();
    arc_malachitebft_app_channel::app::metrics::export(&mut text);
    text
}
