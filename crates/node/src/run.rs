//! Starting, running and stopping one node.
//!
//! ```text
//! configuration → genesis → lock and guard → store → replica → metrics → gossip → consensus → RPC
//!                                    … until asked to stop, or a fault …
//! RPC (refuses new work) → consensus → gossip → store
//! ```
//!
//! Rules
//! - Every refusal to start says what happened and what to do; nothing was signed or sent then.
//! - The mempool's limits are in force before the RPC listens.
//! - A start never makes a guard: whoever joins a key to a chain makes it, once (`tb init --genesis`). A key
//!   without its guard is refused. The guard lies outside the data directory, so that moving the chain data
//!   aside does not forget what was signed.
//! - A genesis that activates a gate this version does not have is refused by name.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use ::config::{Home, Loaded, LogFormat, Mode, NodeConfig, ReconstructionConfig, Secret};
use archive::Archive;
use consensus::{EngineConfig, SoloConfig, StopReason, VoteSigner, WalCrashPoint};
use p2p::{ChainIdentity, P2p};
use primitives::actions::ProofSystemKind;
use primitives::genesis::Engine as EngineKind;
use primitives::{Address, Genesis, Hash, Height, SecretKey};
use proof::{ProofSystem, SystemError};
use replica::{Identity, Replica};
use storage::Store;
use telemetry::Metrics;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, watch};
use wallet::key_file::NodeKey;
use wallet::signer::GuardCrashPoint;

use crate::audits::Audits;
use crate::clock;
use crate::consensus_events::{follow_blocks, follow_engine};
use crate::disk::{self, Disk};
use crate::duties::{Duties, NEXT_KEY_FILE};
use crate::elections::Elections;
use crate::evidence::Reporter;
use crate::exports;
use crate::keys::Keys;
use crate::meta::Meta;
use crate::pipeline::Pipeline;
use crate::proofs::{OnChain, Proofs};
use crate::pruning::Pruner;
use crate::reconstruction::Reconstruction;
use crate::reload::Reloader;
use crate::remote_signer;
use crate::samples::{self, Samples};
use crate::shared::{Engine, Shared};
use crate::snapshots::Snapshots;
use crate::stages::Stages;
use crate::start_error::StartError;
use crate::state_sync::StateSync;
use crate::state_sync::session::SnapshotSync;
use crate::upkeep::rebuild::Damaged;
use crate::upkeep::{self, Found, Upkeep};

/// Largest genesis file, bytes.
const GENESIS_BYTES_MAX: u64 = 1 << 30;
/// Chain gates that this version implements.
const GATES_HERE: [&str; 5] =
    ["consensus_enforcement", "malachite_consensus", "recursive_proofs", "timetoke_rewards", "witness_network"];
/// Longest wait for requests in hand at a stop.
const RPC_STOP_WAIT: Duration = Duration::from_secs(3);
/// The newest heights that are searched for our own signature, to judge the guard.
const GUARD_SEARCH_HEIGHTS: u64 = 256;

/// What to run.
pub struct RunOptions {
    /// The home directory.
    pub home: Home,
    /// Configuration values that override every other source: key and value.
    pub flags: Vec<(String, String)>,
    /// Turns true when the node should stop.
    pub stop: watch::Receiver<bool>,
    /// The name of the place where the process dies, on development chains only.
    pub crash_at: Option<String>,
    /// Asks the person at the terminal for a password; `None` when nobody is there.
    pub ask: Option<AskPassword>,
    /// Begin an empty store with a snapshot of others.
    pub state_sync: Option<StateSync>,
    /// What attests this program as a release.
    pub attested: Attested,
    /// Blocks up to this height are made without a pause; only the engine `solo` does.
    pub hurry_to: Height,
    /// What gives the proof system that judges window proofs: [`proof::proof_system`]. Proofs in blocks are consensus, and judged by that of the build.
    pub proof_system: ProofSystems,
}

/// Gives the proof system with a name.
pub type ProofSystems = fn(ProofSystemKind) -> Result<Box<dyn ProofSystem>, SystemError>;

/// Files beside the program that attest it as a release; for metrics and the log, nothing is refused by them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attested {
    /// How many there are.
    pub seen: usize,
    /// How many are missing.
    pub missing: usize,
    /// Whether they hold, and an accepted signer made them.
    pub valid: bool,
    /// Why not, where some are there.
    pub why: Option<String>,
}

/// Puts a question and gives what was typed; the error is in words.
pub type AskPassword = Box<dyn FnOnce(&str) -> Result<Secret, String> + Send>;

/// How a node ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// As asked.
    Requested,
    /// By its own fault; the reason says which.
    Fault(String),
}

/// Runs a node until it is asked to stop or has a fault.
///
/// # Errors
/// [`StartError`] when it does not start.
pub async fn run(options: RunOptions) -> Result<Stopped, StartError> {
    let environment = |name: &str| std::env::var(name).ok();
    let loaded = NodeConfig::load(&options.home, &options.flags, environment)?;
    start_logging(&loaded.config);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let tls = read_tls(&loaded.config)?;
    if !loaded.config.mode.has_chain() {
        return crate::wallet::run(options, loaded, tls).await;
    }
    let genesis = read_genesis(&options.home.genesis_json())?;
    loaded.config.check_gates(&genesis)?;
    let armed = crate::crash::arm(options.crash_at.as_deref(), &genesis)?;
    if replica::dishonest::AT.is_some() && !genesis.chain_id.starts_with(crate::crash::CHAIN_PREFIX) {
        return Err(StartError::Dishonest { chain: genesis.chain_id });
    }
    crate::drill::arm(&loaded.config.drill, &genesis)?;
    // The ports are taken before anything is written, so that a second node of one home is refused early.
    let listener = listen(loaded.config.rpc.listen).await?;
    let wallet = match loaded.config.mode {
        Mode::Hybrid => Some(listen(loaded.config.wallet.listen).await?),
        Mode::Validator | Mode::Node | Mode::Wallet => None,
    };
    if genesis.engine == EngineKind::Bft {
        check_consensus_port(&loaded.config.consensus.listen)?;
    }
    let reloader = Reloader::new(&options.home, &options.flags, loaded.clone());
    if Damaged::places(&loaded.config).settle().map_err(StartError::Storage)? {
        tracing::warn!(event = "storage.rebuilt", "a rebuild that was interrupted is finished");
    }
    if let Some(sync) = &options.state_sync {
        crate::state_sync::run(sync, &options.home, &loaded.config, &genesis).await?;
    }
    let (home, sync) = (&options.home, options.state_sync.as_ref());
    let proof_system = options.proof_system;
    let opening = Opening { home, genesis, guard_crash: armed.guard, ask: options.ask, sync, proof_system };
    let (shared, signer) = opening.open(loaded).await?;
    announce(&shared);
    crate::rollout::attested(&shared.metrics.rollout, &options.attested);
    let (stop_rpc, rpc_stop) = watch::channel(false);
    if let Some(exporter) =
        exports::start(&exports::Origin::of_node(&shared), crate::rpc::scrape(&shared, rpc_stop.clone()))?
    {
        let _ = shared.exporter.set(exporter);
    }

    let fault = shared.fault.subscribe();
    tokio::spawn(follow_blocks(Arc::clone(&shared), shared.stages.subscribe()));
    shared.disk.look();
    tokio::spawn(disk::watch(Arc::clone(&shared.disk)));
    if shared.config.telemetry.enabled {
        tokio::spawn(samples::run(Arc::clone(&shared)));
    }
    tokio::spawn(crate::pruning::run(Arc::clone(&shared)));
    tokio::spawn(remote_signer::watch_discoveries(Arc::clone(&shared), options.home.clone()));
    start_gossip(&shared, &options.home)?;
    upkeep::start(&shared);
    let follower = tokio::spawn(reloader.run(Arc::clone(&shared)));
    let server = tokio::spawn(crate::rpc::serve(Arc::clone(&shared), listener, wallet, tls, rpc_stop));
    start_consensus(&shared, &options.home, signer, (armed.wal, options.hurry_to)).await?;
    let stopped = wait(&shared, options.stop, fault).await;
    follower.abort();
    shared.stopping.store(true, Ordering::Relaxed);
    stop(&shared, stop_rpc, server).await;
    Ok(stopped)
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let taken = |error: std::io::Error| StartError::Rpc { address: address.to_string(), cause: error.to_string() };
    TcpListener::bind(address).await.map_err(taken)
}

/// TLS of the RPC server, where the configuration has it.
fn read_tls(config: &NodeConfig) -> Result<Option<crate::rpc::Tls>, StartError> {
    let Some(tls) = &config.rpc.tls else { return Ok(None) };
    let server = rpc::tls::server(&tls.cert, &tls.key, tls.client_ca.as_deref())?;
    Ok(Some(crate::rpc::Tls { acceptor: server.into(), timeout: tls.handshake_timeout }))
}

fn check_consensus_port(listen: &str) -> Result<(), StartError> {
    let taken = |error| StartError::ConsensusPort { listen: listen.to_owned(), cause: format!("{error}") };
    crate::ports::check_free(listen).map_err(taken)
}

fn start_logging(config: &NodeConfig) {
    let format = match config.log.format {
        LogFormat::Human => telemetry::logging::Format::Human,
        LogFormat::Json => telemetry::logging::Format::Json,
    };
    let settings = telemetry::logging::Settings { format, filter: config.log.level.clone(), colour: false };
    if let Err(error) = telemetry::logging::init(&settings) {
        // A second node in one process shares the first one's log.
        tracing::debug!(%error, "logging was set up before");
    }
}

pub(crate) fn read_genesis(path: &std::path::Path) -> Result<Genesis, StartError> {
    let file = |cause: String| StartError::GenesisFile { path: path.to_owned(), cause };
    let size = std::fs::metadata(path).map_err(|error| file(error.to_string()))?.len();
    if size > GENESIS_BYTES_MAX {
        return Err(file(format!("it is larger than {GENESIS_BYTES_MAX} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| file(error.to_string()))?;
    let genesis = Genesis::from_json(&text).map_err(|cause| StartError::Genesis { path: path.to_owned(), cause })?;
    match genesis.gates.iter().find(|gate| !GATES_HERE.contains(&gate.name.as_str())) {
        None => Ok(genesis),
        Some(gate) => Err(StartError::Gate(gate.name.clone())),
    }
}

type Opened = (Arc<Shared>, Option<Box<dyn VoteSigner>>);

/// What it takes to open a home.
struct Opening<'a> {
    home: &'a Home,
    genesis: Genesis,
    guard_crash: Option<GuardCrashPoint>,
    ask: Option<AskPassword>,
    sync: Option<&'a StateSync>,
    proof_system: ProofSystems,
}

impl Opening<'_> {
    async fn open(self, loaded: Loaded) -> Result<Opened, StartError> {
        let (settings, mut config) = (crate::rollout::settings(&loaded), loaded.config);
        let Self { home, genesis, guard_crash, ask, sync, proof_system } = self;
        let (genesis_hash, metrics) = (genesis.hash(), Metrics::new());
        let keys = load_keys(home, &mut config, ask, genesis_hash, &metrics)?;
        let secret = keys.as_ref().and_then(Keys::secret);
        let damaged = Damaged { home, config: &config, genesis: &genesis, key: secret, sync };
        let (store, found) = open_store(&damaged).await?;
        let signer =
            keys.as_ref().map(|keys| open_signer(keys, home, &store, &genesis_hash, guard_crash)).transpose()?;
        let stages = Arc::new(Stages::new(Pipeline::new(metrics.pipeline.clone())));
        metrics.storage.marks_mended.set_total(store.opening().audit.marks_mended);
        let audits = open_audits(home, &config, genesis_hash)?;
        let elections = Arc::new(Elections::new(metrics.standing.clone()));
        let disk = open_disk(&config, &metrics);
        let snapshots = open_snapshots(home, &config, &genesis, &metrics, &disk)?;
        let heard = (Arc::clone(&audits), Arc::clone(&elections), Arc::clone(&snapshots), Arc::clone(&store));
        let observer = crate::observer::observer(Arc::clone(&stages), &metrics, heard);
        let validator = keys.as_ref().map(|keys| Address::of_key(&keys.public));
        let reporting = secret.cloned();
        let duties = keys.as_ref().map(|keys| Duties::new(keys, home.resolve(NEXT_KEY_FILE)));
        let identity = keys.map(|keys| Identity { address: Address::of_key(&keys.public), vrf_key: keys.vrf });
        let proofs = Arc::new(Proofs::open(&store, proof_system(genesis.proof_system)?)?);
        let judge = OnChain::new(genesis.proof_system, Arc::clone(&proofs), metrics.proofs.clone())?;
        let open = Replica::open_with;
        let replica = open(genesis.clone(), Arc::clone(&store), config.mempool, identity, observer, Arc::new(judge))
            .map_err(StartError::Chain)?;
        let reporter = reporting.map(|key| Reporter::open(key, Arc::clone(&store), &replica));
        let reporter = reporter.transpose().map_err(StartError::Chain)?;
        let now = clock::now();
        note_keys(&proofs, &config, now);
        let shared = Arc::new(Shared {
            replica: Arc::new(Mutex::new(replica)),
            store,
            genesis,
            genesis_hash,
            audits,
            proofs,
            disk,
            snapshots,
            sync: SnapshotSync::new(&config),
            pruner: Pruner::new(&config.pruning),
            reconstruction: open_reconstruction(&config, genesis_hash)?,
            upkeep: Upkeep::new(&config.data_dir, found),
            stages,
            metrics,
            rate_limit: watch::Sender::new(config.rpc.rate_limit),
            settings: watch::Sender::new(settings),
            mempool: watch::Sender::new(config.mempool),
            samples: Samples::new(&config.telemetry),
            exporter: OnceLock::new(),
            config,
            validator,
            reporter,
            duties,
            elections,
            meta: Meta::new(SecretKey::from_seed(node_secret(home)?)),
            p2p: OnceLock::new(),
            engine: OnceLock::new(),
            work: Arc::new(Notify::new()),
            stopping: AtomicBool::new(false),
            fault: watch::channel(None).0,
            started: now,
            finalized_at: AtomicU64::new(now.0),
            starting: AtomicBool::new(true),
            wallet_up: AtomicBool::new(false),
            live_heights: AtomicU64::new(0),
        });
        Ok((shared, signer))
    }
}

/// Notes the keys of this build. The judge was made, so they are those of the network.
fn note_keys(proofs: &Proofs, config: &NodeConfig, now: primitives::Timestamp) {
    let keys = proof::fold_key().map(proof::FoldKey::pins).unwrap_or_default();
    proofs.look_at_keys(&config.data_dir, &keys, now);
}

async fn open_store(damaged: &Damaged<'_>) -> Result<(Arc<Store>, Found), StartError> {
    let (store, found) = upkeep::open(damaged).await?;
    let store = Arc::new(store);
    store.set_limit(damaged.config.store_limit_bytes);
    let opening = store.opening();
    tracing::info!(values = opening.values, elapsed_ms = millis(opening.elapsed), "store is whole");
    Ok((store, found))
}

fn open_disk(config: &NodeConfig, metrics: &Metrics) -> Arc<Disk> {
    let floors = (config.disk_free_min_bytes, config.disk_free_stop_bytes);
    Arc::new(Disk::new(&config.data_dir, floors, metrics.storage.clone()))
}

fn open_snapshots(
    home: &Home,
    config: &NodeConfig,
    genesis: &Genesis,
    metrics: &Metrics,
    disk: &Arc<Disk>,
) -> Result<Arc<Snapshots>, StartError> {
    let maker = SecretKey::from_seed(node_secret(home)?);
    Ok(Snapshots::open(
        (config.snapshots.clone(), config.drill.wrong_chunks),
        &genesis.chain_id,
        maker,
        (metrics.snapshots.clone(), Arc::clone(disk)),
    )?)
}

fn open_reconstruction(config: &NodeConfig, genesis: Hash) -> Result<Reconstruction, StartError> {
    let ReconstructionConfig { is_on, archive, s3 } = &config.reconstruction;
    // With the gate off nothing of it is looked at.
    let Some(place) = archive.as_ref().filter(|_| *is_on) else {
        return Ok(Reconstruction::new(*is_on, None, &genesis));
    };
    let archive = Archive::new(place, s3, genesis, |name| std::env::var(name).ok())?;
    if archive.key_is_in_environment() {
        tracing::warn!(
            "the key of the archive's bucket is in the environment, where other programs of this user can read it; put it into a file of mode 600 and set reconstruction.s3_credentials_file"
        );
    }
    Ok(Reconstruction::new(*is_on, Some(archive), &genesis))
}

fn open_audits(home: &Home, config: &NodeConfig, genesis: Hash) -> Result<Arc<Audits>, StartError> {
    let root = config.data_dir.join("audits");
    let secret = SecretKey::from_seed(node_secret(home)?);
    Audits::open(&root, secret, genesis)
        .map(Arc::new)
        .map_err(|error| StartError::Audits { path: root, cause: error.to_string() })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The keys of a validator; a node has none.
fn load_keys(
    home: &Home,
    config: &mut NodeConfig,
    ask: Option<AskPassword>,
    genesis: Hash,
    metrics: &Metrics,
) -> Result<Option<Keys>, StartError> {
    if config.mode != Mode::Validator {
        return Ok(None);
    }
    // A rebuild gives up the consensus log after the guard was compared with it, and the guard is elsewhere.
    config.storage.rebuild &= config.signer.is_none();
    Keys::load(home, config, ask, genesis, &metrics.remote_signer).map(Some)
}

fn open_signer(
    keys: &Keys,
    home: &Home,
    store: &Store,
    genesis: &Hash,
    crash: Option<GuardCrashPoint>,
) -> Result<Box<dyn VoteSigner>, StartError> {
    let head = store.head().map_or(Height::GENESIS, |head| head.height);
    let signed = last_signed(store, head, &Address::of_key(&keys.public))?;
    keys.votes(&home.guard(), genesis, signed, crash)
}

/// The newest height whose certificate carries our signature, among the newest heights.
fn last_signed(store: &Store, head: Height, address: &Address) -> Result<Height, StartError> {
    let lowest = head.0.saturating_sub(GUARD_SEARCH_HEIGHTS);
    for height in (lowest.saturating_add(1)..=head.0).rev() {
        let certificate = store.certificate(Height(height))?;
        let signed = certificate
            .is_some_and(|certificate| certificate.signatures.iter().any(|signature| signature.address == *address));
        if signed {
            return Ok(Height(height));
        }
    }
    Ok(Height::GENESIS)
}

fn announce(shared: &Shared) {
    if let Some(height) = replica::dishonest::AT {
        tracing::error!(
            %height,
            "dishonest-quorum: validators of this build credit an account without an operation at this height; it is made for tests, use no chain of it"
        );
    }
    let (genesis, config) = (&shared.genesis, &shared.config);
    let role = crate::ready::role(shared).name();
    shared.metrics.node.info.set([
        env!("CARGO_PKG_VERSION").to_owned(),
        role.to_owned(),
        genesis.chain_id.clone(),
        shared.genesis_hash.to_string(),
    ]);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        chain = genesis.chain_id,
        genesis = %shared.genesis_hash,
        role,
        release_channel = config.release_channel.as_str(),
        gates = crate::rollout::active(shared).join(","),
        height = shared.store.head().map_or(0, |head| head.height.0),
        rpc = %config.rpc.listen,
        "node starts"
    );
}

pub(crate) fn node_secret(home: &Home) -> Result<[u8; 32], StartError> {
    let loaded = NodeKey::load(&home.node_key(), None)?;
    if let Some(warning) = loaded.warning {
        tracing::warn!("{warning}");
    }
    Ok(*loaded.key.identity.seed())
}

fn start_gossip(shared: &Arc<Shared>, home: &Home) -> Result<(), StartError> {
    if shared.genesis.engine == EngineKind::Solo {
        return Ok(());
    }
    let mode = crate::ready::role(shared).name().to_owned();
    let network = crate::network::settings(&shared.config, mode, crate::rollout::active(shared).join(","));
    let chain = ChainIdentity {
        chain_id: crate::drill::chain_name(&shared.config.drill, &shared.genesis.chain_id),
        genesis: shared.genesis_hash,
    };
    let (events, received) = mpsc::channel(crate::gossip::EVENTS_MAX);
    let handle = P2p::start(network, chain, node_secret(home)?, events)?;
    handle.set_height(shared.store.head().map_or(Height::GENESIS, |head| head.height));
    tokio::spawn(crate::gossip::run(Arc::clone(shared), handle.clone(), received));
    let _ = shared.p2p.set(handle);
    Ok(())
}

async fn start_consensus(
    shared: &Arc<Shared>,
    home: &Home,
    signer: Option<Box<dyn VoteSigner>>,
    (crash_at, hurry_to): (Option<WalCrashPoint>, Height),
) -> Result<(), StartError> {
    let app: consensus::SharedApplication = shared.replica.clone();
    let engine = match shared.genesis.engine {
        EngineKind::Solo => {
            let Some(signer) = signer else { return stand_alone(shared) };
            let config = SoloConfig { work: Arc::clone(&shared.work), room: shared.disk.room(), hurry_to };
            let handle = consensus::start_solo(config, app, signer).await?;
            tokio::spawn(follow_engine(Arc::clone(shared), handle.events()));
            Engine::Solo(handle)
        }
        EngineKind::Bft => {
            let address = |text: &String| text.parse().map_err(|_| StartError::Address { text: text.clone() });
            let config = EngineConfig {
                moniker: shared.config.moniker.clone(),
                wal: shared.config.wal_dir().join("consensus.wal"),
                listen: address(&shared.config.consensus.listen)?,
                peers: shared.config.consensus.peers.iter().map(address).collect::<Result<_, _>>()?,
                network_seed: node_secret(home)?,
                vote_queue_limit: u64::try_from(shared.config.mempool.limit).unwrap_or(u64::MAX),
                room: shared.disk.room(),
                partition_tag: shared.config.drill.partition_tag.clone(),
                crash_at,
            };
            let handle = consensus::start(config, app, signer).await?;
            tokio::spawn(follow_engine(Arc::clone(shared), handle.events()));
            Engine::Bft(Box::new(handle))
        }
    };
    let _ = shared.engine.set(engine);
    Ok(())
}

/// A node beside the one process of a solo chain: there is nobody to follow. What it has taken from others is answered, and it is never ready.
fn stand_alone(shared: &Shared) -> Result<(), StartError> {
    let height = shared.store.head().map_or(Height::GENESIS, |head| head.height);
    if height == Height::GENESIS {
        return Err(StartError::SoloMode);
    }
    tracing::warn!(
        event = "consensus.none",
        %height,
        "this chain is made by one process, which is another one: this node answers questions up to this height and goes no further"
    );
    Ok(())
}

async fn wait(shared: &Shared, mut stop: watch::Receiver<bool>, mut fault: watch::Receiver<Option<String>>) -> Stopped {
    let engine = async {
        // Without an engine there is nothing that could stop: see `stand_alone`.
        let reason = match shared.engine.get() {
            Some(Engine::Bft(handle)) => handle.stopped().await,
            Some(Engine::Solo(handle)) => handle.stopped().await,
            None => std::future::pending().await,
        };
        match reason {
            StopReason::Requested => Stopped::Requested,
            StopReason::Fault(reason) | StopReason::Engine(reason) => Stopped::Fault(reason),
            // What starts a node that ended would start it before anybody has looked.
            StopReason::Safety(reason) => {
                tracing::error!(
                    reason,
                    "consensus stopped and this node votes no more, because its log could not be written; next: see EngineStopped in \
                     docs/runbooks/consensus.md, make room or replace the disk, and start the node again"
                );
                std::future::pending().await
            }
        }
    };
    tokio::select! {
        // An error means that whoever could ask is gone: stop as well.
        _ = stop.wait_for(|stop| *stop) => Stopped::Requested,
        reason = fault.wait_for(Option::is_some) => {
            Stopped::Fault(reason.ok().and_then(|reason| reason.clone()).unwrap_or_default())
        }
        stopped = engine => stopped,
    }
}

async fn stop(shared: &Shared, stop_rpc: watch::Sender<bool>, server: tokio::task::JoinHandle<std::io::Result<()>>) {
    stop_rpc.send_replace(true);
    match shared.engine.get() {
        Some(Engine::Bft(handle)) => drop(handle.stop().await),
        Some(Engine::Solo(handle)) => drop(handle.stop().await),
        None => {}
    }
    if let Some(p2p) = shared.p2p.get() {
        p2p.shutdown().await;
    }
    if tokio::time::timeout(RPC_STOP_WAIT, server).await.is_err() {
        tracing::warn!("some RPC requests did not end in time");
    }
    if let Some(exporter) = shared.exporter.get() {
        exporter.stop().await;
    }
    tracing::info!("node stopped");
}
