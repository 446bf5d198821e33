//! Defects that the simulator seeds into the chain to see that its properties catch them.
//!
//! Model: a place in the production code asks [`is_seeded`]. Without the feature `seeded-bugs` that is a constant
//! false, so that nothing of a defect is compiled; only the tests `defects` of `sim` have it. With the
//! feature, `seed` chooses the defect of this thread.
//!
//! Rule: no program is built with the feature.

/// A defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
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
    /// Pruning takes a block more than it may.
    PrunesOneTooMany,
    /// A body that comes back for a quarantined height is kept without a check.
    TakesAnyBody,
}

/// Whether this build has the defects at all; false in every program.
pub const IS_COMPILED: bool = cfg!(feature = "seeded-bugs");

#[cfg(feature = "seeded-bugs")]
std::thread_local! {
    static SEEDED: std::cell::Cell<Option<Defect>> = const { std::cell::Cell::new(None) };
}

/// Chooses the defect of this thread.
#[cfg(feature = "seeded-bugs")]
pub fn seed(defect: Option<Defect>) {
    SEEDED.set(defect);
}

/// True when this thread has the defect.
#[cfg(feature = "seeded-bugs")]
pub fn is_seeded(defect: Defect) -> bool {
    SEEDED.get() == Some(defect)
}

/// True when this thread has any defect.
#[cfg(feature = "seeded-bugs")]
pub fn is_any_seeded() -> bool {
    SEEDED.get().is_some()
}

/// False: this build has no defects.
#[cfg(not(feature = "seeded-bugs"))]
pub const fn is_seeded(_: Defect) -> bool {
    false
}

/// False: this build has no defects.
#[cfg(not(feature = "seeded-bugs"))]
pub const fn is_any_seeded() -> bool {
    false
}
