//! All tests of the crate in one program: tables for the pure parts, real swarms on loopback for the
//! rest.
//!
//! - `limits`, `score`, `store`: pure, time is an argument.
//! - `cluster`: two and three nodes that behave.
//! - `exchange`: nodes that learn of further peers.
//! - `hostile`: a hand-made peer (`raw`) that does not.
//! - `proofs`: transactions that do not fit a gossip message, between nodes that behave and from one that does not.
//! - `throughput`: a measurement, run by name only.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod bodies;
mod cluster;
mod exchange;
mod harness;
mod hostile;
mod limits;
mod proofs;
mod questions;
mod raw;
mod score;
mod snapshots;
mod store;
mod throughput;
