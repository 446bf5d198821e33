//! Tests of the replica: blocks are built, judged and finalized by several replicas that share nothing but
//! bytes; every altered block is refused; a restart changes nothing.

#![allow(clippy::unwrap_used, clippy::panic, clippy::as_conversions, reason = "tests fail by panicking")]

mod audit;
mod blocks;
mod changes;
mod closing;
mod dishonest;
mod net;
mod offences;
mod proving;
mod refusals;
mod restart;
mod stages;
mod staking;
