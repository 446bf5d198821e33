//! Folds: one proof of constant size for a range of windows, and for the chain when the range starts at genesis.
//!
//! ```text
//!   statement ─────────────┐
//!   pinned key and ────────┼──► public values, commitment of the constraints ─┐
//!   commitments            │                                                  ├──► the proof stack's verifier
//!   bytes ── first byte ───┘── length, shape, elements ───────────────────────┘
//! ```
//!
//! Model: a fold verifies one or two proofs: lifted windows (a *first* fold) or folds (a *later* one). It says as
//! public values what they come to, which of the two it is, and which key it takes for its own. Whoever reads a
//! fold, another fold or this module, checks that key, and the commitment to the constraints that the fold's children
//! were verified with. The circuit is in the `prover` crate; a verifier needs only its key.
//!
//! Rules
//! - Nothing that a proof claims is read: the verifier puts in the values and commitments that it expects, so a proof
//!   with others does not verify. [`FoldKey::decode`] is the one function that does it.
//! - The key is the file `fixtures/fold_key.bin`, pinned with its commitments in `fixtures/fold_key.txt`.
//!
//! Read next: [`verify_folded`], `spec/proofs.md`.

mod columns;
mod key;
mod verify;

pub use columns::{FOLD_CELLS, FOLD_VALUES, FoldColumns, FoldValues, STATEMENT_VALUES};
pub use key::{FoldKey, FoldedProof, fold_key};
pub use verify::{verify_chain_proof, verify_folded};

/// Proofs that one fold verifies at most.
pub const CHILDREN_MAX: usize = 2;
/// Place of the table that holds the constraints of the children's key as fixed columns.
pub const CONSTRAINTS_TABLE: usize = 1;
