//! Tests of the state transition: tables of outcomes, refusals, lanes, fees, and random blocks under
//! the whole-state invariants.

mod blocks;
mod chain;
mod fees;
mod outcomes;
mod random;
