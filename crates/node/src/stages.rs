//! Where each transaction is, kept from what the replica reports, and a channel that wakes who waits.
//!
//! Rules
//! - The channel carries batches, one per block and stage, so that a full block costs a waiter one wake-up. A waiter
//!   that falls behind reads the tracker again; nothing is lost.
//! - Every move is one log line at debug level with the transaction's id, so that one transaction can be followed
//!   through the logs of all nodes: `log.level = "info,node::stages=debug"`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use primitives::{Stage, TransactionId};
use replica::stages::{Progress, Stop, Tracker};
use replica::{FinalizedBlock, ReplicaEvent};
use tokio::sync::broadcast;

use crate::clock;
use crate::pipeline::Pipeline;

/// Most notices a slow reader may fall behind before it misses the oldest.
pub const NOTICES_MAX: usize = 1_024;

/// Something that someone may wait for.
#[derive(Debug, Clone)]
pub enum Notice {
    /// Some transactions moved or stopped.
    Moved(Arc<[TransactionId]>),
    /// A block is final.
    Finalized(Arc<FinalizedBlock>),
}

/// The tracker, its channel, and the pipeline view of what left it.
pub struct Stages {
    /// Times and stops, for dashboards.
    pub pipeline: Pipeline,
    tracker: Mutex<Tracker>,
    notices: broadcast::Sender<Notice>,
}

impl Stages {
    /// Nothing tracked.
    pub fn new(pipeline: Pipeline) -> Self {
        let (notices, _) = broadcast::channel(NOTICES_MAX);
        Self { pipeline, tracker: Mutex::new(Tracker::default()), notices }
    }

    /// Hears every notice from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// What is known of a transaction.
    pub fn get(&self, id: &TransactionId) -> Option<Progress> {
        self.lock().get(id).copied()
    }

    /// What is known of each of `ids`, without those that are not remembered.
    pub fn get_all(&self, ids: &[TransactionId]) -> Vec<(TransactionId, Progress)> {
        let tracker = self.lock();
        ids.iter().filter_map(|id| Some((*id, *tracker.get(id)?))).collect()
    }

    /// Notes that `ids` reached `stage`.
    pub fn reach(&self, ids: Arc<[TransactionId]>, stage: Stage) {
        if ids.is_empty() {
            return;
        }
        if tracing::enabled!(tracing::Level::DEBUG) {
            for id in ids.iter() {
                tracing::debug!(transaction = %id, stage = stage.name(), "transaction moved");
            }
        }
        let now = clock::now();
        let mut tracker = self.lock();
        for id in ids.iter() {
            tracker.reach(*id, stage, now);
        }
        drop(tracker);
        self.tell(Notice::Moved(ids));
    }

    /// Notes that those of `ids` that are remembered are proven, and tells the pipeline view of each once.
    pub fn prove(&self, ids: &[TransactionId]) {
        let now = clock::now();
        let mut tracker = self.lock();
        // Under one lock, as two proofs may be taken at a time, and each transaction is counted once.
        let mut proven: Vec<(TransactionId, Progress)> = Vec::new();
        for id in ids {
            if tracker.get(id).is_some_and(|progress| progress.at(Stage::Proven).is_none()) {
                tracker.reach(*id, Stage::Proven, now);
                proven.extend(tracker.get(id).map(|progress| (*id, *progress)));
            }
        }
        drop(tracker);
        if proven.is_empty() {
            return;
        }
        for (id, progress) in &proven {
            tracing::debug!(transaction = %id, stage = Stage::Proven.name(), "transaction moved");
            crate::exports::proven(id, progress);
        }
        self.pipeline.proven(&proven);
        self.tell(Notice::Moved(proven.iter().map(|(id, _)| *id).collect()));
    }

    /// Notes that a transaction stopped.
    pub fn stop(&self, id: TransactionId, stop: Stop) {
        let (stage, reason) = stop.stage();
        tracing::debug!(transaction = %id, stage = stage.name(), reason, "transaction stopped");
        let mut tracker = self.lock();
        tracker.stop(id, stop);
        let stopped = tracker.get(&id).copied().filter(|progress| progress.stop == Some(stop));
        drop(tracker);
        if let Some(progress) = stopped {
            crate::exports::transaction(&id, &progress, None);
            self.pipeline.stopped(id, progress);
        }
        self.tell(Notice::Moved(Arc::from([id])));
    }

    /// Takes over what the replica reports.
    pub fn observe(&self, event: ReplicaEvent) {
        match event {
            ReplicaEvent::Proposed(ids) => self.reach(ids, Stage::Proposed),
            ReplicaEvent::Decided(ids) => self.reach(ids, Stage::Decided),
            ReplicaEvent::Dropped(id, reason) => self.stop(id, Stop::Dropped(reason)),
            ReplicaEvent::Finalized(block) => {
                self.reach(block.transactions.as_slice().into(), Stage::Finalized);
                self.tell(Notice::Finalized(block));
            }
        }
    }

    fn tell(&self, notice: Notice) {
        // Nobody listening is fine.
        let _ = self.notices.send(notice);
    }

    fn lock(&self) -> MutexGuard<'_, Tracker> {
        // The tracker is only a view: after a panic elsewhere it is still worth reading.
        self.tracker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
