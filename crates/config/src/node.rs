//! The configuration of a node as the services take it: typed, resolved, checked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mempool::MempoolConfig;
use primitives::genesis::CHAIN_GATES;
use primitives::{Address, Genesis};

use crate::address;
use crate::channel::ReleaseChannel;
use crate::error::ConfigErrors;
use crate::gates::{FeatureGates, Gate, GateKind};
use crate::home::Home;
use crate::keys::{KEYS, Key};
use crate::pruning::PruningConfig;
use crate::reconstruction::ReconstructionConfig;
use crate::rules;
use crate::secret::Secret;
use crate::snapshots::SnapshotConfig;
use crate::sources::{Setting, Source, Sources};
use crate::storage::StorageConfig;
use crate::tokens;
use crate::value::Value;

mod drill;
mod pruned;
mod signer;
mod telemetry;
mod wallet;

pub use drill::DrillConfig;
pub use signer::SignerConfig;
pub use telemetry::TelemetryConfig;
pub use wallet::WalletConfig;

/// Names of the gates that bind one node alone.
pub(crate) const LOCAL_GATES: [&str; 2] = ["pruning", "reconstruction"];

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Votes, and does all that a node does.
    Validator,
    /// Follows the chain and serves RPC.
    Node,
    /// As a node, with the wallet routes at an address of their own.
    Hybrid,
    /// Keeps no chain, and serves the wallet routes of another node.
    Wallet,
}

impl Mode {
    /// The word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Validator => "validator",
            Self::Node => "node",
            Self::Hybrid => "hybrid",
            Self::Wallet => "wallet",
        }
    }

    /// Whether the wallet routes have an address of their own.
    pub fn has_wallet_routes(self) -> bool {
        matches!(self, Self::Hybrid | Self::Wallet)
    }

    /// Whether it keeps a chain, and with it a store, peers and the whole RPC.
    pub fn has_chain(self) -> bool {
        self != Self::Wallet
    }
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object per line.
    Json,
}

/// Logging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// Form of lines.
    pub format: LogFormat,
    /// A level, or levels by module.
    pub level: String,
}

/// The consensus network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsensusConfig {
    /// Where it listens, in libp2p form.
    pub listen: String,
    /// Peers to stay connected to, in libp2p form.
    pub peers: Vec<String>,
}

/// Transaction gossip: addresses, limits on one peer, files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct P2pConfig {
    /// Where it listens, in libp2p form; empty: dial only.
    pub listen: Vec<String>,
    /// Peers to stay connected to, in libp2p form.
    pub peers: Vec<String>,
    /// Whether to ask peers for further peers, and to answer such questions.
    pub exchange_peers: bool,
    /// Publishers whose witness data is not used here.
    pub witness_quarantine: Vec<Address>,
    /// Gossip messages per second. At least 1.
    pub gossip_rate_limit_per_sec: u64,
    /// Digests that are remembered. At least 1.
    pub replay_window_size: u64,
    /// Sliding window, seconds. At least 1.
    pub rate_window_secs: u64,
    /// Requests per second. At least 1.
    pub max_per_sec: u64,
    /// Bytes per second. At least one message of the largest size.
    pub max_bytes_per_sec: u64,
    /// Pause between two pulls of heights, milliseconds; 0: no pulls.
    pub chain_sync_interval_ms: u64,
    /// Whether peers are told where this node listens.
    pub announce: bool,
    /// Folder of fetched chunks of a snapshot.
    pub chunk_db: PathBuf,
    /// File of known peers.
    pub overlay_db: PathBuf,
    /// File of keys and reputation.
    pub peer_db: PathBuf,
    /// File of QUIC addresses.
    pub quic_peer_db: PathBuf,
    /// File of keys by address.
    pub peer_key_history: PathBuf,
}

/// One who may ask what needs a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What the log calls them.
    pub name: String,
    /// Names of what the token is good for; all known, sorted, not empty.
    pub scopes: Vec<String>,
    /// The token.
    pub secret: Secret,
}

/// TLS of the RPC server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// File of the certificate and its chain.
    pub cert: PathBuf,
    /// File of its key.
    pub key: PathBuf,
    /// File of the authorities of clients; `None`: clients need no certificate.
    pub client_ca: Option<PathBuf>,
    /// Longest handshake.
    pub handshake_timeout: Duration,
}

/// How often one caller of the RPC server may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitConfig {
    /// Reads at once; 0: not limited.
    pub read_burst: u32,
    /// Reads in the long run, per minute. At least 1.
    pub read_per_minute: u32,
    /// Writes at once; 0: not limited.
    pub write_burst: u32,
    /// Writes in the long run, per minute. At least 1.
    pub write_per_minute: u32,
    /// Whether callers on this machine are limited.
    pub loopback: bool,
}

/// The RPC server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The bearer token with every scope; `None`: there is none.
    pub auth_token: Option<Secret>,
    /// All tokens, that one first.
    pub tokens: Vec<Token>,
    /// Whether routes that read are open without a token.
    pub open_reads: bool,
    /// Certificate and key; `None`: plain http.
    pub tls: Option<TlsConfig>,
    /// How often one caller may ask.
    pub rate_limit: RateLimitConfig,
    /// Largest body, bytes.
    pub body_bytes_max: usize,
    /// Longest ordinary request.
    pub request_timeout: Duration,
    /// Most open connections.
    pub connections_max: usize,
    /// Most open connections of one address.
    pub connections_per_address_max: usize,
    /// Names under which it is reached, in small letters, beside IP addresses and `localhost`.
    pub hosts: Vec<String>,
}

/// The configuration of one node. All paths are resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    /// Name for peers and metrics.
    pub moniker: String,
    /// What the node does.
    pub mode: Mode,
    /// Its rollout channel.
    pub release_channel: ReleaseChannel,
    /// Folder of the chain data.
    pub data_dir: PathBuf,
    /// Most bytes that the store may take; 0: no limit.
    pub store_limit_bytes: u64,
    /// Free bytes of the disk below which no work is taken; 0: none.
    pub disk_free_min_bytes: u64,
    /// Free bytes of the disk below which no block is begun; 0: none.
    pub disk_free_stop_bytes: u64,
    /// Snapshots.
    pub snapshots: SnapshotConfig,
    /// Pruning; it counts while its gate is on.
    pub pruning: PruningConfig,
    /// Reconstruction; it counts while its gate is on.
    pub reconstruction: ReconstructionConfig,
    /// The upkeep of the store.
    pub storage: StorageConfig,
    /// File with the password of the validator's key file.
    pub validator_key_password_file: Option<PathBuf>,
    /// The password itself; at most one of the two is set.
    pub validator_key_password: Option<Secret>,
    /// The remote signer that has the validator's key; `None`: the key is in the home.
    pub signer: Option<SignerConfig>,
    /// Largest window proof that is taken, bytes.
    pub max_proof_size_bytes: usize,
    /// Where provers of this home keep checkpoints and proofs.
    pub proof_cache_dir: PathBuf,
    /// File of what the light client has verified.
    pub proof_tracker: PathBuf,
    /// How often the file is looked at for changes.
    pub config_poll: Duration,
    /// Logging.
    pub log: LogConfig,
    /// Limits and weights of the mempool; valid.
    pub mempool: MempoolConfig,
    /// The consensus network.
    pub consensus: ConsensusConfig,
    /// Transaction gossip.
    pub p2p: P2pConfig,
    /// Whether the node attests sampled blocks by itself.
    pub witness_attest: bool,
    /// The RPC server.
    pub rpc: RpcConfig,
    /// The wallet routes at an address of their own.
    pub wallet: WalletConfig,
    /// The rollout gates.
    pub gates: FeatureGates,
    /// Samples and exporters.
    pub telemetry: TelemetryConfig,
    /// What a drill does to this node.
    pub drill: DrillConfig,
}

/// A configuration and how it came to be.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What the services take.
    pub config: NodeConfig,
    /// Value and source of every key of the table.
    pub settings: BTreeMap<&'static str, Setting>,
    /// What works but deserves a look; for the log.
    pub warnings: Vec<String>,
}

impl Loaded {
    /// Where the value of `key` came from; `None` for a key that does not exist.
    pub fn source(&self, key: &str) -> Option<&Source> {
        self.settings.get(key).map(|setting| &setting.source)
    }

    /// The defaults alone, without any file, flag or variable.
    ///
    /// # Errors
    /// None, as long as the table is sound.
    pub fn defaults(home: &Home) -> Result<Self, ConfigErrors> {
        NodeConfig::of_sources(home, Sources::defaults_alone())
    }

    /// The TOML file of `home` and the defaults, without flags, environment and `.env` files.
    ///
    /// # Errors
    /// Every problem that was found.
    pub fn of_file(home: &Home) -> Result<Self, ConfigErrors> {
        NodeConfig::of_sources(home, Sources::file_alone(home))
    }

    /// The keys whose values differ in `next`, in the order of the table.
    pub fn changed(&self, next: &Self) -> Vec<&'static Key> {
        let value = |loaded: &Self, key: &Key| loaded.settings.get(key.name).map(|setting| setting.value.clone());
        KEYS.iter().filter(|key| value(self, key) != value(next, key)).collect()
    }

    /// The live keys that the TOML file of `home` sets to another value than the one in force, each with the stronger source that hides it.
    pub fn hidden(&self, home: &Home) -> Vec<(&'static Key, &Source)> {
        let Ok(file) = Self::of_file(home) else { return Vec::new() };
        let live = KEYS.iter().filter(|key| key.live);
        let hidden = live.filter_map(|key| {
            let (set, here) = (file.settings.get(key.name)?, self.settings.get(key.name)?);
            let is_set = matches!(set.source, Source::File { .. });
            (is_set && set.value != here.value).then_some((key, &here.source))
        });
        hidden.collect()
    }
}

impl NodeConfig {
    /// Reads all sources: `flags` (key and value), `environment`, the `.env` files and the TOML file of `home`,
    /// and the defaults. A TOML file that was not named need not exist.
    ///
    /// # Errors
    /// Every problem that was found; [`ConfigErrors`] is never empty.
    pub fn load(
        home: &Home,
        flags: &[(String, String)],
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Loaded, ConfigErrors> {
        Self::of_sources(home, Sources::read(home, None, flags, &environment))
    }

    /// As [`Self::load`], with `text` in the place of what the TOML file holds.
    ///
    /// # Errors
    /// Every problem that was found.
    pub fn load_text(
        home: &Home,
        text: &str,
        flags: &[(String, String)],
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Loaded, ConfigErrors> {
        Self::of_sources(home, Sources::read(home, Some(text), flags, &environment))
    }

    /// The keys of `table` and the defaults; `path` is the file that holds the table.
    pub(crate) fn load_table(home: &Home, path: &Path, table: &toml::Table) -> Result<Loaded, ConfigErrors> {
        Self::of_sources(home, Sources::table_alone(path, table))
    }

    fn of_sources(home: &Home, sources: Sources) -> Result<Loaded, ConfigErrors> {
        let Sources { settings, mut warnings, mut errors } = sources;
        let mut config = Reader { settings: &settings, home }.config();
        match tokens::read(home, &settings) {
            Ok(tokens) => {
                config.rpc.auth_token = tokens.all;
                config.rpc.tokens = tokens.list;
                config.wallet.upstream_token = tokens.upstream;
            }
            Err(error) => errors.push(error),
        }
        errors.extend(rules::errors(&config, &settings));
        warnings.extend(rules::warnings(&config, &settings));
        if errors.is_empty() { Ok(Loaded { config, settings, warnings }) } else { Err(ConfigErrors(errors)) }
    }

    /// Whether the chain gates of the local configuration agree with `genesis`. To be asked at every start.
    ///
    /// # Errors
    /// [`crate::ConfigError::GateDisagrees`], one for each gate that is set otherwise here.
    pub fn check_gates(&self, genesis: &Genesis) -> Result<(), ConfigErrors> {
        self.gates.check(genesis).map_err(ConfigErrors)
    }

    /// Where a client finds this process: the RPC server, or the wallet routes where there is nothing else.
    pub fn served_at(&self) -> SocketAddr {
        if self.mode.has_chain() { self.rpc.listen } else { self.wallet.listen }
    }

    /// Where this node listens at addresses of this machine: key, `tcp` or `udp`, address. Port 0 is any free one.
    pub fn ports(&self) -> Vec<(&'static str, &'static str, SocketAddr)> {
        let wallet = self.mode.has_wallet_routes().then_some(("wallet.listen", "tcp", self.wallet.listen));
        if !self.mode.has_chain() {
            return wallet.into_iter().collect();
        }
        let consensus = [("consensus.listen", &self.consensus.listen)];
        let gossip = self.p2p.listen.iter().map(|text| ("p2p.listen", text));
        let parsed = consensus.into_iter().chain(gossip).filter_map(|(key, text)| {
            let place = address::parse(text).ok()?;
            Some((key, place.transport, SocketAddr::new(place.ip?, place.port)))
        });
        [("rpc.listen", "tcp", self.rpc.listen)].into_iter().chain(wallet).chain(parsed).collect()
    }

    /// The store of the chain.
    pub fn store_dir(&self) -> PathBuf {
        self.data_dir.join("store")
    }

    /// The write-ahead log of consensus.
    pub fn wal_dir(&self) -> PathBuf {
        self.data_dir.join("wal")
    }
}

/// Takes the settings apart. The kind of a key decides which of these functions fits it, and a test reads every key.
struct Reader<'s> {
    settings: &'s BTreeMap<&'static str, Setting>,
    home: &'s Home,
}

impl Reader<'_> {
    fn config(&self) -> NodeConfig {
        NodeConfig {
            moniker: self.text("moniker").to_owned(),
            mode: match self.text("mode") {
                "validator" => Mode::Validator,
                "hybrid" => Mode::Hybrid,
                "wallet" => Mode::Wallet,
                _ => Mode::Node,
            },
            release_channel: self.text("release_channel").parse().expect("its kind was checked"),
            data_dir: self.path("data_dir"),
            store_limit_bytes: self.number("store_limit_bytes"),
            disk_free_min_bytes: self.number("disk_free_min_bytes"),
            disk_free_stop_bytes: self.number("disk_free_stop_bytes"),
            snapshots: SnapshotConfig {
                dir: self.path("snapshot_dir"),
                interval_blocks: self.number("snapshots.interval_blocks"),
                keep: self.count("snapshots.keep"),
                keep_hours: self.number("snapshots.keep_hours"),
                serve_bytes_per_sec: self.number("snapshots.serve_bytes_per_sec"),
                fetch_bytes_per_sec: self.number("snapshots.fetch_bytes_per_sec"),
            },
            pruning: self.pruning(),
            reconstruction: self.reconstruction(),
            storage: StorageConfig {
                mend: self.flag("storage.mend"),
                rebuild: self.flag("storage.rebuild"),
                scrub_bytes_per_sec: self.number("storage.scrub_bytes_per_sec"),
                journal_bytes_max: self.number("storage.journal_bytes_max"),
            },
            validator_key_password_file: self.path_if_set("validator_key_password_file"),
            validator_key_password: match self.value("validator_key_password") {
                Value::Secret(password) => Some(password.clone()),
                _ => None,
            },
            signer: self.signer(),
            max_proof_size_bytes: self.count("max_proof_size_bytes"),
            proof_cache_dir: self.path("proof_cache_dir"),
            proof_tracker: self.path("proof_tracker_path"),
            config_poll: Duration::from_millis(self.number("config_poll_ms")),
            log: LogConfig {
                format: if self.text("log.format") == "json" { LogFormat::Json } else { LogFormat::Human },
                level: self.text("log.level").to_owned(),
            },
            mempool: MempoolConfig {
                limit: self.count("mempool_limit"),
                priority_weight_ppm: self.weight("queue_weights.priority"),
                fee_weight_ppm: self.weight("queue_weights.fee"),
                per_sender_limit: self.count("mempool_per_sender"),
                ..MempoolConfig::default()
            },
            consensus: ConsensusConfig {
                listen: self.text("consensus.listen").to_owned(),
                peers: self.list("consensus.peers"),
            },
            p2p: self.p2p(),
            witness_attest: matches!(self.value("witness.attest"), Value::Bool(true)),
            rpc: self.rpc(),
            wallet: self.wallet(),
            gates: self.gates(),
            telemetry: self.telemetry(),
            drill: self.drill(),
        }
    }

    fn rpc(&self) -> RpcConfig {
        let tls = self.path_if_set("rpc.tls_cert").zip(self.path_if_set("rpc.tls_key")).map(|(cert, key)| TlsConfig {
            cert,
            key,
            client_ca: self.path_if_set("rpc.tls_client_ca"),
            handshake_timeout: Duration::from_millis(self.number("rpc.tls_handshake_timeout_ms")),
        });
        let rate = |key: &str| u32::try_from(self.number(key)).expect("the table bounds rates");
        RpcConfig {
            listen: self.text("rpc.listen").parse().expect("its kind was checked"),
            auth_token: None,
            tokens: Vec::new(),
            open_reads: self.flag("rpc.open_reads"),
            tls,
            rate_limit: RateLimitConfig {
                read_burst: rate("rpc.rate_limit.read_burst"),
                read_per_minute: rate("rpc.rate_limit.read_per_minute"),
                write_burst: rate("rpc.rate_limit.write_burst"),
                write_per_minute: rate("rpc.rate_limit.write_per_minute"),
                loopback: self.flag("rpc.rate_limit.loopback"),
            },
            body_bytes_max: self.count("rpc.body_bytes_max"),
            request_timeout: Duration::from_millis(self.number("rpc.request_timeout_ms")),
            connections_max: self.count("rpc.connections_max"),
            connections_per_address_max: self.count("rpc.connections_per_address_max"),
            hosts: self.list("rpc.hosts").iter().map(|name| name.to_ascii_lowercase()).collect(),
        }
    }

    fn p2p(&self) -> P2pConfig {
        P2pConfig {
            listen: self.list("p2p.listen"),
            peers: self.list("p2p.peers"),
            exchange_peers: self.flag("p2p.exchange_peers"),
            witness_quarantine: self
                .list("p2p.witness_quarantine")
                .iter()
                .map(|text| text.parse().expect("its kind was checked"))
                .collect(),
            gossip_rate_limit_per_sec: self.number("p2p.gossip_rate_limit_per_sec"),
            replay_window_size: self.number("p2p.replay_window_size"),
            rate_window_secs: self.number("p2p.rate_window_secs"),
            max_per_sec: self.number("p2p.max_per_sec"),
            max_bytes_per_sec: self.number("p2p.max_bytes_per_sec"),
            chain_sync_interval_ms: self.number("p2p.chain_sync_interval_ms"),
            announce: *self.value("p2p.announce") == Value::Bool(true),
            chunk_db: self.path("p2p.chunk_db_path"),
            overlay_db: self.path("p2p.overlay_db_path"),
            peer_db: self.path("p2p.peer_db_path"),
            quic_peer_db: self.path("p2p.quic_peer_db_path"),
            peer_key_history: self.path("p2p.peer_key_history_path"),
        }
    }

    fn gates(&self) -> FeatureGates {
        let gate = |kind| {
            move |name: &'static str| {
                let local = match self.value(&format!("rollout.feature_gates.{name}")) {
                    Value::Bool(flag) => Some(*flag),
                    _ => None,
                };
                Gate { name, kind, local }
            }
        };
        let chain = CHAIN_GATES.into_iter().map(gate(GateKind::Chain));
        FeatureGates(chain.chain(LOCAL_GATES.into_iter().map(gate(GateKind::Local))).collect())
    }

    fn value(&self, key: &str) -> &Value {
        &self.settings.get(key).expect("every key of the table has a setting").value
    }

    fn text(&self, key: &str) -> &str {
        match self.value(key) {
            Value::Text(text) => text,
            _ => unreachable!("{key} is no text"),
        }
    }

    fn flag(&self, key: &str) -> bool {
        match self.value(key) {
            Value::Bool(flag) => *flag,
            _ => unreachable!("{key} is no flag"),
        }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.home.resolve(self.text(key))
    }

    fn path_if_set(&self, key: &str) -> Option<PathBuf> {
        match self.value(key) {
            Value::Text(text) => Some(self.home.resolve(text)),
            _ => None,
        }
    }

    fn list(&self, key: &str) -> Vec<String> {
        match self.value(key) {
            Value::List(entries) => entries.clone(),
            _ => unreachable!("{key} is no list"),
        }
    }

    fn number(&self, key: &str) -> u64 {
        match self.value(key) {
            Value::Number(number) => *number,
            _ => unreachable!("{key} is no number"),
        }
    }

    fn count(&self, key: &str) -> usize {
        usize::try_from(self.number(key)).expect("the table bounds counts far below the size of memory")
    }

    fn weight(&self, key: &str) -> u32 {
        match self.value(key) {
            Value::Weight(ppm) => *ppm,
            _ => unreachable!("{key} is no weight"),
        }
    }
}
