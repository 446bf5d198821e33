//! What the proving module is asked for: bonds of provers, and chain proofs. Rules in `spec/proving.md`.
//!
//! ```text
//! Submit = 2 ‖ system 1 ‖ end record 84 ‖ payout 30 ‖ proof 4+n
//! end record = height 8 ‖ ledger root 32 ‖ ops digest 32 ‖ supply 8 ‖ next slot 4
//! ```
//! A submission says which end record it proves, so that a prover who followed other blocks is refused for that and keeps its
//! bond; the state compares it with its own record and hands the verifier nothing but its own.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::amount::Amount;
use crate::codec::BoundedBytes;
use crate::crypto::PublicKey;
use crate::hash::{Domain, Hash, hash};
use crate::ids::Height;
use crate::ledger::LedgerDigest;
use crate::outcome::Rejection;

/// Most bytes of any proof, wherever it comes from. What is longer is not looked at.
pub const PROOF_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The weight of an action that brings a proof, weight units: what verifying one takes, in hundredths of a transfer.
pub const PROOF_WEIGHT: u64 = 20_000;

/// A proof system by name. Which of them a chain has is in its genesis file; which of them a build verifies is in the registry of
/// the `proof` crate.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ProofSystemKind {
    /// AIRs over BabyBear with Poseidon2.
    #[default]
    Plonky3 = 0,
    /// Circle STARKs over M31.
    Stwo = 1,
}

impl ProofSystemKind {
    /// The name used in JSON, metrics and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plonky3 => "plonky3",
            Self::Stwo => "stwo",
        }
    }
}

/// The ledger after the last block of a window, as that block's header has it; also the ledger of genesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct EndRecord {
    /// The last sealed height; 0 for genesis.
    pub height: Height,
    /// Root of the ledger tree.
    pub ledger_root: LedgerDigest,
    /// Running digest of every ledger operation since genesis.
    pub ops_digest: LedgerDigest,
    /// The sum of all balances, µBLOCK.
    pub supply: Amount,
    /// Ledger slots in use.
    pub next_slot: u32,
}

/// A chain proof with what it claims.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ProofSubmission {
    /// What the proof was made with.
    pub system: ProofSystemKind,
    /// The ledger that it leads to, from genesis.
    pub end: EndRecord,
    /// Who is paid: a public value of the proof, so nobody else can be.
    pub payout: Address,
    /// The proof.
    pub proof: BoundedBytes<PROOF_BYTES_MAX>,
}

impl ProofSubmission {
    /// The hash that names the proof in headers, events and caches.
    pub fn proof_hash(&self) -> Hash {
        hash(Domain::Proof, &[&self.proof])
    }
}

/// What a verifier is asked about a submission: made of the chain's own records, not of what the proof says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize)]
pub struct ProofClaim {
    /// What the proof was made with.
    pub system: ProofSystemKind,
    /// The chain.
    pub genesis: Hash,
    /// The ledger of genesis.
    pub origin: EndRecord,
    /// The ledger that the proof leads to.
    pub end: EndRecord,
    /// Most new money in a block, µBLOCK.
    pub issuance_max: Amount,
    /// All the money there may ever be, µBLOCK.
    pub supply_cap: Amount,
    /// Who is paid.
    pub payout: Address,
}

/// One operation of the proving module.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ProvingAction {
    /// Puts money behind the payer's proofs.
    Bond {
        /// How much more.
        amount: Amount,
    } = 0,
    /// Asks for the whole bond back.
    Unbond = 1,
    /// Brings a chain proof onto the chain.
    Submit(ProofSubmission) = 2,
}

impl ProvingAction {
    /// The name used in JSON, metrics and commands.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Bond { .. } => "prover_bond",
            Self::Unbond => "prover_unbond",
            Self::Submit(_) => "proof_submit",
        }
    }

    /// What it moves out of the payer's balance when it succeeds.
    pub const fn spend(&self) -> Amount {
        match self {
            Self::Bond { amount } => *amount,
            Self::Unbond | Self::Submit(_) => Amount::ZERO,
        }
    }

    /// The checks that need no state.
    ///
    /// # Errors
    /// `empty_payment` for a bond of nothing.
    pub fn check_form(&self, _genesis: &Hash, _key: &PublicKey) -> Result<(), Rejection> {
        match self {
            Self::Bond { amount } if *amount == Amount::ZERO => Err(Rejection::EmptyPayment),
            Self::Bond { .. } | Self::Unbond | Self::Submit(_) => Ok(()),
        }
    }
}

/// What the proving module did, for indexers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ProvingEvent {
    /// Money moved into `prover_bonds`.
    Bonded {
        /// Whose.
        prover: Address,
        /// How much.
        amount: Amount,
    } = 0,
    /// A prover asked for its bond.
    Unbonding {
        /// Who.
        prover: Address,
        /// How much.
        amount: Amount,
        /// The height at whose end it is paid out.
        height: Height,
    } = 1,
    /// A bond left `prover_bonds`.
    Returned {
        /// Whose.
        prover: Address,
        /// How much.
        amount: Amount,
    } = 2,
    /// A window waits for a proof.
    WindowClosed {
        /// Its last height.
        end: Height,
        /// Who may prove it first; nobody is bonded when there is none.
        assigned: Option<Address>,
    } = 3,
    /// A chain proof was accepted; its payout was taken out of the prover pool.
    Accepted {
        /// The proven height before.
        from: Height,
        /// The proven height after.
        to: Height,
        /// Who brought it.
        prover: Address,
        /// Who was paid.
        payout: Address,
        /// How much, at most what the pool held.
        reward: Amount,
        /// Hash of the proof.
        proof: Hash,
    } = 4,
    /// A proof did not verify: the bond was burned.
    Forfeited {
        /// Whose.
        prover: Address,
        /// How much.
        burned: Amount,
    } = 5,
}
