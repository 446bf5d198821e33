//! The simulator: the same seed twice, two hundred seeds, plans, scenarios, proofs, reports, and checks that can fail.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod bugbase;
mod checks;
mod elections;
mod limits;
mod plans;
mod proofs;
mod pruning;
mod reports;
mod runs;
mod scenarios;
mod snapshots;
mod upkeep;
