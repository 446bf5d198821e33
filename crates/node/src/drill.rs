//! What a drill does to a node: a clock that is off, a tag that keeps other tags away, chunks of snapshots and bodies that are altered.
//!
//! Rules
//! - Only a chain whose name starts with [`CHAIN_PREFIX`] takes one; on any other chain the start is refused.
//! - Each is said loudly in the log, and holds for the whole life of the process.
//! - A tag is part of the names by which peers find out that they belong together, in consensus and in gossip, so
//!   that a node with another tag is turned away like one of another chain.
//!
//! Read next: `docs/chaos.md`, `partition_watch.rs`.

use ::config::DrillConfig;
use primitives::Genesis;

use crate::crash::CHAIN_PREFIX;

/// A drill that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DrillError {
    /// A chain that people may rely on.
    #[error(
        "{key} is set on the chain {chain}; take it out of the configuration and the environment, only chains named \
         {CHAIN_PREFIX}… take drills"
    )]
    Chain {
        /// Which key.
        key: &'static str,
        /// The chain.
        chain: String,
    },
}

/// Puts the clock of this process off, if a drill asks for it.
///
/// # Errors
/// [`DrillError`] for any drill on a chain that takes none.
pub fn arm(drill: &DrillConfig, genesis: &Genesis) -> Result<(), DrillError> {
    let clock = (drill.clock_offset_ms != 0).then_some("drill.clock_offset_ms");
    let tag = drill.partition_tag.as_ref().map(|_| "drill.partition_tag");
    let bodies = drill.wrong_bodies.then_some("drill.wrong_bodies");
    let chunks = drill.wrong_chunks.then_some("drill.wrong_chunks");
    let key = clock.or(tag).or(chunks).or(bodies);
    if let Some(key) = key.filter(|_| !genesis.chain_id.starts_with(CHAIN_PREFIX)) {
        return Err(DrillError::Chain { key, chain: genesis.chain_id.clone() });
    }
    if drill.clock_offset_ms != 0 {
        consensus::pacing::set_clock_offset(drill.clock_offset_ms);
        tracing::warn!(
            offset_ms = drill.clock_offset_ms,
            "DRILL: the clock of this node is off on purpose; block times and readiness are wrong. Start it without drill.clock_offset_ms to end this"
        );
    }
    if drill.wrong_bodies {
        tracing::warn!(
            "DRILL: bodies that this node gives to peers are altered. Start it without drill.wrong_bodies to end this"
        );
    }
    if drill.wrong_chunks {
        tracing::warn!(
            "DRILL: every chunk of a snapshot that this node gives is altered. Start it without drill.wrong_chunks to end this"
        );
    }
    if let Some(tag) = &drill.partition_tag {
        tracing::warn!(
            tag,
            "DRILL: this node talks to nodes of the same partition tag only. Start it without drill.partition_tag to end this"
        );
    }
    Ok(())
}

/// The name of the chain as gossip peers are told it: with the tag, if there is one.
pub fn chain_name(drill: &DrillConfig, chain: &str) -> String {
    match &drill.partition_tag {
        Some(tag) => format!("{chain}+{tag}"),
        None => chain.to_owned(),
    }
}
