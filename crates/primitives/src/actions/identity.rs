//! What the identity module is asked for, and the key proofs that bind keys to a wallet. Rules in `spec/identity.md`.
//!
//! ```text
//! key proof = "the-block/key-proof/v1" ‖ genesis hash 32 ‖ kind 1 ‖ identity 30 ‖ key 32 ‖ valid_from 8
//! ```
//! A VRF key proves possession by its VRF proof over these bytes, a peer key by its Ed25519 signature. Both need
//! nothing but the message, so they are checked before the state is asked.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::amount::Amount;
use crate::codec::encode;
use crate::crypto::{PublicKey, SecretKey, Signature, VrfProof, VrfPublicKey, VrfSecretKey};
use crate::hash::Hash;
use crate::ids::Height;
use crate::outcome::Rejection;

/// First bytes of a key proof.
pub const KEY_PROOF_DOMAIN: &[u8] = b"the-block/key-proof/v1";

/// Which key of an identity is proven.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum KeyKindProven {
    /// The key of lotteries and beacons.
    Vrf = 0,
    /// The key of the node on the network.
    Peer = 1,
}

/// The statement that a key belongs to an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct KeyProof {
    /// Which key.
    pub kind: KeyKindProven,
    /// Whose it is.
    pub identity: Address,
    /// The key's 32 bytes.
    pub key: PublicKey,
    /// The height from which the statement is meant to hold.
    pub valid_from: Height,
}

impl KeyProof {
    /// The bytes that the key proves or signs on the chain with this genesis hash.
    pub fn signing_bytes(&self, genesis: &Hash) -> Vec<u8> {
        [KEY_PROOF_DOMAIN, genesis.as_bytes().as_slice(), &encode(self)].concat()
    }
}

/// A VRF key with its proof of possession.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct VrfBinding {
    /// The key.
    pub key: VrfPublicKey,
    /// The height from which the proof is meant to hold.
    pub valid_from: Height,
    /// The key's proof over [`KeyProof::signing_bytes`].
    pub proof: VrfProof,
}

impl VrfBinding {
    /// Proves that `secret` belongs to `identity`; `None` only if the VRF cannot prove (it always can).
    pub fn prove(secret: &VrfSecretKey, identity: Address, valid_from: Height, genesis: &Hash) -> Option<Self> {
        let key = secret.public_key();
        let statement = Self { key, valid_from, proof: VrfProof([0; 80]) }.statement(identity);
        Some(Self { key, valid_from, proof: secret.prove(&statement.signing_bytes(genesis))? })
    }

    fn statement(&self, identity: Address) -> KeyProof {
        KeyProof { kind: KeyKindProven::Vrf, identity, key: PublicKey(self.key.0), valid_from: self.valid_from }
    }

    /// Whether the key is strong and proves that it belongs to `identity` on this chain.
    ///
    /// # Errors
    /// `weak_key`, `bad_possession_proof`.
    pub fn check(&self, identity: Address, genesis: &Hash) -> Result<(), Rejection> {
        if !self.key.is_strong() {
            return Err(Rejection::WeakKey);
        }
        let proven = self.key.verify(&self.statement(identity).signing_bytes(genesis), &self.proof);
        proven.map(|_| ()).ok_or(Rejection::BadPossessionProof)
    }
}

/// A node's network key with its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct PeerBinding {
    /// The key.
    pub key: PublicKey,
    /// The height from which the signature is meant to hold.
    pub valid_from: Height,
    /// The key's signature over [`KeyProof::signing_bytes`].
    pub signature: Signature,
}

impl PeerBinding {
    /// Signs that `secret` belongs to `identity`.
    pub fn sign(secret: &SecretKey, identity: Address, valid_from: Height, genesis: &Hash) -> Self {
        let key = secret.public_key();
        let statement = KeyProof { kind: KeyKindProven::Peer, identity, key, valid_from };
        Self { key, valid_from, signature: secret.sign(&statement.signing_bytes(genesis)) }
    }

    /// Whether the key is strong and signs that it belongs to `identity` on this chain.
    ///
    /// # Errors
    /// `weak_key`, `bad_possession_proof`.
    pub fn check(&self, identity: Address, genesis: &Hash) -> Result<(), Rejection> {
        if !self.key.is_strong() {
            return Err(Rejection::WeakKey);
        }
        let statement = KeyProof { kind: KeyKindProven::Peer, identity, key: self.key, valid_from: self.valid_from };
        if self.key.verify(&statement.signing_bytes(genesis), &self.signature) {
            Ok(())
        } else {
            Err(Rejection::BadPossessionProof)
        }
    }
}

/// Asks for an identity of the payer's wallet.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Register {
    /// The refundable bond, µBLOCK; exactly the governed one.
    pub bond: Amount,
    /// The key of lotteries.
    pub vrf: VrfBinding,
    /// The node's network key, if it has one.
    pub peer: Option<PeerBinding>,
}

/// One operation of the identity module.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum IdentityAction {
    /// Register the payer.
    Register(Box<Register>) = 0,
    /// A validator says that a pending identity is somebody.
    Attest {
        /// Whose identity.
        subject: Address,
        /// Which registration of it.
        registered_at: Height,
    } = 1,
    /// Replace the payer's VRF key.
    RotateVrf(VrfBinding) = 2,
    /// Replace or remove the payer's peer key.
    RotatePeer {
        /// The new key; none removes the old one.
        peer: Option<PeerBinding>,
    } = 3,
    /// End the payer's identity.
    Revoke = 4,
    /// Take the bond of an expired or revoked identity back.
    Withdraw = 5,
    /// Vouch for another identity.
    Vouch {
        /// Whose.
        subject: Address,
    } = 6,
}

impl IdentityAction {
    /// The name used in JSON, metrics and commands.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Register(_) => "identity_register",
            Self::Attest { .. } => "identity_attest",
            Self::RotateVrf(_) => "identity_rotate_vrf",
            Self::RotatePeer { .. } => "identity_rotate_peer",
            Self::Revoke => "identity_revoke",
            Self::Withdraw => "identity_withdraw",
            Self::Vouch { .. } => "identity_vouch",
        }
    }

    /// What it moves out of the payer's balance when it succeeds.
    pub const fn spend(&self) -> Amount {
        match self {
            Self::Register(register) => register.bond,
            Self::Attest { .. }
            | Self::RotateVrf(_)
            | Self::RotatePeer { .. }
            | Self::Revoke
            | Self::Withdraw
            | Self::Vouch { .. } => Amount::ZERO,
        }
    }

    /// The checks that need no state. `key` is the payer's.
    ///
    /// # Errors
    /// `weak_key`, `bad_possession_proof`, `self_attestation`.
    pub fn check_form(&self, genesis: &Hash, key: &PublicKey) -> Result<(), Rejection> {
        let payer = Address::of_key(key);
        match self {
            Self::Register(register) => {
                if !key.is_strong() {
                    return Err(Rejection::WeakKey);
                }
                register.peer.map_or(Ok(()), |peer| peer.check(payer, genesis))?;
                register.vrf.check(payer, genesis)
            }
            Self::RotateVrf(vrf) => vrf.check(payer, genesis),
            Self::RotatePeer { peer } => peer.map_or(Ok(()), |peer| peer.check(payer, genesis)),
            Self::Attest { subject, .. } | Self::Vouch { subject } if *subject == payer => {
                Err(Rejection::SelfAttestation)
            }
            Self::Attest { .. } | Self::Vouch { .. } | Self::Revoke | Self::Withdraw => Ok(()),
        }
    }
}

/// What the identity module did, for indexers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum IdentityEvent {
    /// An identity waits for attestations; its bond was paid.
    Registered {
        /// Whose.
        identity: Address,
        /// Its number.
        number: u32,
        /// Paid into `identity_bonds`.
        bond: Amount,
    } = 0,
    /// A validator attested.
    Attested {
        /// Whose identity.
        identity: Address,
        /// Which validator.
        by: Address,
    } = 1,
    /// An identity has all attestations.
    Activated {
        /// Whose.
        identity: Address,
    } = 2,
    /// A VRF key was replaced.
    VrfRotated {
        /// Whose.
        identity: Address,
        /// The first epoch that uses the new one.
        from_epoch: u64,
    } = 3,
    /// A peer key was replaced or removed.
    PeerRotated {
        /// Whose.
        identity: Address,
    } = 4,
    /// An identity was ended by its owner.
    Revoked {
        /// Whose.
        identity: Address,
    } = 5,
    /// A bond left `identity_bonds`.
    BondReturned {
        /// Who was paid.
        identity: Address,
        /// How much.
        amount: Amount,
    } = 6,
    /// Another identity vouched.
    Vouched {
        /// For whom.
        identity: Address,
        /// Who.
        by: Address,
    } = 7,
    /// Evidence ended an identity for ever.
    Punished {
        /// Whose.
        identity: Address,
        /// Burned from its bond.
        burned: Amount,
    } = 8,
}
