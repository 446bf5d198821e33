//! Transactions: handing one in, its stages, waiting for one, its receipt.
//!
//! Rules
//! - What is in a finalized block is answered from the store, also after a restart and for transactions that
//!   the tracker has forgotten: `finalized` is a promise of the disk, not of memory.
//! - Everything else is what this node remembers; a transaction it never saw is `not_found`.

use std::sync::Arc;
use std::time::Duration;

use primitives::{Rejection, Stage, TransactionId};
use replica::stages::Progress;
use rpc::types::{ReceiptView, StageTime, SubmitResult, SubmitTransaction, TransactionStatus, TransactionView};
use rpc::{ApiError, ErrorCode};
use storage::TransactionPlace;
use tokio::time::Instant;

use super::server::{Server, stopped};
use super::{blocks, errors, query};
use crate::{proofs, submit};

/// Each stage that was reached here, in order.
pub fn reached(progress: &Progress) -> Vec<StageTime> {
    Stage::steps().filter_map(|stage| Some(StageTime { stage, time_ms: progress.at(stage)? })).collect()
}

/// Hands in one transaction.
///
/// # Errors
/// The rejection by name, or `overloaded`.
pub async fn submit(server: &Arc<Server>, request: SubmitTransaction) -> Result<SubmitResult, ApiError> {
    let mut results = submit_all(server, vec![request]).await?;
    results.pop().unwrap_or_else(|| Err(ErrorCode::Internal.into()))
}

/// Hands in several transactions, in order; one result for each.
///
/// # Errors
/// `overloaded`, and then none was handed in.
pub async fn submit_all(
    server: &Arc<Server>,
    requests: Vec<SubmitTransaction>,
) -> Result<Vec<Result<SubmitResult, ApiError>>, ApiError> {
    server.read(move |server| Ok(submit_checked(server, &requests))).await
}

/// Those that are meant for this chain go in together, so that their signatures are checked in one batch.
fn submit_checked(server: &Server, requests: &[SubmitTransaction]) -> Vec<Result<SubmitResult, ApiError>> {
    let shared = &server.shared;
    let is_ours = |request: &&SubmitTransaction| request.genesis_hash.is_none_or(|meant| meant == shared.genesis_hash);
    let ours: Vec<&[u8]> = requests.iter().filter(is_ours).map(|request| request.transaction.0.as_slice()).collect();
    let mut entered = submit::submit(shared, &ours).into_iter();
    let result = |request: &SubmitTransaction| {
        if !is_ours(&request) {
            shared.metrics.mempool.rejected.with([Rejection::WrongChain.code()]).inc();
            shared.metrics.mempool.refused.inc();
            return Err(Rejection::WrongChain.into());
        }
        match entered.next() {
            Some(Ok(id)) => {
                query::record(&id);
                let stage = shared.stages.get(&id).map_or(Stage::Admitted, |progress| progress.stage().0);
                Ok(SubmitResult { id, stage })
            }
            Some(Err(refused)) => {
                if let Some(id) = &refused.id {
                    query::record(id);
                }
                tracing::debug!(reason = refused.rejection.code(), "transaction refused");
                Err(refused.rejection.into())
            }
            None => Err(ErrorCode::Internal.into()),
        }
    };
    requests.iter().map(result).collect()
}

/// What this node knows of a transaction.
pub enum Found {
    /// It is in a finalized block.
    Finalized(TransactionPlace),
    /// It is on its way, or has stopped.
    Known,
}

fn place(server: &Server, id: &TransactionId) -> Result<Option<TransactionPlace>, ApiError> {
    server.shared.store.transaction(id).map_err(|error| errors::of_storage(&server.shared, &error))
}

fn is_waiting(server: &Server, id: &TransactionId) -> Result<bool, ApiError> {
    let chain = server.shared.chain().map_err(|fault| errors::of_fault(&fault))?;
    Ok(chain.mempool().contains(id))
}

/// Looks a transaction up.
///
/// # Errors
/// `not_found`; otherwise a failed read.
pub fn find(server: &Server, id: &TransactionId) -> Result<Found, ApiError> {
    if let Some(place) = place(server, id)? {
        return Ok(Found::Finalized(place));
    }
    if server.shared.stages.get(id).is_some() || is_waiting(server, id)? {
        return Ok(Found::Known);
    }
    Err(unknown(id))
}

fn unknown(id: &TransactionId) -> ApiError {
    ApiError::not_found(format!("transaction {id}"))
        .with_hint("hand it in with POST /transactions; what only waited in memory is gone after a restart")
}

/// `/transactions/{id}`.
///
/// # Errors
/// `not_found`; otherwise a failed read.
pub fn status(server: &Server, id: TransactionId) -> Result<TransactionStatus, ApiError> {
    seen(server, id)?.ok_or_else(|| unknown(&id))
}

/// The status of a transaction; none when this node never saw it.
///
/// # Errors
/// A failed read.
fn seen(server: &Server, id: TransactionId) -> Result<Option<TransactionStatus>, ApiError> {
    // In this order: a block that is finalized in between is then found in the store.
    let progress = server.shared.stages.get(&id);
    let next = blocks::head(server).next();
    if let Some(place) = place(server, &id)? {
        return finalized(server, id, place, progress.as_ref()).map(Some);
    }
    let chain = server.shared.chain().map_err(|fault| errors::of_fault(&fault))?;
    let waiting = chain.mempool().get(&id).cloned();
    drop(chain);
    let (stage, reason) = match &progress {
        Some(progress) => progress.stage(),
        None if waiting.is_some() => (Stage::Admitted, None),
        None => return Ok(None),
    };
    // A candidate block is always one of the height after the last finalized one.
    let height = matches!(stage, Stage::Proposed | Stage::Decided).then_some(next);
    Ok(Some(TransactionStatus {
        id,
        stage,
        reason: reason.map(str::to_owned),
        reached: progress.as_ref().map(reached).unwrap_or_default(),
        height,
        index: None,
        receipt: None,
        transaction: waiting.map(|transaction| TransactionView::from(&*transaction)),
    }))
}

fn finalized(
    server: &Server,
    id: TransactionId,
    place: TransactionPlace,
    progress: Option<&Progress>,
) -> Result<TransactionStatus, ApiError> {
    let block = blocks::expect(server, place.height)?;
    let index = usize::try_from(place.index).map_err(|error| errors::of_damage("transaction index", error))?;
    let absent = || errors::of_damage("transaction index", format!("height {} has no {index}", place.height));
    let receipt = block.receipts.get(index).ok_or_else(absent)?;
    let transaction = block.block.transactions.get(index).ok_or_else(absent)?;
    let proven = place.height <= proofs::proven_height(&server.shared);
    Ok(TransactionStatus {
        id,
        stage: if proven { Stage::Proven } else { Stage::Finalized },
        reason: None,
        reached: progress.map(reached).unwrap_or_default(),
        height: Some(place.height),
        index: Some(place.index),
        receipt: Some(ReceiptView::new(receipt, place.height, place.index)),
        transaction: Some(TransactionView::from(transaction)),
    })
}

/// `/receipts/{id}`.
///
/// # Errors
/// `not_found`, also while the transaction is on its way; otherwise a failed read.
pub fn receipt(server: &Server, id: TransactionId) -> Result<ReceiptView, ApiError> {
    let Found::Finalized(place) = find(server, &id)? else {
        return Err(ApiError::new(ErrorCode::NotFound)
            .because(format!("transaction {id} is not finalized, so it has no receipt"))
            .with_hint("wait with GET /transactions/{id}/wait, then ask again"));
    };
    let status = finalized(server, id, place, None)?;
    status.receipt.ok_or_else(|| errors::of_damage("receipt", format!("transaction {id} has none")))
}

/// `/transactions/{id}/wait`: the status once `target` is reached, passed or out of reach. A transaction that was
/// not seen here yet may be on its way from another node, so it is waited for as well.
///
/// # Errors
/// `not_found` when nobody showed the transaction to this node in time, `timeout` when it did not get to `target`
/// in time, `overloaded`, or `not_ready` when the node stops.
pub async fn wait(
    server: &Arc<Server>,
    id: TransactionId,
    target: Stage,
    longest: Duration,
) -> Result<TransactionStatus, ApiError> {
    let _place = server.wait_place()?;
    let deadline = Instant::now() + longest;
    let mut watching = server.hub.watch(id);
    let mut stop = server.stop.clone();
    let mut known = server.read(move |server| seen(server, id)).await?;
    // Held until the transaction is seen, so that made-up ids cannot take every place.
    let mut unseen_place = known.is_none().then(|| server.unseen_place()).transpose()?;
    loop {
        if let Some(status) = known.take_if(|status| status.stage.ends_wait_for(target)) {
            return Ok(status);
        }
        tokio::select! {
            biased;
            () = stopped(&mut stop) => return Err(stopping()),
            () = watching.moved() => {}
            () = tokio::time::sleep_until(deadline) => return Err(too_late(id, known.as_ref(), target, longest)),
        }
        // The tracker is asked first: most moves do not end the wait, and a full look costs a read.
        let moved = server.shared.stages.get(&id).map(|progress| progress.stage().0);
        match (moved, &mut known) {
            (Some(stage), Some(status)) if !stage.ends_wait_for(target) => status.stage = stage,
            _ => known = server.read(move |server| seen(server, id)).await?,
        }
        if known.is_some() {
            drop(unseen_place.take());
        }
    }
}

/// The refusal of a wait whose time is up.
fn too_late(id: TransactionId, known: Option<&TransactionStatus>, target: Stage, longest: Duration) -> ApiError {
    let milliseconds = longest.as_millis();
    match known {
        Some(status) => ApiError::new(ErrorCode::Timeout).because(format!(
            "transaction {id} is {} after {milliseconds} ms, {} was waited for",
            status.stage.name(),
            target.name()
        )),
        None => ApiError::new(ErrorCode::NotFound)
            .because(format!("transaction {id} did not come to this node within {milliseconds} ms"))
            .with_hint("hand it in with POST /transactions; what only waited in memory is gone after a restart"),
    }
}

/// The refusal of a wait or a stream when the node stops.
pub fn stopping() -> ApiError {
    ApiError::new(ErrorCode::NOT_READY).because("the node is shutting down").with_hint("ask another node")
}
