//! One sync as it goes on: how far it is, whom it asks, and how fast it may take bytes.
//!
//! Rule: what is told is for people and for metrics. Nothing is decided by it.

use std::sync::Arc;
use std::time::Duration;

use primitives::{Height, Timestamp};
use rpc::types::{DroppedSource, SyncPhase, SyncProgress};
use tokio::sync::watch;

use crate::pace::Pace;

/// Lines about chunks in the log.
const TENTHS: u64 = 10;

/// One sync.
#[derive(Debug)]
pub struct Job {
    progress: watch::Sender<SyncProgress>,
    pace: Arc<Pace>,
}

impl Job {
    /// Nothing is done yet; bytes are taken at this pace.
    pub fn new(pace: Arc<Pace>) -> Self {
        Self { progress: watch::Sender::new(SyncProgress::default()), pace }
    }

    /// How far it is, and each change.
    pub fn progress(&self) -> watch::Receiver<SyncProgress> {
        self.progress.subscribe()
    }

    /// How far it is.
    pub fn now(&self) -> SyncProgress {
        self.progress.borrow().clone()
    }

    /// It begins, from the beginning.
    pub fn begin(&self, now: Timestamp) {
        let fresh = SyncProgress { phase: SyncPhase::Finding, started_at: Some(now), ..SyncProgress::default() };
        self.progress.send_replace(fresh);
    }

    /// It is at this phase.
    pub fn phase(&self, phase: SyncPhase) {
        self.progress.send_modify(|progress| progress.phase = phase);
    }

    /// It ended: with this phase and for this reason, if there is one to tell.
    pub fn end(&self, phase: SyncPhase, reason: Option<String>, now: Timestamp) {
        self.progress.send_modify(|progress| {
            (progress.phase, progress.reason) = (phase, reason);
            progress.milliseconds = progress.started_at.map_or(0, |started| now.since(started));
        });
    }

    /// The snapshot is found: its height, who has it, how many chunks it has and how many of them are here.
    pub fn found(&self, height: Height, sources: Vec<String>, chunks: usize, resumed: usize) {
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        self.progress.send_modify(|progress| {
            (progress.phase, progress.height, progress.sources) = (SyncPhase::Fetching, Some(height), sources);
            (progress.chunks, progress.chunks_resumed) = (count(chunks), count(resumed));
            progress.chunks_done = progress.chunks_resumed;
        });
    }

    /// A chunk was taken. Each tenth of them stands in the log: a node that begins has no RPC yet that could tell.
    pub fn took(&self, bytes: usize) {
        self.progress.send_modify(|progress| {
            progress.chunks_done = progress.chunks_done.saturating_add(1);
            progress.bytes_done = progress.bytes_done.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        });
        let (done, chunks) = (self.now().chunks_done, self.now().chunks);
        if done == chunks || done.is_multiple_of(chunks.div_ceil(TENTHS).max(1)) {
            tracing::info!(target: "telemetry.state_sync", "{done} of {chunks} chunks are here");
        }
    }

    /// Waits until so many bytes may be asked for.
    pub async fn pace(&self, bytes: u32) {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        // Nobody waits longer than that, so it is never refused.
        let _ = self.pace.pass(bytes, Duration::MAX).await;
    }

    /// A source is not asked any more. It is named in the log and in the report; what to do next is for the end of the sync to say.
    pub fn drop_source(&self, source: String, reason: String) {
        let reason = rpc::display::without_hint(&reason).to_owned();
        tracing::warn!(target: "telemetry.state_sync", source, reason, "state sync: this source is not asked any more");
        self.progress.send_modify(|progress| progress.dropped.push(DroppedSource { source, reason }));
    }

    /// Who is not asked any more and why, in one line.
    pub fn dropped(&self) -> String {
        let progress = self.progress.borrow();
        let lines: Vec<String> =
            progress.dropped.iter().map(|one| format!("{} ({})", one.source, one.reason)).collect();
        if lines.is_empty() { "none has one".to_owned() } else { lines.join(", ") }
    }
}
