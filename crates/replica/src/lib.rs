//! One node's brain, without input or output loops: joins state, trees, mempool, ledger model and storage.
//!
//! Model: [`Replica`] holds the current state in memory and the chain on disk. It builds, judges and
//! finalizes blocks through [`application::Application`], admits transactions, and answers queries.
//! The same code runs in production and in the simulator.
//!
//! Rules
//! - Synchronous and, but for the two trees that a start builds at once, single-threaded; time is an argument.
//! - A block is verified in full (roots, certificate, beacon, ledger model) before it is called valid.
//! - Memory changes only after the store has made the block durable.
//!
//! Read next: [`application`], [`verify`], [`commit`].

pub mod application;
mod build;
mod candidates;
mod chain;
pub mod changes;
pub mod commit;
pub mod dishonest;
mod execution;
pub mod model;
pub mod offences;
mod open;
pub mod queries;
pub mod queues;
mod replica;
pub mod reports;
pub mod stages;
pub mod verify;

pub use application::{Application, Candidate, Electorate, Fault, Freshness, Verdict};
pub use chain::ChainState;
pub use offences::{OffenceLimits, Offences};
pub use queues::QueueLength;
pub use replica::{FinalizedBlock, Identity, Observer, Replica, ReplicaEvent};
pub use reports::{Report, Reports};
pub use state::ProofVerifier;
