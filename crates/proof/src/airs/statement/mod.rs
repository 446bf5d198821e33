//! The statement table: ties the public values to the other tables.
//!
//! It starts the chain of operations, takes its end, takes the root of the ledger tree, and offers the two genesis
//! constants to the seals. It is a required table, so a proof cannot leave it out.
//!
//! Read next: `air.rs`, then `spec/proofs.md`.

mod air;
mod columns;

pub use air::StatementAir;
pub use columns::{PointValues, StatementColumns, StatementValues};
