//! Tests of the state transition: tables of outcomes, refusals, lanes, fees, and random blocks under
//! the whole-state invariants.

#![allow(clippy::unwrap_used, clippy::panic, clippy::as_conversions, reason = "tests fail by panicking")]

mod blocks;
mod chain;
mod everything;
mod evidence;
mod fees;
mod identity;
mod lottery;
mod offences;
mod outcomes;
mod payouts;
mod people;
mod provable;
mod proving;
mod random;
mod reputation;
mod rewards;
mod sets;
mod staking;
mod timetoke;
mod witness;
