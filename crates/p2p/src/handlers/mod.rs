//! One file per input of the network; each has one function `handle` (protocols have one per event).
//!
//! Rule: handlers never wait and never fail; what a peer does wrong becomes a count, a lower score or
//! a disconnection.

pub(crate) mod announce;
pub(crate) mod bodies;
pub(crate) mod connection;
pub(crate) mod exchange;
pub(crate) mod flush;
pub(crate) mod gossip;
pub(crate) mod handshake;
pub(crate) mod heights;
pub(crate) mod outbox;
pub(crate) mod persisted;
pub(crate) mod proofs;
pub(crate) mod publish;
pub(crate) mod pull_heights;
pub(crate) mod questions;
pub(crate) mod snapshots;
pub(crate) mod swarm;
pub(crate) mod tick;
pub(crate) mod verdict;
