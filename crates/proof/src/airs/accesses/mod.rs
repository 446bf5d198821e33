//! The accesses table: one row per debit or credit, an offline memory of nonces and balances.
//!
//! Read next: `air.rs`, then `spec/proofs.md`.

mod air;
mod columns;
mod constants;

pub use air::AccessesAir;
pub use columns::AccessColumns;
pub use constants::ELAPSED_WEIGHT;
