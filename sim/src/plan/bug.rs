//! Defects that are put into every honest validator on purpose, to see that the properties catch them.
//!
//! Rule: each defect is named with the property that is meant to catch it, and a test shows that it does.

use primitives::defect::Defect;
use serde::{Deserialize, Serialize};

use super::Plan;
use crate::properties::Property;

/// Crashes between a vote and what led to it, each so long that the offer has gone out for the last time.
const CRASHES: &str = include_str!("../../bugbase/signed-before-logged-late.toml");
/// A validator that missed a height, hears all later ones, and whose questions for it never leave.
const UNHEARD: &str = include_str!("../../bugbase/heard-and-not-answered.toml");

/// Provers that race, cheat and stand still.
const PROVEN: &str = include_str!("../../../scenarios/proofs.toml");

/// Validators that prune and crash while they do.
const PRUNED: &str = include_str!("../../../scenarios/pruning.toml");
/// Validators that migrate, and whose stores rot beside one that lies.
const UPKEEP: &str = include_str!("../../../scenarios/upkeep.toml");

/// A defect that is put into every honest validator on purpose, to see that the properties catch it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeededBug {
    /// A crash loses the consensus log and the records of the double-sign guard.
    ForgetsWhatItSigned,
    /// The disk is never synced, though the store believes so.
    ForgetsToSync,
    /// The mark of the last batch is never written, though the store believes so.
    LosesTheMark,
    /// The index of transactions loses what a block put into it.
    LosesTheIndex,
    /// Nothing is written to the consensus log.
    SkipsTheLog,
    /// A vote is signed before what led to it is durable.
    SignsBeforeTheLog,
    /// A locked validator votes for whatever is offered.
    DropsTheLock,
    /// Neither votes nor offers go out again while a round stands still.
    SaysNothingTwice,
    /// Each vote counts twice: half of a quorum decides.
    CountsVotesTwice,
    /// The mempool takes sixteen times its limit.
    OverfillsTheMempool,
    /// The node calls itself ready whatever it sees.
    SaysItIsReady,
    /// A flipped bit goes with a checksum that fits.
    HidesDamage,
    /// Every transfer of a block is applied twice.
    AppliesABlockTwice,
    /// Expired transactions are packed and accepted.
    IgnoresValidUntil,
    /// Every transaction is packed twice, and a used nonce is accepted.
    IgnoresTheNonce,
    /// Fees are taken and not burned.
    KeepsTheFees,
    /// Some validators hold another state root than their block says.
    DriftsApart,
    /// The pools get twice what they were promised.
    PaysThePoolsTwice,
    /// At the end of an epoch somebody is slashed without a reason.
    SlashesTheInnocent,
    /// The voting set changes by any part of its power at once.
    ForgetsTheChurn,
    /// Whoever has the stake enters the voting set, drawn or not.
    ForgetsTheLottery,
    /// Nobody reports what was signed twice.
    HidesEvidence,
    /// The blocks of finalized heights stay in the memory of consensus.
    KeepsEveryOffer,
    /// The tracker of transactions forgets none.
    RemembersEveryTransaction,
    /// The search for offences forgets no heartbeat of the challenges that it keeps.
    RemembersEveryHeartbeat,
    /// The search for offences forgets no key that was given to an identity.
    RemembersEveryClaim,
    /// Every message of a later height goes into the queue of the engine, which has room for it.
    OpensTheDoor,
    /// A heartbeat counts again and again.
    CountsAHeartbeatTwice,
    /// What a witness claimed can be claimed again.
    PaysAWitnessTwice,
    /// A snapshot gets its name before the names of its files are durable.
    RenamesBeforeTheSync,
    /// A snapshot that is being made is listed.
    ListsHalfASnapshot,
    /// A fetched chunk is kept without a check.
    TakesAnyChunk,
    /// A copy is of the moment when it is made, not of the height that was due.
    CopiesAMovingStore,
    /// A proof that does not advance is taken.
    TakesAnOldProof,
    /// The record of a closed window is not what its last block says.
    RecordsAnotherLedger,
    /// A proof is paid for all heights since genesis.
    PaysAHeightTwice,
    /// A verdict about a proof counts for every claim.
    ForgetsTheClaim,
    /// A block takes more than one proof.
    TakesTwoProofs,
    /// Nothing is left of the block weight when proofs lag far.
    StopsAtTheFloor,
    /// The first proof that a validator is asked about after a start is taken as it is.
    TrustsAfterAStart,
    /// Pruning takes a block more than it may.
    PrunesOneTooMany,
    /// A body that comes back for a quarantined height is kept without a check.
    TakesAnyBody,
}

impl SeededBug {
    /// Every defect.
    pub const ALL: [Self; 42] = [
        Self::ForgetsWhatItSigned,
        Self::ForgetsToSync,
        Self::LosesTheMark,
        Self::LosesTheIndex,
        Self::SkipsTheLog,
        Self::SignsBeforeTheLog,
        Self::DropsTheLock,
        Self::SaysNothingTwice,
        Self::CountsVotesTwice,
        Self::OverfillsTheMempool,
        Self::SaysItIsReady,
        Self::HidesDamage,
        Self::AppliesABlockTwice,
        Self::IgnoresValidUntil,
        Self::IgnoresTheNonce,
        Self::KeepsTheFees,
        Self::DriftsApart,
        Self::PaysThePoolsTwice,
        Self::SlashesTheInnocent,
        Self::ForgetsTheChurn,
        Self::ForgetsTheLottery,
        Self::HidesEvidence,
        Self::KeepsEveryOffer,
        Self::RemembersEveryTransaction,
        Self::RemembersEveryHeartbeat,
        Self::RemembersEveryClaim,
        Self::OpensTheDoor,
        Self::CountsAHeartbeatTwice,
        Self::PaysAWitnessTwice,
        Self::RenamesBeforeTheSync,
        Self::ListsHalfASnapshot,
        Self::TakesAnyChunk,
        Self::CopiesAMovingStore,
        Self::TakesAnOldProof,
        Self::RecordsAnotherLedger,
        Self::PaysAHeightTwice,
        Self::ForgetsTheClaim,
        Self::TakesTwoProofs,
        Self::StopsAtTheFloor,
        Self::TrustsAfterAStart,
        Self::PrunesOneTooMany,
        Self::TakesAnyBody,
    ];

    /// The property that is meant to catch it.
    pub const fn caught_by(self) -> Property {
        match self {
            Self::ForgetsWhatItSigned => Property::NoConflictingSignature,
            Self::ForgetsToSync => Property::FinalizedSurvivesRestart,
            Self::LosesTheMark => Property::DiskHoldsTheState,
            Self::LosesTheIndex => Property::NoAcknowledgedTransactionLost,
            Self::DropsTheLock => Property::NoVoteAgainstALock,
            Self::SkipsTheLog | Self::SignsBeforeTheLog | Self::SaysNothingTwice => Property::Progress,
            Self::CountsVotesTwice => Property::HonestValidatorRuns,
            Self::OverfillsTheMempool => Property::MempoolBounded,
            Self::SaysItIsReady => Property::ReadinessTellsTheTruth,
            Self::HidesDamage => Property::DamageIsFound,
            Self::AppliesABlockTwice => Property::LedgerEqualsModel,
            Self::IgnoresValidUntil => Property::Validity,
            Self::IgnoresTheNonce => Property::NoTransactionAppliedTwice,
            Self::KeepsTheFees => Property::SupplyConserved,
            Self::DriftsApart => Property::StateRootsEqual,
            Self::PaysThePoolsTwice | Self::PaysAWitnessTwice => Property::PayoutsAddUp,
            Self::CountsAHeartbeatTwice => Property::NoUnearnedCredit,
            Self::KeepsEveryOffer
            | Self::RemembersEveryTransaction
            | Self::RemembersEveryHeartbeat
            | Self::RemembersEveryClaim
            | Self::OpensTheDoor => Property::QueuesBounded,
            Self::SlashesTheInnocent => Property::NoFalseSlash,
            Self::ForgetsTheChurn => Property::SetsChangeSlowly,
            Self::ForgetsTheLottery => Property::AdmittedByTheDraw,
            Self::HidesEvidence => Property::EquivocatorsArePunished,
            Self::RenamesBeforeTheSync | Self::ListsHalfASnapshot | Self::TakesAnyChunk => {
                Property::NoBadSnapshotIsUsed
            }
            Self::CopiesAMovingStore => Property::SnapshotsLeaveBlocksAlone,
            Self::TakesAnOldProof => Property::ProvenOnlyRises,
            Self::RecordsAnotherLedger => Property::EndRecordsMatchBlocks,
            Self::PaysAHeightTwice => Property::EachHeightIsPaidOnce,
            Self::ForgetsTheClaim => Property::BondsFollowVerdicts,
            Self::TakesTwoProofs => Property::OneProofInABlock,
            Self::StopsAtTheFloor => Property::LagNeverStopsBlocks,
            Self::TrustsAfterAStart => Property::VerdictsSurviveRestarts,
            Self::PrunesOneTooMany => Property::PrunedStoresAnswer,
            Self::TakesAnyBody => Property::RotIsMended,
        }
    }

    /// The plan that shows it, with this seed in it: one made from the seed, or for a defect that needs a rare course of
    /// events one that has it.
    pub fn plan(self, seed: u64) -> Plan {
        let of = |text| Plan { seed, ..Plan::from_toml(text).expect("the tests of the bug base read this plan") };
        let plan = match self {
            Self::SignsBeforeTheLog => of(CRASHES),
            Self::OpensTheDoor => of(UNHEARD),
            Self::TakesAnOldProof
            | Self::RecordsAnotherLedger
            | Self::PaysAHeightTwice
            | Self::ForgetsTheClaim
            | Self::TakesTwoProofs
            | Self::StopsAtTheFloor
            | Self::TrustsAfterAStart => of(PROVEN),
            Self::PrunesOneTooMany => of(PRUNED),
            Self::TakesAnyBody => of(UPKEEP),
            _ => Plan::of_seed(seed),
        };
        Plan { seeded_bug: Some(self), ..plan }
    }

    /// The defect of the chain's own code that it is, if it is one. Those need the feature `seeded-bugs`.
    pub const fn in_the_chain(self) -> Option<Defect> {
        match self {
            Self::AppliesABlockTwice => Some(Defect::AppliesABlockTwice),
            Self::IgnoresValidUntil => Some(Defect::IgnoresValidUntil),
            Self::IgnoresTheNonce => Some(Defect::IgnoresTheNonce),
            Self::KeepsTheFees => Some(Defect::KeepsTheFees),
            Self::DriftsApart => Some(Defect::DriftsApart),
            Self::PaysThePoolsTwice => Some(Defect::PaysThePoolsTwice),
            Self::SlashesTheInnocent => Some(Defect::SlashesTheInnocent),
            Self::ForgetsTheChurn => Some(Defect::ForgetsTheChurn),
            Self::ForgetsTheLottery => Some(Defect::ForgetsTheLottery),
            Self::KeepsEveryOffer => Some(Defect::KeepsEveryOffer),
            Self::RemembersEveryTransaction => Some(Defect::RemembersEveryTransaction),
            Self::RemembersEveryHeartbeat => Some(Defect::RemembersEveryHeartbeat),
            Self::RemembersEveryClaim => Some(Defect::RemembersEveryClaim),
            Self::OpensTheDoor => Some(Defect::OpensTheDoor),
            Self::CountsAHeartbeatTwice => Some(Defect::CountsAHeartbeatTwice),
            Self::PaysAWitnessTwice => Some(Defect::PaysAWitnessTwice),
            Self::RenamesBeforeTheSync => Some(Defect::RenamesBeforeTheSync),
            Self::ListsHalfASnapshot => Some(Defect::ListsHalfASnapshot),
            Self::TakesAnyChunk => Some(Defect::TakesAnyChunk),
            Self::TakesAnOldProof => Some(Defect::TakesAnOldProof),
            Self::RecordsAnotherLedger => Some(Defect::RecordsAnotherLedger),
            Self::PaysAHeightTwice => Some(Defect::PaysAHeightTwice),
            Self::ForgetsTheClaim => Some(Defect::ForgetsTheClaim),
            Self::TakesTwoProofs => Some(Defect::TakesTwoProofs),
            Self::StopsAtTheFloor => Some(Defect::StopsAtTheFloor),
            Self::PrunesOneTooMany => Some(Defect::PrunesOneTooMany),
            Self::TakesAnyBody => Some(Defect::TakesAnyBody),
            _ => None,
        }
    }
}
