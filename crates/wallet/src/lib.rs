//! Keys and what is done with them: words, key files, the validator signer, transaction planning.
//!
//! Model
//! - A wallet key comes from 24 words ([`mnemonic`]) along one fixed path ([`mod@derive`]) or from 32 bytes, and
//!   lies encrypted in a file of its own ([`keystore`]).
//! - A validator's keys lie in one file for unattended start ([`key_file`]). Its votes and proposals are
//!   signed by [`signer`] alone, which never signs two different messages for one place in the protocol.
//! - [`mod@plan`] turns a wish and a fee quote into the body that a payer signs.
//!
//! Rules
//! - Secrets are wiped when dropped and are never printed, logged or part of an error.
//! - Key files are written whole: temporary file, sync, a name that must be free, sync of the folder.
//! - The network is not here: who asks a node for a nonce or sends a transaction is `rpc` and `cli`.
//!
//! Read next: [`signer`], then `spec/consensus.md`; for wallets [`keystore`], then `spec/transactions.md`.

pub mod derive;
mod durable;
pub mod key_file;
pub mod keystore;
pub mod mnemonic;
pub mod plan;
pub mod seal;
pub mod signer;
pub mod stream;

#[cfg(test)]
mod tests;

pub use derive::{COIN_TYPE, account_key};
pub use key_file::{KeyFileError, Loaded, NodeKey, Protect, ValidatorKey, VrfKey};
pub use keystore::{KeyEntry, KeyMaterial, KeyName, Keystore, KeystoreError, Listing, RecoveryPhrase, Unlocked};
pub use mnemonic::{Mnemonic, MnemonicError};
pub use plan::{FeeQuote, Plan, PlanError, PlanRequest, plan};
pub use seal::{KdfParams, OpenPermissions, Password};
pub use signer::{GuardCrashPoint, GuardError, SignRefusal, SignedStep, ValidatorSigner};

/// The operating system refused random bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes ({reason}); nothing was created, try again")]
pub struct RandomnessError {
    /// What the system said.
    pub reason: String,
}

/// Fills a new array from the operating system's random source, for entropy, salts and nonces.
///
/// # Errors
/// [`RandomnessError`] when the system has none.
pub fn draw<const N: usize>() -> Result<zeroize::Zeroizing<[u8; N]>, RandomnessError> {
    let mut bytes = zeroize::Zeroizing::new([0; N]);
    getrandom::fill(&mut bytes[..]).map_err(|error| RandomnessError { reason: error.to_string() })?;
    Ok(bytes)
}
