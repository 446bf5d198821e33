//! What the tests share: a chain of a few accounts, and transactions signed for it.

mod admission;
mod commit;
mod config;
mod configure;
mod evidence;
mod identities;
mod model;
mod order;
mod proofs;

use std::collections::BTreeMap;
use std::sync::Arc;

use primitives::{
    Action, Address, Amount, BatchTransfer, BoundedVec, FormatVersion, Hash, Height, Lane, Memo, Nonce, Payment,
    Rejection, SecretKey, Timestamp, Transaction, TransactionBody, TransactionId, Transfer,
};

use crate::{AccountReader, AccountState, Admission, CheckedTransaction, Mempool, MempoolConfig, SelectLimits, Terms};

/// The base fee of every transaction in these tests, µBLOCK.
pub(crate) const BASE_FEE: u64 = 1_000;
/// The weight of every transaction in these tests.
pub(crate) const WEIGHT: u64 = 100;
/// No limit that matters.
pub(crate) const ALL: SelectLimits = SelectLimits { transactions: usize::MAX, bytes: usize::MAX };

/// The accounts of the chain.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chain {
    pub(crate) accounts: BTreeMap<Address, AccountState>,
}

impl AccountReader for Chain {
    fn account(&self, address: &Address) -> Option<AccountState> {
        self.accounts.get(address).copied()
    }
}

impl Chain {
    /// A chain on which the first `count` keys have accounts with nonce 0 and 1,000 BLOCK.
    pub(crate) fn with(count: u8) -> Self {
        let mut chain = Self::default();
        for number in 0..count {
            chain.set(number, 0, 1_000_000_000);
        }
        chain
    }

    pub(crate) fn set(&mut self, number: u8, nonce: u64, balance: u64) {
        self.accounts.insert(address(number), AccountState { nonce: self::nonce(nonce), balance: micro(balance) });
    }
}

pub(crate) fn genesis() -> Hash {
    Hash([7; 32])
}

pub(crate) fn key(number: u8) -> SecretKey {
    SecretKey::from_seed([number.wrapping_add(1); 32])
}

pub(crate) fn address(number: u8) -> Address {
    Address::of_key(&key(number).public_key())
}

pub(crate) fn micro(value: u64) -> Amount {
    Amount::new(value).expect("test amounts are small")
}

pub(crate) fn nonce(value: u64) -> Nonce {
    Nonce::new(value).expect("test nonces are small")
}

/// A transaction to be signed, with fields a test changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draft {
    pub(crate) payer: u8,
    pub(crate) nonce: u64,
    pub(crate) lane: Lane,
    pub(crate) tip: u64,
    pub(crate) max_fee: u64,
    pub(crate) valid_until: u64,
    pub(crate) amount: u64,
    pub(crate) memo_bytes: usize,
}

/// A draft in the consumer lane without a tip.
pub(crate) fn draft(payer: u8, nonce: u64) -> Draft {
    Draft {
        payer,
        nonce,
        lane: Lane::Consumer,
        tip: 0,
        max_fee: 100_000_000,
        valid_until: 500,
        amount: 1,
        memo_bytes: 0,
    }
}

impl Draft {
    pub(crate) fn tip(self, tip: u64) -> Self {
        Self { tip, ..self }
    }

    pub(crate) fn lane(self, lane: Lane) -> Self {
        Self { lane, ..self }
    }

    pub(crate) fn max_fee(self, max_fee: u64) -> Self {
        Self { max_fee, ..self }
    }

    pub(crate) fn valid_until(self, valid_until: u64) -> Self {
        Self { valid_until, ..self }
    }

    pub(crate) fn amount(self, amount: u64) -> Self {
        Self { amount, ..self }
    }

    pub(crate) fn signed(self) -> Transaction {
        let to = address(250);
        let amount = micro(self.amount);
        let action = match self.lane {
            Lane::Consumer => Action::Transfer(Transfer {
                to,
                amount,
                memo: Memo::new(vec![0; self.memo_bytes]).expect("a short memo"),
            }),
            Lane::Industrial | Lane::Reserved => Action::BatchTransfer(BatchTransfer {
                payments: BoundedVec::new(vec![Payment { to, amount }]).expect("one payment"),
            }),
        };
        let body = TransactionBody {
            version: FormatVersion::<1>,
            payer: address(self.payer),
            nonce: nonce(self.nonce),
            lane: self.lane,
            tip: micro(self.tip),
            max_fee: micro(self.max_fee),
            valid_until: Height(self.valid_until),
            action,
        };
        body.sign(&key(self.payer), &genesis())
    }

    pub(crate) fn id(self) -> TransactionId {
        self.signed().id()
    }

    pub(crate) fn checked(self) -> CheckedTransaction {
        CheckedTransaction::check(Arc::new(self.signed()), &genesis()).expect("it was signed for this chain")
    }
}

pub(crate) fn terms(now: u64) -> Terms {
    Terms {
        base_fee: micro(BASE_FEE),
        weight: WEIGHT,
        now: Timestamp(now),
        next_height: Height(1),
        valid_until_max: 1_000,
    }
}

pub(crate) fn pool(config: MempoolConfig) -> Mempool {
    Mempool::new(config).expect("the test's configuration is valid")
}

/// Admits at `now` and checks the invariants.
pub(crate) fn admit(pool: &mut Mempool, chain: &Chain, draft: Draft, now: u64) -> Result<Admission, Rejection> {
    let result = pool.admit(draft.checked(), &terms(now), chain);
    check_invariants(pool);
    result
}

/// The ids a block without limits would be offered.
pub(crate) fn selected(pool: &Mempool) -> Vec<TransactionId> {
    pool.select(ALL).map(|candidate| candidate.id).collect()
}

/// Everything that waits, by id, to show that a refusal changed nothing.
pub(crate) fn snapshot(pool: &Mempool) -> (Vec<crate::Waiting>, Vec<TransactionId>, usize) {
    (pool.list(Timestamp(1_000_000), usize::MAX), selected(pool), pool.pending())
}

/// The invariants at [`Mempool`], recounted.
pub(crate) fn check_invariants(pool: &Mempool) {
    let entries: usize = pool.senders.values().map(|sender| sender.entries.len()).sum();
    let others = pool.len() - pool.identities - pool.evidence - pool.proofs;
    assert!(pool.identities.max(others) <= pool.config.limit && pool.evidence <= crate::pool::EVIDENCE_MAX);
    assert!(pool.proofs <= crate::pool::PROOFS_MAX);
    assert_eq!(entries, pool.by_id.len());
    assert_eq!(entries, pool.expiry.len());
    assert!(pool.senders.values().all(|sender| !sender.entries.is_empty()));
    assert!(pool.senders.values().all(|sender| sender.entries.len() <= pool.config.per_sender_limit));
    assert_eq!(pool.pending, pool.senders.values().map(|sender| sender.run().count()).sum::<usize>());
    for (id, (payer, nonce)) in &pool.by_id {
        let entry = &pool.senders[payer].entries[nonce];
        assert_eq!(entry.id, *id);
        assert!(pool.expiry.contains(&(entry.transaction.body.valid_until, *payer, *nonce)));
    }
    let status = pool.status(Timestamp(0));
    assert_eq!(status.transactions.size + status.identities.size + pool.evidence + pool.proofs, pool.len());
    assert_eq!(status.lanes.iter().map(|lane| lane.pending).sum::<usize>(), pool.pending);
    assert_eq!(status.lanes.iter().map(|lane| lane.queued).sum::<usize>(), entries - pool.pending);
}
