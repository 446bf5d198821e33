//! One running node: wires the chain, consensus, gossip and the RPC together, and stops them in order.
//!
//! Model: [`run::run`] starts the services around one [`shared::Shared`]. Features do not live here: the
//! chain is `replica`, consensus is `consensus`, gossip is `p2p`; this crate translates between them.
//!
//! ```text
//!   rpc ──submit──► shared.replica ◄──Application── consensus (bft or solo)
//!    ▲                  │ events                        │ events
//!    └── stages, SSE ◄──┴──► metrics ◄──────────────────┘
//!   p2p ──batches──► shared.replica          shared ──publish──► p2p
//! ```
//!
//! Rules
//! - Locks: the replica first, then the stage tracker; never the other way, never across an await.
//! - A fault of the chain or a poisoned signer stops the node with its reason; nothing is signed after.
//! - An engine that stopped for safety leaves the node up without a vote, until somebody has looked and starts it again.
//!
//! Read next: [`run`], [`submit`], [`shared`].

pub mod announcements;
pub mod audits;
mod clock;
mod consensus_events;
pub mod crash;
pub mod disk;
pub mod drill;
pub mod duties;
pub mod elections;
mod evidence;
pub mod exports;
mod gossip;
pub mod keys;
pub mod meta;
mod network;
mod observer;
pub mod pace;
pub mod partition_watch;
pub mod pipeline;
mod ports;
pub mod proofs;
pub mod pruning;
mod ready;
mod rebuild;
pub mod reconstruction;
mod reload;
pub mod remote_signer;
pub mod rollout;
pub mod rpc;
pub mod run;
pub mod samples;
mod shared;
mod signer;
pub mod silence;
mod snapshots;
pub mod stages;
pub mod start_error;
pub mod state_at;
pub mod state_sync;
mod submit;
mod telemetry_record;
pub mod topics;
pub mod upkeep;
mod wallet;

pub use ::signer::ClientError as SignerError;
pub use rebuild::rebuild_history;
pub use run::{AskPassword, Attested, ProofSystems, RunOptions, Stopped, run};
pub use start_error::{StartError, Told};
pub use state_sync::{StateSync, StateSyncError};
