//! The way of transactions through this node, for dashboards: how long each stage takes, and what stopped where.
//!
//! ```text
//! finalized block ─► one way per transaction ─┬─► histogram of each stage
//! a transaction stops ────────────────────────┤   the newest WAYS_MAX, oldest first out
//! proof of its block ─► the last stage of it ─┴─► percentiles and list of GET /wallet/pipeline/…
//! ```
//! Rules
//! - Times are this node's clock and only what it saw itself; a transaction that came in a block of others has no
//!   stages before it.
//! - The time of a stage counts from the latest stage before it, so that the times of one way add up.
//! - Stopped ways are listed and counted, and tell nothing about times.
//! - A proof comes minutes after the block: the last stage is counted when it is reached, and the way of the list goes on.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use primitives::{Height, Stage, TransactionId};
use replica::stages::Progress;
use telemetry::areas::Pipeline as Metrics;

/// Most ways that are kept for percentiles.
pub const WAYS_MAX: usize = 1_024;

/// One transaction that arrived or stopped.
#[derive(Debug, Clone)]
pub struct Way {
    /// Which.
    pub id: TransactionId,
    /// Its block, if it is in one.
    pub height: Option<Height>,
    /// When it was where.
    pub progress: Progress,
}

/// What is known of one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageTimes {
    /// Transactions that passed it since the start of the process.
    pub count: u64,
    /// Times of the ways that are kept, milliseconds: half, 95 and 99 of 100 are not longer. None without one.
    pub percentiles: Option<[u64; 3]>,
}

#[derive(Debug, Default)]
struct Kept {
    ways: VecDeque<Way>,
    counts: [u64; Stage::STEPS],
}

/// What the pipeline view knows.
#[derive(Debug)]
pub struct Pipeline {
    /// The metrics that it keeps.
    pub metrics: Metrics,
    kept: Mutex<Kept>,
}

impl Pipeline {
    /// Nothing seen.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics, kept: Mutex::default() }
    }

    /// Takes over the ways of the transactions of a finalized block. What a proof adds is for [`Self::proven`] alone.
    pub fn finalized(&self, height: Height, ways: Vec<(TransactionId, Progress)>) {
        let timed: Vec<_> = Stage::steps().skip(1).filter(|stage| *stage <= Stage::Finalized).collect();
        let cells: Vec<_> = timed.iter().map(|stage| self.metrics.latency.with([stage.name()])).collect();
        let mut kept = self.lock();
        for (id, progress) in ways {
            for (stage, cell) in timed.iter().zip(&cells) {
                let Some(time) = time_of(&progress, *stage) else { continue };
                cell.observe_count(time);
                count(&mut kept, *stage);
            }
            keep(&mut kept.ways, Way { id, height: Some(height), progress });
        }
    }

    /// Takes over that transactions of finalized blocks are proven, each once.
    pub fn proven(&self, proven: &[(TransactionId, Progress)]) {
        let cell = self.metrics.latency.with([Stage::Proven.name()]);
        let by_id: BTreeMap<TransactionId, Progress> = proven.iter().copied().collect();
        let mut kept = self.lock();
        for progress in by_id.values() {
            let Some(time) = time_of(progress, Stage::Proven) else { continue };
            cell.observe_count(time);
            count(&mut kept, Stage::Proven);
        }
        for way in kept.ways.iter_mut().filter(|way| way.height.is_some()) {
            if let Some(progress) = by_id.get(&way.id) {
                way.progress = *progress;
            }
        }
    }

    /// Takes over that a transaction stopped.
    pub fn stopped(&self, id: TransactionId, progress: Progress) {
        let last = progress.furthest().unwrap_or(Stage::Received);
        self.metrics.errors.with([last.name()]).inc();
        keep(&mut self.lock().ways, Way { id, height: None, progress });
    }

    /// Every stage after the first, in order.
    pub fn stages(&self) -> Vec<(Stage, StageTimes)> {
        let kept = self.lock();
        let arrived = || kept.ways.iter().filter(|way| way.height.is_some());
        let times = |stage: Stage| {
            let mut times: Vec<u64> = arrived().filter_map(|way| time_of(&way.progress, stage)).collect();
            times.sort_unstable();
            let count = stage.step().and_then(|step| kept.counts.get(step)).copied().unwrap_or(0);
            StageTimes { count, percentiles: percentiles(&times) }
        };
        Stage::steps().skip(1).map(|stage| (stage, times(stage))).collect()
    }

    /// The newest `most` ways, newest first.
    pub fn newest(&self, most: usize) -> Vec<Way> {
        self.lock().ways.iter().rev().take(most).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Only a view: after a panic elsewhere it is still worth reading.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(kept: &mut Kept, stage: Stage) {
    if let Some(count) = stage.step().and_then(|step| kept.counts.get_mut(step)) {
        *count = count.saturating_add(1);
    }
}

fn keep(ways: &mut VecDeque<Way>, way: Way) {
    if ways.len() >= WAYS_MAX {
        ways.pop_front();
    }
    ways.push_back(way);
}

/// Milliseconds from the latest stage before `stage` to it; none when it, or all before it, were not seen here.
fn time_of(progress: &Progress, stage: Stage) -> Option<u64> {
    let before = Stage::steps().take_while(|earlier| *earlier < stage).filter_map(|earlier| progress.at(earlier)).max();
    Some(progress.at(stage)?.since(before?))
}

/// Nearest-rank percentiles of sorted times.
pub fn percentiles(sorted: &[u64]) -> Option<[u64; 3]> {
    let rank = |percent: usize| sorted.get(sorted.len().saturating_mul(percent).div_ceil(100).checked_sub(1)?).copied();
    Some([rank(50)?, rank(95)?, rank(99)?])
}
