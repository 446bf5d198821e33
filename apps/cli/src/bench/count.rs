//! Counts transfers in finalized blocks, and remembers when each was submitted.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use primitives::{Height, TransactionId};
use rpc::types::BlockId;
use rpc::{Client, ClientError, ExitCode};
use tokio::sync::Notify;

use crate::exit::Failure;

/// Pause between two questions for the next block.
const POLL: Duration = Duration::from_millis(10);

/// What is in flight and what was counted.
#[derive(Default)]
pub struct Tally {
    inner: Mutex<Inner>,
    /// Told whenever a block has made room.
    pub room: Notify,
}

#[derive(Default)]
struct Inner {
    in_flight: BTreeMap<TransactionId, Instant>,
    latencies_ms: Vec<u64>,
    admitted: u64,
    rejected: BTreeMap<String, u64>,
    failed_requests: BTreeMap<String, u64>,
    blocks: u64,
    block_bytes: u64,
    last_counted: Option<Instant>,
}

/// What was counted, at the end.
pub struct Counted {
    /// Milliseconds from submission to the block being seen, one for each finalized transfer.
    pub latencies_ms: Vec<u64>,
    /// Transfers that a node admitted.
    pub admitted: u64,
    /// Refusals by code.
    pub rejected: BTreeMap<String, u64>,
    /// Requests without an answer, by code.
    pub failed_requests: BTreeMap<String, u64>,
    /// Blocks seen.
    pub blocks: u64,
    /// Their bytes.
    pub block_bytes: u64,
    /// Transfers that never were seen in a block.
    pub missing: u64,
    /// When the last block with one of ours was seen.
    pub last_counted: Option<Instant>,
}

impl Tally {
    /// Transfers that were submitted and not yet seen in a block.
    pub fn in_flight(&self) -> usize {
        self.lock().in_flight.len()
    }

    /// Notes the moment before transfers are sent. A block may hold one before its answer arrives.
    pub fn sending(&self, ids: impl Iterator<Item = TransactionId>) {
        let now = Instant::now();
        let mut inner = self.lock();
        for id in ids {
            // A retried transfer keeps its first moment.
            inner.in_flight.entry(id).or_insert(now);
        }
    }

    /// Notes that a node admitted transfers.
    pub fn admitted(&self, count: u64) {
        let mut inner = self.lock();
        inner.admitted = inner.admitted.saturating_add(count);
    }

    /// Notes a refusal. The transfer is no longer in flight.
    pub fn rejected(&self, id: TransactionId, code: &str) {
        let mut inner = self.lock();
        add(&mut inner.rejected, code);
        inner.in_flight.remove(&id);
    }

    /// Notes a request without an answer. Its transfers may have arrived all the same.
    pub fn failed(&self, code: &str) {
        add(&mut self.lock().failed_requests, code);
    }

    /// Counts the transfers of a finalized block.
    pub fn block(&self, ids: &[TransactionId], bytes: u64) {
        let now = Instant::now();
        let mut inner = self.lock();
        inner.blocks = inner.blocks.saturating_add(1);
        inner.block_bytes = inner.block_bytes.saturating_add(bytes);
        for id in ids {
            if let Some(sent) = inner.in_flight.remove(id) {
                let latency = u64::try_from(now.duration_since(sent).as_millis()).unwrap_or(u64::MAX);
                inner.latencies_ms.push(latency);
                inner.last_counted = Some(now);
            }
        }
        drop(inner);
        self.room.notify_waiters();
    }

    /// What was counted so far.
    pub fn finish(&self) -> Counted {
        let inner = std::mem::take(&mut *self.lock());
        Counted {
            missing: u64::try_from(inner.in_flight.len()).unwrap_or(u64::MAX),
            latencies_ms: inner.latencies_ms,
            admitted: inner.admitted,
            rejected: inner.rejected,
            failed_requests: inner.failed_requests,
            blocks: inner.blocks,
            block_bytes: inner.block_bytes,
            last_counted: inner.last_counted,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Counters stay meaningful whatever happened to another holder.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(counts: &mut BTreeMap<String, u64>, code: &str) {
    let count = counts.entry(code.to_owned()).or_default();
    *count = count.saturating_add(1);
}

/// Reads every block from `next` on, for ever.
///
/// # Errors
/// [`Failure`] when the node stops answering.
pub async fn follow(client: &Client, mut next: Height, tally: &Tally) -> Result<(), Failure> {
    loop {
        match client.block(BlockId::Height(next)).await {
            Ok(block) => {
                tally.block(&block.transactions, block.bytes);
                next = next.next();
            }
            Err(error) if is_not_yet(&error) => tokio::time::sleep(POLL).await,
            Err(error) => return Err(error.into()),
        }
    }
}

fn is_not_yet(error: &ClientError) -> bool {
    // A busy node is asked again; only one that cannot be reached ends the run.
    matches!(error.exit_code(), ExitCode::NotFound | ExitCode::NotReady | ExitCode::Timeout)
}
