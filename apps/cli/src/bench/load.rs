//! Sends signed transfers: workers that share the senders, each with one node.
//!
//! ```text
//! worker: queue ─(room in flight, pace)─► batch of ≤ 100 ──HTTP──► answers
//!            ▲                                                       │ try again later
//!            └───────────────────────────────────────────────────────┘
//! ```
//! A sender belongs to one worker and a worker to one node, so its nonces arrive in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use primitives::{Hash, Transaction, TransactionId};
use rpc::limits::BATCH_MAX;
use rpc::types::SubmitTransaction;
use rpc::{Client, ExitCode};
use tokio::time::Instant;

use crate::bench::count::Tally;

/// Pause of a worker that has nothing it may send.
const PAUSE: Duration = Duration::from_millis(5);
/// Pause of a worker whose node had no room.
const FULL_PAUSE: Duration = Duration::from_millis(50);

/// What all workers share.
pub struct Load {
    /// What is in flight.
    pub tally: Tally,
    /// Most transfers in flight.
    pub in_flight_max: usize,
    /// Transfers per second of all workers together; 0: no pace.
    pub rate: u64,
    /// When sending starts.
    pub start: Instant,
    /// When sending ends.
    pub end: Instant,
    /// The chain.
    pub genesis: Hash,
    sent: AtomicU64,
}

impl Load {
    /// A load that starts now.
    pub fn new(in_flight_max: usize, rate: u64, duration: Duration, genesis: Hash) -> Self {
        let start = Instant::now();
        Self {
            tally: Tally::default(),
            in_flight_max,
            rate,
            start,
            end: start + duration,
            genesis,
            sent: AtomicU64::new(0),
        }
    }

    /// How many may be sent at this moment: by the pace, by what is in flight, and by the size of a batch. They are
    /// taken off the pace at once.
    fn take(&self, wanted: usize) -> usize {
        let room = self.in_flight_max.saturating_sub(self.tally.in_flight());
        let wanted = wanted.min(room).min(BATCH_MAX);
        let wide = u64::try_from(wanted).unwrap_or(u64::MAX);
        if self.rate == 0 {
            self.sent.fetch_add(wide, Ordering::Relaxed);
            return wanted;
        }
        let elapsed_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let due = self.rate.saturating_mul(elapsed_ms) / 1_000;
        let mut taken = 0;
        // The closure never refuses, so the result is always the old count.
        let _ = self.sent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |sent| {
            taken = due.saturating_sub(sent).min(wide);
            Some(sent.saturating_add(taken))
        });
        usize::try_from(taken).unwrap_or(wanted)
    }
}

/// Transfers of one worker, in the order they are sent.
pub type Queue = VecDeque<Transaction>;

/// Sends a queue to one node until it is empty or the time is up.
pub async fn work(load: Arc<Load>, client: Client, mut queue: Queue) {
    while !queue.is_empty() && Instant::now() < load.end {
        let count = load.take(queue.len());
        if count == 0 {
            // A block makes room; the pace is looked at again in any case.
            let _ = tokio::time::timeout(PAUSE, load.tally.room.notified()).await;
            continue;
        }
        let batch: Vec<Transaction> = queue.drain(..count).collect();
        let again = send(&load, &client, batch).await;
        if !again.is_empty() {
            // In front and in order, so that a sender's nonces stay in order.
            for transaction in again.into_iter().rev() {
                queue.push_front(transaction);
            }
            tokio::time::sleep(FULL_PAUSE).await;
        }
    }
}

/// Sends one batch; gives the transfers that are worth another try.
async fn send(load: &Load, client: &Client, batch: Vec<Transaction>) -> Vec<Transaction> {
    let ids: Vec<TransactionId> = batch.iter().map(Transaction::id).collect();
    let requests: Vec<SubmitTransaction> =
        batch.iter().map(|transaction| SubmitTransaction::new(transaction, load.genesis)).collect();
    load.tally.sending(ids.iter().copied());
    let results = match client.submit_batch(&requests).await {
        Ok(results) => results,
        Err(error) => {
            load.tally.failed(error.code());
            // Whether they arrived is unknown: sent again, a node calls the known ones duplicates.
            return batch;
        }
    };
    let mut admitted = 0;
    let mut again = Vec::new();
    for ((transaction, id), result) in batch.into_iter().zip(ids).zip(results) {
        match result {
            Ok(_) => admitted += 1,
            // It arrived with an earlier request whose answer was lost.
            Err(error) if error.code == primitives::Rejection::Duplicate.code() => admitted += 1,
            Err(error) => {
                load.tally.rejected(id, &error.code);
                if error.exit_code() == ExitCode::NotReady {
                    again.push(transaction);
                }
            }
        }
    }
    load.tally.admitted(admitted);
    again
}
