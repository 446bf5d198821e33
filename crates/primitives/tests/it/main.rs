//! Tests of the vocabulary: encodings and their pinned hashes, keys and signatures, text forms, trees,
//! certificates, proposer order and the genesis file.

#![allow(clippy::unwrap_used, clippy::panic, clippy::as_conversions, reason = "tests fail by panicking")]

mod certificates;
mod conformance;
mod encoding;
mod genesis;
mod keys;
mod merkle;
mod offences;
mod part;
mod proposer;
mod samples;
mod text;
mod transactions;
mod vrf;
