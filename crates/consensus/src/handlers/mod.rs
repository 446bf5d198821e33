//! One handler per message of the engine, each called `handle`.
//!
//! A handler's error is a [`replica::application::Fault`]: the app loop stops the engine. Replies to an
//! engine that is gone are dropped.

pub(crate) mod consensus_ready;
pub(crate) mod decided;
pub(crate) mod extend_vote;
pub(crate) mod finalized;
pub(crate) mod get_decided_values;
pub(crate) mod get_history_min_height;
pub(crate) mod get_value;
pub(crate) mod process_synced_value;
pub(crate) mod received_proposal_part;
pub(crate) mod restream_proposal;
pub(crate) mod started_round;
pub(crate) mod verify_vote_extensions;
