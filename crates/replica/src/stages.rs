//! Where each transaction is on its way, and when it got there.
//!
//! The stages are those of [`Stage`]. Times are this node's clock, for people and metrics, never for consensus.
//!
//! Rules
//! - At most [`TRACKED_MAX`] transactions are remembered, or fewer where the owner says so, the oldest forgotten first; what was finalized
//!   stays answerable from the store, without times.
//! - Each transaction passes here six times, so finding it must be cheap: ids are hashes, and their first
//!   two bytes choose one of [`SHELVES`] small maps. Somebody who grinds ids onto one shelf makes that map
//!   as slow as one map of everything would be, and no slower.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU64;

use mempool::DropReason;
use primitives::defect::{Defect, is_seeded};
use primitives::{Rejection, Stage, Timestamp, TransactionId};

use crate::queues::QueueLength;

/// Most transactions whose way is remembered.
pub const TRACKED_MAX: usize = 65_536;

/// Small maps over which the transactions are spread.
pub const SHELVES: usize = 4_096;

/// How a transaction stopped on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Refused by name.
    Rejected(Rejection),
    /// Left the mempool without being included.
    Dropped(DropReason),
    /// Another transaction of the same payer and nonce took its place.
    Replaced,
}

impl Stop {
    /// The stage that says so, and the reason.
    pub const fn stage(self) -> (Stage, Option<&'static str>) {
        match self {
            Self::Rejected(rejection) => (Stage::Rejected, Some(rejection.code())),
            Self::Dropped(DropReason::Expired) => (Stage::Expired, None),
            Self::Dropped(reason) => (Stage::Dropped, Some(reason.name())),
            Self::Replaced => (Stage::Dropped, Some("replaced")),
        }
    }
}

/// One transaction's way so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Each time plus one, so that "not reached" takes no room of its own: many of these are remembered.
    times: [Option<NonZeroU64>; Stage::STEPS],
    /// How it stopped, if it did.
    pub stop: Option<Stop>,
}

impl Progress {
    /// When `stage` was reached.
    pub fn at(&self, stage: Stage) -> Option<Timestamp> {
        let time = self.times.get(stage.step()?).copied().flatten()?;
        Some(Timestamp(time.get().saturating_sub(1)))
    }

    /// Notes that `stage` was reached; the first time counts.
    fn reach(&mut self, stage: Stage, now: Timestamp) {
        if let Some(time) = stage.step().and_then(|step| self.times.get_mut(step)) {
            *time = time.or(NonZeroU64::new(now.0.saturating_add(1)));
        }
        if stage >= Stage::Admitted {
            self.stop = None;
        }
    }

    /// Notes that it stopped, unless it is finalized, or waits here and was only handed in again.
    fn halt(&mut self, stop: Stop) {
        let waits = self.at(Stage::Admitted).is_some() && matches!(stop, Stop::Rejected(_));
        if self.at(Stage::Finalized).is_none() && !waits {
            self.stop = Some(stop);
        }
    }

    /// The furthest stage reached.
    pub fn furthest(&self) -> Option<Stage> {
        Stage::steps().rev().find(|stage| self.at(*stage).is_some())
    }

    /// Where the transaction is, and the reason if it stopped.
    pub fn stage(&self) -> (Stage, Option<&'static str>) {
        match self.stop {
            Some(stop) => stop.stage(),
            None => (self.furthest().unwrap_or(Stage::Received), None),
        }
    }
}

/// The ways of the most recent transactions.
#[derive(Debug)]
pub struct Tracker {
    shelves: Vec<BTreeMap<TransactionId, Progress>>,
    /// Every remembered id, the oldest first.
    order: VecDeque<TransactionId>,
    limit: usize,
}

impl Default for Tracker {
    fn default() -> Self {
        Self::bounded(TRACKED_MAX)
    }
}

/// The number of the shelf of `id`.
fn shelf(id: &TransactionId) -> usize {
    let [first, second, ..] = id.0.0;
    usize::from(u16::from_le_bytes([first, second])) % SHELVES
}

impl Tracker {
    /// One that remembers at most `limit` transactions, and one at least.
    pub fn bounded(limit: usize) -> Self {
        Self { shelves: vec![BTreeMap::new(); SHELVES], order: VecDeque::new(), limit: limit.max(1) }
    }

    /// How many are remembered.
    pub fn queue(&self) -> QueueLength {
        QueueLength { name: "remembered transactions", length: self.order.len(), limit: self.limit }
    }

    /// Notes that `id` reached `stage`, one of [`Stage::steps`]. The first time counts; reaching a later stage clears
    /// a stop, since a transaction that one node dropped may still be in another's block.
    pub fn reach(&mut self, id: TransactionId, stage: Stage, now: Timestamp) {
        self.update(id, |progress| progress.reach(stage, now));
    }

    /// Notes that `id` stopped. A finalized transaction cannot stop; a duplicate submission of one that
    /// is on its way changes nothing.
    pub fn stop(&mut self, id: TransactionId, stop: Stop) {
        self.update(id, |progress| progress.halt(stop));
    }

    /// What is known of `id`.
    pub fn get(&self, id: &TransactionId) -> Option<&Progress> {
        self.shelves.get(shelf(id))?.get(id)
    }

    /// Transactions remembered.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// True when nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Changes what is known of `id`. Of what is new here, the oldest makes room.
    fn update(&mut self, id: TransactionId, change: impl FnOnce(&mut Progress)) {
        let shelf_of = shelf(&id);
        if let Some(known) = self.shelves[shelf_of].get_mut(&id) {
            change(known);
            return;
        }
        if self.order.len() >= self.limit
            && !is_seeded(Defect::RemembersEveryTransaction)
            && let Some(oldest) = self.order.pop_front()
        {
            self.shelves[shelf(&oldest)].remove(&oldest);
        }
        let mut progress = Progress::default();
        change(&mut progress);
        self.order.push_back(id);
        self.shelves[shelf_of].insert(id, progress);
    }
}
