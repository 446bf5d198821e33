//! What the witness module is asked for: attestations that a block's data is available. Rules in `spec/witness.md`.
//!
//! ```text
//! attestation = "the-block/witness/v1" ‖ genesis hash 32 ‖ identity 30 ‖ height 8 ‖ seed 32 ‖ value 32
//! ```
//! An attestation is signed by its identity and may be carried by anybody's transaction.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::amount::Amount;
use crate::codec::{BoundedVec, encode};
use crate::crypto::{PublicKey, SecretKey, Signature};
use crate::hash::{Domain, Hash, hash};
use crate::ids::Height;
use crate::outcome::Rejection;

/// First bytes of a signed attestation.
pub const WITNESS_DOMAIN: &[u8] = b"the-block/witness/v1";
/// Most attestations in one transaction.
pub const ATTESTATIONS_MAX: usize = 16;

/// The statement that the data of a sampled block is here.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct Attestation {
    /// Who attests.
    pub identity: Address,
    /// The sampled height.
    pub height: Height,
    /// The sample's seed.
    pub seed: Hash,
    /// Hash of the sampled block.
    pub value: Hash,
}

impl Attestation {
    /// The bytes an identity signs on the chain with this genesis hash.
    pub fn signing_bytes(&self, genesis: &Hash) -> Vec<u8> {
        [WITNESS_DOMAIN, genesis.as_bytes().as_slice(), &encode(self)].concat()
    }

    /// Signs with the identity's wallet key.
    pub fn sign(self, secret: &SecretKey, genesis: &Hash) -> SignedAttestation {
        let signature = secret.sign(&self.signing_bytes(genesis));
        SignedAttestation { attestation: self, key: secret.public_key(), signature }
    }
}

/// The number that decides whether an identity is sampled: the first 8 bytes of a hash, little-endian.
pub fn witness_ticket(seed: &Hash, identity: &Address) -> u64 {
    let digest = hash(Domain::Witness, &[seed.as_bytes(), &identity.0]);
    digest.0.iter().take(8).rev().fold(0, |ticket, byte| (ticket << 8) | u64::from(*byte))
}

/// An attestation with its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct SignedAttestation {
    /// What was signed.
    pub attestation: Attestation,
    /// The identity's wallet key.
    pub key: PublicKey,
    /// Over [`Attestation::signing_bytes`].
    pub signature: Signature,
}

impl SignedAttestation {
    /// True when the key is the identity's and signed this for the chain with this genesis hash.
    pub fn verify(&self, genesis: &Hash) -> bool {
        Address::of_key(&self.key) == self.attestation.identity
            && self.key.verify(&self.attestation.signing_bytes(genesis), &self.signature)
    }
}

/// One operation of the witness module.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum WitnessAction {
    /// Brings attestations onto the chain.
    Attest {
        /// Sorted by identity, each once.
        list: BoundedVec<SignedAttestation, ATTESTATIONS_MAX>,
    } = 0,
    /// Takes what the payer earned as a witness.
    Claim = 1,
}

impl WitnessAction {
    /// The name used in JSON, metrics and commands.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Attest { .. } => "witness_attest",
            Self::Claim => "witness_claim",
        }
    }

    /// What it moves out of the payer's balance when it succeeds.
    pub const fn spend(&self) -> Amount {
        match self {
            Self::Attest { .. } | Self::Claim => Amount::ZERO,
        }
    }

    /// The checks that need no state. `key` is the payer's, which may be a stranger to every attestation.
    ///
    /// # Errors
    /// `attestation_empty`, `attestation_order`, `bad_attestation_signature`.
    pub fn check_form(&self, genesis: &Hash, _key: &PublicKey) -> Result<(), Rejection> {
        let Self::Attest { list } = self else { return Ok(()) };
        if list.is_empty() {
            return Err(Rejection::AttestationEmpty);
        }
        let rises = |pair: &[SignedAttestation]| match pair {
            [one, two] => one.attestation.identity < two.attestation.identity,
            _ => true,
        };
        if !list.windows(2).all(rises) {
            return Err(Rejection::AttestationOrder);
        }
        if list.iter().all(|signed| signed.verify(genesis)) { Ok(()) } else { Err(Rejection::BadAttestationSignature) }
    }
}

/// What the witness module did, for indexers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum WitnessEvent {
    /// A block waits for attestations.
    SampleOpened {
        /// The sampled height.
        height: Height,
        /// Decides who is sampled.
        seed: Hash,
    } = 0,
    /// An attestation counts.
    Attested {
        /// Whose.
        identity: Address,
        /// The sampled height.
        height: Height,
    } = 1,
    /// A part of the pool was promised to a witness.
    Accrued {
        /// Whose.
        identity: Address,
        /// How much.
        amount: Amount,
    } = 2,
    /// A witness took what it had earned out of the witness pool.
    Paid {
        /// Whose.
        identity: Address,
        /// How much.
        amount: Amount,
    } = 3,
}
