//! The merkle table: one row per inner node above a touched slot, so shared ancestors are hashed once.
//!
//! Read next: `air.rs`, then `spec/proofs.md`.

mod air;
mod columns;

pub use air::MerkleAir;
pub use columns::MerkleColumns;
