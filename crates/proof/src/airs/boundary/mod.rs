//! The boundary table: one row per touched slot, its content before and after and the two leaf digests.
//!
//! Read next: `air.rs`, then `spec/proofs.md`.

mod air;
mod columns;

pub use air::BoundaryAir;
pub use columns::BoundaryColumns;
