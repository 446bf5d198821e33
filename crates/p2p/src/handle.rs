//! The node's side of the network: start, publish, judge, look, stop.
//!
//! Model: one task owns the swarm (`actor.rs`); a [`P2pHandle`] talks to it over bounded queues and
//! never waits, except in [`P2pHandle::shutdown`]. Events come back over a queue that the caller
//! gives at start.
//!
//! Rule: every [`P2pEvent::TransactionsReceived`] is to be answered by [`P2pHandle::report`]; a batch
//! without a verdict is not relayed. After [`P2pEvent::PeerConnected`] the node may publish its waiting
//! transactions again: what was published while nobody was connected reached nobody.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, Swarm};
use primitives::transaction::TRANSACTION_BYTES_MAX;
use primitives::{BoundedVec, Hash, Height};
use tokio::sync::{mpsc, oneshot, watch};

use crate::actor::Network;
use crate::config::{CHAIN_ID_MAX, ChainIdentity, P2pConfig};
use crate::counters::{Counters, Provider};
use crate::identity::{KeyError, PeerKey};
use crate::limits::ClampWarning;
use crate::network::Behaviour;
use crate::wire::{ProofAnswer, ProofKind, ProofMessage, Refusal, SnapshotAnswer, SnapshotRequest, TOPIC_BYTES_MAX};

/// Transactions that wait to be collected into a batch.
pub const PUBLISH_QUEUE_MAX: usize = 16_384;
/// Verdicts that wait to be read.
pub const COMMAND_QUEUE_MAX: usize = 4_096;

/// What the node is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum P2pEvent {
    /// A peer sent transactions that were not seen before. Answer with [`P2pHandle::report`].
    TransactionsReceived {
        /// Who sent them.
        peer: PeerKey,
        /// Names the batch in the verdict.
        batch: BatchId,
        /// The encoded transactions, each at most `TRANSACTION_BYTES_MAX` bytes, unchecked; or a single one of at most
        /// `PROOF_TRANSACTION_BYTES_MAX`, with a proof.
        transactions: Vec<Vec<u8>>,
    },
    /// A peer sent a message of a topic that was not seen before. Answer with [`P2pHandle::report`].
    TopicReceived {
        /// Who sent it, which need not be who published it.
        peer: PeerKey,
        /// Names the message in the verdict.
        batch: BatchId,
        /// At most [`TOPIC_BYTES_MAX`] bytes, unchecked.
        message: Vec<u8>,
    },
    /// A peer sent a proof of a window or of the chain that was not seen before. Answer with [`P2pHandle::report`].
    ProofReceived {
        /// Who sent it, which need not be who made it.
        peer: PeerKey,
        /// Names it in the verdict.
        batch: BatchId,
        /// What it is of.
        kind: ProofKind,
        /// At most `PROOF_BYTES_MAX` bytes, unchecked.
        proof: Vec<u8>,
    },
    /// A peer misses the proof of a window. Answer with [`P2pHandle::answer_proof`].
    ProofAsked {
        /// Who asks.
        peer: PeerKey,
        /// Names the question in the answer.
        question: QuestionId,
        /// Which window.
        window: u64,
    },
    /// A peer has lost the body of a height. Answer with [`P2pHandle::answer_body`].
    BodyAsked {
        /// Who asks.
        peer: PeerKey,
        /// Names the question in the answer.
        question: QuestionId,
        /// Which height.
        height: Height,
    },
    /// A peer asks for a piece of a snapshot. Answer with [`P2pHandle::answer_snapshot`].
    SnapshotAsked {
        /// Who asks.
        peer: PeerKey,
        /// Names the request in the answer.
        question: QuestionId,
        /// Which piece.
        request: SnapshotRequest,
    },
    /// A handshake ended with agreement.
    PeerConnected {
        /// The peer.
        peer: PeerKey,
        /// Its software.
        agent: String,
        /// Its mode.
        mode: String,
        /// Its rollout channel.
        channel: String,
        /// Names of the gates that are in force there, between commas.
        gates: String,
        /// Its finalized height.
        height: Height,
    },
    /// A peer with a finished handshake is gone.
    PeerDisconnected {
        /// The peer.
        peer: PeerKey,
    },
    /// A handshake ended without agreement.
    PeerRefused {
        /// The peer, when its key is an Ed25519 key.
        peer: Option<PeerKey>,
        /// Why.
        reason: Refusal,
    },
    /// A peer was banned and disconnected.
    PeerBanned {
        /// The peer.
        peer: PeerKey,
    },
}

/// The name of a received batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub(crate) Hash);

/// The name of a peer's question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionId(pub(crate) u64);

/// What the node thinks of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every transaction is well formed and signed: relay it.
    Accept,
    /// Some transaction can never be valid: drop it, the sender loses points.
    Reject,
    /// Neither, for example stale transactions or a full queue: drop it.
    Ignore,
}

/// One admitted peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerView {
    /// Its key.
    pub peer: PeerKey,
    /// Its software.
    pub agent: String,
    /// Its mode.
    pub mode: String,
    /// The remote address of the newest connection.
    pub address: String,
    /// The transport of the newest connection.
    pub provider: Provider,
    /// True when the peer dialled us.
    pub inbound: bool,
    /// Its finalized height as it last told.
    pub height: Height,
    /// Its points, see `score`.
    pub points: i64,
    /// Time since the handshake, milliseconds.
    pub connected_ms: u64,
}

/// A network that could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The node key is not usable.
    #[error("the node key cannot be used: {0}. Make a new one with `tb init` or restore the key file")]
    Key(#[from] KeyError),
    /// The chain id is empty or too long.
    #[error("chain id {0:?} must have 1 to {CHAIN_ID_MAX} bytes; check the genesis file")]
    ChainId(String),
    /// An address cannot be read.
    #[error("address {address:?} cannot be read: {reason}. Write it like /ip4/127.0.0.1/udp/26657/quic-v1")]
    Address {
        /// As configured.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// An address cannot be listened on.
    #[error(
        "cannot listen on {address}: {reason}; next: choose another p2p.listen, or stop the process that has the port"
    )]
    Listen {
        /// As configured.
        address: String,
        /// The system's error.
        reason: String,
    },
    /// The transports cannot be set up.
    #[error("the network cannot be set up: {0}. Check that the system allows UDP and TCP sockets")]
    Transport(std::io::Error),
}

/// Why a peer gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// It is no admitted peer, or it went away.
    #[error("peer_gone: the peer is not connected")]
    Gone,
    /// A request to it is open already.
    #[error("peer_asked: another request to the peer is open")]
    Asked,
    /// No answer in time, or it does not speak the protocol.
    #[error("peer_silent: the peer gave no answer")]
    Silent,
    /// The answer is over its bound or not a canonical encoding; the peer has lost points.
    #[error("malformed: the answer of the peer cannot be read")]
    Malformed,
}

/// Who waits for the answer of a peer.
pub(crate) type Asker = oneshot::Sender<Result<SnapshotAnswer, AskError>>;

/// A message to the task.
pub(crate) enum Command {
    Verdict(Hash, Verdict),
    Topic(Arc<[u8]>),
    Proof(ProofMessage),
    Ask(PeerKey, u64),
    Answer(QuestionId, ProofAnswer),
    AskBody(PeerKey, Height, oneshot::Sender<Option<Vec<u8>>>),
    AnswerBody(QuestionId, Option<Vec<u8>>),
    Blame(PeerKey),
    AskSnapshot(PeerKey, SnapshotRequest, Asker),
    AnswerSnapshot(QuestionId, SnapshotAnswer),
    WrongSnapshot(PeerKey),
    Shutdown(oneshot::Sender<()>),
}

/// What the task publishes for the handle to read.
pub(crate) struct Shared {
    pub peer: PeerKey,
    pub counters: Arc<Counters>,
    pub height: AtomicU64,
    pub warnings: Vec<ClampWarning>,
}

/// Transaction gossip with peers.
#[derive(Debug)]
pub struct P2p;

impl P2p {
    /// Starts the network on the current tokio runtime.
    ///
    /// # Errors
    /// A [`StartError`] that names the value to change.
    pub fn start(
        config: P2pConfig,
        chain: ChainIdentity,
        secret: [u8; 32],
        events: mpsc::Sender<P2pEvent>,
    ) -> Result<P2pHandle, StartError> {
        if chain.chain_id.is_empty() || chain.chain_id.len() > CHAIN_ID_MAX {
            return Err(StartError::ChainId(chain.chain_id));
        }
        let keypair = crate::identity::keypair(secret)?;
        let peer = PeerKey::of_peer(&keypair.public().to_peer_id()).ok_or(KeyError)?;
        let mut swarm = crate::network::swarm(&keypair, config.peers_max).map_err(StartError::Transport)?;
        for text in &config.listen {
            listen(&mut swarm, text)?;
        }
        let bootstrap = config.bootstrap.iter().map(|text| address(text)).collect::<Result<Vec<_>, _>>()?;
        let (limits, warnings) = config.limits.clone().clamped();
        for warning in &warnings {
            tracing::warn!(field = warning.field, "{warning}");
        }
        let shared = Arc::new(Shared {
            peer,
            counters: Arc::new(Counters::default()),
            height: AtomicU64::new(Height::GENESIS.0),
            warnings,
        });
        let (publish, published) = mpsc::channel(PUBLISH_QUEUE_MAX);
        let (command, commands) = mpsc::channel(COMMAND_QUEUE_MAX);
        let (views, peers) = watch::channel(Vec::new());
        let (listening_sender, listening) = watch::channel(Vec::new());
        let config = P2pConfig { limits, ..config };
        let outputs = crate::actor::Outputs { events, views, listening: listening_sender };
        let network = Network::new(swarm, config, chain, &bootstrap, Arc::clone(&shared), outputs);
        tokio::spawn(crate::actor::run(network, published, commands));
        Ok(P2pHandle { shared, publish, command, peers, listening })
    }
}

fn listen(swarm: &mut Swarm<Behaviour>, text: &str) -> Result<(), StartError> {
    let address = address(text)?;
    let refused = |reason: String| StartError::Listen { address: text.to_owned(), reason };
    // libp2p sets SO_REUSEPORT, so a port that another node listens on would be shared in silence and
    // each would get some of the connections. A plain bind tells.
    if let Some(socket) = tcp_socket(&address) {
        TcpListener::bind(socket).map_err(|error| refused(error.to_string()))?;
    }
    swarm.listen_on(address).map_err(|error| refused(with_sources(&error)))?;
    Ok(())
}

/// An error with the ones below it: that of a transport says nothing by itself.
fn with_sources(error: &dyn std::error::Error) -> String {
    let words = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string);
    let words: Vec<String> = words.filter(|words| !words.is_empty()).collect();
    words.join(": ")
}

/// The socket address of a plain TCP address with a fixed port.
fn tcp_socket(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    let ip = match parts.next()? {
        Protocol::Ip4(ip) => ip.into(),
        Protocol::Ip6(ip) => ip.into(),
        _ => return None,
    };
    match parts.next()? {
        Protocol::Tcp(port) if port != 0 => Some(SocketAddr::new(ip, port)),
        _ => None,
    }
}

fn address(text: &str) -> Result<Multiaddr, StartError> {
    text.parse().map_err(|error: libp2p::multiaddr::Error| StartError::Address {
        address: text.to_owned(),
        reason: error.to_string(),
    })
}

/// Talks to the running network. Clones talk to the same one; it stops with the last of them.
#[derive(Clone)]
pub struct P2pHandle {
    shared: Arc<Shared>,
    publish: mpsc::Sender<Arc<[u8]>>,
    command: mpsc::Sender<Command>,
    peers: watch::Receiver<Vec<PeerView>>,
    listening: watch::Receiver<Vec<String>>,
}

impl std::fmt::Debug for P2pHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("P2pHandle").field("peer", &self.shared.peer).finish_non_exhaustive()
    }
}

impl P2pHandle {
    /// Queues one encoded transaction for every peer. One over `TRANSACTION_BYTES_MAX` bytes has a proof: it is announced,
    /// and goes to the peers that ask for it. Never waits; false when the queue is full, the network has stopped, or the
    /// transaction is over `PROOF_TRANSACTION_BYTES_MAX` bytes.
    #[must_use = "a transaction that was not queued reaches no peer"]
    pub fn publish(&self, transaction: Arc<[u8]>) -> bool {
        let length = transaction.len();
        if length <= TRANSACTION_BYTES_MAX {
            self.publish.try_send(transaction).is_ok()
        } else {
            let message = BoundedVec::new(transaction.to_vec()).map(ProofMessage::Transaction);
            message.is_some_and(|message| self.command.try_send(Command::Proof(message)).is_ok())
        }
    }

    /// Announces a proof to the peers that do not know of it; who asks gets it. Never waits; false when the queue is full, the
    /// network has stopped, or the proof is over `PROOF_BYTES_MAX` bytes.
    #[must_use = "a proof that was not queued reaches no peer"]
    pub fn publish_proof(&self, kind: ProofKind, proof: &[u8]) -> bool {
        let message = ProofMessage::of(kind, proof);
        message.is_some_and(|message| self.command.try_send(Command::Proof(message)).is_ok())
    }

    /// Asks a peer for the proof of a window; what it tells comes as [`P2pEvent::ProofReceived`], or not at all. Never waits; false when the
    /// queue is full or the network has stopped. One question at a time is open to a peer; a further one is dropped.
    pub fn ask_proof(&self, peer: PeerKey, window: u64) -> bool {
        self.command.try_send(Command::Ask(peer, window)).is_ok()
    }

    /// Answers [`P2pEvent::ProofAsked`]: with that window's proof, with one of the chain that covers it, or with nothing, which is also what a
    /// proof over `PROOF_BYTES_MAX` bytes counts as. Never waits; false when the queue is full or the network has stopped.
    pub fn answer_proof(&self, question: QuestionId, proof: Option<(ProofKind, Vec<u8>)>) -> bool {
        self.command.try_send(Command::Answer(question, ProofAnswer::of(proof))).is_ok()
    }

    /// Asks a peer for the body of a height and waits for what it tells: at most `BODY_BYTES_MAX` bytes, unchecked. None from a peer that does
    /// not have it, is gone, is asked already or does not answer in time.
    pub async fn ask_body(&self, peer: PeerKey, height: Height) -> Option<Vec<u8>> {
        let (told, wait) = oneshot::channel();
        self.command.try_send(Command::AskBody(peer, height, told)).ok()?;
        wait.await.ok().flatten()
    }

    /// Answers [`P2pEvent::BodyAsked`]: with the body of that height, or with nothing, which is also what one over `BODY_BYTES_MAX` bytes counts
    /// as. Never waits; false when the queue is full or the network has stopped.
    pub fn answer_body(&self, question: QuestionId, body: Option<Vec<u8>>) -> bool {
        self.command.try_send(Command::AnswerBody(question, body)).is_ok()
    }

    /// Takes points from a peer that answered a question with something else. Never waits; false when the queue is full or the network has
    /// stopped.
    pub fn blame(&self, peer: PeerKey) -> bool {
        self.command.try_send(Command::Blame(peer)).is_ok()
    }

    /// Asks a peer for a piece of a snapshot and waits for the answer, at most the time of a request. One request at a time is
    /// open to a peer. Nobody has checked what is in the answer.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn ask_snapshot(&self, peer: PeerKey, request: SnapshotRequest) -> Result<SnapshotAnswer, AskError> {
        let (asker, answer) = oneshot::channel();
        self.command.send(Command::AskSnapshot(peer, request, asker)).await.map_err(|_| AskError::Gone)?;
        answer.await.unwrap_or(Err(AskError::Gone))
    }

    /// Answers [`P2pEvent::SnapshotAsked`]. Never waits; false when the queue is full or the network has stopped.
    pub fn answer_snapshot(&self, question: QuestionId, answer: SnapshotAnswer) -> bool {
        self.command.try_send(Command::AnswerSnapshot(question, answer)).is_ok()
    }

    /// Takes points from a peer whose piece of a snapshot is not what the certified header says. Never waits; false when the queue is
    /// full or the network has stopped.
    pub fn report_snapshot(&self, peer: PeerKey) -> bool {
        self.command.try_send(Command::WrongSnapshot(peer)).is_ok()
    }

    /// Judges a received batch. Never waits; false when the queue is full or the network has stopped,
    /// and the batch then counts as one without a verdict.
    pub fn report(&self, batch: BatchId, verdict: Verdict) -> bool {
        self.command.try_send(Command::Verdict(batch.0, verdict)).is_ok()
    }

    /// Queues one message of a topic for every peer. Never waits; false when the queue is full, the network has
    /// stopped, or the message is over [`TOPIC_BYTES_MAX`] bytes.
    #[must_use = "a message that was not queued reaches no peer"]
    pub fn publish_topic(&self, message: Arc<[u8]>) -> bool {
        message.len() <= TOPIC_BYTES_MAX && self.command.try_send(Command::Topic(message)).is_ok()
    }

    /// Sets the finalized height that peers are told.
    pub fn set_height(&self, height: Height) {
        self.shared.height.store(height.0, Ordering::Relaxed);
    }

    /// The admitted peers.
    pub fn peers(&self) -> Vec<PeerView> {
        self.peers.borrow().clone()
    }

    /// The highest finalized height that an admitted peer told of.
    pub fn best_peer_height(&self) -> Option<Height> {
        self.peers.borrow().iter().map(|peer| peer.height).max()
    }

    /// The addresses this node listens on, with its peer id, once the system has assigned them.
    pub fn listening(&self) -> Vec<String> {
        self.listening.borrow().clone()
    }

    /// The key of this node.
    pub fn peer(&self) -> PeerKey {
        self.shared.peer
    }

    /// What was counted so far.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }

    /// The configured limits that were out of range.
    pub fn limit_warnings(&self) -> &[ClampWarning] {
        &self.shared.warnings
    }

    /// Stops the network: writes the peer store, closes the connections, returns when that is done.
    pub async fn shutdown(&self) {
        let (done, wait) = oneshot::channel();
        if self.command.send(Command::Shutdown(done)).await.is_ok() {
            // An error means that the task ended without answering, which is what was asked for.
            let _ = wait.await;
        }
    }
}
