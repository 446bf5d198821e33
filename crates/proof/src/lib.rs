//! Proofs that the ledger is what its operations make it: statements, tables and verification.
//!
//! ```text
//!   headers, genesis ──► WindowStatement ──┐
//!   proof bytes ───────────────────────────┴─► verify_window ──► the ledger went from root to root by the rules
//!                                              verify_folded ──► the same over any number of windows in a row
//! ```
//!
//! A window proof shows that *some* list of ledger operations leads from one header's ledger root, operations
//! digest, supply and next slot to another's, under the rules of `spec/ledger.md`. It does not show who signed for
//! them: see `docs/proofs.md` for what is proven, what is only attested and what neither says.
//!
//! Rules
//! - No threads and no I/O: proving is in the `prover` crate.
//! - The verifying key is pinned ([`keys`]); the parameters are constants ([`params`]).
//! - Any bytes give a verdict, none a panic ([`verify_window`]).
//!
//! Read next: [`statement`], [`airs`], [`light`], [`verify_window`], [`verify_chain`], [`folded`]; then `spec/proofs.md`.

pub mod airs;
pub mod encoding;
pub mod folded;
pub mod keys;
pub mod light;
pub mod params;
mod shape;
pub mod statement;
pub mod system;
mod verify;

#[cfg(test)]
mod tests;

pub use encoding::EncodingError;
pub use folded::{FoldKey, FoldedProof, fold_key, verify_chain_proof, verify_folded};
pub use keys::{KeyError, VerifyingKey, security_bits, verifying_key};
pub use statement::{JoinError, LedgerPoint, StatementError, WindowStatement};
pub use system::{
    ChainJudge, ProofSystem, REGISTRY, SystemError, UnknownSystem, WindowError, circuits, proof_system, require_system,
};
pub use verify::{ChainError, ProofError, verify_chain, verify_window};
