//! The `Context` that fixes every type of the engine to ours.

use arc_malachitebft_app_channel::app::types::core::{Context, NilOrVal, Round as EngineRound, VoteType};
use primitives::Round;

use crate::timeouts::RoundTimeouts;
use crate::types::{
    BlockId, ChainHeight, Ed25519, ProposalMessage, ProposalPart, SetMember, ValidatorAddress, VoteMessage, VotingSet,
    chain_round,
};

/// The one context of this chain. It holds nothing: what differs between heights is in the voting set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainContext;

impl Context for ChainContext {
    type Address = ValidatorAddress;
    type Height = ChainHeight;
    type ProposalPart = ProposalPart;
    type Proposal = ProposalMessage;
    type Validator = SetMember;
    type ValidatorSet = VotingSet;
    type Timeouts = RoundTimeouts;
    type Value = BlockId;
    type Vote = VoteMessage;
    type Extension = ();
    type SigningScheme = Ed25519;

    fn select_proposer<'a>(&self, set: &'a VotingSet, height: ChainHeight, round: EngineRound) -> &'a SetMember {
        // The engine never asks for the nil round; the first round's proposer keeps this total.
        set.proposer(height.0, chain_round(round).unwrap_or(Round(0)))
    }

    fn new_proposal(
        &self,
        height: ChainHeight,
        round: EngineRound,
        value: BlockId,
        pol_round: EngineRound,
        proposer: ValidatorAddress,
    ) -> ProposalMessage {
        ProposalMessage { height, round, value, pol_round, proposer }
    }

    fn new_prevote(
        &self,
        height: ChainHeight,
        round: EngineRound,
        value: NilOrVal<BlockId>,
        voter: ValidatorAddress,
    ) -> VoteMessage {
        VoteMessage { kind: VoteType::Prevote, height, round, value, voter }
    }

    fn new_precommit(
        &self,
        height: ChainHeight,
        round: EngineRound,
        value: NilOrVal<BlockId>,
        voter: ValidatorAddress,
    ) -> VoteMessage {
        VoteMessage { kind: VoteType::Precommit, height, round, value, voter }
    }
}
