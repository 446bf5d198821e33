//! Where each transaction is on its way, and when it got there.
//!
//! The stages are those of [`Stage`]. Times are this node's clock, for people and metrics, never for consensus.
//!
//! Rules
//! - At most [`TRACKED_MAX`] transactions are remembered, the oldest forgotten first; what was finalized
//!   stays answerable from the store, without times.
//! - Each transaction passes here six times, so finding it must be cheap: ids are hashes, and their first
//!   two bytes choose one of [`SHELVES`] small maps. Somebody who grinds ids onto one shelf makes that map
//!   as slow as one map of everything would be, and no slower.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use mempool::DropReason;
use primitives::{Rejection, Stage, Timestamp, TransactionId};

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
    times: [Option<Timestamp>; Stage::STEPS],
    /// How it stopped, if it did.
    pub stop: Option<Stop>,
}

impl Progress {
    /// When `stage` was reached.
    pub fn at(&self, stage: Stage) -> Option<Timestamp> {
        self.times.get(stage.step()?).copied().flatten()
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
}

impl Default for Tracker {
    fn default() -> Self {
        Self { shelves: vec![BTreeMap::new(); SHELVES], order: VecDeque::new() }
    }
}

/// The number of the shelf of `id`.
fn shelf(id: &TransactionId) -> usize {
    let [first, second, ..] = id.0.0;
    usize::from(u16::from_le_bytes([first, second])) % SHELVES
}

impl Tracker {
    /// Notes that `id` reached `stage`, one of [`Stage::steps`]. The first time counts; reaching a later stage clears a stop, since
    /// a transaction that one node dropped may still be in another's block.
    pub fn reach(&mut self, id: TransactionId, stage: Stage, now: Timestamp) {
        let progress = self.entry(id);
        if let Some(time) = stage.step().and_then(|step| progress.times.get_mut(step)) {
            time.get_or_insert(now);
        }
        if stage >= Stage::Admitted {
            progress.stop = None;
        }
    }

    /// Notes that `id` stopped. A finalized transaction cannot stop; a duplicate submission of one that
    /// is on its way changes nothing.
    pub fn stop(&mut self, id: TransactionId, stop: Stop) {
        let progress = self.entry(id);
        let waits = progress.at(Stage::Admitted).is_some() && matches!(stop, Stop::Rejected(_));
        if progress.at(Stage::Finalized).is_none() && !waits {
            progress.stop = Some(stop);
        }
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

    /// What is known of `id`, new if nothing is; the oldest makes room.
    fn entry(&mut self, id: TransactionId) -> &mut Progress {
        if self.order.len() >= TRACKED_MAX
            && self.get(&id).is_none()
            && let Some(oldest) = self.order.pop_front()
        {
            self.shelves[shelf(&oldest)].remove(&oldest);
        }
        match self.shelves[shelf(&id)].entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                self.order.push_back(id);
                new.insert(Progress::default())
            }
        }
    }
}
