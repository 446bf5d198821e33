//! The waiting transactions of one payer.
//!
//! ```text
//! account nonce 5      5 6 7 . 9 10
//!                      pending queued
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use primitives::{Action, Amount, IdentityAction, Lane, Nonce, ProvingAction, Timestamp, Transaction, TransactionId};

use crate::checked::CheckedTransaction;
use crate::order::Place;

/// Where an entry counts against a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    /// Everything that is not below.
    Transactions,
    /// Registrations of identities.
    Identities,
    /// Proofs of offences.
    Evidence,
    /// Chain proofs.
    Proofs,
}

impl Queue {
    pub(crate) fn of(checked: &CheckedTransaction) -> Self {
        match &checked.transaction().body.action {
            Action::Identity(IdentityAction::Register(_)) => Self::Identities,
            Action::Evidence(_) => Self::Evidence,
            Action::Proving(ProvingAction::Submit(_)) => Self::Proofs,
            _ => Self::Transactions,
        }
    }
}

/// One waiting transaction.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its id, computed once.
    pub(crate) id: TransactionId,
    /// Length of its encoding.
    pub(crate) bytes: usize,
    /// What was signed.
    pub(crate) transaction: Arc<Transaction>,
    /// Base fee at admission plus tip: what its payer is expected to pay for it.
    pub(crate) fee: Amount,
    /// Fee points of its tip.
    pub(crate) fee_points: u64,
    /// When it was admitted.
    pub(crate) admitted_at: Timestamp,
    /// Its admission number, unique in the mempool.
    pub(crate) admission: u64,
    /// Its place in the order.
    pub(crate) place: Place,
    /// Where it counts.
    pub(crate) queue: Queue,
}

impl Entry {
    pub(crate) fn lane(&self) -> Lane {
        self.transaction.body.lane
    }

    pub(crate) fn nonce(&self) -> Nonce {
        self.transaction.body.nonce
    }
}

/// One payer.
#[derive(Debug, Default)]
pub(crate) struct Sender {
    /// The account's nonce when it was last read.
    pub(crate) account_nonce: Nonce,
    /// Everything that waits, by nonce.
    pub(crate) entries: BTreeMap<Nonce, Entry>,
    /// Length of the unbroken run from the account's nonce, kept by [`Sender::count_pending`].
    pub(crate) pending: usize,
}

impl Sender {
    /// The pending entries, in nonce order.
    pub(crate) fn run(&self) -> impl Iterator<Item = &Entry> {
        self.entries.range(self.account_nonce..).map(|(_, entry)| entry).take(self.pending)
    }

    /// The first nonce that neither the account nor a waiting transaction has used; `None` at the end of the range.
    pub(crate) fn first_missing(&self, account_nonce: Nonce) -> Option<Nonce> {
        let mut expected = Some(account_nonce);
        for nonce in self.entries.range(account_nonce..).map(|(nonce, _)| *nonce) {
            if Some(nonce) != expected {
                break;
            }
            expected = nonce.next();
        }
        expected
    }

    /// Counts the unbroken run again after entries or the account's nonce changed.
    pub(crate) fn count_pending(&mut self) {
        let mut expected = Some(self.account_nonce);
        let mut pending = 0;
        for nonce in self.entries.range(self.account_nonce..).map(|(nonce, _)| *nonce) {
            if Some(nonce) != expected {
                break;
            }
            expected = nonce.next();
            pending += 1;
        }
        self.pending = pending;
    }

    /// The fees of what waits from `account_nonce` to below `nonce`, which must not be lower; `None` from 2^63 µBLOCK on.
    pub(crate) fn fees_below(&self, account_nonce: Nonce, nonce: Nonce) -> Option<Amount> {
        self.entries.range(account_nonce..nonce).try_fold(Amount::ZERO, |sum, (_, entry)| sum.checked_add(entry.fee))
    }
}
