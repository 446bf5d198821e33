//! Makes window proofs: from a witness to rows, from rows to a proof.
//!
//! ```text
//!   LedgerTree, blocks ──► WindowWitness ──► replay ──► Tables ──► Traces ──► prove ──► bytes ──► lift, fold
//!                                                                    └─► check (which constraint, which row)
//! ```
//!
//! Rules
//! - Nothing here is trusted: what it gets wrong does not verify. The rules are in `proof/src/airs`.
//! - Threads live here and not in `proof`.
//!
//! Read next: [`WindowWitness`], [`split`], [`prove_window`], [`check`], [`fold`].

pub mod airs;
mod call_off;
pub mod check;
pub mod fold;
mod hash;
mod parts;
mod prove;
mod replay;
mod stoppable;
mod system;
pub mod tables;
mod witness;

#[cfg(test)]
extern crate self as prover;
#[cfg(test)]
mod tests;

pub use call_off::{CallOff, CalledOff};
pub use parts::{Part, Splitter, split};
pub use prove::{ProvingKey, WindowProof, prove_traces, prove_traces_unless, prove_window, prove_window_unless};
pub use replay::{ProveError, Rule, replay};
pub use system::{ProvingError, ProvingSystem, folding_key, proving_system};
pub use tables::{Tables, Traces};
pub use witness::{ChainConstants, NodeIndex, WindowWitness};
