//! Tests of the replica: blocks are built, judged and finalized by several replicas that share nothing but
//! bytes; every altered block is refused; a restart changes nothing.

mod audit;
mod blocks;
mod net;
mod refusals;
mod restart;
mod stages;
