//! A transaction enters: decode, check, admit, gossip. The same path for RPC and for peers.
//!
//! The signature is checked before the chain is locked, so that bad transactions never hold it up.

use std::sync::Arc;

use mempool::{Admission, CheckedTransaction};
use primitives::{Rejection, Transaction, TransactionId, encode};
use replica::stages::{Stage, Stop};

use crate::clock;
use crate::shared::Shared;

/// How a submission ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Which transaction, if the bytes held one.
    pub id: Option<TransactionId>,
    /// Why.
    pub rejection: Rejection,
}

/// Takes a transaction from a client.
///
/// # Errors
/// [`Refused`] by name.
pub fn submit(shared: &Shared, bytes: &[u8]) -> Result<TransactionId, Refused> {
    let transaction = Transaction::from_bytes(bytes).map_err(|rejection| refuse(shared, None, rejection))?;
    let id = transaction.id();
    shared.stages.reach(Arc::from([id]), Stage::Received);
    let checked = CheckedTransaction::check(Arc::new(transaction), &shared.genesis_hash)
        .map_err(|rejection| refuse(shared, Some(id), rejection))?;
    admit(shared, checked).map_err(|rejection| refuse(shared, Some(id), rejection))?;
    publish(shared, id, Arc::from(bytes));
    Ok(id)
}

/// Admits a checked transaction and records the stage.
///
/// # Errors
/// A [`Rejection`] by name.
pub fn admit(shared: &Shared, checked: CheckedTransaction) -> Result<(), Rejection> {
    if shared.is_stopping() {
        return Err(Rejection::NotReady);
    }
    let id = checked.id();
    let mut chain = shared.chain().map_err(|_| Rejection::NotReady)?;
    let admitted = chain.admit(checked, clock::now());
    drop(chain);
    match admitted {
        Ok(admission) => {
            shared.stages.reach(Arc::from([id]), Stage::Admitted);
            count(shared, admission);
            shared.work.notify_one();
            Ok(())
        }
        // A nonce that was used by this very transaction is a repeated submission, not a mistake.
        Err(Rejection::NonceTooLow) if shared.store.transaction(&id).ok().flatten().is_some() => {
            Err(Rejection::Duplicate)
        }
        Err(rejection) => Err(rejection),
    }
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

/// Hands an admitted transaction to the network.
pub fn publish(shared: &Shared, id: TransactionId, bytes: Arc<[u8]>) {
    if let Some(p2p) = shared.p2p.get()
        && p2p.publish(bytes)
    {
        shared.stages.reach(Arc::from([id]), Stage::Gossiped);
    }
}

/// The canonical bytes of a waiting transaction.
pub fn bytes_of(transaction: &Transaction) -> Arc<[u8]> {
    Arc::from(encode(transaction))
}

fn refuse(shared: &Shared, id: Option<TransactionId>, rejection: Rejection) -> Refused {
    shared.metrics.mempool.rejected.with([rejection.code()]).inc();
    if let Some(id) = id
        && rejection != Rejection::Duplicate
    {
        shared.stages.stop(id, Stop::Rejected(rejection));
    }
    Refused { id, rejection }
}
