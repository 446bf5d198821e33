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

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use ::config::{ConfigErrors, Home, LogFormat, Mode, NodeConfig};
use consensus::{EngineConfig, SoloConfig, StopReason, VoteSigner};
use p2p::{ChainIdentity, LimitsConfig, P2p, P2pConfig, StorePaths};
use primitives::genesis::{Engine as EngineKind, GenesisError};
use primitives::{Address, Genesis, Hash, Height, SecretKey};
use replica::{Fault, Identity, Replica};
use storage::{Store, StoreConfig, Verify};
use telemetry::Metrics;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, watch};
use wallet::key_file::{NodeKey, ValidatorKey};
use wallet::signer::{GuardCrashPoint, ValidatorSigner};

use crate::audits::Audits;
use crate::clock;
use crate::consensus_events::{follow_blocks, follow_engine};
use crate::evidence::Reporter;
use crate::shared::{Engine, Shared};
use crate::signer::GuardedKey;
use crate::stages::Stages;

/// Largest genesis file, bytes.
const GENESIS_BYTES_MAX: u64 = 1 << 30;
/// Chain gates that this version implements.
const GATES_HERE: [&str; 1] = ["malachite_consensus"];
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
}

/// How a node ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// As asked.
    Requested,
    /// By its own fault; the reason says which.
    Fault(String),
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration has problems.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// No genesis file.
    #[error(
        "cannot read the genesis file {path}: {cause}; copy the chain's genesis.json there, or make one with `tb genesis new`"
    )]
    GenesisFile {
        /// Where it should be.
        path: PathBuf,
        /// The system's words.
        cause: String,
    },
    /// A genesis file that cannot start a chain.
    #[error("the genesis file {path} cannot start a chain: {cause}")]
    Genesis {
        /// The file.
        path: PathBuf,
        /// Which rule.
        cause: GenesisError,
    },
    /// A gate of a later version.
    #[error("the genesis file activates the gate {0}, which this version does not have; use a version that has it")]
    Gate(String),
    /// A crash point that is not taken.
    #[error(transparent)]
    CrashAt(#[from] crate::crash::CrashAtError),
    /// Keys, guard or lock.
    #[error("{0}")]
    Key(String),
    /// The audit files cannot be used.
    #[error("cannot use the audit files in {path}: {cause}")]
    Audits {
        /// Their folder.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The store refuses.
    #[error(transparent)]
    Storage(#[from] storage::StorageError),
    /// The stored chain is not whole.
    #[error("the stored chain is not whole: {0}; move the data directory aside and start again to sync from peers")]
    Chain(Fault),
    /// The RPC cannot listen.
    #[error(
        "cannot listen for RPC on {address}: {cause}; another process may use the port: choose another with rpc.listen"
    )]
    Rpc {
        /// The address.
        address: String,
        /// The system's words.
        cause: String,
    },
    /// Gossip cannot start.
    #[error(transparent)]
    P2p(#[from] p2p::StartError),
    /// Consensus cannot start.
    #[error("{0}")]
    Consensus(String),
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
    let genesis = read_genesis(&options.home.genesis_json())?;
    loaded.config.check_gates(&genesis)?;
    let guard_crash = crate::crash::arm(options.crash_at.as_deref(), &genesis)?;
    let address = loaded.config.rpc.listen;
    // The port is taken before anything is written, so that a second node of one home is refused early.
    let rpc_error = |error: std::io::Error| StartError::Rpc { address: address.to_string(), cause: error.to_string() };
    let listener = TcpListener::bind(address).await.map_err(rpc_error)?;
    if genesis.engine == EngineKind::Bft {
        check_consensus_port(&loaded.config.consensus.listen)?;
    }
    let (shared, signer) = open(&options.home, loaded.config, genesis, guard_crash)?;
    announce(&shared);

    let fault = shared.fault.subscribe();
    tokio::spawn(follow_blocks(Arc::clone(&shared), shared.stages.subscribe()));
    start_gossip(&shared, &options.home)?;
    let (stop_rpc, rpc_stop) = watch::channel(false);
    let server = tokio::spawn(crate::rpc::serve(Arc::clone(&shared), listener, rpc_stop));
    start_consensus(&shared, &options.home, signer).await?;
    let stopped = wait(&shared, options.stop, fault).await;
    shared.stopping.store(true, Ordering::Relaxed);
    stop(&shared, stop_rpc, server).await;
    Ok(stopped)
}

fn check_consensus_port(listen: &str) -> Result<(), StartError> {
    crate::ports::check_free(listen).map_err(|error| {
        StartError::Consensus(format!(
            "cannot listen for consensus on {listen}: {error}; another process may use the port: choose another with \
             consensus.listen"
        ))
    })
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

fn read_genesis(path: &std::path::Path) -> Result<Genesis, StartError> {
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

fn open(
    home: &Home,
    config: NodeConfig,
    genesis: Genesis,
    guard_crash: Option<GuardCrashPoint>,
) -> Result<Opened, StartError> {
    let genesis_hash = genesis.hash();
    let key = match config.mode {
        Mode::Validator => Some(load_validator_key(home)?),
        Mode::Node => None,
    };
    let store_config = StoreConfig::Disk { path: config.store_dir(), verify: Verify::Full };
    let store = Arc::new(Store::open(&store_config, &genesis_hash)?);
    let opening = store.opening();
    tracing::info!(values = opening.values, elapsed_ms = millis(opening.elapsed), "store is whole");
    let signer = match &key {
        None => None,
        Some(key) => Some(open_signer(key, home, &store, &genesis_hash, guard_crash)?),
    };
    let stages = Arc::new(Stages::new());
    let metrics = Metrics::new();
    let audits = open_audits(home, &config, genesis_hash)?;
    let observer = crate::observer::observer(Arc::clone(&stages), &metrics, Arc::clone(&audits));
    let validator = key.as_ref().map(|key| Address::of_key(&key.consensus.public_key()));
    let reporter = key.as_ref().map(|key| Reporter::new(key.consensus.clone()));
    let identity =
        key.map(|key| Identity { address: Address::of_key(&key.consensus.public_key()), vrf_key: key.vrf.clone() });
    let replica = Replica::open(genesis.clone(), Arc::clone(&store), config.mempool, identity, observer)
        .map_err(StartError::Chain)?;
    let now = clock::now();
    let (fault, _) = watch::channel(None);
    let shared = Arc::new(Shared {
        replica: Arc::new(Mutex::new(replica)),
        store,
        genesis,
        genesis_hash,
        audits,
        stages,
        metrics,
        config,
        validator,
        reporter,
        p2p: OnceLock::new(),
        engine: OnceLock::new(),
        work: Arc::new(Notify::new()),
        stopping: AtomicBool::new(false),
        fault,
        started: now,
        finalized_at: AtomicU64::new(now.0),
    });
    Ok((shared, signer))
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

fn load_validator_key(home: &Home) -> Result<ValidatorKey, StartError> {
    let path = home.validator_key();
    let loaded = ValidatorKey::load(&path, None).map_err(|error| StartError::Key(error.to_string()))?;
    if let Some(warning) = loaded.warning {
        tracing::warn!("{warning}");
    }
    Ok(loaded.key)
}

fn open_signer(
    key: &ValidatorKey,
    home: &Home,
    store: &Store,
    genesis: &Hash,
    crash: Option<GuardCrashPoint>,
) -> Result<Box<dyn VoteSigner>, StartError> {
    let refuse = |error: wallet::signer::GuardError| StartError::Key(error.to_string());
    let head = store.head().map_or(Height::GENESIS, |head| head.height);
    let mut signer = ValidatorSigner::open(key.consensus.clone(), &home.guard(), genesis, false).map_err(refuse)?;
    let address = Address::of_key(&key.consensus.public_key());
    signer.check_not_behind(last_signed(store, head, &address)?).map_err(refuse)?;
    signer.set_crash_point(crash);
    Ok(Box::new(GuardedKey(signer)))
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
    let (genesis, config) = (&shared.genesis, &shared.config);
    let gates: Vec<String> = config
        .gates
        .at(genesis, shared.store.head().map_or(Height(1), |head| head.height.next()))
        .iter()
        .filter(|gate| gate.is_active)
        .map(|gate| gate.name.to_owned())
        .collect();
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
        gates = gates.join(","),
        height = shared.store.head().map_or(0, |head| head.height.0),
        rpc = %config.rpc.listen,
        "node starts"
    );
}

fn node_secret(home: &Home) -> Result<[u8; 32], StartError> {
    let loaded = NodeKey::load(&home.node_key(), None).map_err(|error| StartError::Key(error.to_string()))?;
    if let Some(warning) = loaded.warning {
        tracing::warn!("{warning}");
    }
    Ok(*loaded.key.identity.seed())
}

fn start_gossip(shared: &Arc<Shared>, home: &Home) -> Result<(), StartError> {
    if shared.genesis.engine == EngineKind::Solo {
        return Ok(());
    }
    let config = &shared.config.p2p;
    let limits = LimitsConfig {
        gossip_rate_limit_per_sec: config.gossip_rate_limit_per_sec,
        replay_window_size: config.replay_window_size,
        rate_window_secs: config.rate_window_secs,
        max_per_sec: config.max_per_sec,
        max_bytes_per_sec: config.max_bytes_per_sec,
        chain_sync_interval_ms: config.chain_sync_interval_ms,
    };
    let network = P2pConfig {
        listen: config.listen.clone(),
        bootstrap: config.peers.clone(),
        mode: crate::ready::role(shared).name().to_owned(),
        limits,
        store: Some(StorePaths {
            overlay: config.overlay_db.clone(),
            peer_db: config.peer_db.clone(),
            peer_db_quic: config.quic_peer_db.clone(),
            key_history: config.peer_key_history.clone(),
        }),
        ..P2pConfig::default()
    };
    let chain = ChainIdentity { chain_id: shared.genesis.chain_id.clone(), genesis: shared.genesis_hash };
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
) -> Result<(), StartError> {
    let refuse = |error: String| StartError::Consensus(error);
    let app: consensus::SharedApplication = shared.replica.clone();
    let engine = match shared.genesis.engine {
        EngineKind::Solo => {
            let signer =
                signer.ok_or_else(|| refuse("a solo chain needs mode = \"validator\" and its key".to_owned()))?;
            let config = SoloConfig { work: Arc::clone(&shared.work) };
            let handle = consensus::start_solo(config, app, signer).await.map_err(|error| refuse(error.to_string()))?;
            tokio::spawn(follow_engine(Arc::clone(shared), handle.events()));
            Engine::Solo(handle)
        }
        EngineKind::Bft => {
            let address = |text: &String| {
                text.parse().map_err(|_| refuse(format!("{text} is not an address such as /ip4/127.0.0.1/tcp/26656")))
            };
            let config = EngineConfig {
                moniker: shared.config.moniker.clone(),
                wal: shared.config.wal_dir().join("consensus.wal"),
                listen: address(&shared.config.consensus.listen)?,
                peers: shared.config.consensus.peers.iter().map(address).collect::<Result<_, _>>()?,
                network_seed: node_secret(home)?,
                vote_queue_limit: u64::try_from(shared.config.mempool.limit).unwrap_or(u64::MAX),
            };
            let handle = consensus::start(config, app, signer).await.map_err(|error| refuse(error.to_string()))?;
            tokio::spawn(follow_engine(Arc::clone(shared), handle.events()));
            Engine::Bft(handle)
        }
    };
    let _ = shared.engine.set(engine);
    Ok(())
}

async fn wait(shared: &Shared, mut stop: watch::Receiver<bool>, mut fault: watch::Receiver<Option<String>>) -> Stopped {
    let engine = async {
        match shared.engine.get() {
            Some(Engine::Bft(handle)) => handle.stopped().await,
            Some(Engine::Solo(handle)) => handle.stopped().await,
            None => StopReason::Engine("no engine was started".to_owned()),
        }
    };
    tokio::select! {
        // An error means that whoever could ask is gone: stop as well.
        _ = stop.wait_for(|stop| *stop) => Stopped::Requested,
        reason = fault.wait_for(Option::is_some) => {
            Stopped::Fault(reason.ok().and_then(|reason| reason.clone()).unwrap_or_default())
        }
        reason = engine => match reason {
            StopReason::Requested => Stopped::Requested,
            StopReason::Fault(reason) | StopReason::Engine(reason) => Stopped::Fault(reason),
        },
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
    tracing::info!("node stopped");
}
