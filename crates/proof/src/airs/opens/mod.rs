//! The opens table: one row per opened slot, which checks that the address is one.
//!
//! Read next: `air.rs`, then `spec/proofs.md`.

mod air;
mod columns;

pub use air::OpensAir;
pub use columns::OpenColumns;
