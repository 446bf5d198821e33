//! The keys of window proofs, made from the tables and pinned by hash.
//!
//! A key is made anew in every process, which takes a few milliseconds, and compared with the hash in
//! `fixtures/window_key.txt`. So a build whose proof stack or tables differ by anything says so instead of giving
//! another verdict than the rest of the network.
//!
//! Read next: [`crate::params`], [`crate::airs`].

use std::sync::OnceLock;

use openvm_stark_backend::keygen::MultiStarkKeygenBuilder;
use openvm_stark_backend::keygen::types::{KeygenError, MultiStarkProvingKey, MultiStarkVerifyingKey};
use openvm_stark_backend::p3_field::PrimeField32;
use openvm_stark_backend::soundness::SoundnessCalculator;
use openvm_stark_sdk::config::baby_bear_poseidon2::BabyBearPoseidon2Config;
use primitives::LedgerDigest;

use crate::airs;
use crate::params::system_params;

/// Field, extension, hash and transcript of the proofs.
pub type Config = BabyBearPoseidon2Config;

/// The hash of the one key that window proofs are verified under, 64 hex digits.
const PINNED: &str = include_str!("../../../fixtures/window_key.txt");

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The tables cannot be proven with these parameters.
    #[error("the tables of window proofs have no key")]
    Keygen(#[from] KeygenError),
    /// Another key than the pinned one.
    #[error(
        "this build makes the window key {found}, but {pinned} is pinned: it was built with other tables or another \
         proof stack; build it from the locked sources"
    )]
    NotPinned {
        /// The hash of the key that was made.
        found: LedgerDigest,
        /// The pinned hash.
        pinned: String,
    },
    /// The fold circuit is another one over its own key, so folds could not be folded.
    #[error("the fold circuit has another key over its own proofs than over lifted windows")]
    NotRecursive,
    /// The key file of folds cannot be read or written.
    #[error("the key file of folds has another format than this build's proof stack: {0}")]
    Encoding(postcard::Error),
    /// A pinned digest is missing.
    #[error("the pinned digest {name} of the key of folds is missing")]
    Unpinned {
        /// Its name.
        name: String,
    },
}

/// What proofs are verified with.
pub struct VerifyingKey {
    inner: MultiStarkVerifyingKey<Config>,
    config: Config,
    hash: LedgerDigest,
}

impl VerifyingKey {
    /// The key of these tables, pinned or not.
    pub fn of(key: &MultiStarkProvingKey<Config>) -> Self {
        Self::of_verifying(key.get_vk())
    }

    /// The key as the proof stack has it for verifying.
    pub fn of_verifying(inner: MultiStarkVerifyingKey<Config>) -> Self {
        let elements = inner.pre_hash.map(|element| element.as_canonical_u32());
        let hash = LedgerDigest::new(elements).expect("canonical elements are below the modulus");
        Self { config: Config::default_from_params(inner.inner.params.clone()), inner, hash }
    }

    /// The hash of everything in the key.
    pub fn hash(&self) -> LedgerDigest {
        self.hash
    }

    /// The key as the proof stack has it.
    pub fn inner(&self) -> &MultiStarkVerifyingKey<Config> {
        &self.inner
    }

    /// The proof system's configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Proven bits of security in the random-oracle model, grinding included, with unique decoding throughout. It
    /// is the least of all parts of the protocol, at the largest shape the key admits.
    pub fn security_bits(&self) -> f64 {
        SoundnessCalculator::calculate_from_vk(&self.inner).total_bits
    }
}

/// Makes the proving key of the tables; equal for everyone with the same sources.
///
/// # Errors
/// [`KeyError::Keygen`] when a table does not fit the parameters.
pub fn generate() -> Result<MultiStarkProvingKey<Config>, KeyError> {
    let mut builder = MultiStarkKeygenBuilder::new(Config::default_from_params(system_params()));
    for air in airs::all() {
        builder.add_required_air(air);
    }
    Ok(builder.generate_pk()?)
}

/// The pinned verifying key, made once per process.
///
/// # Errors
/// [`KeyError`] when this build makes another key.
pub fn verifying_key() -> Result<&'static VerifyingKey, KeyError> {
    static KEY: OnceLock<VerifyingKey> = OnceLock::new();
    if let Some(key) = KEY.get() {
        return Ok(key);
    }
    let key = VerifyingKey::of(&generate()?);
    if key.hash().to_string() != PINNED.trim() {
        return Err(KeyError::NotPinned { found: key.hash(), pinned: PINNED.trim().to_owned() });
    }
    Ok(KEY.get_or_init(|| key))
}

/// Proven bits of security of window proofs; see [`VerifyingKey::security_bits`].
///
/// # Errors
/// [`KeyError`] when this build makes another key than the pinned one.
pub fn security_bits() -> Result<f64, KeyError> {
    Ok(verifying_key()?.security_bits())
}
