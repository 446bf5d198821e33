//! The operations table: one row per ledger operation, in a chain of states.
//!
//! Read next: `air.rs`, then `spec/proofs.md`.

mod air;
mod columns;

pub use air::OperationsAir;
pub use columns::OperationColumns;
