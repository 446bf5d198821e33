//! What travels between nodes: six request-response protocols, each message one bounded frame.
//!
//! | protocol | request | reply | frame bound |
//! |---|---|---|---|
//! | `/the-block/handshake/2` | [`Hello`] | [`HandshakeReply`] | [`SMALL_BYTES_MAX`] |
//! | `/the-block/heights/1` | [`Heights`] | [`Heights`] | [`SMALL_BYTES_MAX`] |
//! | `/the-block/peers/1` | [`PeersRequest`] | [`ToldPeers`] | [`SMALL_BYTES_MAX`] |
//! | `/the-block/transactions/2` | [`GossipMessage`] | [`GossipReply`] | [`MESSAGE_BYTES_MAX`] |
//! | `/the-block/proofs/3` | [`ProofMessage`] | [`GossipReply`], to a question [`ProofAnswer`] | [`PROOF_MESSAGE_BYTES_MAX`] |
//! | `/the-block/bodies/1` | [`BodyQuestion`], at most [`SMALL_BYTES_MAX`] | [`BodyAnswer`] | [`BODY_MESSAGE_BYTES_MAX`] |
//! | `/the-block/snapshots/1` | [`SnapshotRequest`] | [`SnapshotAnswer`] | [`SMALL_BYTES_MAX`], the reply [`SNAPSHOT_REPLY_BYTES_MAX`] |
//!
//! Rules
//! - The encoding is `primitives::codec`: borsh, bounded, no trailing bytes.
//! - A frame over its bound is refused while it is read; nothing of it is kept.
//! - A new version of a protocol gets a new protocol name.
//! - What is larger than a gossip message has a protocol of its own, where one such message at a time is read from a peer.
//!
//! Read next: `codec.rs` (frames on a stream), `handlers/` (what each message does).

use borsh::{BorshDeserialize, BorshSerialize};
use libp2p::StreamProtocol;
use primitives::actions::proving::PROOF_BYTES_MAX;
use primitives::transaction::{PROOF_TRANSACTION_BYTES_MAX, TRANSACTION_BYTES_MAX};
use primitives::{BoundedVec, FormatVersion, Hash, Height, decode, encode};

use crate::config::{ADDRESSES_MAX, ChainIdentity};

/// Name of the handshake protocol.
pub(crate) const HANDSHAKE_PROTOCOL: StreamProtocol = StreamProtocol::new("/the-block/handshake/2");
/// Name of the protocol that exchanges finalized heights.
pub(crate) const HEIGHTS_PROTOCOL: StreamProtocol = StreamProtocol::new("/the-block/heights/1");
/// Name of the protocol in which a node asks for further peers.
pub(crate) const PEERS_PROTOCOL: StreamProtocol = StreamProtocol::new("/the-block/peers/1");
/// Name of the transaction gossip protocol.
pub(crate) const GOSSIP_PROTOCOL: StreamProtocol = StreamProtocol::new("/the-block/transactions/2");
/// Name of the protocol that delivers proofs, in transactions, of windows, of the chain, and answers who misses one.
pub(crate) const PROOFS_PROTOCOL: StreamProtocol = StreamProtocol::new("/the-block/proofs/3");
/// Name of the protocol that gives a snapshot piece by piece.
pub(crate) const SNAPSHOTS_PROTOCOL: StreamProtocol = StreamProtocol::new("/the-block/snapshots/1");

/// Name of the protocol in which a node asks for the body of a height that it has lost.
pub(crate) const BODIES_PROTOCOL: StreamProtocol = StreamProtocol::new("/the-block/bodies/1");

/// The longest body of a height, bytes: block, receipts, operations and closing events, each bounded by its type.
pub const BODY_BYTES_MAX: usize = 33_554_432;
/// The longest answer with a body, bytes: whether there is one, and its length.
pub const BODY_MESSAGE_BYTES_MAX: usize = BODY_BYTES_MAX + 5;
/// The longest gossip message, bytes.
pub const MESSAGE_BYTES_MAX: usize = 262_144;
/// The longest message with a proof, bytes: what it is, the longest transaction with one, and its length.
pub const PROOF_MESSAGE_BYTES_MAX: usize = PROOF_TRANSACTION_BYTES_MAX + 5;
/// The longest piece of a snapshot, bytes: a manifest is the longest of them.
pub const SNAPSHOT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The longest answer with such a piece, bytes: what it is, its length, the piece.
pub const SNAPSHOT_REPLY_BYTES_MAX: usize = SNAPSHOT_BYTES_MAX + 5;
/// The longest handshake or heights message, bytes.
pub const SMALL_BYTES_MAX: usize = 16_384;
/// The most transactions in one batch.
pub const BATCH_TRANSACTIONS_MAX: usize = 4_096;
/// The longest message of a topic, bytes.
pub const TOPIC_BYTES_MAX: usize = 65_536;
/// The most digests in one announcement.
pub const ANNOUNCE_MAX: usize = 256;
/// The most peers in one answer.
pub const TOLD_PEERS_MAX: usize = 12;
/// The most addresses of one peer in such an answer.
pub const TOLD_ADDRESSES_MAX: usize = 4;
/// The longest text field of a handshake, bytes.
pub const TEXT_MAX: usize = 128;
/// The longest list of gates in a handshake, bytes.
pub const GATES_BYTES_MAX: usize = 512;
/// The longest announced address, bytes.
pub const ADDRESS_BYTES_MAX: usize = 256;

// A full batch and one more transaction of the largest size must fit one message.
const _: () = assert!(crate::batches::BATCH_BYTES_TARGET + 2 * TRANSACTION_BYTES_MAX < MESSAGE_BYTES_MAX);

// An answer of the largest size must fit its frame: two lengths, and per peer a key and the addresses.
const _: () = assert!(4 + TOLD_PEERS_MAX * (36 + TOLD_ADDRESSES_MAX * (4 + ADDRESS_BYTES_MAX)) < SMALL_BYTES_MAX);

/// A short text.
pub(crate) type Text = BoundedVec<u8, TEXT_MAX>;

/// What a node says about itself first.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Hello {
    pub format: FormatVersion<2>,
    pub chain_id: Text,
    pub genesis: Hash,
    pub height: Height,
    pub agent: Text,
    pub mode: Text,
    pub channel: Text,
    pub gates: BoundedVec<u8, GATES_BYTES_MAX>,
    pub listen: BoundedVec<BoundedVec<u8, ADDRESS_BYTES_MAX>, ADDRESSES_MAX>,
}

impl Hello {
    /// Checks that the remote follows the same chain.
    pub(crate) fn check(&self, chain: &ChainIdentity) -> Result<(), Refusal> {
        // The chain id first: it is what people know a network by.
        if *self.chain_id != *chain.chain_id.as_bytes() {
            return Err(Refusal::WrongChainId);
        }
        if self.genesis != chain.genesis {
            return Err(Refusal::WrongGenesis);
        }
        Ok(())
    }
}

/// `text` cut to the bound, at a character.
pub(crate) fn text(text: &str) -> Text {
    let mut end = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    Text::new(text.as_bytes()[..end].to_vec()).expect("it was cut to the bound")
}

/// A remote text for people and logs: printable ASCII, everything else shown as `?`.
pub(crate) fn shown(text: &[u8]) -> String {
    text.iter().map(|byte| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '?' }).collect()
}

/// The answer to a [`Hello`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum HandshakeReply {
    Accepted(Hello),
    Refused(Refusal),
}

/// Why a handshake did not end with agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, thiserror::Error)]
pub enum Refusal {
    /// The remote names another chain id.
    #[error("wrong_chain_id: the peer is on a chain of another name; check the address or the genesis file")]
    WrongChainId,
    /// Same chain id, other genesis file.
    #[error("wrong_genesis: the peer has another genesis file for this chain id; compare the genesis hashes")]
    WrongGenesis,
    /// The remote speaks no version of the handshake that this build knows.
    #[error("unsupported_version: the peer does not speak /the-block/handshake/2; upgrade the older node")]
    UnsupportedVersion,
    /// The handshake is not a canonical encoding.
    #[error("malformed: the peer's handshake cannot be read; it runs other software")]
    Malformed,
    /// No handshake within the allowed time, or the connection broke during it.
    #[error("timeout: the peer did not finish its handshake in time; it is overloaded or not a node of this network")]
    Timeout,
    /// The node key is not an Ed25519 key.
    #[error("unsupported_key: the peer's identity is not an Ed25519 node key")]
    UnsupportedKey,
    /// The peer sent more requests than its limit.
    #[error("rate_limited: too many handshakes; wait for the rate window to pass")]
    RateLimited,
}

/// A finalized height, asked and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Heights {
    pub finalized: Height,
}

/// Asks for peers that the remote is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct PeersRequest {
    pub format: FormatVersion<1>,
}

/// A peer that somebody else is connected to: whom to dial, and where it says it listens.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct ToldPeer {
    pub key: [u8; 32],
    pub addresses: BoundedVec<BoundedVec<u8, ADDRESS_BYTES_MAX>, TOLD_ADDRESSES_MAX>,
}

/// The answer to a [`PeersRequest`].
pub(crate) type ToldPeers = BoundedVec<ToldPeer, TOLD_PEERS_MAX>;

/// One transaction as it travels.
pub(crate) type TransactionBytes = BoundedVec<u8, TRANSACTION_BYTES_MAX>;

/// A message with a proof. What is in it is the node's affair.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum ProofMessage {
    /// A transaction with a proof, longer than [`TRANSACTION_BYTES_MAX`].
    Transaction(BoundedVec<u8, PROOF_TRANSACTION_BYTES_MAX>),
    /// The proof of a window, beside the chain.
    Window(BoundedVec<u8, PROOF_BYTES_MAX>),
    /// The proof of the chain, beside it.
    Chain(BoundedVec<u8, PROOF_BYTES_MAX>),
    /// A question: the sender misses the proof of this window.
    Missing { window: u64 },
}

/// The answer to [`ProofMessage::Missing`]. What is in it is the node's affair.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum ProofAnswer {
    /// It is not here either, or it was asked for too soon after the last answer.
    Nothing,
    /// That window's proof.
    Window(BoundedVec<u8, PROOF_BYTES_MAX>),
    /// The proof of the chain, which covers that window.
    Chain(BoundedVec<u8, PROOF_BYTES_MAX>),
}

impl ProofAnswer {
    /// A proof, or none; none as well over [`PROOF_BYTES_MAX`].
    pub(crate) fn of(proof: Option<(ProofKind, Vec<u8>)>) -> Self {
        let bounded = proof.and_then(|(kind, bytes)| Some((kind, BoundedVec::new(bytes)?)));
        match bounded {
            None => Self::Nothing,
            Some((ProofKind::Window, bytes)) => Self::Window(bytes),
            Some((ProofKind::Chain, bytes)) => Self::Chain(bytes),
        }
    }
}

/// How the frame of [`ProofMessage::Missing`] begins.
const MISSING_TAG: u8 = 3;

impl ProofMessage {
    /// Whether a frame is a question, if it is a message at all.
    pub(crate) fn is_question(frame: &[u8]) -> bool {
        frame.first() == Some(&MISSING_TAG)
    }

    /// A proof beside the chain; `None` over [`PROOF_BYTES_MAX`].
    pub(crate) fn of(kind: ProofKind, proof: &[u8]) -> Option<Self> {
        let proof = BoundedVec::new(proof.to_vec())?;
        Some(match kind {
            ProofKind::Window => Self::Window(proof),
            ProofKind::Chain => Self::Chain(proof),
        })
    }
}

/// What a proof beside the chain is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofKind {
    /// One window.
    Window,
    /// The chain from genesis on.
    Chain,
}

/// A question: the sender has lost the body of this height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct BodyQuestion {
    pub height: Height,
}

/// The answer to a [`BodyQuestion`]. What is in it is the node's affair.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct BodyAnswer {
    pub body: Option<BoundedVec<u8, BODY_BYTES_MAX>>,
}

/// What a node that syncs its state asks a peer for. What is in the answer is the node's affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum SnapshotRequest {
    /// The manifest of the newest snapshot.
    Manifest,
    /// A header with what shows that it was decided.
    Header(Height),
    /// A chunk of any snapshot, by its hash.
    Chunk(Hash),
    /// The chain proof.
    ChainProof,
}

/// The answer to a [`SnapshotRequest`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum SnapshotAnswer {
    /// It is not here.
    Nothing,
    /// Not now: the peer gives no more bytes at this moment. Ask again after so many milliseconds.
    Busy(u32),
    /// Its bytes, unchecked.
    Piece(SnapshotBytes),
}

/// A piece of a snapshot as it travels.
pub type SnapshotBytes = BoundedVec<u8, SNAPSHOT_BYTES_MAX>;

/// A message of a topic as it travels.
pub(crate) type TopicBytes = BoundedVec<u8, TOPIC_BYTES_MAX>;

/// A gossip message.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum GossipMessage {
    /// Transactions in the order in which the sender admitted them.
    Batch(BoundedVec<TransactionBytes, BATCH_TRANSACTIONS_MAX>),
    /// Digests of batches, topic messages and messages with a proof that the sender checked and can deliver.
    Announce(BoundedVec<Hash, ANNOUNCE_MAX>),
    /// A message of a topic. What is in it, and who may publish it, is the node's affair.
    Topic(TopicBytes),
}

/// The answer to a gossip message or to one with a proof.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum GossipReply {
    /// Taken, or known already.
    Received,
    /// The announced batches that are new here.
    Wanted(BoundedVec<Hash, ANNOUNCE_MAX>),
    /// Not taken: a limit, a missing handshake, bad bytes or a full queue.
    Refused,
}

/// Names a gossip message: BLAKE3 of its frame in a context of its own.
pub(crate) fn digest(frame: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key("the-block v1 gossip message");
    hasher.update(frame);
    Hash(*hasher.finalize().as_bytes())
}

/// A message of one of the protocols, for those who try what it makes of the bytes of strangers: frames are decoded by the rules
/// of this file alone, wherever they come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// What a node says about itself first.
    Hello,
    /// The answer to it.
    HandshakeReply,
    /// A finalized height, asked and answered.
    Heights,
    /// A question for peers.
    PeersRequest,
    /// Peers that were told.
    ToldPeers,
    /// Gossip.
    Gossip,
    /// The answer to gossip, or to a message with a proof.
    GossipReply,
    /// A message with a proof, or a question for one.
    Proof,
    /// The answer to such a question.
    ProofAnswer,
    /// A question for the body of a height.
    BodyQuestion,
    /// The answer to it.
    BodyAnswer,
    /// [`SnapshotRequest`].
    SnapshotRequest,
    /// [`SnapshotAnswer`].
    SnapshotAnswer,
}

impl Message {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Hello,
        Self::HandshakeReply,
        Self::Heights,
        Self::PeersRequest,
        Self::ToldPeers,
        Self::Gossip,
        Self::GossipReply,
        Self::Proof,
        Self::ProofAnswer,
        Self::BodyQuestion,
        Self::BodyAnswer,
        Self::SnapshotRequest,
        Self::SnapshotAnswer,
    ];

    /// The frame as it would be sent again; `None` for bytes that are no such message. A frame has one encoding, so both are the same.
    pub fn again(self, frame: &[u8]) -> Option<Vec<u8>> {
        fn of<T: BorshDeserialize + BorshSerialize>(frame: &[u8]) -> Option<Vec<u8>> {
            decode::<T>(frame).ok().map(|message| encode(&message))
        }
        match self {
            Self::Hello => of::<Hello>(frame),
            Self::HandshakeReply => of::<HandshakeReply>(frame),
            Self::Heights => of::<Heights>(frame),
            Self::PeersRequest => of::<PeersRequest>(frame),
            Self::ToldPeers => of::<ToldPeers>(frame),
            Self::Gossip => of::<GossipMessage>(frame),
            Self::GossipReply => of::<GossipReply>(frame),
            Self::Proof => of::<ProofMessage>(frame),
            Self::ProofAnswer => of::<ProofAnswer>(frame),
            Self::BodyQuestion => of::<BodyQuestion>(frame),
            Self::BodyAnswer => of::<BodyAnswer>(frame),
            Self::SnapshotRequest => of::<SnapshotRequest>(frame),
            Self::SnapshotAnswer => of::<SnapshotAnswer>(frame),
        }
    }
}
