//! The poseidon2 table: one row per permutation of 16 elements, the hash of ledger, tree and digest.
//!
//! The permutation is the library's table (`p3-poseidon2-air`). Two modes read it: a sponge that goes on keeps the
//! upper half of the result, a digest is the lower half.
//!
//! Read next: `air.rs`, then `spec/proofs.md`.

mod air;
mod columns;
mod constants;

pub use air::Poseidon2Air;
pub use columns::LookupColumns;
pub use constants::{
    Constants, HALF_FULL_ROUNDS, LinearLayers, PARTIAL_ROUNDS, PERMUTATION_COLUMNS, Permutation, PermutationColumns,
    SBOX_DEGREE, SBOX_REGISTERS, WIDTH, constants,
};
