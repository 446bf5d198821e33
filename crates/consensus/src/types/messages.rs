//! Votes and proposals as the engine handles them.
//!
//! The engine's round can be nil; a signed message always names a round. [`VoteMessage::signed`] and
//! [`ProposalMessage::signed`] are the border: what has no signed form is never signed, sent or counted.

use arc_malachitebft_app_channel::app::types::core::{self, NilOrVal, Round, SignedExtension, VoteType};
use primitives::{Proposal, Vote, VoteKind};

use super::ids::{BlockId, ChainHeight, ValidatorAddress, chain_round, engine_round};
use crate::context::ChainContext;

/// A prevote or precommit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoteMessage {
    /// Prevote or precommit.
    pub kind: VoteType,
    /// The height being decided.
    pub height: ChainHeight,
    /// The round.
    pub round: Round,
    /// The block, or nil.
    pub value: NilOrVal<BlockId>,
    /// Who votes.
    pub voter: ValidatorAddress,
}

impl VoteMessage {
    /// What a validator signs, or `None` for the nil round.
    pub fn signed(&self) -> Option<Vote> {
        Some(Vote {
            kind: match self.kind {
                VoteType::Prevote => VoteKind::Prevote,
                VoteType::Precommit => VoteKind::Precommit,
            },
            height: self.height.0,
            round: chain_round(self.round)?,
            value: match self.value {
                NilOrVal::Nil => None,
                NilOrVal::Val(id) => Some(id.0),
            },
            voter: self.voter.0,
        })
    }
}

impl From<Vote> for VoteMessage {
    fn from(vote: Vote) -> Self {
        Self {
            kind: match vote.kind {
                VoteKind::Prevote => VoteType::Prevote,
                VoteKind::Precommit => VoteType::Precommit,
            },
            height: ChainHeight(vote.height),
            round: engine_round(Some(vote.round)),
            value: vote.value.map_or(NilOrVal::Nil, |hash| NilOrVal::Val(BlockId(hash))),
            voter: ValidatorAddress(vote.voter),
        }
    }
}

impl core::Vote<ChainContext> for VoteMessage {
    fn height(&self) -> ChainHeight {
        self.height
    }
    fn round(&self) -> Round {
        self.round
    }
    fn value(&self) -> &NilOrVal<BlockId> {
        &self.value
    }
    fn take_value(self) -> NilOrVal<BlockId> {
        self.value
    }
    fn vote_type(&self) -> VoteType {
        self.kind
    }
    fn validator_address(&self) -> &ValidatorAddress {
        &self.voter
    }
    // Vote extensions are off on this chain: a vote has none and takes none.
    fn extension(&self) -> Option<&SignedExtension<ChainContext>> {
        None
    }
    fn take_extension(&mut self) -> Option<SignedExtension<ChainContext>> {
        None
    }
    fn extend(self, _: SignedExtension<ChainContext>) -> Self {
        self
    }
}

/// An offer of a block hash in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProposalMessage {
    /// The height being decided.
    pub height: ChainHeight,
    /// The round.
    pub round: Round,
    /// The offered block.
    pub value: BlockId,
    /// The earlier round in which the block got a polka; nil for a first offer.
    pub pol_round: Round,
    /// Who proposes.
    pub proposer: ValidatorAddress,
}

impl ProposalMessage {
    /// What the proposer signs, or `None` for the nil round.
    pub fn signed(&self) -> Option<Proposal> {
        Some(Proposal {
            height: self.height.0,
            round: chain_round(self.round)?,
            value: self.value.0,
            pol_round: chain_round(self.pol_round),
            proposer: self.proposer.0,
        })
    }
}

impl From<Proposal> for ProposalMessage {
    fn from(proposal: Proposal) -> Self {
        Self {
            height: ChainHeight(proposal.height),
            round: engine_round(Some(proposal.round)),
            value: BlockId(proposal.value),
            pol_round: engine_round(proposal.pol_round),
            proposer: ValidatorAddress(proposal.proposer),
        }
    }
}

impl core::Proposal<ChainContext> for ProposalMessage {
    fn height(&self) -> ChainHeight {
        self.height
    }
    fn round(&self) -> Round {
        self.round
    }
    fn value(&self) -> &BlockId {
        &self.value
    }
    fn take_value(self) -> BlockId {
        self.value
    }
    fn pol_round(&self) -> Round {
        self.pol_round
    }
    fn validator_address(&self) -> &ValidatorAddress {
        &self.proposer
    }
}
