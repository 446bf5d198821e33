//! The range table: every 16-bit value once, with how often it is looked up.
//!
//! Read next: `air.rs`, then `spec/proofs.md`.

mod air;
mod columns;

pub use air::RangeAir;
pub use columns::RangeColumns;
