//! The names of what must hold in every run.
//!
//! Rule: a name is part of verdicts, summaries and scenario files; `spec/simulation.md` says what each one means.
//!
//! Read next: `properties.rs` (the checks).

/// The properties that are checked, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Property {
    /// No two honest validators finalize different blocks at one height.
    Agreement,
    /// A finalized block extends its parent, holds what its header says, and only transactions that their payers
    /// signed, used once and before they expired.
    Validity,
    /// What a client was told is final is in the chain, and on the disk of every validator that got that far.
    NoAcknowledgedTransactionLost,
    /// No transaction is in the chain twice, nor two with one payer and nonce.
    NoTransactionAppliedTwice,
    /// An honest validator never signs two different messages for one place.
    NoConflictingSignature,
    /// The supply is what the independent model of the ledger says.
    SupplyConserved,
    /// Balances and nonces are what the independent model of the ledger says.
    LedgerEqualsModel,
    /// Two honest validators at one height have the same roots.
    StateRootsEqual,
    /// What is on the disk gives the state that runs.
    DiskHoldsTheState,
    /// A restart never takes back a height that was called final.
    FinalizedSurvivesRestart,
    /// An honest validator starts from its own disk, and stops only when its disk fails.
    HonestValidatorRuns,
    /// No mempool holds more than its limit.
    MempoolBounded,
    /// Nothing that waits in a validator is more than its limit: messages, parts and blocks of consensus, synced blocks,
    /// transactions, candidates, reports.
    QueuesBounded,
    /// An honest validator that precommitted a block prevotes another one only after two thirds prevoted that one.
    NoVoteAgainstALock,
    /// A validator that calls itself ready finalized something lately and is not far behind.
    ReadinessTellsTheTruth,
    /// A start on a disk with a flipped bit or a misdirected write refuses.
    DamageIsFound,
    /// What is issued is what the rates say, and every reward is paid out of it.
    PayoutsAddUp,
    /// Identities become active, answer challenges and attest samples by the rules only, each once.
    NoUnearnedCredit,
    /// Nobody is slashed who did not sign twice.
    NoFalseSlash,
    /// The voting set changes at the ends of epochs only, by a bounded part of its power.
    SetsChangeSlowly,
    /// The lottery admits whom its rules draw, and where there is one nobody enters the voting set without it.
    AdmittedByTheDraw,
    /// Who was seen signing twice is punished within three blocks when the network is healthy.
    EquivocatorsArePunished,
    /// Who begins with a copy has at its height what the others have there.
    RestoredEqualsTheOthers,
    /// A snapshot that is damaged or half made is neither whole nor used, an altered chunk is not kept.
    NoBadSnapshotIsUsed,
    /// A copy is of the height that was due, and making it changes nothing and stops nobody.
    SnapshotsLeaveBlocksAlone,
    /// The proven height is below the final one, never falls, and is the same at all validators of one height.
    ProvenOnlyRises,
    /// What the state records of a closed window is what its last block says.
    EndRecordsMatchBlocks,
    /// The prover pool pays each height once, what it holds at most, and to nobody else.
    EachHeightIsPaidOnce,
    /// A prover loses its bond exactly when its proof does not show its claim.
    BondsFollowVerdicts,
    /// No block holds two proofs.
    OneProofInABlock,
    /// Blocks weigh what the lag of the proofs leaves, and something is always left.
    LagNeverStopsBlocks,
    /// Whoever is asked about a proof again says the same, also after a restart.
    VerdictsSurviveRestarts,
    /// A pruned store has whole what it should keep, also after a crash while it was pruned.
    PrunedStoresAnswer,
    /// A store of an older program is refused until it is migrated, and a migration that ends anywhere is finished by the next.
    MigrationIsFinished,
    /// Rot is found, never served, and gone once a peer gave what is right.
    RotIsMended,
    /// After the last fault, heights are decided again within a bounded number of rounds.
    Progress,
}

impl Property {
    /// Every property.
    pub const ALL: [Self; 36] = [
        Self::Agreement,
        Self::Validity,
        Self::NoAcknowledgedTransactionLost,
        Self::NoTransactionAppliedTwice,
        Self::NoConflictingSignature,
        Self::SupplyConserved,
        Self::LedgerEqualsModel,
        Self::StateRootsEqual,
        Self::DiskHoldsTheState,
        Self::FinalizedSurvivesRestart,
        Self::HonestValidatorRuns,
        Self::MempoolBounded,
        Self::QueuesBounded,
        Self::NoVoteAgainstALock,
        Self::ReadinessTellsTheTruth,
        Self::DamageIsFound,
        Self::PayoutsAddUp,
        Self::NoUnearnedCredit,
        Self::NoFalseSlash,
        Self::SetsChangeSlowly,
        Self::AdmittedByTheDraw,
        Self::EquivocatorsArePunished,
        Self::RestoredEqualsTheOthers,
        Self::NoBadSnapshotIsUsed,
        Self::SnapshotsLeaveBlocksAlone,
        Self::ProvenOnlyRises,
        Self::EndRecordsMatchBlocks,
        Self::EachHeightIsPaidOnce,
        Self::BondsFollowVerdicts,
        Self::OneProofInABlock,
        Self::LagNeverStopsBlocks,
        Self::VerdictsSurviveRestarts,
        Self::PrunedStoresAnswer,
        Self::MigrationIsFinished,
        Self::RotIsMended,
        Self::Progress,
    ];

    /// The property of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|property| property.name() == name)
    }

    /// Its name in verdicts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agreement => "agreement",
            Self::Validity => "validity",
            Self::NoAcknowledgedTransactionLost => "no_acknowledged_transaction_lost",
            Self::NoTransactionAppliedTwice => "no_transaction_applied_twice",
            Self::NoConflictingSignature => "no_conflicting_signature",
            Self::SupplyConserved => "supply_conserved",
            Self::LedgerEqualsModel => "ledger_equals_model",
            Self::StateRootsEqual => "state_roots_equal",
            Self::DiskHoldsTheState => "disk_holds_the_state",
            Self::FinalizedSurvivesRestart => "finalized_survives_restart",
            Self::HonestValidatorRuns => "honest_validator_runs",
            Self::MempoolBounded => "mempool_bounded",
            Self::QueuesBounded => "queues_bounded",
            Self::NoVoteAgainstALock => "no_vote_against_a_lock",
            Self::ReadinessTellsTheTruth => "readiness_tells_the_truth",
            Self::DamageIsFound => "damage_is_found",
            Self::PayoutsAddUp => "payouts_add_up",
            Self::NoUnearnedCredit => "no_unearned_credit",
            Self::NoFalseSlash => "no_false_slash",
            Self::SetsChangeSlowly => "sets_change_slowly",
            Self::AdmittedByTheDraw => "admitted_by_the_draw",
            Self::EquivocatorsArePunished => "equivocators_are_punished",
            Self::RestoredEqualsTheOthers => "restored_equals_the_others",
            Self::NoBadSnapshotIsUsed => "no_bad_snapshot_is_used",
            Self::SnapshotsLeaveBlocksAlone => "snapshots_leave_blocks_alone",
            Self::ProvenOnlyRises => "proven_only_rises",
            Self::EndRecordsMatchBlocks => "end_records_match_blocks",
            Self::EachHeightIsPaidOnce => "each_height_is_paid_once",
            Self::BondsFollowVerdicts => "bonds_follow_verdicts",
            Self::OneProofInABlock => "one_proof_in_a_block",
            Self::LagNeverStopsBlocks => "lag_never_stops_blocks",
            Self::VerdictsSurviveRestarts => "verdicts_survive_restarts",
            Self::PrunedStoresAnswer => "pruned_stores_answer",
            Self::MigrationIsFinished => "migration_is_finished",
            Self::RotIsMended => "rot_is_mended",
            Self::Progress => "progress",
        }
    }
}
