//! The signature scheme: Ed25519 under ZIP-215, as in `primitives::crypto`.

use arc_malachitebft_app_channel::app::types::core::SigningScheme;
use primitives::{PublicKey, SecretKey, Signature};

/// Ed25519 with the ZIP-215 verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ed25519;

/// Bytes of the wrong length for a key or a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} bytes, got {found}")]
pub struct SchemeError {
    expected: usize,
    found: usize,
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], SchemeError> {
    bytes.try_into().map_err(|_| SchemeError { expected: N, found: bytes.len() })
}

impl SigningScheme for Ed25519 {
    type DecodingError = SchemeError;
    type Signature = Signature;
    type PublicKey = PublicKey;
    type PrivateKey = SecretKey;

    fn decode_signature(bytes: &[u8]) -> Result<Signature, SchemeError> {
        fixed(bytes).map(Signature)
    }

    fn encode_signature(signature: &Signature) -> Vec<u8> {
        signature.0.to_vec()
    }

    fn decode_public_key(bytes: &[u8]) -> Result<PublicKey, SchemeError> {
        fixed(bytes).map(PublicKey)
    }

    fn encode_public_key(public_key: &PublicKey) -> Vec<u8> {
        public_key.0.to_vec()
    }
}
