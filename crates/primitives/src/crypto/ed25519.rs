//! Ed25519 signatures under the ZIP-215 rule.
//!
//! Rules
//! - One verdict: [`PublicKey::verify`] decides. [`verify_batch`] gives the same answer for every input,
//!   because a failing batch is checked one by one.
//! - The coefficients of a batch are derived from all its items (BLAKE3), so the result is a function
//!   of the input and needs no randomness from the host.
//! - Secret keys are wiped on drop and never printed.
//!
//! Sources: RFC 8032 (vectors in `tests`), ZIP-215.

use std::convert::Infallible;

use borsh::{BorshDeserialize, BorshSerialize};
use ed25519_zebra::{SigningKey, VerificationKey, VerificationKeyBytes, batch};
use rand_core::{TryCryptoRng, TryRng};
use zeroize::ZeroizeOnDrop;

use super::hex_newtype;
use crate::hash::{Domain, hash_stream};

/// An Ed25519 public key as sent; it may or may not be a point of the curve.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct PublicKey(pub [u8; 32]);
hex_newtype!(PublicKey, 32, "public key");

/// An Ed25519 signature as sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Signature(pub [u8; 64]);
hex_newtype!(Signature, 64, "signature");

/// An Ed25519 secret key (the 32-byte seed of RFC 8032).
#[derive(Clone, ZeroizeOnDrop)]
pub struct SecretKey([u8; 32]);

impl SecretKey {
    /// The key with this seed.
    pub const fn from_seed(seed: [u8; 32]) -> Self {
        Self(seed)
    }

    /// The seed, for encrypted storage only.
    pub const fn seed(&self) -> &[u8; 32] {
        &self.0
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(VerificationKeyBytes::from(&SigningKey::from(self.0)).into())
    }

    /// Signs `message`; deterministic (RFC 8032).
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(SigningKey::from(self.0).sign(message).to_bytes())
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey(hidden)")
    }
}

impl PublicKey {
    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// True when `signature` is this key's signature of `message` under ZIP-215.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        VerificationKey::try_from(VerificationKeyBytes::from(self.0))
            .and_then(|key| key.verify(&signature.0.into(), message))
            .is_ok()
    }

    /// True when the bytes are a point of the curve outside the small subgroup. Required of validator,
    /// identity and VRF keys: a small-order key has signatures that fit many messages.
    pub fn is_strong(&self) -> bool {
        curve25519_dalek::edwards::CompressedEdwardsY(self.0).decompress().is_some_and(|point| !point.is_small_order())
    }
}

/// One signature to check.
#[derive(Debug, Clone, Copy)]
pub struct BatchItem<'a> {
    /// The signer.
    pub key: PublicKey,
    /// The signed bytes.
    pub message: &'a [u8],
    /// The signature.
    pub signature: Signature,
}

/// The verdict on each item, in order; the same as [`PublicKey::verify`] on each, only faster when all
/// are good.
pub fn verify_batch(items: &[BatchItem<'_>]) -> Vec<bool> {
    let mut verifier = batch::Verifier::new();
    let mut transcript = Vec::with_capacity(items.len().saturating_mul(128));
    for item in items {
        verifier.queue((VerificationKeyBytes::from(item.key.0), item.signature.0.into(), item.message));
        transcript.extend_from_slice(&item.key.0);
        transcript.extend_from_slice(&item.signature.0);
        transcript.extend_from_slice(blake3::hash(item.message).as_bytes());
    }
    if items.len() > 1 && verifier.verify(Coefficients(hash_stream(Domain::Batch, &[&transcript]))).is_ok() {
        return vec![true; items.len()];
    }
    items.iter().map(|item| item.key.verify(item.message, &item.signature)).collect()
}

/// Batch coefficients drawn from the BLAKE3 stream over the whole batch (Fiat–Shamir).
struct Coefficients(blake3::OutputReader);

impl TryRng for Coefficients {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Coefficients {}
