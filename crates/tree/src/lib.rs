//! The authenticated trees, pure: no disk, no clock, no randomness.
//!
//! ```text
//!   ledger operations ──► LedgerTree ──► ledger root     (Poseidon2 over BabyBear, dense, depth 30: provable)
//!          └────────────► ops_digest ──► running digest  (the same hash, one step per operation)
//!   module-state writes ► StateTree ───► state root      (BLAKE3, sparse: inclusion and exclusion proofs)
//! ```
//!
//! Rules
//! - Computing an update changes nothing. The caller installs it once its block is decided, or drops it.
//! - The ledger tree is the only judge of the ledger rules ([`OpError`]): what it refuses no block holds.
//! - Proofs are verified by functions that are total: any bytes give a verdict, none a panic.
//! - Corrupted nodes are named errors ([`StateTreeError`]), never a panic and never a silent other root.
//! - What is hashed, element by element, is pinned by the vectors in `tests/vectors.rs`.
//!
//! This crate stores nothing, knows no transactions and does not decide which operations a block may hold
//! beyond the ledger rules: limits per block belong to `state`.
//!
//! Read next: [`hash`], [`ledger`], [`ops_digest`], [`state`]; then `spec/ledger.md`.

pub mod hash;
pub mod ledger;
pub mod ops_digest;
pub mod state;

#[cfg(test)]
mod tests;

pub use ledger::{LedgerBounds, LedgerError, LedgerProof, LedgerTree, LedgerUpdate, OpError, undo, verify_range};
pub use state::{
    MemoryNodes, NodeStore, Prefix, STATE_PROOF_BYTES_MAX, Sibling, StateLeaf, StatePart, StateProof, StateTree,
    StateTreeError, StateUpdate, split, verify_part,
};
