//! Account addresses: 30 bytes of BLAKE3 over (key kind, public key), that is 8 limbs of 30 bits.
//!
//! Each limb fits any 31-bit field, so an address is native inside both proof systems. Text form is
//! bech32m with the prefix `tb`.

use std::fmt;
use std::str::FromStr;

use bech32::{Bech32m, Hrp};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::crypto::PublicKey;
use crate::hash::{Domain, hash};

/// Bytes in an address.
pub const ADDRESS_BYTES: usize = 30;
/// The human-readable prefix of the text form.
pub const ADDRESS_PREFIX: &str = "tb";

/// What stands behind an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// An Ed25519 public key.
    Ed25519,
    /// A module's own account: there is no key, only the module moves its money.
    Module,
}

impl KeyKind {
    const fn tag(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Module => 2,
        }
    }
}

/// An account address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Address(pub [u8; ADDRESS_BYTES]);

impl Address {
    /// The address of `public` (32 key bytes, or a module's name).
    pub fn of(kind: KeyKind, public: &[u8]) -> Self {
        let full = hash(Domain::Address, &[&[kind.tag()], public]);
        let mut bytes = [0_u8; ADDRESS_BYTES];
        bytes.copy_from_slice(&full.0[..ADDRESS_BYTES]);
        Self(bytes)
    }

    /// The address of an Ed25519 key.
    pub fn of_key(key: &PublicKey) -> Self {
        Self::of(KeyKind::Ed25519, key.as_bytes())
    }

    /// The address of a module's own account, such as `fee_pot`.
    pub fn of_module(name: &str) -> Self {
        Self::of(KeyKind::Module, name.as_bytes())
    }

    /// Eight limbs of 30 bits, the first holding the lowest bits of the little-endian integer.
    pub fn limbs(&self) -> [u32; 8] {
        std::array::from_fn(|limb| {
            let first_bit = 30 * limb;
            let mut window = [0_u8; 8];
            // Five bytes hold any 30 bits at any offset within a byte.
            for (byte, source) in window.iter_mut().zip(&self.0[first_bit / 8..]).take(5) {
                *byte = *source;
            }
            let bits = (u64::from_le_bytes(window) >> (first_bit % 8)) & ((1 << 30) - 1);
            u32::try_from(bits).expect("30 bits fit 32")
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = Hrp::parse_unchecked(ADDRESS_PREFIX);
        let text = bech32::encode::<Bech32m>(prefix, &self.0).expect("30 bytes are within bech32m's length");
        f.write_str(&text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Text that is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an address starts with tb1 and is 57 characters of bech32m; check it for a typing error")]
pub struct AddressTextError;

impl FromStr for Address {
    type Err = AddressTextError;
    fn from_str(text: &str) -> Result<Self, AddressTextError> {
        let parsed =
            bech32::primitives::decode::CheckedHrpstring::new::<Bech32m>(text).map_err(|_| AddressTextError)?;
        if parsed.hrp() != Hrp::parse_unchecked(ADDRESS_PREFIX) {
            return Err(AddressTextError);
        }
        let bytes: Vec<u8> = parsed.byte_iter().collect();
        Ok(Self(bytes.try_into().map_err(|_| AddressTextError)?))
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
