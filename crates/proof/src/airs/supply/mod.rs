//! The supply table: one row per operation that changes the supply, a seal or a burn.
//!
//! Read next: `air.rs`, then `spec/proofs.md`.

mod air;
mod columns;

pub use air::SupplyAir;
pub use columns::SupplyColumns;
