//! The verifiable random function: ECVRF-EDWARDS25519-SHA512-ELL2 of RFC 9381.
//!
//! Every block carries its builder's proof over (genesis hash, height, previous beacon), which leaves
//! the builder one choice only: to forfeit the block. The output is the 64-byte `proof_to_hash` value.
//! The RFC's own vectors pass in `tests`.

use borsh::{BorshDeserialize, BorshSerialize};
use vrf_rfc9381::ec::edwards25519::elligator2::{
    EdVrfEdwards25519Ell2, EdVrfEdwards25519Ell2PublicKey, EdVrfEdwards25519Ell2SecretKey,
};
use vrf_rfc9381::{Prover, VRF, Verifier};
use zeroize::ZeroizeOnDrop;

use super::{PublicKey, hex_newtype};

/// A VRF public key as sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct VrfPublicKey(pub [u8; 32]);
hex_newtype!(VrfPublicKey, 32, "VRF public key");

/// A VRF proof as sent: gamma (32 bytes), challenge (16), response (32).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct VrfProof(pub [u8; 80]);
hex_newtype!(VrfProof, 80, "VRF proof");

/// A VRF secret key.
#[derive(Clone, ZeroizeOnDrop)]
pub struct VrfSecretKey([u8; 32]);

impl std::fmt::Debug for VrfSecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VrfSecretKey(hidden)")
    }
}

impl VrfSecretKey {
    /// The key with this seed.
    pub const fn from_seed(seed: [u8; 32]) -> Self {
        Self(seed)
    }

    /// The seed, for encrypted storage only.
    pub const fn seed(&self) -> &[u8; 32] {
        &self.0
    }

    /// The public half (the same point as the Ed25519 key of this seed, RFC 9381 §5.5).
    pub fn public_key(&self) -> VrfPublicKey {
        VrfPublicKey(super::SecretKey::from_seed(self.0).public_key().0)
    }

    /// Proves the output for `alpha`. Deterministic. `None` only if no curve point can be made of
    /// `alpha`, which does not happen for this suite.
    pub fn prove(&self, alpha: &[u8]) -> Option<VrfProof> {
        let prover = EdVrfEdwards25519Ell2SecretKey::from_slice(&self.0).ok()?;
        let proof = EdVrfEdwards25519Ell2.prove(&prover, alpha).ok()?;
        Some(VrfProof(proof.try_into().ok()?))
    }
}

impl VrfPublicKey {
    /// The 64-byte output when `proof` is this key's proof for `alpha`, else `None`. Refuses keys of
    /// small order (RFC 9381 §5.6.1, key validation).
    pub fn verify(&self, alpha: &[u8], proof: &VrfProof) -> Option<[u8; 64]> {
        if !self.is_strong() {
            return None;
        }
        let verifier = EdVrfEdwards25519Ell2PublicKey::from_slice(&self.0).ok()?;
        let output = EdVrfEdwards25519Ell2.verify(&verifier, alpha, &proof.0).ok()?;
        output.as_slice().try_into().ok()
    }

    /// True when the bytes are a point of the curve outside the small subgroup.
    pub fn is_strong(&self) -> bool {
        PublicKey(self.0).is_strong()
    }
}
