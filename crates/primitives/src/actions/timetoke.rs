//! What the timetoke module is asked for: signed heartbeats. Rules in `spec/timetoke.md`.
//!
//! ```text
//! heartbeat = "the-block/heartbeat/v1" ‖ genesis hash 32 ‖ identity 30 ‖ challenge 8 ‖ seed 32 ‖ value 32
//! ```
//! A heartbeat is signed by its identity and may be carried by anybody's transaction. Two different ones of one
//! identity for one challenge are evidence.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::amount::Amount;
use crate::codec::{BoundedVec, encode};
use crate::crypto::{PublicKey, SecretKey, Signature};
use crate::hash::Hash;
use crate::ids::Height;
use crate::outcome::Rejection;

/// First bytes of a signed heartbeat.
pub const HEARTBEAT_DOMAIN: &[u8] = b"the-block/heartbeat/v1";
/// Most heartbeats in one transaction.
pub const HEARTBEATS_MAX: usize = 16;

/// The answer to a challenge.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct Heartbeat {
    /// Who answers.
    pub identity: Address,
    /// Number of the challenge.
    pub challenge: u64,
    /// The challenge's seed.
    pub seed: Hash,
    /// Hash of the challenged block.
    pub value: Hash,
}

impl Heartbeat {
    /// The bytes an identity signs on the chain with this genesis hash.
    pub fn signing_bytes(&self, genesis: &Hash) -> Vec<u8> {
        [HEARTBEAT_DOMAIN, genesis.as_bytes().as_slice(), &encode(self)].concat()
    }

    /// Signs with the identity's wallet key.
    pub fn sign(self, secret: &SecretKey, genesis: &Hash) -> SignedHeartbeat {
        let signature = secret.sign(&self.signing_bytes(genesis));
        SignedHeartbeat { heartbeat: self, key: secret.public_key(), signature }
    }
}

/// A heartbeat with its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct SignedHeartbeat {
    /// What was signed.
    pub heartbeat: Heartbeat,
    /// The identity's wallet key.
    pub key: PublicKey,
    /// Over [`Heartbeat::signing_bytes`].
    pub signature: Signature,
}

impl SignedHeartbeat {
    /// True when the key is the identity's and signed this for the chain with this genesis hash.
    pub fn verify(&self, genesis: &Hash) -> bool {
        Address::of_key(&self.key) == self.heartbeat.identity
            && self.key.verify(&self.heartbeat.signing_bytes(genesis), &self.signature)
    }
}

/// One operation of the timetoke module.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum TimetokeAction {
    /// Brings heartbeats onto the chain.
    Heartbeats {
        /// Sorted by identity, each once.
        list: BoundedVec<SignedHeartbeat, HEARTBEATS_MAX>,
    } = 0,
}

impl TimetokeAction {
    /// The name used in JSON, metrics and commands.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Heartbeats { .. } => "timetoke_heartbeats",
        }
    }

    /// What it moves out of the payer's balance when it succeeds.
    pub const fn spend(&self) -> Amount {
        match self {
            Self::Heartbeats { .. } => Amount::ZERO,
        }
    }

    /// The checks that need no state. `key` is the payer's, which may be a stranger to every heartbeat.
    ///
    /// # Errors
    /// `heartbeat_empty`, `heartbeat_order`, `bad_heartbeat_signature`.
    pub fn check_form(&self, genesis: &Hash, _key: &PublicKey) -> Result<(), Rejection> {
        let Self::Heartbeats { list } = self;
        if list.is_empty() {
            return Err(Rejection::HeartbeatEmpty);
        }
        // Strictly rising identities: none stands twice, and a set of heartbeats has one form.
        if !list.windows(2).all(|pair| pair[0].heartbeat.identity < pair[1].heartbeat.identity) {
            return Err(Rejection::HeartbeatOrder);
        }
        if list.iter().all(|signed| signed.verify(genesis)) { Ok(()) } else { Err(Rejection::BadHeartbeatSignature) }
    }
}

/// What the timetoke module did, for indexers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum TimetokeEvent {
    /// A challenge waits for answers.
    ChallengeOpened {
        /// Its number.
        challenge: u64,
        /// The challenged height.
        height: Height,
        /// What an answer must repeat.
        seed: Hash,
    } = 0,
    /// A heartbeat counts.
    HeartbeatAccepted {
        /// Whose.
        identity: Address,
        /// Which challenge it answers.
        challenge: u64,
        /// Whether it named the right block.
        right: bool,
    } = 1,
    /// What an epoch's timetoke is worth to a validator. Paid out of the timetoke pool, or only reported.
    Rewarded {
        /// Whose.
        validator: Address,
        /// For the blocks it built.
        proposer_part: Amount,
        /// For the commits it signed.
        witness_part: Amount,
        /// Whether both parts were paid, by one transfer.
        paid: bool,
    } = 2,
}
