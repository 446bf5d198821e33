//! Proof that a key has a value, or has none, under a module-state root.
//!
//! ```text
//!   bytes: 0, or 1 | key hash 32 | value hash 32       the only leaf below the point where the path ends
//!          count u32 | siblings from the leaf up, each: 0 empty | 1 left 32, right 32 | 2 key hash, value hash
//! ```
//!
//! Inclusion: the leaf has the key's hash and the value's. Exclusion: there is no leaf, or the leaf is another
//! key's that shares the path this far, so the key would have had to be here.
//!
//! Rules
//! - Verification is total; there are at most 256 siblings.
//! - Untrusted bytes are refused above [`STATE_PROOF_BYTES_MAX`] before they are decoded.

use std::fmt;

use borsh::io::{Error, ErrorKind, Read, Result as IoResult, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use jmt::RootHash;
use jmt::proof::SparseMerkleProof;
use primitives::Hash;
use primitives::codec::{BoundedBytes, DecodeError, decode, encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{StateHasher, key_hash};

/// Bytes of the largest proof: one leaf, and 256 siblings of two hashes each.
pub const STATE_PROOF_BYTES_MAX: usize = 65 + 4 + 256 * 65;

/// Inclusion or exclusion of one key.
#[derive(Clone, PartialEq)]
pub struct StateProof(SparseMerkleProof<StateHasher>);

impl Eq for StateProof {}

impl StateProof {
    pub(super) fn new(proof: SparseMerkleProof<StateHasher>) -> Self {
        Self(proof)
    }

    /// True when, under `root`, `key` has `value`, or nothing when `value` is `None`. Total on any input.
    pub fn verify(&self, root: &Hash, key: &[u8], value: Option<&[u8]>) -> bool {
        self.0.verify(RootHash(root.0), key_hash(key), value).is_ok()
    }

    /// True when the proof claims that `key` has a value; only [`StateProof::verify`] says whether it is so.
    pub fn includes(&self, key: &[u8]) -> bool {
        // The leaf's fields are not public; its encoding starts with the key's hash.
        self.0.leaf().is_some_and(|leaf| encode(&leaf).starts_with(&key_hash(key).0))
    }

    /// The canonical bytes, at most [`STATE_PROOF_BYTES_MAX`].
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(&self.0)
    }

    /// Reads a proof from exactly `bytes`.
    ///
    /// # Errors
    /// [`DecodeError`] when they are too many or not canonical.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > STATE_PROOF_BYTES_MAX {
            let reason = format!("a state proof of {} bytes, at most {STATE_PROOF_BYTES_MAX} allowed", bytes.len());
            return Err(DecodeError { reason });
        }
        decode(bytes).map(Self)
    }
}

impl fmt::Debug for StateProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateProof({})", hex::encode(self.to_bytes()))
    }
}

/// Inside other types a proof is length-prefixed bytes.
impl BorshSerialize for StateProof {
    fn serialize<W: Write>(&self, writer: &mut W) -> IoResult<()> {
        BorshSerialize::serialize(&self.to_bytes(), writer)
    }
}

impl BorshDeserialize for StateProof {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        let bytes = BoundedBytes::<STATE_PROOF_BYTES_MAX>::deserialize_reader(reader)?;
        Self::from_bytes(&bytes).map_err(|error| Error::new(ErrorKind::InvalidData, error.reason))
    }
}

/// The text form is the bytes in hexadecimal.
impl Serialize for StateProof {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for StateProof {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        let bytes = hex::decode(text).map_err(serde::de::Error::custom)?;
        Self::from_bytes(&bytes).map_err(serde::de::Error::custom)
    }
}
