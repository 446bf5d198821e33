//! Malachite's vocabulary in our own types: thin newtypes around `primitives`.
//!
//! Rule: nothing here has a rule of its own. What is signed, hashed and compared is defined by
//! `primitives`; these types only carry it through the engine.

mod ids;
mod messages;
mod part;
mod scheme;
mod validators;

pub use ids::{BlockId, ChainHeight, ValidatorAddress, chain_round, engine_round};
pub use messages::{ProposalMessage, VoteMessage};
pub use part::{PART_BYTES_MAX, PartData, ProposalInit, ProposalPart};
pub use scheme::{Ed25519, SchemeError};
pub use validators::{SetMember, VotingSet};
