//! How a block is filled: candidates of both lanes in their order, a payer's nonces in theirs.
//!
//! ```text
//! heads: the lowest pending nonce of each payer, sorted per lane by place
//! next  → the best head of the open lanes; its payer's next nonce becomes a head
//! refuse → the last candidate is not in the block, so its payer's later nonces cannot be either
//! close_lane → the lane has no room left; its heads wait for the next block
//! ```
//!
//! The mempool does not know weights of a block or balances: the caller executes each candidate and refuses what does
//! not fit. Nothing leaves the mempool here; what was included leaves with [`Mempool::committed`].

use std::collections::BTreeMap;
use std::sync::Arc;

use primitives::{Address, Lane, Nonce, Transaction, TransactionId};

use crate::order::Place;
use crate::pool::Mempool;
use crate::sender::Entry;

/// Room in the block, as far as it needs no execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelectLimits {
    /// Most candidates that are not refused.
    pub transactions: usize,
    /// Most bytes of their encodings together.
    pub bytes: usize,
}

/// A transaction offered to a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub id: TransactionId,
    /// Its payer.
    pub payer: Address,
    /// Its nonce.
    pub nonce: Nonce,
    /// Its lane.
    pub lane: Lane,
    /// Length of its encoding, bytes.
    pub bytes: usize,
    /// The transaction.
    pub transaction: Arc<Transaction>,
}

/// The rest of one payer's run, with its next entry taken out.
struct Head<'a> {
    entry: &'a Entry,
    rest: Box<dyn Iterator<Item = &'a Entry> + 'a>,
}

/// The candidates of one block, in order.
pub struct Selection<'a> {
    /// By lane; `None` when the lane is closed.
    heads: [Option<BTreeMap<Place, Head<'a>>>; 3],
    /// What the last candidate's payer offers next, until the candidate is refused.
    follower: Option<Head<'a>>,
    /// Bytes of the last candidate, until it is refused.
    last_bytes: usize,
    left: SelectLimits,
}

impl Mempool {
    /// The candidates for one block. The order needs no clock: see [`crate::order`].
    pub fn select(&self, limits: SelectLimits) -> Selection<'_> {
        let mut selection = Selection {
            heads: [Some(BTreeMap::new()), Some(BTreeMap::new()), Some(BTreeMap::new())],
            follower: None,
            last_bytes: 0,
            left: limits,
        };
        for sender in self.senders.values() {
            let mut rest = sender.run();
            if let Some(entry) = rest.next() {
                selection.push(Head { entry, rest: Box::new(rest) });
            }
        }
        selection
    }
}

impl<'a> Selection<'a> {
    /// Says that the last candidate is not in the block. Later nonces of its payer are not offered; its room is free.
    /// A second call for the same candidate does nothing.
    pub fn refuse(&mut self) {
        self.follower = None;
        if self.last_bytes > 0 {
            self.left.transactions = self.left.transactions.saturating_add(1);
            self.left.bytes = self.left.bytes.saturating_add(self.last_bytes);
            self.last_bytes = 0;
        }
    }

    /// Says that the lane has no room left: nothing more of it is offered, nor what follows it by nonce.
    pub fn close_lane(&mut self, lane: Lane) {
        if let Some(heads) = self.heads.get_mut(lane.index()) {
            *heads = None;
        }
    }

    fn push(&mut self, head: Head<'a>) {
        let lane = head.entry.lane().index();
        if let Some(heads) = self.heads.get_mut(lane).and_then(Option::as_mut) {
            heads.insert(head.entry.place, head);
        }
    }

    /// Takes out the head with the greatest place over the open lanes.
    fn pop(&mut self) -> Option<Head<'a>> {
        let best = |heads: &Option<BTreeMap<Place, Head<'a>>>| {
            heads.as_ref().and_then(|heads| heads.last_key_value()).map(|(place, _)| *place)
        };
        let heads = self.heads.iter_mut().max_by_key(|heads| best(heads))?;
        heads.as_mut()?.pop_last().map(|(_, head)| head)
    }
}

impl Iterator for Selection<'_> {
    type Item = Candidate;

    fn next(&mut self) -> Option<Candidate> {
        if let Some(head) = self.follower.take() {
            self.push(head);
        }
        self.last_bytes = 0;
        if self.left.transactions == 0 {
            return None;
        }
        // Each turn takes one payer's head out, so this ends. What is too long for the rest of the block waits, and
        // with it what follows by nonce.
        let mut head = self.pop()?;
        while head.entry.bytes > self.left.bytes {
            head = self.pop()?;
        }
        let entry = head.entry;
        self.left.transactions -= 1;
        self.left.bytes -= entry.bytes;
        self.last_bytes = entry.bytes;
        self.follower = head.rest.next().map(|entry| Head { entry, rest: head.rest });
        Some(Candidate {
            id: entry.id,
            payer: entry.transaction.body.payer,
            nonce: entry.nonce(),
            lane: entry.lane(),
            bytes: entry.bytes,
            transaction: Arc::clone(&entry.transaction),
        })
    }
}

impl std::fmt::Debug for Selection<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Selection").field("left", &self.left).finish_non_exhaustive()
    }
}
