//! Everything networked that is not consensus: transaction gossip, the handshake between nodes, what
//! nodes know of each other's height and of further peers.
//!
//! Model: a libp2p swarm of its own beside that of consensus (`docs/adr/0003-two-swarms.md`), owned by
//! one task with one loop (`actor.rs`): one closed enum of inputs, one exhaustive match, one handler
//! file per input in `handlers/`. The node talks to it through a [`P2pHandle`].
//!
//! ```text
//!  node ── publish, report, set_height ──► actor ──► swarm ──► QUIC, TCP
//!   ▲                                        │
//!   └── TransactionsReceived, Peer… ◄────────┘ limits ► replay ► decode ► queue
//! ```
//!
//! Rules
//! - A peer is identified by its Ed25519 node key, and heard only after a handshake that compares
//!   chain id and genesis hash.
//! - A transaction is relayed only after the node has checked its batch, a proof only after the node has verified it.
//! - No peer input can panic, grow a queue without bound, or slow other peers.
//! - A piece of a snapshot is asked of one peer at a time, one piece at a time, and judged by the node.
//! - Only this crate names libp2p.
//!
//! This crate refuses to judge transactions and bodies, to fetch new blocks (consensus does, by value sync) and to
//! read configuration.
//!
//! Read next: `wire.rs` (messages), `peers.rs` (life of a peer), `batches.rs` (life of a batch).

mod actor;
mod batches;
mod codec;
mod config;
mod counters;
mod dialer;
mod handle;
mod handlers;
mod identity;
pub mod limits;
mod network;
mod peers;
pub mod score;
pub mod store;
mod wire;

pub use config::{ChainIdentity, P2pConfig, StorePaths};
pub use counters::{Counter, Counters, DropReason, HandshakeFailure, Provider};
pub use handle::{AskError, BatchId, P2p, P2pEvent, P2pHandle, PeerView, QuestionId, StartError, Verdict};
pub use handlers::bodies::BODY_ASK_PAUSE_MS;
pub use identity::{KeyError, PeerKey};
pub use limits::LimitsConfig;
pub use wire::{
    BATCH_TRANSACTIONS_MAX, BODY_BYTES_MAX, MESSAGE_BYTES_MAX, Message, PROOF_MESSAGE_BYTES_MAX, ProofKind, Refusal,
    SNAPSHOT_BYTES_MAX, SnapshotAnswer, SnapshotBytes, SnapshotRequest, TOPIC_BYTES_MAX,
};
