//! Transactions enter: decode, check, admit, gossip. The same path for RPC and for peers.
//!
//! Rules
//! - A list is checked by one batch of signatures before the chain is locked, so that bad transactions
//!   never hold it up; then it is admitted in order under one lock.
//! - A transaction whose publisher's tier is too low for its topic is admitted here and not handed to the network.
//! - Every transaction gets its own verdict, in order, whatever the others are.

use std::sync::Arc;

use mempool::{Admission, CheckedTransaction, ReadTransaction};
use primitives::{Rejection, Stage, Transaction, TransactionId, encode};
use replica::stages::Stop;

use crate::clock;
use crate::shared::Shared;
use crate::topics::{self, Topic};

/// How a submission ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Which transaction, if the bytes held one.
    pub id: Option<TransactionId>,
    /// Why.
    pub rejection: Rejection,
}

/// Takes transactions from a client, and hands what was admitted to the network.
pub fn submit(shared: &Shared, encoded: &[&[u8]]) -> Vec<Result<TransactionId, Refused>> {
    let decoded: Vec<Result<ReadTransaction, Rejection>> =
        encoded.iter().map(|bytes| ReadTransaction::from_bytes(bytes)).collect();
    let known: Vec<ReadTransaction> = decoded.iter().flatten().cloned().collect();
    let mut verdicts = enter(shared, &known).into_iter();
    let results: Vec<Result<TransactionId, Refused>> = decoded
        .into_iter()
        .map(|decoded| match decoded {
            Ok(_) => verdicts.next().unwrap_or(Err(Refused { id: None, rejection: Rejection::NotReady })),
            Err(rejection) => Err(refuse(shared, None, rejection)),
        })
        .collect();
    let held = held_back(shared, &known);
    let admitted = results.iter().zip(encoded).filter_map(|(result, bytes)| Some((result.ok()?, *bytes)));
    publish(shared, admitted.filter(|(id, _)| !held.contains(id)));
    results
}

/// Checks and admits decoded transactions, in order.
pub fn enter(shared: &Shared, transactions: &[ReadTransaction]) -> Vec<Result<TransactionId, Refused>> {
    let ids: Arc<[TransactionId]> = transactions.iter().map(|transaction| transaction.id()).collect();
    shared.stages.reach(Arc::clone(&ids), Stage::Received);
    let checked = check(shared, transactions);
    let verdicts = admit(shared, checked);
    if let Some(reporter) = &shared.reporter {
        let taken = transactions.iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_ok());
        reporter.saw(shared, taken.map(|(one, _)| one.transaction().as_ref()));
    }
    let admitted = ids.iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_ok()).map(|(id, _)| *id).collect();
    shared.stages.reach(admitted, Stage::Admitted);
    let results = ids.iter().zip(verdicts).map(|(id, verdict)| match verdict {
        Ok(admission) => {
            count(shared, admission);
            Ok(*id)
        }
        Err(rejection) => Err(refuse(shared, Some(*id), explain(shared, id, rejection))),
    });
    let results = results.collect();
    shared.work.notify_one();
    results
}

/// Form and signatures of all, but for a proof that is longer than this node looks at.
fn check(shared: &Shared, transactions: &[ReadTransaction]) -> Vec<Result<CheckedTransaction, Rejection>> {
    let most = shared.config.max_proof_size_bytes;
    let is_oversize = |read: &ReadTransaction| {
        read.transaction().body.action.submission().is_some_and(|submission| submission.proof.len() > most)
    };
    let rest: Vec<ReadTransaction> = transactions.iter().filter(|read| !is_oversize(read)).cloned().collect();
    let mut checked = CheckedTransaction::check_all(&rest, &shared.genesis_hash).into_iter();
    let verdict = |read| match is_oversize(read) {
        true => Err(Rejection::ProofOversize),
        false => checked.next().unwrap_or(Err(Rejection::NotReady)),
    };
    transactions.iter().map(verdict).collect()
}

fn admit(shared: &Shared, checked: Vec<Result<CheckedTransaction, Rejection>>) -> Vec<Result<Admission, Rejection>> {
    let mut chain = match shared.chain() {
        Ok(chain) if !shared.is_stopping() && !shared.disk.is_low() => chain,
        Ok(_) | Err(_) => return checked.iter().map(|_| Err(Rejection::NotReady)).collect(),
    };
    let now = clock::now();
    checked.into_iter().map(|checked| checked.and_then(|checked| chain.admit(checked, now))).collect()
}

/// A nonce that was used by this very transaction is a repeated submission, not a mistake.
fn explain(shared: &Shared, id: &TransactionId, rejection: Rejection) -> Rejection {
    let repeated = rejection == Rejection::NonceTooLow && shared.store.transaction(id).ok().flatten().is_some();
    if repeated { Rejection::Duplicate } else { rejection }
}

fn count(shared: &Shared, admission: Admission) {
    let metrics = &shared.metrics.mempool;
    match admission {
        Admission::Pending => metrics.admitted.with(["pending"]).inc(),
        Admission::Queued => metrics.admitted.with(["queued"]).inc(),
        Admission::Replaced(old) => {
            metrics.admitted.with(["pending"]).inc();
            metrics.replaced.inc();
            shared.stages.stop(old, Stop::Replaced);
        }
    }
}

/// The transactions that their publisher's tier keeps from the network. Most have no topic, and no lock is taken.
fn held_back(shared: &Shared, transactions: &[ReadTransaction]) -> Vec<TransactionId> {
    let all = transactions.iter().map(ReadTransaction::transaction);
    let mut topical = all.filter(|one| Topic::of(&one.body.action).is_some()).peekable();
    if topical.peek().is_none() || shared.p2p.get().is_none() {
        return Vec::new();
    }
    let Ok(chain) = shared.chain() else { return Vec::new() };
    topical.filter(|one| !topics::may_pass(shared, &chain, one)).map(|one| one.id()).collect()
}

/// Hands admitted transactions to the network.
fn publish<'a>(shared: &Shared, admitted: impl Iterator<Item = (TransactionId, &'a [u8])>) {
    let Some(p2p) = shared.p2p.get() else { return };
    let told = admitted.filter(|(_, bytes)| p2p.publish(Arc::from(*bytes))).map(|(id, _)| id).collect();
    shared.stages.reach(told, Stage::Gossiped);
}

/// The canonical bytes of a waiting transaction.
pub fn bytes_of(transaction: &Transaction) -> Arc<[u8]> {
    Arc::from(encode(transaction))
}

fn refuse(shared: &Shared, id: Option<TransactionId>, rejection: Rejection) -> Refused {
    shared.metrics.mempool.rejected.with([rejection.code()]).inc();
    shared.metrics.mempool.refused.inc();
    if let Some(id) = id
        && rejection != Rejection::Duplicate
    {
        shared.stages.stop(id, Stop::Rejected(rejection));
    }
    Refused { id, rejection }
}
