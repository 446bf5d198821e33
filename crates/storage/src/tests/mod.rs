//! Tests of the crate. [`model`] is a second, simple store that predicts every answer; each file breaks the
//! real one in another way and compares.
//!
//! Read next: `damage.rs` (flipped bytes), `crash.rs` (aborted and killed processes), `faults.rs` (failing disks).

mod base;
mod basics;
mod crash;
mod damage;
mod faults;
mod migrate;
mod model;
mod prune;
mod upkeep;
