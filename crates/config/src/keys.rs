//! The table of all keys: name, kind, default, unit, help and the names in the environment.
//!
//! Rules
//! - A name is never renamed and never gets another meaning; a better one is added and the old one becomes an alias.
//! - The names in the environment are `TB_` and the key in capitals with `_` for `.`, or the name that was
//!   promised for it. Where several are set, the first of the list counts.
//! - A default is written as text and read like any other value.
//!
//! A new key is one entry here, one field in `node.rs`, and `cargo xtask codegen`.

use crate::value::Kind;

mod entry;
mod find;
mod pruning;
mod reconstruction;
mod rpc;
mod signer;
mod snapshots;
mod storage;
mod telemetry;
mod wallet;

pub use entry::Key;
use entry::{choice, clamped, key, number};
pub use find::{find, find_variable, later, nearest, nearest_variable};

/// Smallest bound on request bodies that still lets one largest transaction in hexadecimal pass, bytes.
pub(crate) const BODY_BYTES_MIN: u64 = 33_792;
/// Largest bound on request bodies, bytes: what the API promises at most (`rpc::limits::REQUEST_BYTES_MAX`).
const BODY_BYTES_MAX: u64 = 1_024 * 1_024;
/// Smallest bound on proofs, bytes: a little below the smallest proof there is, so that a node can be told to take none.
const PROOF_BYTES_MIN: u64 = 262_144;
/// Largest bound on window proofs, bytes: what the format allows (`proof::params::PROOF_BYTES_MAX`).
const PROOF_BYTES_MAX: u64 = 4 * 1_024 * 1_024;
/// Largest limit of the store, bytes: what a JSON number holds exactly.
const STORE_LIMIT_MAX: u64 = 9_007_199_254_740_991;
/// Longest distance of heights that are copied: a year of seconds.
const SNAPSHOT_INTERVAL_MAX: u64 = 31_536_000;
/// Entries of the largest queue, as the mempool bounds it.
pub(crate) const QUEUE_MAX: u64 = 1_048_576;
/// Largest count of things per second.
const PER_SECOND_MAX: u64 = 4_294_967_295;
/// Bytes of the largest gossip message; a budget below it would let none pass.
const GOSSIP_BYTES_MIN: u64 = 262_144;
/// Largest rate and burst of requests.
const RATE_MAX: u64 = 1_000_000;
/// Most digests that the replay protector may be told to remember (about 100 MB).
const REPLAY_MAX: u64 = 1_048_576;

/// Largest offset of a clock in a drill, milliseconds: a day.
const CLOCK_OFFSET_MS_MAX: u32 = 86_400_000;

const CHAIN_GATE: &str = "as in the genesis file";

/// All keys, in the order of the template.
pub static KEYS: &[Key] = &[
    key("moniker", &["TB_MONIKER"], Kind::Name, "Name of this node, shown to its peers and in its metrics.")
        .default("node", "alice-1"),
    key(
        "mode",
        &["TB_MODE"],
        choice(&["validator", "node", "hybrid", "wallet"]),
        "What the process does: `validator` votes with the keys in validator_key.json, `node` follows the chain and serves RPC, `wallet` keeps no chain and serves the wallet routes of another node, `hybrid` is `node` with the wallet routes at an address of their own.",
    )
    .default("node", "validator"),
    key(
        "release_channel",
        &["TB_RELEASE_CHANNEL"],
        Kind::Channel,
        "Rollout channel of this node, shown in the start-up log, in handshakes, in samples and in the status.",
    )
    .default("development", "canary"),
    key(
        "data_dir",
        &["TB_DATA_DIR"],
        Kind::Path,
        "Folder of the chain data; it must be on a persistent volume. The node resumes from what is there.",
    )
    .default("data", "/var/lib/the-block"),
    key(
        "store_limit_bytes",
        &["TB_SIMPLE_DB_LIMIT_BYTES", "TB_STORE_LIMIT_BYTES"],
        number(0, STORE_LIMIT_MAX),
        "Most bytes that the store below the data folder may take; 0: no limit. A node whose next block does not fit stops by name before anything is written, instead of filling the disk.",
    )
    .unit("bytes")
    .default("0", "107374182400"),
    key(
        "disk_free_min_bytes",
        &["TB_DISK_FREE_MIN_BYTES"],
        number(0, STORE_LIMIT_MAX),
        "Free room of the disk below which the node takes no more transactions and is not ready, before a write fails; 0: none. It goes on by itself once there is an eighth more.",
    )
    .unit("bytes")
    .default("268435456", "1073741824"),
    key(
        "disk_free_stop_bytes",
        &["TB_DISK_FREE_STOP_BYTES"],
        number(0, STORE_LIMIT_MAX),
        "Free room of the disk below which the node begins no more blocks: it does not propose, judge or commit, answers every question, and goes on by itself once there is an eighth more. 0: none. Never above `disk_free_min_bytes`: the smaller of the two counts.",
    )
    .unit("bytes")
    .default("134217728", "268435456"),
    key(
        "snapshot_dir",
        &["TB_SNAPSHOT_DIR"],
        Kind::Path,
        "Folder of the snapshots; it outlives restarts, and other nodes are given the newest one from it.",
    )
    .default("snapshots", "/var/lib/the-block/snapshots"),
    key(
        "validator_key_password_file",
        &["TB_VALIDATOR_KEY_PASSWORD_FILE"],
        Kind::Path,
        "File whose first line is the password of an encrypted validator_key.json, readable by this user alone.",
    )
    .unset("asked for on a terminal", "/run/secrets/validator-password"),
    key(
        "validator_key_password",
        &["TB_VALIDATOR_KEY_PASSWORD"],
        Kind::Secret,
        "The password itself; other programs of this user can read an environment, so prefer the file.",
    )
    .unset("not set", "correct-horse-battery-staple"),
    telemetry::AUTH_TOKEN,
    key(
        "max_proof_size_bytes",
        &["TB_MAX_PROOF_SIZE_BYTES"],
        number(PROOF_BYTES_MIN, PROOF_BYTES_MAX),
        "Largest proof that is taken, over RPC and from peers; a larger one is refused before it is verified.",
    )
    .unit("bytes")
    .default("4194304", "1048576"),
    key(
        "proof_cache_dir",
        &["TB_PROOF_CACHE_DIR"],
        Kind::Path,
        "Folder in which `tb prover` keeps its ledger checkpoints and its proofs; they are used again after a restart.",
    )
    .default("proof_cache", "/var/lib/the-block/proofs"),
    key(
        "proof_tracker_path",
        &["TB_PROOF_TRACKER_PATH"],
        Kind::Path,
        "File in which `tb light verify` remembers what it has verified. A backup holds it.",
    )
    .default("proof_tracker", "/var/lib/the-block/proof_tracker"),
    key(
        "mempool_limit",
        &["TB_MEMPOOL_LIMIT"],
        number(1, QUEUE_MAX),
        "Most entries of each queue: transactions, identities, votes. A full queue refuses newcomers; larger costs memory. The queue of votes takes a change at the next start.",
    )
    .unit("entries")
    .default("8192", "20000")
    .live(),
    key(
        "mempool_per_sender",
        &["TB_MEMPOOL_PER_SENDER"],
        number(1, QUEUE_MAX),
        "Most transactions that one payer may have waiting.",
    )
    .unit("transactions")
    .default("64", "128")
    .live(),
    key(
        "config_poll_ms",
        &["TB_CONFIG_POLL_MS"],
        number(100, 3_600_000),
        "How often node.toml is looked at for changes. Where the system tells of changes they are taken at once, and this is the net below.",
    )
    .unit("milliseconds")
    .default("1000", "5000"),
    snapshots::INTERVAL_BLOCKS,
    snapshots::KEEP,
    snapshots::KEEP_HOURS,
    snapshots::SERVE_BYTES_PER_SEC,
    snapshots::FETCH_BYTES_PER_SEC,
    pruning::RETENTION_DEPTH,
    pruning::OPEN_WINDOWS_MAX,
    pruning::PAUSE_MS,
    pruning::BACKLOG_MAX,
    pruning::COMPACT_BYTES,
    pruning::COMPACT_BYTES_PER_SEC,
    pruning::EMERGENCY_PAUSE,
    reconstruction::ARCHIVE,
    reconstruction::S3_ENDPOINT,
    reconstruction::S3_REGION,
    reconstruction::S3_PATH_STYLE,
    reconstruction::S3_ALLOW_HTTP,
    reconstruction::S3_CA_FILE,
    reconstruction::S3_CREDENTIALS_FILE,
    signer::ADDRESS,
    signer::CA,
    signer::CERT,
    signer::KEY,
    signer::TIMEOUT_MS,
    storage::MEND,
    storage::REBUILD,
    storage::SCRUB_BYTES_PER_SEC,
    storage::JOURNAL_BYTES_MAX,
    key("log.format", &["TB_LOG_FORMAT"], choice(&["human", "json"]), "Form of log lines.")
        .default("human", "json"),
    key("log.level", &["TB_LOG_LEVEL", "RUST_LOG"], Kind::LogFilter, "What is logged: a level, or levels by module. The default keeps the libraries of consensus and network quiet.")
        .default("info,arc_malachitebft=warn,libp2p=warn", "info,consensus=debug").live(),
    key(
        "queue_weights.priority",
        &["TB_QUEUE_WEIGHTS_PRIORITY"],
        Kind::Weight,
        "Weight of the age in the order of inclusion. Both weights sum to 1.0; 0.6 and 0.4 suit bursts.",
    )
    .default("0.7", "0.6")
    .live(),
    key(
        "queue_weights.fee",
        &["TB_QUEUE_WEIGHTS_FEE"],
        Kind::Weight,
        "Weight of the tip in the order of inclusion. At 0.0 the order is strictly first come, first served.",
    )
    .default("0.3", "0.4")
    .live(),
    key(
        "consensus.listen",
        &["TB_CONSENSUS_LISTEN"],
        Kind::Listen,
        "Where the consensus network listens, for validators and nodes that follow.",
    )
    .default("/ip4/127.0.0.1/tcp/26656", "/ip4/0.0.0.0/tcp/26666"),
    key(
        "consensus.peers",
        &["TB_CONSENSUS_PEERS"],
        Kind::PeerList,
        "Peers of the consensus network to stay connected to.",
    )
    .default("", "/ip4/192.0.2.1/tcp/26656,/dns/b.example.org/tcp/26656"),
    key(
        "p2p.listen",
        &["TB_P2P_LISTEN"],
        Kind::ListenList,
        "Where transaction gossip listens. An empty list only dials.",
    )
    .default("/ip4/127.0.0.1/udp/26657/quic-v1,/ip4/127.0.0.1/tcp/26657", "/ip6/::1/udp/26667/quic-v1"),
    key(
        "p2p.peers",
        &["TB_P2P_PEERS"],
        Kind::PeerList,
        "Peers of transaction gossip to stay connected to, best with /p2p/<peer id> at the end.",
    )
    .default("", "/ip4/192.0.2.1/udp/26657/quic-v1"),
    key(
        "p2p.exchange_peers",
        &["TB_P2P_EXCHANGE_PEERS"],
        Kind::Bool,
        "Whether to ask peers for further peers, and to answer such questions. Turn it off where only the peers of the configuration may be known.",
    )
    .default("true", "false"),
    key(
        "p2p.witness_quarantine",
        &["TB_P2P_WITNESS_QUARANTINE"],
        Kind::AccountList,
        "Publishers whose witness data this node neither takes from peers nor passes on, until they are taken off the list.",
    )
    .default("", "tb1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5z5tpwxqergd3c8g7ndw8me"),
    key(
        "p2p.gossip_rate_limit_per_sec",
        &["TB_P2P_GOSSIP_RATE_LIMIT_PER_SEC"],
        clamped(1, PER_SECOND_MAX),
        "Gossip messages that one peer may send. What is beyond is dropped and counts against the peer's score.",
    )
    .unit("messages per second")
    .default("2000", "500"),
    key(
        "p2p.replay_window_size",
        &["TB_P2P_REPLAY_WINDOW_SIZE"],
        clamped(1, REPLAY_MAX),
        "Digests of recent messages that are remembered; a message among them is a replay and is dropped.",
    )
    .unit("messages")
    .default("65536", "1024"),
    key(
        "p2p.rate_window_secs",
        &["TB_P2P_RATE_WINDOW_SECS"],
        clamped(1, 3_600),
        "Length of the sliding window in which the requests and bytes of a peer are counted.",
    )
    .unit("seconds")
    .alias(&["p2p_rate_window_secs"])
    .default("1", "10"),
    key(
        "p2p.max_per_sec",
        &["TB_P2P_MAX_PER_SEC"],
        clamped(1, PER_SECOND_MAX),
        "Requests other than gossip that one peer may send; a window admits this times its length.",
    )
    .unit("requests per second")
    .alias(&["p2p_max_per_sec"])
    .default("100", "50"),
    key(
        "p2p.max_bytes_per_sec",
        &["TB_P2P_MAX_BYTES_PER_SEC"],
        clamped(GOSSIP_BYTES_MIN, PER_SECOND_MAX),
        "Bytes that one peer may send; a window admits this times its length.",
    )
    .unit("bytes per second")
    .alias(&["p2p_max_bytes_per_sec"])
    .default("33554432", "1048576"),
    key(
        "p2p.chain_sync_interval_ms",
        &["TB_P2P_CHAIN_SYNC_INTERVAL_MS"],
        number(0, 3_600_000),
        "Pause between two pulls of the peers' heights; 0 turns the pulls off, for tests of isolation.",
    )
    .unit("milliseconds")
    .alias(&["p2p_chain_sync_interval_ms"])
    .default("500", "0"),
    key(
        "p2p.announce",
        &["TB_P2P_ANNOUNCE"],
        Kind::Bool,
        "Whether peers are told where this node listens, and pass it on. With `false` only those reach it that know its address, for example through a sentry.",
    )
    .default("true", "false"),
    key(
        "p2p.overlay_db_path",
        &["TB_OVERLAY_DB_PATH"],
        Kind::Path,
        "File of the known peers with their addresses and last-seen times.",
    )
    .default("overlay/overlay_peers.json", "/var/lib/the-block/overlay_peers.json"),
    key("p2p.peer_db_path", &["TB_PEER_DB_PATH"], Kind::Path, "File of the peers' keys and reputation.")
        .default("peer_db", "/var/lib/the-block/peer_db"),
    key(
        "p2p.quic_peer_db_path",
        &["TB_QUIC_PEER_DB_PATH"],
        Kind::Path,
        "File of the QUIC address that last worked for each peer.",
    )
    .default("peer_db_quic", "/var/lib/the-block/peer_db_quic"),
    key(
        "p2p.peer_key_history_path",
        &["TB_PEER_KEY_HISTORY_PATH"],
        Kind::Path,
        "File of the keys that answered at each address.",
    )
    .default("peer_key_history", "/var/lib/the-block/peer_key_history"),
    key(
        "p2p.chunk_db_path",
        &["TB_CHUNK_DB_PATH"],
        Kind::Path,
        "Folder of the chunks that a state sync has fetched so far, each once, under its hash.",
    )
    .default("chunk_db", "/var/lib/the-block/chunk_db"),
    key(
        "witness.attest",
        &["TB_WITNESS_ATTEST"],
        Kind::Bool,
        "Whether this node attests by itself that sampled blocks are here, when its validator's identity is drawn as a \
         witness. The fee comes from the validator's account.",
    )
    .default("false", "true"),
    key(
        "rpc.listen",
        &["TB_RPC_LISTEN"],
        Kind::Socket,
        "Where the RPC server listens: HTTP routes, JSON-RPC at /rpc, metrics at /metrics.",
    )
    .default("127.0.0.1:26658", "0.0.0.0:26668"),
    key(
        "rpc.auth_token_file",
        &["TB_RPC_AUTH_TOKEN_FILE"],
        Kind::Path,
        "File that holds the bearer token, mode 0600. Better than `rpc.auth_token`, because processes show their environment.",
    )
    .unset("not set", "rpc_token"),
    key(
        "rpc.auth_token",
        &["TB_RPC_AUTH_TOKEN"],
        Kind::Secret,
        "Bearer token that the RPC server asks for. Without one, everybody who reaches the port may use it.",
    )
    .unset("no token is asked for", "replace-me-with-32-random-characters"),
    key(
        "rpc.tokens_file",
        &["TB_RPC_TOKENS_FILE"],
        Kind::Path,
        "File of further tokens, mode 0600: one line each, `scope,scope name token`, with the scopes `read`, `submit` and `operate`. The token of `rpc.auth_token` has all of them.",
    )
    .unset("no further tokens", "rpc_tokens"),
    key(
        "rpc.open_reads",
        &["TB_RPC_OPEN_READS"],
        Kind::Bool,
        "Whether routes that only read are open without a token. With `false` each asks for a token with its scope, but for the health probes.",
    )
    .default("true", "false"),
    key(
        "rpc.tls_cert",
        &["TB_RPC_TLS_CERT", "TB_HTTP_TLS_CERT"],
        Kind::Path,
        "File of the certificate with its chain, PEM. With it the RPC server speaks https only.",
    )
    .unset("plain http", "tls/rpc.pem"),
    key("rpc.tls_key", &["TB_RPC_TLS_KEY", "TB_HTTP_TLS_KEY"], Kind::Path, "File of the certificate's private key, PEM, mode 0600.")
        .unset("plain http", "tls/rpc.key"),
    key(
        "rpc.tls_client_ca",
        &["TB_RPC_TLS_CLIENT_CA", "TB_HTTP_TLS_CLIENT_CA"],
        Kind::Path,
        "File of the authorities whose clients may connect, PEM: mutual TLS. Everybody else is refused in the handshake.",
    )
    .unset("clients need no certificate", "tls/clients.pem"),
    key(
        "rpc.tls_handshake_timeout_ms",
        &["TB_TLS_HANDSHAKE_TIMEOUT_MS", "TB_RPC_TLS_HANDSHAKE_TIMEOUT_MS"],
        number(100, 60_000),
        "Longest TLS handshake; a connection that takes longer is closed.",
    )
    .unit("milliseconds")
    .default("5000", "2000"),
    key(
        "rpc.body_bytes_max",
        &["TB_RPC_BODY_BYTES_MAX"],
        number(BODY_BYTES_MIN, BODY_BYTES_MAX),
        "Largest body of a request; a larger one is refused before it is read. Proofs, and the transactions that bring one, are bounded by `max_proof_size_bytes` instead.",
    )
    .unit("bytes")
    .default("1048576", "262144"),
    key(
        "rpc.request_timeout_ms",
        &["TB_RPC_REQUEST_TIMEOUT_MS"],
        number(100, 600_000),
        "Longest time for one ordinary request. Requests that wait and event streams have limits of their own.",
    )
    .unit("milliseconds")
    .default("10000", "2000"),
    rpc::CONNECTIONS_MAX,
    rpc::CONNECTIONS_PER_ADDRESS_MAX,
    rpc::HOSTS,
    key(
        "rpc.rate_limit.read_burst",
        &["TB_RPC_RATE_LIMIT_READ_BURST"],
        number(0, RATE_MAX),
        "Reading requests that one address, or one token, may send at once after a silence. 0: reads are not limited.",
    )
    .unit("requests")
    .default("120", "600")
    .live(),
    key(
        "rpc.rate_limit.read_per_minute",
        &["TB_RPC_RATE_LIMIT_READ_PER_MINUTE"],
        number(1, RATE_MAX),
        "Reading requests that one address, or one token, may send in the long run.",
    )
    .unit("requests per minute")
    .default("60", "600")
    .live(),
    key(
        "rpc.rate_limit.write_burst",
        &["TB_RPC_RATE_LIMIT_WRITE_BURST"],
        number(0, RATE_MAX),
        "Transactions and proofs that one address, or one token, may hand in at once after a silence. 0: they are not limited.",
    )
    .unit("requests")
    .default("120", "600")
    .live(),
    key(
        "rpc.rate_limit.write_per_minute",
        &["TB_RPC_RATE_LIMIT_WRITE_PER_MINUTE"],
        number(1, RATE_MAX),
        "Transactions and proofs that one address, or one token, may hand in in the long run.",
    )
    .unit("requests per minute")
    .default("60", "600")
    .live(),
    key(
        "rpc.rate_limit.loopback",
        &["TB_RPC_RATE_LIMIT_LOOPBACK"],
        Kind::Bool,
        "Whether callers on this machine are limited as well. Turn it on behind a proxy that runs here: all its clients then share one address, so give each a token.",
    )
    .default("false", "true")
    .live(),
    wallet::LISTEN,
    wallet::UPSTREAM,
    wallet::UPSTREAM_CA,
    wallet::UPSTREAM_TOKEN_FILE,
    key(
        "rollout.feature_gates.consensus_enforcement",
        &["TB_ROLLOUT_FEATURE_GATES_CONSENSUS_ENFORCEMENT"],
        Kind::Bool,
        "Chain gate: block weight falls with the proof lag. It must agree with the genesis file.",
    )
    .unset(CHAIN_GATE, "false"),
    key(
        "rollout.feature_gates.malachite_consensus",
        &["TB_ROLLOUT_FEATURE_GATES_MALACHITE_CONSENSUS"],
        Kind::Bool,
        "Chain gate: all validators decide (`bft`) instead of one process (`solo`). It must agree with the genesis file.",
    )
    .unset(CHAIN_GATE, "true"),
    key(
        "rollout.feature_gates.recursive_proofs",
        &["TB_ROLLOUT_FEATURE_GATES_RECURSIVE_PROOFS"],
        Kind::Bool,
        "Chain gate: proofs of the ledger are accepted and paid. It must agree with the genesis file.",
    )
    .unset(CHAIN_GATE, "false"),
    key(
        "rollout.feature_gates.timetoke_rewards",
        &["TB_ROLLOUT_FEATURE_GATES_TIMETOKE_REWARDS"],
        Kind::Bool,
        "Chain gate: timetoke rewards are paid. It must agree with the genesis file.",
    )
    .unset(CHAIN_GATE, "false"),
    key(
        "rollout.feature_gates.witness_network",
        &["TB_ROLLOUT_FEATURE_GATES_WITNESS_NETWORK"],
        Kind::Bool,
        "Chain gate: attestations are accepted and paid. It must agree with the genesis file.",
    )
    .unset(CHAIN_GATE, "false"),
    key(
        "rollout.feature_gates.pruning",
        &["TB_ROLLOUT_FEATURE_GATES_PRUNING"],
        Kind::Bool,
        "Local gate: bodies of old blocks are deleted while the node runs. With `false` nothing is deleted.",
    )
    .default("false", "true"),
    key(
        "rollout.feature_gates.reconstruction",
        &["TB_ROLLOUT_FEATURE_GATES_RECONSTRUCTION"],
        Kind::Bool,
        "Local gate: bodies of pruned blocks are given again, from reconstruction.archive and from peers, each checked against its header. With `false` they are answered as pruned.",
    )
    .default("false", "true"),
    telemetry::ENABLED,
    telemetry::SAMPLE_INTERVAL,
    telemetry::TRACE_SAMPLE_RATIO,
    telemetry::ENDPOINT,
    telemetry::HTTP_ENDPOINT,
    telemetry::SECONDARY_ENDPOINT,
    telemetry::TIMEOUT,
    telemetry::QUEUE_SIZE,
    telemetry::BATCH_SIZE,
    telemetry::GRPC_CA,
    telemetry::HTTP_CA,
    key(
        "drill.clock_offset_ms",
        &["TB_CLOCK_OFFSET_MS"],
        Kind::Offset { max: CLOCK_OFFSET_MS_MAX },
        "Drills on development chains only: this node's clock is off by this much. The system's clock is not touched.",
    )
    .unit("milliseconds")
    .default("0", "3600000"),
    key(
        "drill.partition_tag",
        &["TB_PARTITION_TAG"],
        Kind::Name,
        "Drills on development chains only: nodes with different tags exchange no messages. A start without it heals the partition.",
    )
    .unset("no tag", "left"),
    key(
        "drill.wrong_bodies",
        &["TB_WRONG_BODIES"],
        Kind::Bool,
        "Drills on development chains only: bodies that this node gives to peers that have lost theirs are altered.",
    )
    .default("false", "true"),
    key(
        "drill.wrong_chunks",
        &["TB_DRILL_WRONG_CHUNKS"],
        Kind::Bool,
        "Drills on development chains only: every chunk of a snapshot that this node gives to others is altered.",
    )
    .default("false", "true"),
];

/// Keys and variables of features that this version does not have, with what is missing: refused by name.
pub static LATER: &[(&str, &str)] = &[(
    "reputation.tier_thresholds",
    "this version takes them from the genesis file, because all nodes must agree on them",
)];

/// Environment variables that other programs of this project read; the node does not warn of them.
pub static OTHER_VARIABLES: &[&str] = &[
    "TB_HOME",
    "TB_RPC_URL",
    "TB_CA_CERT",
    "TB_TEST_SEED",
    "TB_CONTRACT_DIR",
    "TB_CHAOS_ARTIFACT_ROOT",
    "TB_RELEASE_KEY",
    "TB_RELEASE_SIGNERS",
];
