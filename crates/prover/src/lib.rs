//! Makes window proofs: from a witness to rows, from rows to a proof.
//!
//! ```text
//!   LedgerTree, blocks ──► WindowWitness ──► replay ──► Tables ──► Traces ──► prove ──► bytes
//!                                                                    └─► check (which constraint, which row)
//! ```
//!
//! Rules
//! - Nothing here is trusted: what it gets wrong does not verify. The rules are in `proof/src/airs`.
//! - Threads live here and not in `proof`.
//!
//! Read next: [`WindowWitness`], [`prove_window`], [`check`].

pub mod airs;
pub mod check;
pub mod fold;
mod hash;
mod prove;
mod replay;
pub mod tables;
mod witness;

#[cfg(test)]
mod tests;

pub use prove::{ProvingKey, WindowProof, prove_traces, prove_window};
pub use replay::{ProveError, Rule, WINDOW_OPS_MAX, replay};
pub use tables::{Tables, Traces};
pub use witness::{ChainConstants, NodeIndex, WindowWitness};
