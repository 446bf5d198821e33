//! Hears the replica while it holds its lock: stages move, and what only shows here is measured.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use mempool::DropReason;
use replica::{Observer, ReplicaEvent};
use storage::Store;
use telemetry::Metrics;

use crate::audits::Audits;
use crate::elections::Elections;
use crate::snapshots::Snapshots;
use crate::stages::Stages;

/// The observer of one replica.
pub fn observer(
    stages: Arc<Stages>,
    metrics: &Metrics,
    (audits, elections, snapshots, store): (Arc<Audits>, Arc<Elections>, Arc<Snapshots>, Arc<Store>),
) -> Observer {
    let commit = metrics.storage.commit.clone();
    let (dropped, expired) = (metrics.mempool.dropped.clone(), metrics.mempool.expired.clone());
    // Between `Decided` and `Finalized` the block is made durable.
    let decided: Mutex<Option<Instant>> = Mutex::new(None);
    Arc::new(move |event| {
        let mut decided_at = decided.lock().unwrap_or_else(PoisonError::into_inner);
        match &event {
            ReplicaEvent::Decided(_) => *decided_at = Some(Instant::now()),
            ReplicaEvent::Finalized(block) => {
                audits.observe(block);
                elections.observe(block);
                snapshots.finalized(block.block.header.height, &store);
                if let Some(start) = decided_at.take() {
                    commit.observe(start.elapsed());
                }
            }
            ReplicaEvent::Dropped(_, reason) => {
                dropped.with([reason.name()]).inc();
                if *reason == DropReason::Expired {
                    expired.inc();
                }
            }
            ReplicaEvent::Proposed(_) => {}
        }
        drop(decided_at);
        stages.observe(event);
    })
}
