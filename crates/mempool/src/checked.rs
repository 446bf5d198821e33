//! A transaction whose form and signature were verified for one chain, as a type of its own.
//!
//! The mempool takes nothing else, so an unverified transaction cannot wait, be gossiped or be proposed.
//! Callers ask [`crate::Mempool::contains`] first: a known transaction needs no second signature check.
//!
//! `bytes → ReadTransaction (decoded, named) → CheckedTransaction (form and signature) → Mempool::admit`

use std::sync::Arc;

use primitives::transaction::verify_signatures;
use primitives::{Hash, Rejection, Transaction, TransactionId, encode};

/// A decoded transaction with its id and length, which are taken from its bytes once. Nothing is checked yet.
#[derive(Debug, Clone)]
pub struct ReadTransaction {
    id: TransactionId,
    bytes: usize,
    transaction: Arc<Transaction>,
}

impl ReadTransaction {
    /// Decodes a transaction that came from outside.
    ///
    /// # Errors
    /// As [`Transaction::from_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Rejection> {
        let (transaction, id) = Transaction::read(bytes)?;
        Ok(Self { id, bytes: bytes.len(), transaction: Arc::new(transaction) })
    }

    /// The id.
    pub fn id(&self) -> TransactionId {
        self.id
    }

    /// The decoded transaction.
    pub fn transaction(&self) -> &Arc<Transaction> {
        &self.transaction
    }

    fn checked(&self) -> CheckedTransaction {
        CheckedTransaction { id: self.id, bytes: self.bytes, transaction: Arc::clone(&self.transaction) }
    }
}

impl From<Arc<Transaction>> for ReadTransaction {
    fn from(transaction: Arc<Transaction>) -> Self {
        Self { id: transaction.id(), bytes: encode(transaction.as_ref()).len(), transaction }
    }
}

/// A transaction that passed every check that needs no state.
#[derive(Debug, Clone)]
pub struct CheckedTransaction {
    id: TransactionId,
    bytes: usize,
    transaction: Arc<Transaction>,
}

impl CheckedTransaction {
    /// Checks a decoded transaction for the chain with this genesis hash.
    ///
    /// # Errors
    /// As [`Transaction::check`].
    pub fn check(transaction: Arc<Transaction>, genesis: &Hash) -> Result<Self, Rejection> {
        transaction.check(genesis)?;
        Ok(ReadTransaction::from(transaction).checked())
    }

    /// Decodes and checks a transaction that came from outside.
    ///
    /// # Errors
    /// As [`Transaction::from_bytes`] and [`Transaction::check`].
    pub fn from_bytes(bytes: &[u8], genesis: &Hash) -> Result<Self, Rejection> {
        let read = ReadTransaction::from_bytes(bytes)?;
        read.transaction.check(genesis)?;
        Ok(read.checked())
    }

    /// Checks several decoded transactions with one signature batch; the verdicts come in the same order and equal
    /// those of [`CheckedTransaction::check`].
    ///
    /// # Errors
    /// Each verdict as [`Transaction::check`].
    pub fn check_all(transactions: &[ReadTransaction], genesis: &Hash) -> Vec<Result<Self, Rejection>> {
        let forms: Vec<Result<(), Rejection>> =
            transactions.iter().map(|read| read.transaction.check_form(genesis)).collect();
        let formed = transactions.iter().zip(&forms).filter(|(_, form)| form.is_ok());
        let formed: Vec<&Transaction> = formed.map(|(read, _)| read.transaction.as_ref()).collect();
        let mut signatures = verify_signatures(&formed, genesis).into_iter();
        transactions
            .iter()
            .zip(forms)
            .map(|(read, form)| {
                form?;
                // A verdict that is missing counts as a bad signature.
                if signatures.next().unwrap_or(false) { Ok(read.checked()) } else { Err(Rejection::BadSignature) }
            })
            .collect()
    }

    /// The id.
    pub fn id(&self) -> TransactionId {
        self.id
    }

    /// Length of the canonical encoding, bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The transaction itself.
    pub fn transaction(&self) -> &Arc<Transaction> {
        &self.transaction
    }
}
