//! Keys, signatures and verifiable randomness, behind newtypes of fixed size.
//!
//! Rules: Ed25519 follows ZIP-215 ([`ed25519`]); batch checks are an accelerator and never change a
//! verdict; the VRF is ECVRF-EDWARDS25519-SHA512-ELL2 of RFC 9381 ([`vrf`]).

pub mod ed25519;
pub mod vrf;

pub use ed25519::{PublicKey, SecretKey, Signature, verify_batch};
pub use vrf::{VrfProof, VrfPublicKey, VrfSecretKey};

/// Implements hex text, serde and `Debug` for a fixed-size byte newtype.
macro_rules! hex_newtype {
    ($name:ident, $length:expr, $what:literal) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{self}")
            }
        }
        impl std::str::FromStr for $name {
            type Err = crate::crypto::KeyTextError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut bytes = [0_u8; $length];
                hex::decode_to_slice(text, &mut bytes)
                    .map_err(|_| crate::crypto::KeyTextError { what: $what, digits: 2 * $length })?;
                Ok(Self(bytes))
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use hex_newtype;

/// Text that is not a key, signature or proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {what} is {digits} hexadecimal digits")]
pub struct KeyTextError {
    /// What was expected.
    pub what: &'static str,
    /// How many digits it has.
    pub digits: usize,
}
