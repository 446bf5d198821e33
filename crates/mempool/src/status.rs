//! What waits, for `/status/mempool` and the metrics. Reads only; costs one walk over the mempool.

use std::cmp::Reverse;

use primitives::{Address, Amount, Height, Lane, Nonce, Timestamp, TransactionId};

use crate::order::score;
use crate::pool::Mempool;
use crate::sender::{Entry, Queue};

/// Most entries [`Mempool::list`] returns.
pub const LIST_MAX: usize = 1_000;

/// One lane of the transaction queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LaneStatus {
    /// Transactions that could be included now.
    pub pending: usize,
    /// Transactions that wait for a lower nonce.
    pub queued: usize,
    /// Age of the oldest transaction, milliseconds; 0 when the lane is empty.
    pub oldest_age_ms: u64,
}

/// Filling of one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueStatus {
    /// Entries it holds.
    pub size: usize,
    /// Entries it may hold.
    pub limit: usize,
}

/// The whole mempool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// All lanes together, without registrations of identities and evidence.
    pub transactions: QueueStatus,
    /// Registrations of identities, in both lanes; not counted in `transactions`.
    pub identities: QueueStatus,
    /// By [`Lane::index`].
    pub lanes: [LaneStatus; 3],
    /// Payers with something waiting.
    pub senders: usize,
    /// Bytes of the encodings of everything that waits.
    pub bytes: usize,
    /// Weight of the age, parts per million.
    pub priority_weight_ppm: u32,
    /// Weight of the tip, parts per million.
    pub fee_weight_ppm: u32,
}

/// One waiting transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its id.
    pub id: TransactionId,
    /// Who pays.
    pub payer: Address,
    /// The payer's nonce.
    pub nonce: Nonce,
    /// Its lane.
    pub lane: Lane,
    /// What it offers the proposer.
    pub tip: Amount,
    /// The last height that may include it.
    pub valid_until: Height,
    /// Whether it could be included now.
    pub pending: bool,
    /// How long it has waited, milliseconds.
    pub age_ms: u64,
    /// Its score, millionths of a point.
    pub score: u128,
    /// Whether it waits in the queue of identities.
    pub is_identity: bool,
}

impl Mempool {
    /// Sizes, limits and ages at `now`.
    pub fn status(&self, now: Timestamp) -> Status {
        let mut lanes = [LaneStatus::default(); 3];
        let mut bytes = 0;
        for (entry, pending) in self.entries() {
            bytes += entry.bytes;
            if let Some(lane) = lanes.get_mut(entry.lane().index()) {
                if pending {
                    lane.pending += 1;
                } else {
                    lane.queued += 1;
                }
                lane.oldest_age_ms = lane.oldest_age_ms.max(now.since(entry.admitted_at));
            }
        }
        let limit = self.config.limit;
        Status {
            transactions: QueueStatus { size: self.len() - self.identities - self.evidence - self.proofs, limit },
            identities: QueueStatus { size: self.identities, limit },
            lanes,
            senders: self.senders.len(),
            bytes,
            priority_weight_ppm: self.config.priority_weight_ppm,
            fee_weight_ppm: self.config.fee_weight_ppm,
        }
    }

    /// The first `limit` (at most [`LIST_MAX`]) waiting transactions, best score first. A payer's lower nonce still
    /// goes into a block before its higher one.
    pub fn list(&self, now: Timestamp, limit: usize) -> Vec<Waiting> {
        let mut entries: Vec<(&Entry, bool)> = self.entries().collect();
        entries.sort_unstable_by_key(|(entry, _)| Reverse(entry.place));
        let shown = entries.into_iter().take(limit.min(LIST_MAX));
        shown.map(|(entry, pending)| self.waiting(entry, pending, now)).collect()
    }

    /// Every entry, with whether it is pending.
    fn entries(&self) -> impl Iterator<Item = (&Entry, bool)> {
        self.senders.values().flat_map(|sender| {
            let first = sender.account_nonce;
            // A nonce the account has already used waits for the next commit and is not in the run.
            let used = sender.entries.range(..first).count();
            let run = used..used + sender.pending;
            sender.entries.values().enumerate().map(move |(at, entry)| (entry, run.contains(&at)))
        })
    }

    fn waiting(&self, entry: &Entry, pending: bool, now: Timestamp) -> Waiting {
        let body = &entry.transaction.body;
        Waiting {
            id: entry.id,
            payer: body.payer,
            nonce: body.nonce,
            lane: body.lane,
            tip: body.tip,
            valid_until: body.valid_until,
            pending,
            age_ms: now.since(entry.admitted_at),
            score: score(&self.config, entry.admitted_at, entry.fee_points, now),
            is_identity: entry.queue == Queue::Identities,
        }
    }
}
