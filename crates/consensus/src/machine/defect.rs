//! Defects that a machine can be given on purpose, so that a simulator can show that it finds them.
//!
//! Rule: a node runs the engine, not a machine, so that no node can have one.

use arc_malachitebft_app_channel::app::consensus::ThresholdParams;
use arc_malachitebft_app_channel::app::types::core::{NilOrVal, ThresholdParam, VoteType};

use super::EffectHost;
use crate::types::{BlockId, VoteMessage, chain_round};

/// What is wrong with a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// A locked validator votes for whatever valid block is offered.
    DropsTheLock,
    /// Each vote counts twice, so that half of a quorum is one.
    CountsVotesTwice,
    /// The signer does not wait for the log.
    SignsBeforeTheLog,
    /// Neither votes nor offers go out again while a round stands still.
    SaysNothingTwice,
}

impl Defect {
    /// The thresholds of the core.
    pub(super) fn thresholds(defect: Option<Self>) -> ThresholdParams {
        if defect != Some(Self::CountsVotesTwice) {
            return ThresholdParams::default();
        }
        ThresholdParams { quorum: ThresholdParam::new(1, 3), honest: ThresholdParam::new(1, 6) }
    }
}

impl EffectHost {
    /// The vote that is signed when the core wants `vote`.
    pub(super) fn cast(&self, vote: VoteMessage) -> VoteMessage {
        let is_forced = self.defect == Some(Defect::DropsTheLock) && vote.kind == VoteType::Prevote;
        let (true, NilOrVal::Nil, Some(round)) = (is_forced, &vote.value, chain_round(vote.round)) else { return vote };
        let offers = self.state.offers.iter();
        let mut valid =
            offers.filter(|((height, offered, _), offer)| *height == vote.height.0 && *offered == round && offer.valid);
        match valid.next() {
            Some(((_, _, hash), _)) => VoteMessage { value: NilOrVal::Val(BlockId(*hash)), ..vote },
            None => vote,
        }
    }
}
