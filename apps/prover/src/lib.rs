//! The prover service: follows a chain, proves each closed window, folds the windows into the chain proof, hands both to
//! nodes.
//!
//! ```text
//!   node ──operations, header──► Follower (own ledger) ──witness──► Worker (one thread, nice) ──proof──┐
//!    ▲  claim: which window?         │ checkpoint at window ends                                       │
//!    │                               ▼                                                                 ▼
//!    └── POST /proofs/windows, /proofs/chain ◄── Cache (proof_cache_dir: checkpoints, proofs; checksummed) ◄─┘
//! ```
//!
//! Rules
//! - Nothing of what a node says is trusted: operations must lead to the digest, root and supply of their header, by
//!   this machine's own ledger. A node that lies costs time and makes no false proof: the node that takes the proof
//!   compares it with its own headers.
//! - A proof is on disk before it is handed in, so that no window is proven twice here; a torn file is named and made again.
//! - A window that is too large for one proof is proven in parts, which are folded into the chain proof and published with it only.
//! - Stopping costs the window, part or extension in hand and nothing else: the process may be killed at any moment.
//! - A failure is retried [`ATTEMPTS_MAX`] times, then the service ends with its reason. A node that does not answer
//!   is waited for.
//! - All log lines have the target `plonky3`.
//!
//! Read next: [`service`], [`follow`], [`cache`].

pub mod cache;
pub mod circuits;
pub mod follow;
pub mod part;
pub mod service;
pub mod stress;
pub mod worker;

#[cfg(test)]
mod tests;

pub use cache::{Cache, CacheError, Finding};
pub use circuits::CircuitFolder;
pub use prover::fold::{Circuit, ReadyCircuit};
pub use prover::{ProvingError, folding_key};
pub use service::{ATTEMPTS_MAX, News, Options, ServiceError, Submitter, run};
pub use worker::WorkError;
