//! What the payer can do about a recorded outcome. Its transaction is final: every hint is about the next one.

use super::Outcome;

impl Outcome {
    /// What the payer can do about it; nothing after a success.
    pub const fn hint(self) -> Option<&'static str> {
        Some(match self {
            Self::Success => return None,
            Self::InsufficientBalance => {
                "read the balance from GET /accounts/{address} and send less, or be paid first; only the fee was taken"
            }
            Self::RecipientReserved => "pay an address of a person; accounts of modules are paid by the chain alone",
            Self::OpenFeeAboveMax => "raise max_fee by the fee of each account that the payment opens",
            Self::StakeBelowMinimum => "raise the amount to the least stake of GET /status/limits",
            Self::AlreadyCandidate => {
                "bond more without a candidacy; commission and keys are changed by actions of their own"
            }
            Self::NotCandidate => "bond with a candidacy first: commission and VRF key",
            Self::UnknownValidator => "compare the address with GET /staking/validators",
            Self::Tombstoned => "stake behind another validator; this one was removed forever",
            Self::NotEnoughStake => "read the stake from GET /staking/accounts/{address} and ask for less",
            Self::StakeHeld => "wait until the stake that was redelegated is free, or take other stake",
            Self::RedelegationLimit => "wait until an earlier move of stake is over",
            Self::CommissionStep => "change the commission by a smaller step, once an epoch",
            Self::NotJailed => "nothing is to be done; the validator is not in jail",
            Self::JailNotOver => "wait for the height that GET /staking/validators/{address} names",
            Self::NothingToClaim => "wait for the end of an epoch in which there was something to earn",
            Self::CandidateLimit => "wait until a candidate leaves",
            Self::StakeOutOfRange => "lower the amount",
            Self::NotActive => "nothing more is to be done now; the module takes no such action on this chain yet",
            Self::LastValidator => {
                "keep params.staking.min_self_stake bonded until another validator votes, or take only what is above it"
            }
            Self::IdentityExists => "rotate a key instead, or revoke the identity first",
            Self::WrongBond => "send the bond that GET /ledger/identity/{address} names",
            Self::IdentitiesFull => "wait; every identity number of this chain is taken",
            Self::StaleKeyProof => "prove the key again at the present height",
            Self::KeyInUse => "make another key; one key belongs to one identity",
            Self::IdentityNotActive => {
                "wait until validators have attested the identity, or register again when it expired"
            }
            Self::RotationPending => "wait until the earlier rotation is in force",
            Self::NotAValidator => "only a member of the validator set may do this",
            Self::IdentityNotPending => "read the identity again; it is attested, expired or was registered anew",
            Self::AlreadyAttested => "nothing is to be done; the attestation counts",
            Self::SubjectNotActive => "wait until the subject's identity is active",
            Self::NothingToWithdraw => "read the bond from GET /ledger/identity/{address}",
            Self::BondLocked => "wait for the height that GET /ledger/identity/{address} names",
            Self::HeartbeatLate => "answer the next challenge; check that the node follows the chain",
            Self::HeartbeatWrongSeed => "answer with the seed of the open challenge in GET /ledger/timetoke",
            Self::HeartbeatRepeated => "nothing is to be done; the first answer counts",
            Self::HeartbeatNotNeeded => "nothing is to be done; a validator's commits are its answer",
            Self::LotteryWrongEpoch => {
                "read the open lottery from GET /consensus/vrf/threshold and send a ticket for it"
            }
            Self::NotInLottery => "candidates are frozen before a lottery; be one before the next",
            Self::LotteryRepeated => "nothing is to be done; the first ticket counts",
            Self::BadLotteryProof => "make the proof with the VRF key that was in force when the list was frozen",
            Self::WitnessNetworkOff => "wait until the gate witness_network is on; GET /status/node lists gates",
            Self::WitnessLate => "attest to the sample that is open",
            Self::WitnessWrongSeed => "attest with the seed of the open sample",
            Self::WitnessWrongBlock => "attest to the block that the sample names",
            Self::WitnessInCommittee => "nothing is to be done; members of the committee are not witnesses",
            Self::WitnessTierTooLow => "raise the tier first; tb reputation explain says how",
            Self::WitnessNotSampled => "wait for a sample that draws this identity",
            Self::WitnessRepeated => "nothing is to be done; the first attestation counts",
            Self::WitnessFull => "nothing is to be done; the sample has enough attestations",
            Self::ProofsOff => "wait until the gate recursive_proofs is on; GET /status/node lists gates",
            Self::ProverBondBelowMinimum => "bond at least what GET /proofs/provers names",
            Self::ProverUnbonding => "wait until the bond is paid out, then bond again",
            Self::NotAProver => "bond as a prover first",
            Self::ProversFull => "wait until a prover leaves",
            Self::ProofInvalid => "compare keys and version of the prover with GET /proofs/status; the bond was lost",
        })
    }
}
