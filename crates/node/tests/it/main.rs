//! Tests of the node's parts that need no running node.

#![allow(clippy::unwrap_used, clippy::panic, clippy::as_conversions, reason = "tests fail by panicking")]

mod announcements;
mod audits;
mod body;
mod breaker;
mod canary;
mod circuits;
mod disk;
mod elections;
mod meta;
mod missing;
mod pace;
mod partition_watch;
mod pipeline;
mod proofs;
mod pruning;
mod reconstruction;
mod silence;
mod start_error;
mod topics;
mod travel;
mod ui;
mod upkeep;
mod writes;
