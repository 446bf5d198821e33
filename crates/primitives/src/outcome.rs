//! Every way a transaction can end, by name.
//!
//! Two kinds, kept apart:
//! - [`Rejection`]: refused before it enters a block; nothing is paid.
//! - [`Outcome`]: recorded in a receipt; the fee is paid and the nonce moves on, whatever the outcome.
//!
//! Codes are part of the format and of the API: never renamed, never reused.

mod hint;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// The recorded result of an executed transaction.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Outcome {
    /// Everything that was asked for happened.
    Success = 0,
    /// The balance after the fee did not cover the payments; only the fee was paid.
    InsufficientBalance = 1,
    /// A payment named a module's own account; only the fee was paid.
    RecipientReserved = 2,
    /// `max_fee` did not cover the accounts to be opened; only the fee was paid.
    OpenFeeAboveMax = 3,
    /// The amount is below the least that may be staked or moved.
    StakeBelowMinimum = 16,
    /// The account is a validator candidate already; a later bond carries no candidacy.
    AlreadyCandidate = 17,
    /// The account is no validator candidate: its first bond must carry its candidacy.
    NotCandidate = 18,
    /// Nobody bonded under this address.
    UnknownValidator = 19,
    /// The validator was removed forever.
    Tombstoned = 20,
    /// The payer has less stake there.
    NotEnoughStake = 21,
    /// The stake was redelegated and stays where it is until it is no longer slashable for the validator it left.
    StakeHeld = 22,
    /// Too many redelegations wait; unbond instead or wait.
    RedelegationLimit = 23,
    /// The commission changes more than the step allows, or twice in one epoch.
    CommissionStep = 24,
    /// The validator is not jailed.
    NotJailed = 25,
    /// The jail time is not over.
    JailNotOver = 26,
    /// No rewards wait there.
    NothingToClaim = 27,
    /// The list of candidates is full.
    CandidateLimit = 28,
    /// The pool cannot hold that much.
    StakeOutOfRange = 29,
    /// The module does not take this action on this chain yet.
    NotActive = 30,
    /// No other member of the voting set could go on: the chain keeps one validator with stake.
    LastValidator = 31,
    /// The wallet has an identity.
    IdentityExists = 64,
    /// The bond is not the governed one.
    WrongBond = 65,
    /// No identity number is left.
    IdentitiesFull = 66,
    /// A key proof is from the future or too old.
    StaleKeyProof = 67,
    /// A key is held by an identity.
    KeyInUse = 68,
    /// The identity is not active.
    IdentityNotActive = 69,
    /// An earlier rotation has not taken effect.
    RotationPending = 70,
    /// The payer is not in the validator set.
    NotAValidator = 71,
    /// The subject is not pending, or was registered at another height.
    IdentityNotPending = 72,
    /// The payer did so before.
    AlreadyAttested = 73,
    /// The subject's identity is not active.
    SubjectNotActive = 74,
    /// There is no bond to withdraw.
    NothingToWithdraw = 75,
    /// The bond stays until evidence can no longer name its owner.
    BondLocked = 76,
    /// The challenge is not open, or its time to answer has passed.
    HeartbeatLate = 80,
    /// The heartbeat was not made for the seed of the challenge.
    HeartbeatWrongSeed = 81,
    /// The identity answered this challenge before.
    HeartbeatRepeated = 82,
    /// A validator answers by its commits.
    HeartbeatNotNeeded = 83,
    /// The epoch's tickets are not taken now.
    LotteryWrongEpoch = 88,
    /// The payer is not on the frozen list of the epoch.
    NotInLottery = 89,
    /// The payer has a ticket for the epoch.
    LotteryRepeated = 90,
    /// The proof does not verify under the frozen key.
    BadLotteryProof = 91,
    /// The gate `witness_network` is off.
    WitnessNetworkOff = 96,
    /// No sample of this height is open.
    WitnessLate = 97,
    /// The attestation was not made for the sample's seed.
    WitnessWrongSeed = 98,
    /// The attestation names another block than the sampled one.
    WitnessWrongBlock = 99,
    /// A member of the committee does not attest to its own blocks.
    WitnessInCommittee = 100,
    /// The identity's tier is too low for a witness.
    WitnessTierTooLow = 101,
    /// The sample did not draw this identity.
    WitnessNotSampled = 102,
    /// The identity attested to this sample before.
    WitnessRepeated = 103,
    /// The sample or the epoch has all the attestations it counts.
    WitnessFull = 104,
    /// The gate `recursive_proofs` is off.
    ProofsOff = 112,
    /// The bond would be below the governed least.
    ProverBondBelowMinimum = 113,
    /// The bond was asked for and leaves; bond again once it is paid out.
    ProverUnbonding = 114,
    /// The payer has no bond.
    NotAProver = 115,
    /// The list of provers is full.
    ProversFull = 116,
    /// The proof did not verify; its sender lost the bond.
    ProofInvalid = 117,
}

impl Outcome {
    /// The name used in JSON, metrics and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::InsufficientBalance => "insufficient_balance",
            Self::RecipientReserved => "recipient_reserved",
            Self::OpenFeeAboveMax => "open_fee_above_max",
            Self::StakeBelowMinimum => "stake_below_minimum",
            Self::AlreadyCandidate => "already_candidate",
            Self::NotCandidate => "not_candidate",
            Self::UnknownValidator => "unknown_validator",
            Self::Tombstoned => "tombstoned",
            Self::NotEnoughStake => "not_enough_stake",
            Self::StakeHeld => "stake_held",
            Self::RedelegationLimit => "redelegation_limit",
            Self::CommissionStep => "commission_step",
            Self::NotJailed => "not_jailed",
            Self::JailNotOver => "jail_not_over",
            Self::NothingToClaim => "nothing_to_claim",
            Self::CandidateLimit => "candidate_limit",
            Self::StakeOutOfRange => "stake_out_of_range",
            Self::NotActive => "not_active",
            Self::LastValidator => "last_validator",
            Self::IdentityExists => "identity_exists",
            Self::WrongBond => "wrong_bond",
            Self::IdentitiesFull => "identities_full",
            Self::StaleKeyProof => "stale_key_proof",
            Self::KeyInUse => "key_in_use",
            Self::IdentityNotActive => "identity_not_active",
            Self::RotationPending => "rotation_pending",
            Self::NotAValidator => "not_a_validator",
            Self::IdentityNotPending => "identity_not_pending",
            Self::AlreadyAttested => "already_attested",
            Self::SubjectNotActive => "subject_not_active",
            Self::NothingToWithdraw => "nothing_to_withdraw",
            Self::BondLocked => "bond_locked",
            Self::HeartbeatLate => "heartbeat_late",
            Self::HeartbeatWrongSeed => "heartbeat_wrong_seed",
            Self::HeartbeatRepeated => "heartbeat_repeated",
            Self::HeartbeatNotNeeded => "heartbeat_not_needed",
            Self::LotteryWrongEpoch => "lottery_wrong_epoch",
            Self::NotInLottery => "not_in_lottery",
            Self::LotteryRepeated => "lottery_repeated",
            Self::BadLotteryProof => "bad_lottery_proof",
            Self::WitnessNetworkOff => "witness_network_off",
            Self::WitnessLate => "witness_late",
            Self::WitnessWrongSeed => "witness_wrong_seed",
            Self::WitnessWrongBlock => "witness_wrong_block",
            Self::WitnessInCommittee => "witness_in_committee",
            Self::WitnessTierTooLow => "witness_tier_too_low",
            Self::WitnessNotSampled => "witness_not_sampled",
            Self::WitnessRepeated => "witness_repeated",
            Self::WitnessFull => "witness_full",
            Self::ProofsOff => "proofs_off",
            Self::ProverBondBelowMinimum => "prover_bond_below_minimum",
            Self::ProverUnbonding => "prover_unbonding",
            Self::NotAProver => "not_a_prover",
            Self::ProversFull => "provers_full",
            Self::ProofInvalid => "proof_invalid",
        }
    }
}

/// Why a transaction may not enter a block (now).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Rejection {
    /// The bytes are not a canonical transaction.
    #[error("the bytes are not a canonical transaction")]
    Malformed,
    /// The encoding is longer than a transaction may be.
    #[error("the transaction is larger than 16,384 bytes and brings no proof")]
    Oversize,
    /// The sender meant another chain.
    #[error("the transaction names another chain")]
    WrongChain,
    /// The key does not belong to the payer's address.
    #[error("the key does not belong to the payer's address")]
    WrongKey,
    /// The signature does not fit the body, the key and this chain.
    #[error("the signature does not fit the body, the key and this chain")]
    BadSignature,
    /// The lane is not the lane of the action.
    #[error("the lane is not the lane of this action")]
    WrongLane,
    /// A payment of nothing, or no payment at all.
    #[error("an action must pay at least one recipient, each more than zero")]
    EmptyPayment,
    /// The sum of the payments is 2^63 µBLOCK or more.
    #[error("the sum of the payments is out of range")]
    AmountOutOfRange,
    /// `valid_until` has passed.
    #[error("valid_until has passed")]
    Expired,
    /// `valid_until` is too far ahead.
    #[error("valid_until is too far ahead")]
    ValidUntilTooFar,
    /// The payer has no account.
    #[error("the payer has no account on this chain")]
    UnknownPayer,
    /// The nonce was used before.
    #[error("the nonce was used before")]
    NonceTooLow,
    /// The nonce leaves a gap that is too wide to wait for.
    #[error("the nonce is too far ahead of the account's")]
    NonceTooHigh,
    /// `max_fee` is below the fee at this block's base fee.
    #[error("max_fee is below the fee")]
    FeeTooLow,
    /// The balance does not cover the fee.
    #[error("the balance does not cover the fee")]
    BalanceBelowFee,
    /// The same transaction is already known.
    #[error("the transaction is already known")]
    Duplicate,
    /// Another transaction with this nonce pays as much or more.
    #[error("a transaction with this nonce pays as much or more")]
    ReplacementUnderpriced,
    /// The lane's queue is full; nothing is evicted to make room.
    #[error("the queue is full")]
    QueueFull,
    /// One sender may not hold more of the queue.
    #[error("this sender has too many transactions waiting")]
    SenderLimit,
    /// The block's share for the lane is used up.
    #[error("the block has no room left in this lane")]
    BlockFull,
    /// The node is not able to accept work now.
    #[error("the node is not accepting transactions")]
    NotReady,
    /// A key is not a point of large order.
    #[error("a key is not a point of large order")]
    WeakKey,
    /// The VRF proof does not show that the payer holds the VRF key.
    #[error("the VRF proof does not show that the payer holds the VRF key")]
    BadPossessionProof,
    /// The commission is above 10,000 basis points.
    #[error("the commission is above 10,000 basis points")]
    BadCommission,
    /// Both validators are the same.
    #[error("both validators are the same")]
    SameValidator,
    /// The two messages do not conflict.
    #[error("the two messages do not conflict")]
    EvidenceNotConflicting,
    /// A message of the evidence is not signed by the named key on this chain.
    #[error("a message of the evidence is not signed by the named key on this chain")]
    EvidenceBadSignature,
    /// The evidence is about a height that is too old or not reached.
    #[error("the evidence is about a height that is too old or not reached")]
    EvidenceStale,
    /// The offence was punished already.
    #[error("the offence was punished already")]
    EvidenceDuplicate,
    /// The signer has no stake on this chain.
    #[error("the signer has no stake on this chain")]
    EvidenceUnknownOffender,
    /// An identity cannot speak for itself.
    #[error("an identity cannot speak for itself")]
    SelfAttestation,
    /// No heartbeat in the list.
    #[error("the list of heartbeats is empty")]
    HeartbeatEmpty,
    /// Heartbeats not sorted by identity, or one twice.
    #[error("the heartbeats are not sorted by identity, each once")]
    HeartbeatOrder,
    /// A heartbeat that its identity did not sign for this chain.
    #[error("a heartbeat is not signed by its identity on this chain")]
    BadHeartbeatSignature,
    /// No attestation in the list.
    #[error("the list of attestations is empty")]
    AttestationEmpty,
    /// Attestations not sorted by identity, or one twice.
    #[error("the attestations are not sorted by identity, each once")]
    AttestationOrder,
    /// An attestation that its identity did not sign for this chain.
    #[error("an attestation is not signed by its identity on this chain")]
    BadAttestationSignature,
    /// The offender has no identity that can be punished.
    #[error("the signer has no identity on this chain that evidence could end")]
    EvidenceNoIdentity,
    /// The proof is larger than a proof may be.
    #[error("the proof is larger than a proof may be")]
    ProofOversize,
    /// The proof is of another proof system than this chain.
    #[error("the proof is of another proof system than this chain")]
    WrongProofSystem,
    /// The gate recursive_proofs is off: this chain takes no proofs.
    #[error("the gate recursive_proofs is off: this chain takes no proofs")]
    ProofGateOff,
    /// The payer has no bond as a prover.
    #[error("the payer has no bond as a prover")]
    NoProverBond,
    /// The chain is proven up to that height already.
    #[error("the chain is proven up to that height already")]
    ProofNotAdvancing,
    /// No closed window ends at that height.
    #[error("no closed window ends at that height")]
    WindowNotRecorded,
    /// The proof is about another ledger than the chain has at that height.
    #[error("the proof is about another ledger than the chain has at that height")]
    WrongEndRecord,
    /// The window is assigned to another prover for now.
    #[error("the window is assigned to another prover for now")]
    ProofNotYourTurn,
    /// The block has a proof already.
    #[error("the block has a proof already")]
    ProofTaken,
    /// The payout address has no account.
    #[error("the payout address has no account")]
    UnknownPayout,
}

impl Rejection {
    /// Every rejection. Only appended to: the API numbers them by position.
    pub const ALL: [Self; 48] = [
        Self::Malformed,
        Self::Oversize,
        Self::WrongChain,
        Self::WrongKey,
        Self::BadSignature,
        Self::WrongLane,
        Self::EmptyPayment,
        Self::AmountOutOfRange,
        Self::Expired,
        Self::ValidUntilTooFar,
        Self::UnknownPayer,
        Self::NonceTooLow,
        Self::NonceTooHigh,
        Self::FeeTooLow,
        Self::BalanceBelowFee,
        Self::Duplicate,
        Self::ReplacementUnderpriced,
        Self::QueueFull,
        Self::SenderLimit,
        Self::BlockFull,
        Self::NotReady,
        Self::WeakKey,
        Self::BadPossessionProof,
        Self::BadCommission,
        Self::SameValidator,
        Self::EvidenceNotConflicting,
        Self::EvidenceBadSignature,
        Self::EvidenceStale,
        Self::EvidenceDuplicate,
        Self::EvidenceUnknownOffender,
        Self::SelfAttestation,
        Self::HeartbeatEmpty,
        Self::HeartbeatOrder,
        Self::BadHeartbeatSignature,
        Self::AttestationEmpty,
        Self::AttestationOrder,
        Self::BadAttestationSignature,
        Self::EvidenceNoIdentity,
        Self::ProofOversize,
        Self::WrongProofSystem,
        Self::ProofGateOff,
        Self::NoProverBond,
        Self::ProofNotAdvancing,
        Self::WindowNotRecorded,
        Self::WrongEndRecord,
        Self::ProofNotYourTurn,
        Self::ProofTaken,
        Self::UnknownPayout,
    ];

    /// The code used in JSON, metrics and commands.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Oversize => "oversize",
            Self::WrongChain => "wrong_chain",
            Self::WrongKey => "wrong_key",
            Self::BadSignature => "bad_signature",
            Self::WrongLane => "wrong_lane",
            Self::EmptyPayment => "empty_payment",
            Self::AmountOutOfRange => "amount_out_of_range",
            Self::Expired => "expired",
            Self::ValidUntilTooFar => "valid_until_too_far",
            Self::UnknownPayer => "unknown_payer",
            Self::NonceTooLow => "nonce_too_low",
            Self::NonceTooHigh => "nonce_too_high",
            Self::FeeTooLow => "fee_too_low",
            Self::BalanceBelowFee => "balance_below_fee",
            Self::Duplicate => "duplicate",
            Self::ReplacementUnderpriced => "replacement_underpriced",
            Self::QueueFull => "queue_full",
            Self::SenderLimit => "sender_limit",
            Self::BlockFull => "block_full",
            Self::NotReady => "not_ready",
            Self::WeakKey => "weak_key",
            Self::BadPossessionProof => "bad_possession_proof",
            Self::BadCommission => "bad_commission",
            Self::SameValidator => "same_validator",
            Self::EvidenceNotConflicting => "evidence_not_conflicting",
            Self::EvidenceBadSignature => "evidence_bad_signature",
            Self::EvidenceStale => "evidence_stale",
            Self::EvidenceDuplicate => "evidence_duplicate",
            Self::EvidenceUnknownOffender => "evidence_unknown_offender",
            Self::SelfAttestation => "self_attestation",
            Self::HeartbeatEmpty => "heartbeat_empty",
            Self::HeartbeatOrder => "heartbeat_order",
            Self::BadHeartbeatSignature => "bad_heartbeat_signature",
            Self::AttestationEmpty => "attestation_empty",
            Self::AttestationOrder => "attestation_order",
            Self::BadAttestationSignature => "bad_attestation_signature",
            Self::EvidenceNoIdentity => "evidence_no_identity",
            Self::ProofOversize => "proof_oversize",
            Self::WrongProofSystem => "wrong_proof_system",
            Self::ProofGateOff => "proof_gate_off",
            Self::NoProverBond => "no_prover_bond",
            Self::ProofNotAdvancing => "proof_not_advancing",
            Self::WindowNotRecorded => "window_not_recorded",
            Self::WrongEndRecord => "wrong_end_record",
            Self::ProofNotYourTurn => "proof_not_your_turn",
            Self::ProofTaken => "proof_taken",
            Self::UnknownPayout => "unknown_payout",
        }
    }

    /// What the sender can do about it.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Malformed => "encode the transaction as spec/transactions.md says, without trailing bytes",
            Self::Oversize => "split the payments over several transactions",
            Self::WrongChain => "compare the genesis hash with GET /status/node and sign for that chain",
            Self::WrongKey => "send the public key whose address is the payer",
            Self::BadSignature => {
                "sign domain, genesis hash and body with the payer's key; a signature for another chain does not fit"
            }
            Self::WrongLane => {
                "transfers, staking and bonds of provers are in the consumer lane, evidence and proofs in the reserved lane, everything else in the industrial lane"
            }
            Self::EmptyPayment => "name at least one recipient and an amount above zero for each",
            Self::AmountOutOfRange => "lower the amounts",
            Self::Expired => "sign again with a higher valid_until",
            Self::ValidUntilTooFar => "sign again with valid_until at most 1,000 heights ahead",
            Self::UnknownPayer => "pay the address first; a payment opens its account",
            Self::NonceTooLow => "read the nonce from GET /accounts/{address} and sign again",
            Self::NonceTooHigh => "submit the missing transactions first, then this one again",
            Self::FeeTooLow => "read the base fees from GET /status/node and raise max_fee",
            Self::BalanceBelowFee => "pay the account first or lower the tip",
            Self::Duplicate => "nothing to do: follow it with GET /transactions/{id}",
            Self::ReplacementUnderpriced => "raise the tip by at least a tenth to replace the waiting transaction",
            Self::QueueFull => "try again in a few blocks",
            Self::SenderLimit => "wait until some of this account's transactions are finalized",
            Self::BlockFull => "nothing to do: it waits for the next block",
            Self::NotReady => "try another node, or wait until GET /health/ready answers 200",
            Self::WeakKey => "register a freshly generated key; see tb key new",
            Self::BadPossessionProof => {
                "prove possession with the VRF key of this account on this chain; tb stake bond does it"
            }
            Self::BadCommission => "name a commission of 0 to 10,000 basis points",
            Self::SameValidator => "name two different validators",
            Self::EvidenceNotConflicting => {
                "send two messages of one signer, height, round and step with different values, the smaller encoding first"
            }
            Self::EvidenceBadSignature => {
                "send the messages with the key and signatures as they were received on this chain"
            }
            Self::EvidenceStale => "nothing to do: only offences within params.evidence.age_epochs count",
            Self::EvidenceDuplicate => "nothing to do",
            Self::EvidenceUnknownOffender => "nothing to do: only stakers can be punished",
            Self::SelfAttestation => "ask another validator or identity",
            Self::HeartbeatEmpty => "put at least one heartbeat into the transaction",
            Self::HeartbeatOrder => "sort the heartbeats by identity and name each identity once",
            Self::BadHeartbeatSignature => "sign domain, genesis hash and heartbeat with the identity's wallet key",
            Self::AttestationEmpty => "put at least one attestation into the transaction",
            Self::AttestationOrder => "sort the attestations by identity and name each identity once",
            Self::BadAttestationSignature => "sign domain, genesis hash and attestation with the identity's wallet key",
            Self::EvidenceNoIdentity => "nothing to do: this offence is one of a registered identity",
            Self::ProofOversize => {
                "a chain proof has some 260 KB; see max_proof_size_bytes of the node and params.proving.proof_bytes_max"
            }
            Self::WrongProofSystem => {
                "make the proof with the system that the genesis file names; GET /proofs/status shows it"
            }
            Self::ProofGateOff => "nothing to do: GET /status/rollout shows the gates of this chain",
            Self::NoProverBond => "bond first: tb prover bond AMOUNT",
            Self::ProofNotAdvancing => "nothing to do: another prover was quicker, and nothing was paid",
            Self::WindowNotRecorded => "prove up to the end of a closed window",
            Self::WrongEndRecord => "follow the finalized chain of this genesis and prove its blocks",
            Self::ProofNotYourTurn => "wait until the turn is over; tb prover status shows when",
            Self::ProofTaken => "nothing to do: it waits for the next block",
            Self::UnknownPayout => "name a payout address that has an account when the proof is made",
        }
    }
}
