//! 32-byte BLAKE3 hashes, one derivation context per purpose.
//!
//! Rule: a hash made for one purpose can never equal one made for another, because BLAKE3's
//! key-derivation mode separates the contexts ([`Domain`]). Text form: 64 lower-case hex digits.

use std::fmt;
use std::str::FromStr;

use std::sync::LazyLock;

use blake3::Hasher;
use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a hash is for. The context strings are part of the format and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// Account addresses.
    Address,
    /// Transaction ids.
    Transaction,
    /// Leaves of the transactions and receipts trees.
    MerkleLeaf,
    /// Inner nodes of the transactions and receipts trees.
    MerkleNode,
    /// Block headers.
    Header,
    /// Commit certificates.
    Certificate,
    /// Validator sets.
    ValidatorSet,
    /// Governed parameters.
    Params,
    /// The active gates.
    Gates,
    /// Genesis files.
    Genesis,
    /// The randomness beacon.
    Beacon,
    /// Proposer draws.
    Proposer,
    /// Coefficients of batch signature checks.
    Batch,
    /// Keys of the module-state tree.
    StateKey,
    /// Signed bytes that the double-sign guard stores.
    Guard,
    /// Evidence of an offence.
    Evidence,
    /// Commitments to timetoke balances.
    Timetoke,
    /// Draws of the admission lottery and of challenges.
    Lottery,
    /// Identities.
    Identity,
    /// Audit records of nodes.
    Audit,
    /// Sampling of witnesses.
    Witness,
    /// Chain proofs.
    Proof,
    /// Which prover a window is assigned to.
    Turn,
    /// Snapshots and their chunks.
    Snapshot,
}

/// The context strings, by [`Domain::index`].
const CONTEXTS: [&str; 24] = [
    "the-block v1 address",
    "the-block v1 transaction id",
    "the-block v1 merkle leaf",
    "the-block v1 merkle node",
    "the-block v1 header",
    "the-block v1 commit certificate",
    "the-block v1 validator set",
    "the-block v1 params",
    "the-block v1 gates",
    "the-block v1 genesis",
    "the-block v1 beacon",
    "the-block v1 proposer",
    "the-block v1 signature batch",
    "the-block v1 state key",
    "the-block v1 double-sign guard",
    "the-block v1 evidence",
    "the-block v1 timetoke",
    "the-block v1 lottery",
    "the-block v1 identity",
    "the-block v1 audit",
    "the-block v1 witness",
    "the-block v1 proof",
    "the-block v1 turn",
    "the-block v1 snapshot",
];

/// The hashed contexts: BLAKE3's key derivation hashes its context first, which is the same every time.
static CONTEXT_KEYS: LazyLock<[ContextKey; 24]> = LazyLock::new(|| CONTEXTS.map(hash_derive_key_context));

impl Domain {
    const fn index(self) -> usize {
        match self {
            Self::Address => 0,
            Self::Transaction => 1,
            Self::MerkleLeaf => 2,
            Self::MerkleNode => 3,
            Self::Header => 4,
            Self::Certificate => 5,
            Self::ValidatorSet => 6,
            Self::Params => 7,
            Self::Gates => 8,
            Self::Genesis => 9,
            Self::Beacon => 10,
            Self::Proposer => 11,
            Self::Batch => 12,
            Self::StateKey => 13,
            Self::Guard => 14,
            Self::Evidence => 15,
            Self::Timetoke => 16,
            Self::Lottery => 17,
            Self::Identity => 18,
            Self::Audit => 19,
            Self::Witness => 20,
            Self::Proof => 21,
            Self::Turn => 22,
            Self::Snapshot => 23,
        }
    }

    /// A hasher in this context.
    fn hasher(self) -> Hasher {
        Hasher::new_from_context_key(&CONTEXT_KEYS[self.index()])
    }
}

/// A 32-byte hash.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Hash(pub [u8; 32]);

/// BLAKE3 of `parts` one after another in the context of `domain`. The parts are not delimited:
/// callers pass fixed-size parts or one canonical encoding.
pub fn hash(domain: Domain, parts: &[&[u8]]) -> Hash {
    let mut hasher = domain.hasher();
    for part in parts {
        hasher.update(part);
    }
    Hash(*hasher.finalize().as_bytes())
}

/// Fills `out` from the extendable output of the same function as [`hash`].
pub fn hash_stream(domain: Domain, parts: &[&[u8]]) -> blake3::OutputReader {
    let mut hasher = domain.hasher();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize_xof()
}

impl Hash {
    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Text that is not a hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 64 hexadecimal digits")]
pub struct HashTextError;

impl FromStr for Hash {
    type Err = HashTextError;
    fn from_str(text: &str) -> Result<Self, HashTextError> {
        let mut bytes = [0_u8; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| HashTextError)?;
        Ok(Self(bytes))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
