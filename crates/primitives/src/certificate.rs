//! The proof that a height was decided: precommits of more than two thirds of the power.
//!
//! Rules
//! - Signatures are sorted by address, without duplicates: a set of precommits has one encoding.
//! - Every signature counts only if it verifies; one bad signature makes the certificate invalid.
//! - Block h carries the certificate for h−1 (`last_commit`), checked by everyone before prevote.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::address::Address;
use crate::codec::{BoundedVec, FormatVersion, encode};
use crate::crypto::Signature;
use crate::crypto::ed25519::{BatchItem, verify_batch};
use crate::hash::{Domain, Hash, hash};
use crate::ids::{Height, Round};
use crate::validator::{VALIDATORS_MAX, ValidatorSet};
use crate::vote::{Vote, VoteKind};

/// One validator's precommit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct CommitSignature {
    /// Who signed.
    pub address: Address,
    /// Signature over the precommit's [`Vote::signing_bytes`].
    pub signature: Signature,
}

/// Precommits that decide a block.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CommitCertificate {
    /// Format version.
    pub version: FormatVersion<1>,
    /// The decided height.
    pub height: Height,
    /// The round that decided.
    pub round: Round,
    /// The decided block's hash.
    pub block: Hash,
    /// Who precommitted, sorted by address.
    pub signatures: BoundedVec<CommitSignature, VALIDATORS_MAX>,
}

/// Why a certificate proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not sorted by address, or an address twice.
    #[error("certificate signatures are not sorted by address, each once")]
    NotCanonical,
    /// Someone outside the set.
    #[error("certificate signer {0} is not in the validator set")]
    UnknownSigner(Address),
    /// A signature that does not verify.
    #[error("certificate signature of {0} does not verify")]
    BadSignature(Address),
    /// Two thirds or less.
    #[error("certificate holds {power} of {total} power, more than two thirds needed")]
    NoQuorum {
        /// Power that signed.
        power: u64,
        /// Power of the set.
        total: u64,
    },
    /// For another height or block.
    #[error("certificate is for another height or block")]
    WrongBlock,
}

impl CommitCertificate {
    /// Makes the canonical certificate of these precommits; `None` when there are too many.
    pub fn new(height: Height, round: Round, block: Hash, mut signatures: Vec<CommitSignature>) -> Option<Self> {
        signatures.sort();
        let signatures = BoundedVec::new(signatures)?;
        Some(Self { version: FormatVersion, height, round, block, signatures })
    }

    /// The power that signed, once every rule holds.
    ///
    /// # Errors
    /// [`CertificateError`], one variant per rule of the module header.
    pub fn verify(&self, set: &ValidatorSet, genesis: &Hash) -> Result<u64, CertificateError> {
        if !self.signatures.windows(2).all(|pair| pair[0].address < pair[1].address) {
            return Err(CertificateError::NotCanonical);
        }
        let (mut power, mut keys, mut messages) = (0_u64, Vec::new(), Vec::new());
        for entry in &self.signatures {
            let validator = set.get(&entry.address).ok_or(CertificateError::UnknownSigner(entry.address))?;
            power = power.saturating_add(validator.power);
            keys.push(validator.public_key);
            messages.push(self.precommit_of(entry.address).signing_bytes(genesis));
        }
        if !set.is_quorum(power) {
            return Err(CertificateError::NoQuorum { power, total: set.total_power() });
        }
        let items: Vec<BatchItem<'_>> = self
            .signatures
            .iter()
            .zip(keys.iter().zip(&messages))
            .map(|(entry, (key, message))| BatchItem { key: *key, message, signature: entry.signature })
            .collect();
        match verify_batch(&items).iter().position(|valid| !valid) {
            None => Ok(power),
            Some(index) => Err(CertificateError::BadSignature(self.signatures[index].address)),
        }
    }

    /// The precommit that `voter` signed for this decision.
    pub fn precommit_of(&self, voter: Address) -> Vote {
        Vote { kind: VoteKind::Precommit, height: self.height, round: self.round, value: Some(self.block), voter }
    }

    /// Hash of the canonical bytes, for the next header.
    pub fn hash(&self) -> Hash {
        hash(Domain::Certificate, &[&encode(self)])
    }
}
