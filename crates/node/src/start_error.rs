//! Why a node did not start: what happened, and what to do next.
//!
//! Rules
//! - One variant per cause; nothing was signed or sent when one is returned.
//! - [`StartError::told`] gives the two halves apart. Errors of other crates bring both in one text, with `; ` between
//!   them; their texts are taken apart here and nowhere else.
//!
//! Read next: `run.rs`.

use std::path::PathBuf;

use ::config::ConfigErrors;
use consensus::EngineError;
use consensus::solo::SoloError;
use consensus::wal::WalError;
use primitives::genesis::GenesisError;
use replica::Fault;
use wallet::{GuardError, KeyFileError};

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration has problems.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// No genesis file.
    #[error("cannot read the genesis file {path}: {cause}")]
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
    /// Certificate, key or authorities of the RPC server.
    #[error("the RPC server cannot speak TLS: {0}")]
    Tls(#[from] rpc::tls::TlsError),
    /// The archive of bodies cannot be used.
    #[error(transparent)]
    Archive(#[from] archive::ArchiveError),
    /// A collector of telemetry, or its authorities.
    #[error("telemetry cannot be exported: {0}")]
    Exporter(String),
    /// The upstream node of a wallet runtime cannot be spoken to.
    #[error("the upstream node cannot be asked: {0}")]
    Upstream(String),
    /// A wallet runtime was told to do what needs a chain.
    #[error("a wallet runtime keeps no chain, so it takes neither --state-sync nor --crash-at")]
    NoChain,
    /// A gate of a later version.
    #[error("the genesis file activates the gate {0}, which this version does not have")]
    Gate(String),
    /// A build whose validators lie, on a chain that people may rely on.
    #[error("validators of this build credit an account without an operation, and {chain} is no development chain")]
    Dishonest {
        /// The chain.
        chain: String,
    },
    /// A crash point that is not taken.
    #[error(transparent)]
    CrashAt(#[from] crate::crash::CrashAtError),
    /// A drill on a chain that takes none.
    #[error(transparent)]
    Drill(#[from] crate::drill::DrillError),
    /// A key file.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The validator's key file is encrypted, and there is no password.
    #[error("{path} is encrypted and no password was given")]
    NoPassword {
        /// The key file.
        path: PathBuf,
    },
    /// What was typed is no password.
    #[error("the password of the validator key was not taken: {cause}")]
    Typed {
        /// Why.
        cause: String,
    },
    /// Certificate, key or authority of the connection to the remote signer.
    #[error("the remote signer cannot be spoken to over TLS: {0}")]
    SignerTls(#[source] rpc::tls::TlsError),
    /// The remote signer does not answer, or is not this validator's.
    #[error("{0}")]
    Signer(#[source] signer::ClientError),
    /// The key is here and with a remote signer.
    #[error("{path} is in this home although signer.address names a remote signer")]
    TwoKeys {
        /// The key file.
        path: PathBuf,
    },
    /// The double-sign guard or its lock.
    #[error(transparent)]
    Guard(#[from] GuardError),
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
    /// It should have begun with a snapshot of others.
    #[error("{0}")]
    StateSync(#[from] crate::state_sync::StateSyncError),
    /// The folder of snapshots cannot be used.
    #[error("{0}")]
    Snapshots(#[from] snapshots::SnapshotError),
    /// The stored chain is not whole.
    #[error("the stored chain is not whole: {0}")]
    Chain(Fault),
    /// The RPC cannot listen.
    #[error("cannot listen for RPC on {address}: {cause}")]
    Rpc {
        /// The address.
        address: String,
        /// The system's words.
        cause: String,
    },
    /// Gossip cannot start.
    #[error(transparent)]
    P2p(#[from] p2p::StartError),
    /// The port of consensus is taken.
    #[error("cannot listen for consensus on {listen}: {cause}")]
    ConsensusPort {
        /// The address.
        listen: String,
        /// The system's words.
        cause: String,
    },
    /// An address of consensus has no meaning.
    #[error("{text} is no address of consensus")]
    Address {
        /// The text.
        text: String,
    },
    /// A chain of one process was to be followed.
    #[error("a solo chain has one process, and this one is no validator and has taken no state of it")]
    SoloMode,
    /// The chain's proofs cannot be verified.
    #[error(transparent)]
    ProofSystem(#[from] proof::SystemError),
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The solo engine does not start.
    #[error(transparent)]
    Solo(#[from] SoloError),
}

/// What happened and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What happened.
    pub what: String,
    /// What to do next.
    pub hint: String,
}

impl StartError {
    /// True for a guard that is missing, damaged, of another key or older than what the key has signed.
    pub fn is_guard(&self) -> bool {
        matches!(self, Self::Guard(_) | Self::Engine(EngineError::Signer(_)))
    }

    /// True for a consensus log that is damaged, or is ahead of the store.
    pub fn is_log_damage(&self) -> bool {
        matches!(self, Self::Engine(EngineError::Wal(WalError::Damaged { .. } | WalError::StoreBehind { .. })))
    }

    /// What happened and what to do next.
    pub fn told(&self) -> Told {
        let hint = match self {
            Self::Config(_)
            | Self::Genesis { .. }
            | Self::CrashAt(_)
            | Self::Drill(_)
            | Self::KeyFile(_)
            | Self::Guard(_)
            | Self::Storage(_)
            | Self::Snapshots(_)
            | Self::StateSync(_)
            | Self::P2p(_)
            | Self::Archive(_)
            | Self::Engine(_)
            | Self::Solo(_) => return split(&self.to_string()),
            Self::GenesisFile { .. } => "copy the chain's genesis.json there, or make one with: tb genesis new",
            Self::Gate(_) | Self::ProofSystem(_) => "use a version that has it, built from the locked sources",
            Self::Dishonest { .. } => "use a program that was built without the feature dishonest-quorum",
            Self::NoPassword { .. } => {
                "set validator_key_password_file to a file whose first line is the password, or start the node on a \
                 terminal to type it"
            }
            Self::Typed { .. } => "start the node again and type the password, or set validator_key_password_file",
            Self::Audits { .. } => {
                "check the folder's owner, mode and free space; `tb audit verify` names a damaged file, which can be \
                 moved aside"
            }
            Self::Chain(_) => {
                "move the data directory aside and start again to sync from peers; the double-sign guard stays where \
                 it is"
            }
            Self::Rpc { .. } => "another process may use the port: choose another with rpc.listen or wallet.listen",
            Self::ConsensusPort { .. } => "another process may use the port: choose another with consensus.listen",
            Self::Address { .. } => "give one such as /ip4/127.0.0.1/tcp/26656 or /ip4/127.0.0.1/udp/26656/quic-v1",
            Self::SignerTls(_) => {
                "correct signer.ca, signer.cert and signer.key, which name PEM files of tb signer init"
            }
            Self::Signer(signer::ClientError::Refused(refusal)) if !refusal.code.is_other_chain() => {
                "the signer's own log says more; a guard that is behind is never to be made anew: restore its newest copy"
            }
            Self::Signer(_) => "start the signer of this validator with tb signer serve, and check signer.address",
            Self::TwoKeys { .. } => {
                "a key in two places signs twice: remove signer.address, or give the key away with tb signer init"
            }
            Self::Tls(_) => "correct rpc.tls_cert, rpc.tls_key and rpc.tls_client_ca, which name PEM files",
            Self::Upstream(_) => "correct wallet.upstream, wallet.upstream_ca and wallet.upstream_token_file",
            Self::NoChain => "leave them out, or choose another mode",
            Self::Exporter(_) => "correct the endpoints and ca_file below rollout.telemetry, or remove them",
            Self::SoloMode => {
                "set mode = \"validator\" and use the home of its key, or take its state with --state-sync --peer-url to answer questions about it"
            }
        };
        Told { what: self.to_string(), hint: hint.to_owned() }
    }
}

/// The two halves of a text of another crate.
fn split(text: &str) -> Told {
    let (what, hint) = rpc::display::split_hint(text);
    Told { what: what.to_owned(), hint: hint.unwrap_or("correct the cause and start the node again").to_owned() }
}
