//! What users sign: one action, a fee offer and an expiry, by one key.
//!
//! ```text
//! Transaction          bytes
//! ├ version            1     (= 1)
//! ├ payer              30
//! ├ nonce              8
//! ├ lane               1
//! ├ tip                8     µBLOCK to the proposer
//! ├ max_fee            8     µBLOCK, most that fees (base, opening, tip) may take together
//! ├ valid_until        8     last height that may include it
//! ├ action             1+…   tag and fields
//! ├ key                32    Ed25519, its address is the payer
//! └ signature          64    over SIGNING_DOMAIN ‖ genesis hash ‖ body
//! ```
//!
//! Rules
//! - The id is the hash of the body without key and signature; (payer, nonce) is unique in mempool and chain.
//! - [`Transaction::check`] does all that needs no state; the rest is `state/src/transaction.rs`.

use std::fmt;
use std::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::action::{Action, Lane};
use crate::actions::proving::PROOF_BYTES_MAX;
use crate::address::Address;
use crate::amount::Amount;
use crate::codec::{FormatVersion, decode, encode};
use crate::crypto::ed25519::BatchItem;
use crate::crypto::{PublicKey, SecretKey, Signature};
use crate::hash::{Domain, Hash, HashTextError, hash};
use crate::ids::{Height, Nonce};
use crate::outcome::Rejection;

/// Bytes of key and signature, which follow the body.
const SEAL_BYTES: usize = 32 + 64;
/// Largest encoded transaction in bytes, unless it brings a proof.
pub const TRANSACTION_BYTES_MAX: usize = 16_384;
/// Largest encoded transaction that brings a proof: the proof and what is around it.
pub const PROOF_TRANSACTION_BYTES_MAX: usize = PROOF_BYTES_MAX + 1_024;
/// Where the action's tag stands in the encoding.
const ACTION_AT: usize = 1 + 30 + 8 + 1 + 8 + 8 + 8;
/// The tags of an action that brings a proof.
const SUBMIT_TAGS: [u8; 2] = [16, 2];
/// First bytes of what a payer signs.
pub const SIGNING_DOMAIN: &[u8] = b"the-block/transaction/v1";

/// The hash that names a transaction everywhere.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct TransactionId(pub Hash);

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for TransactionId {
    type Err = HashTextError;
    fn from_str(text: &str) -> Result<Self, HashTextError> {
        text.parse().map(Self)
    }
}

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TransactionBody {
    /// Format version.
    pub version: FormatVersion<1>,
    /// The account that pays fees and whose nonce moves.
    pub payer: Address,
    /// The payer's nonce.
    pub nonce: Nonce,
    /// Must be the action's lane.
    pub lane: Lane,
    /// Extra to the proposer.
    pub tip: Amount,
    /// Most that all fees together may take.
    pub max_fee: Amount,
    /// The last height that may include it.
    pub valid_until: Height,
    /// What it does.
    pub action: Action,
}

impl TransactionBody {
    /// The id: hash of the canonical body.
    pub fn id(&self) -> TransactionId {
        TransactionId(hash(Domain::Transaction, &[&encode(self)]))
    }

    /// The bytes a payer signs on the chain with this genesis hash.
    pub fn signing_bytes(&self, genesis: &Hash) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(SIGNING_DOMAIN);
        bytes.extend_from_slice(genesis.as_bytes());
        bytes.extend_from_slice(&encode(self));
        bytes
    }

    /// Signs with `secret` for the chain with this genesis hash.
    pub fn sign(self, secret: &SecretKey, genesis: &Hash) -> Transaction {
        let signature = secret.sign(&self.signing_bytes(genesis));
        Transaction { body: self, key: secret.public_key(), signature }
    }

    /// What the action moves out of the payer's balance, or `None` from 2^63 on.
    pub fn payments_total(&self) -> Option<Amount> {
        self.action.spend()
    }
}

/// A signed transaction.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Transaction {
    /// What is signed.
    pub body: TransactionBody,
    /// The payer's key.
    pub key: PublicKey,
    /// Signature over [`TransactionBody::signing_bytes`].
    pub signature: Signature,
}

impl Transaction {
    /// The id.
    pub fn id(&self) -> TransactionId {
        self.body.id()
    }

    /// Reads a transaction that came from outside.
    ///
    /// # Errors
    /// [`Rejection::Oversize`] or [`Rejection::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Rejection> {
        if bytes.len() > PROOF_TRANSACTION_BYTES_MAX {
            return Err(Rejection::Oversize);
        }
        let is_long = bytes.len() > TRANSACTION_BYTES_MAX;
        // What is too long for anything but a proof is refused before anything of it is read.
        if is_long && bytes.get(ACTION_AT..ACTION_AT + 2) != Some(&SUBMIT_TAGS) {
            return Err(Rejection::Oversize);
        }
        decode(bytes).map_err(|_| Rejection::Malformed)
    }

    /// As [`Transaction::from_bytes`], with the id, which is hashed from the bytes at hand instead of new ones.
    ///
    /// # Errors
    /// As [`Transaction::from_bytes`].
    pub fn read(bytes: &[u8]) -> Result<(Self, TransactionId), Rejection> {
        let transaction = Self::from_bytes(bytes)?;
        // The encoding is canonical: what was read is what would be written.
        let body = bytes.len().checked_sub(SEAL_BYTES).and_then(|length| bytes.get(..length));
        let body = body.ok_or(Rejection::Malformed)?;
        Ok((transaction, TransactionId(hash(Domain::Transaction, &[body]))))
    }

    /// Everything that can be checked without state, the signature last.
    ///
    /// # Errors
    /// In this order: `wrong_lane`, `amount_out_of_range`, `wrong_key`, what the action's form names
    /// (such as `empty_payment`), `bad_signature`.
    pub fn check(&self, genesis: &Hash) -> Result<(), Rejection> {
        self.check_form(genesis)?;
        if self.key.verify(&self.body.signing_bytes(genesis), &self.signature) {
            Ok(())
        } else {
            Err(Rejection::BadSignature)
        }
    }

    /// The stateless checks without the signature.
    ///
    /// # Errors
    /// As [`Transaction::check`], except `bad_signature`.
    pub fn check_form(&self, genesis: &Hash) -> Result<(), Rejection> {
        if self.body.lane != self.body.action.lane() {
            return Err(Rejection::WrongLane);
        }
        if self.body.payments_total().is_none() {
            return Err(Rejection::AmountOutOfRange);
        }
        if Address::of_key(&self.key) != self.body.payer {
            return Err(Rejection::WrongKey);
        }
        self.body.action.check_form(genesis, &self.key)
    }
}

/// The signature verdict on each transaction, in order, by one batch.
pub fn verify_signatures(transactions: &[&Transaction], genesis: &Hash) -> Vec<bool> {
    let messages: Vec<Vec<u8>> = transactions.iter().map(|tx| tx.body.signing_bytes(genesis)).collect();
    let items: Vec<BatchItem<'_>> = transactions
        .iter()
        .zip(&messages)
        .map(|(tx, message)| BatchItem { key: tx.key, message, signature: tx.signature })
        .collect();
    crate::crypto::verify_batch(&items)
}
