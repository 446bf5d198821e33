//! The load generator: how many signed transfers a network finalizes, and how quickly.
//!
//! ```text
//! accounts ──► funded senders ──► load (workers, HTTP) ──► nodes
//!                                    │ when each was submitted
//!                                    ▼
//!                 finalized blocks ──► count ──► report
//! ```
//!
//! Rules
//! - A transfer counts when it stands in a finalized block that a node serves, never because it was sent.
//! - Finality is measured here, by one clock: from just before the request to the block being seen.
//! - Transfers are signed before the clock starts: signing is the wallets' work, not the network's.
//! - What is in flight is bounded, so that the queue of the network stays short of its limit.
//!
//! Read next: [`load`], [`count`], [`report`].

pub mod count;
pub mod load;
pub mod report;
pub mod senders;
