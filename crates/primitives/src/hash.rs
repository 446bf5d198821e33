//! 32-byte BLAKE3 hashes, one derivation context per purpose.
//!
//! Rule: a hash made for one purpose can never equal one made for another, because BLAKE3's
//! key-derivation mode separates the contexts ([`Domain`]). Text form: 64 lower-case hex digits.

use std::fmt;
use std::str::FromStr;

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
}

impl Domain {
    const fn context(self) -> &'static str {
        match self {
            Self::Address => "the-block v1 address",
            Self::Transaction => "the-block v1 transaction id",
            Self::MerkleLeaf => "the-block v1 merkle leaf",
            Self::MerkleNode => "the-block v1 merkle node",
            Self::Header => "the-block v1 header",
            Self::Certificate => "the-block v1 commit certificate",
            Self::ValidatorSet => "the-block v1 validator set",
            Self::Params => "the-block v1 params",
            Self::Gates => "the-block v1 gates",
            Self::Genesis => "the-block v1 genesis",
            Self::Beacon => "the-block v1 beacon",
            Self::Proposer => "the-block v1 proposer",
            Self::Batch => "the-block v1 signature batch",
            Self::StateKey => "the-block v1 state key",
            Self::Guard => "the-block v1 double-sign guard",
        }
    }
}

/// A 32-byte hash.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Hash(pub [u8; 32]);

/// BLAKE3 of `parts` one after another in the context of `domain`. The parts are not delimited:
/// callers pass fixed-size parts or one canonical encoding.
pub fn hash(domain: Domain, parts: &[&[u8]]) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key(domain.context());
    for part in parts {
        hasher.update(part);
    }
    Hash(*hasher.finalize().as_bytes())
}

/// Fills `out` from the extendable output of the same function as [`hash`].
pub fn hash_stream(domain: Domain, parts: &[&[u8]]) -> blake3::OutputReader {
    let mut hasher = blake3::Hasher::new_derive_key(domain.context());
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
