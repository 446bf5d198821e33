//! Reputation: scores and tiers, a pure function of counters.
//!
//! Read next: [`block`], `spec/reputation.md`.

pub mod block;
