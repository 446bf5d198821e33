//! What validators sign: votes and proposals of the consensus protocol.
//!
//! `signed bytes = domain ‖ genesis hash ‖ canonical body`; each kind of message has a domain of its
//! own, so no signature can be taken for another. Malachite's types wrap these (`consensus`).

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::codec::encode;
use crate::hash::Hash;
use crate::ids::{Height, Round};

/// First bytes of a signed vote.
pub const VOTE_DOMAIN: &[u8] = b"the-block/vote/v1";
/// First bytes of a signed proposal.
pub const PROPOSAL_DOMAIN: &[u8] = b"the-block/proposal/v1";

/// Which of the two votes of a round.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum VoteKind {
    /// First vote.
    Prevote = 0,
    /// Second vote; a quorum of them decides.
    Precommit = 1,
}

/// A vote for a block hash, or explicitly for nothing.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct Vote {
    /// Prevote or precommit.
    pub kind: VoteKind,
    /// The height being decided.
    pub height: Height,
    /// The round.
    pub round: Round,
    /// The block hash, or `None` for nil.
    pub value: Option<Hash>,
    /// Who votes.
    pub voter: Address,
}

impl Vote {
    /// The bytes a validator signs on the chain with this genesis hash.
    pub fn signing_bytes(&self, genesis: &Hash) -> Vec<u8> {
        signing_bytes(VOTE_DOMAIN, genesis, &encode(self))
    }
}

/// A proposer's offer of a block hash in a round.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct Proposal {
    /// The height being decided.
    pub height: Height,
    /// The round.
    pub round: Round,
    /// The offered block hash.
    pub value: Hash,
    /// The earlier round in which the value got a polka, if it is offered again.
    pub pol_round: Option<Round>,
    /// Who proposes.
    pub proposer: Address,
}

impl Proposal {
    /// The bytes a proposer signs on the chain with this genesis hash.
    pub fn signing_bytes(&self, genesis: &Hash) -> Vec<u8> {
        signing_bytes(PROPOSAL_DOMAIN, genesis, &encode(self))
    }
}

fn signing_bytes(domain: &[u8], genesis: &Hash, body: &[u8]) -> Vec<u8> {
    [domain, genesis.as_bytes(), body].concat()
}
