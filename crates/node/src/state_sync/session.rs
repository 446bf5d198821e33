//! A sync that an operator steers: a running node takes the newest snapshot of its peers on its own shelf, to begin again from it and to
//! give it to others.
//!
//! ```text
//!   start, resume ─► breaker ─► finding ─► fetching ─► keeping ─► done
//!                       │ open: refused       │ cancel: cancelled, what was kept stays for the next one
//!                       └◄──── failed ◄───────┘
//! ```
//! Rules
//! - One session at a time. Its sources are the node's peers; the header is judged from the node's own blocks.
//! - A session that somebody cancels, one that finds nothing newer than the shelf has, and one whose peers have no snapshot say nothing about the
//!   peers: the breaker does not hear of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ::config::NodeConfig;
use primitives::Height;
use proof::light::ChainRules;
use rpc::types::{BreakerState, BreakerStatus, SyncPhase, SyncProgress};
use snapshots::{SnapshotError, shelf};
use tokio::sync::{Notify, watch};

use super::breaker::Breaker;
use super::find::Trust;
use super::gather::{Gathered, Wanted, gather};
use super::job::Job;
use super::{StateSyncError, peers, served};
use crate::announcements::Announced;
use crate::clock;
use crate::pace::Pace;
use crate::shared::Shared;

/// Everything about snapshots that travel: sessions, what peers announced, and how fast bytes go out and come in.
pub struct SnapshotSync {
    /// How fast snapshots are given to others.
    pub serve: Pace,
    /// How fast they are taken.
    pub fetch: Arc<Pace>,
    /// What this node and others announced.
    pub announced: Mutex<Announced>,
    job: Arc<Job>,
    state: Mutex<State>,
    sessions: [AtomicU64; 3],
}

#[derive(Default)]
struct State {
    breaker: Breaker,
    /// Ends the running session.
    running: Option<Arc<Notify>>,
}

/// Why a session did not begin or end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionRefused {
    /// One runs.
    #[error("a session runs already; next: tb validator snapshot status --watch, or cancel it")]
    Running,
    /// None runs.
    #[error("no session runs; next: tb validator snapshot start")]
    Idle,
    /// There is nothing to go on with.
    #[error("there are no chunks of an earlier session; next: tb validator snapshot start")]
    NothingKept,
    /// The breaker is open.
    #[error(
        "the breaker is open for {0} s more: the last sessions failed; next: look at tb validator snapshot status, then reset it with tb validator snapshot breaker --reset"
    )]
    Breaker(u64),
    /// This chain has one process.
    #[error("this node has no peers: its chain has one process; next: tb snapshots create --live")]
    NoNetwork,
}

/// How a session ended.
enum Ended {
    Kept(Height),
    NothingNewer(Height),
    /// The peers answered, and none of them has a snapshot.
    NobodyHas,
}

impl SnapshotSync {
    /// Nothing runs.
    pub fn new(config: &NodeConfig) -> Self {
        let fetch = Arc::new(Pace::new(config.snapshots.fetch_bytes_per_sec));
        Self {
            serve: Pace::new(config.snapshots.serve_bytes_per_sec),
            job: Arc::new(Job::new(Arc::clone(&fetch))),
            fetch,
            announced: Mutex::default(),
            state: Mutex::default(),
            sessions: Default::default(),
        }
    }

    /// What is changed of the configuration while the node runs.
    pub fn reload(&self, config: &NodeConfig) {
        let now = Instant::now();
        self.serve.set(config.snapshots.serve_bytes_per_sec, now);
        self.fetch.set(config.snapshots.fetch_bytes_per_sec, now);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the session is, or how the last one ended.
    pub fn progress(&self) -> SyncProgress {
        self.job.now()
    }

    /// The same and each change.
    pub fn watch(&self) -> watch::Receiver<SyncProgress> {
        self.job.progress()
    }

    /// The breaker now.
    pub fn breaker(&self) -> BreakerStatus {
        self.state().breaker.status(clock::now())
    }

    /// Closes the breaker.
    pub fn reset(&self) -> BreakerStatus {
        self.state().breaker.reset();
        tracing::info!(target: "telemetry.state_sync", "the breaker of sessions is reset");
        self.breaker()
    }

    /// Begins a session; with `resume` only where an earlier one left chunks. Either goes on with what is kept.
    ///
    /// # Errors
    /// [`SessionRefused`].
    pub fn start(&self, shared: &Arc<Shared>, resume: bool) -> Result<SyncProgress, SessionRefused> {
        if shared.p2p.get().is_none() {
            return Err(SessionRefused::NoNetwork);
        }
        if resume && !shared.config.p2p.chunk_db.join(shelf::MANIFEST).exists() {
            return Err(SessionRefused::NothingKept);
        }
        let cancel = {
            let mut state = self.state();
            if state.running.is_some() {
                return Err(SessionRefused::Running);
            }
            let now = clock::now();
            state.breaker.admit(now).map_err(|until| SessionRefused::Breaker(until.since(now).div_ceil(1_000)))?;
            self.job.begin(now);
            Arc::clone(state.running.insert(Arc::new(Notify::new())))
        };
        tokio::spawn(run(Arc::clone(shared), cancel));
        Ok(self.progress())
    }

    /// Ends the running session; what was kept stays.
    ///
    /// # Errors
    /// [`SessionRefused::Idle`].
    pub fn cancel(&self) -> Result<SyncProgress, SessionRefused> {
        self.state().running.as_ref().ok_or(SessionRefused::Idle)?.notify_one();
        Ok(self.progress())
    }

    fn end(&self, ended: Option<Result<Ended, StateSyncError>>) {
        let now = clock::now();
        let mut state = self.state();
        let (phase, reason, place) = match &ended {
            None => (SyncPhase::Cancelled, None, 2),
            Some(Ok(Ended::Kept(_))) => (SyncPhase::Done, None, 0),
            Some(Ok(Ended::NothingNewer(height))) => {
                (SyncPhase::Done, Some(format!("nothing newer than the snapshot of height {height}, which is here")), 0)
            }
            Some(Ok(Ended::NobodyHas)) => (SyncPhase::Done, Some("no peer has a snapshot".to_owned()), 0),
            Some(Err(error)) => (SyncPhase::Failed, Some(reason(error)), 1),
        };
        match &ended {
            Some(Ok(Ended::Kept(height))) => {
                state.breaker.ended(true, now);
                tracing::info!(target: "telemetry.state_sync", %height, "a snapshot of the peers is on the shelf");
            }
            Some(Err(error)) => {
                state.breaker.ended(false, now);
                tracing::warn!(target: "telemetry.state_sync", %error, "a session failed");
                if state.breaker.status(now).state == BreakerState::Open {
                    tracing::warn!(target: "telemetry.state_sync", "the breaker of sessions is open");
                }
            }
            None | Some(Ok(Ended::NothingNewer(_) | Ended::NobodyHas)) => {}
        }
        if let Some(count) = self.sessions.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        // Under the lock, so that the end of this session is never told over the beginning of the next.
        self.job.end(phase, reason, now);
        state.running = None;
    }

    /// Brings the metrics up to date. `own` is the newest snapshot here, `known` the highest height that the chain can have.
    pub fn measure(&self, metrics: &telemetry::areas::StateSync, own: Height, known: Height) {
        for (name, count) in ["done", "failed", "cancelled"].into_iter().zip(&self.sessions) {
            metrics.sessions.with([name]).set_total(count.load(Ordering::Relaxed));
        }
        let status = self.breaker();
        metrics.breaker.set(match status.state {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        });
        let progress = self.progress();
        metrics.chunks_left.set(progress.chunks.saturating_sub(progress.chunks_done));
        metrics.sources.set_len(progress.sources.len().saturating_sub(progress.dropped.len()));
        let announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner).highest(known);
        metrics.announced.set(announced.map_or(0, |height| height.0));
        metrics.lag.set(announced.map_or(0, |height| height.0.saturating_sub(own.0)));
    }
}

async fn run(shared: Arc<Shared>, cancel: Arc<Notify>) {
    let ended = tokio::select! {
        biased;
        () = cancel.notified() => None,
        ended = take(&shared) => Some(ended),
    };
    shared.sync.end(ended);
}

/// Why it failed, and what whoever began it can do: the words of an error are for those who start a node with a sync.
fn reason(error: &StateSyncError) -> String {
    match error {
        StateSyncError::NoSnapshot { dropped } => {
            format!(
                "no peer gave a snapshot that holds: {dropped}; next: look at these peers, then start a session again"
            )
        }
        StateSyncError::NoSource { missing, count, dropped } => format!(
            "{missing} of {count} chunks are missing and no peer is left: {dropped}; next: tb validator snapshot resume"
        ),
        error => error.to_string(),
    }
}

async fn take(shared: &Arc<Shared>) -> Result<Ended, StateSyncError> {
    let (job, config) = (&shared.sync.job, &shared.config);
    let sources = shared.p2p.get().map(peers::of).unwrap_or_default();
    if sources.is_empty() {
        return Err(StateSyncError::NoPeers);
    }
    let own = shared.snapshots.session().map(|own| own.height());
    let folder = config.p2p.chunk_db.clone();
    let wanted = Wanted {
        trust: Trust::Own(Arc::clone(&shared.store)),
        rules: ChainRules::of(&shared.genesis)?,
        genesis: shared.genesis_hash,
        folder: &folder,
        above: own,
    };
    let gathered = match gather(&wanted, sources, job).await {
        Err(StateSyncError::NoSnapshot { .. }) if job.progress().borrow().dropped.is_empty() => {
            return Ok(Ended::NobodyHas);
        }
        gathered => gathered?,
    };
    let Some(Gathered { collection, .. }) = gathered else {
        return Ok(Ended::NothingNewer(own.unwrap_or_default()));
    };
    let height = collection.manifest().height();
    job.phase(SyncPhase::Keeping);
    let keeper = Arc::clone(shared);
    let kept = tokio::task::spawn_blocking(move || -> Result<(), SnapshotError> {
        keeper.snapshots.adopt(&collection.snapshot()?)?;
        served(&collection, &folder);
        Ok(())
    });
    kept.await.map_err(|_| SnapshotError::Missing { path: config.p2p.chunk_db.clone() })??;
    Ok(Ended::Kept(height))
}
