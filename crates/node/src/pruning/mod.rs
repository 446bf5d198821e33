//! Deletes the bodies of old blocks beside the chain, while the gate `pruning` is on.
//!
//! ```text
//!   pause ──► emergency pause? backlog? ──► plan (plan.rs) ──► one piece, durable ──► enough removed? ──► compaction
//!     ▲                                                                                                    │
//!     └──────────────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Rules
//! - A piece is at most 64 heights and one atomic write; between two pieces blocks are committed. So a block waits for one piece at
//!   most, and a stop or a crash needs nothing to be undone.
//! - Pruning waits while more transactions than `pruning.backlog_max` wait, and while the emergency pause is on.
//! - What fails is logged, counted and shown, and tried again after [`RETRY`]; a store that is poisoned stops the node.
//! - With the gate off this file does nothing at all.
//!
//! Read next: `plan.rs`, and `storage/src/prune.rs` for what one piece is.

mod plan;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use primitives::Height;
use replica::Fault;
use storage::StorageError;

pub use plan::{Facts, HeldBy, Plan, plan};

use crate::shared::Shared;

/// Pause after a failure.
pub const RETRY: Duration = Duration::from_secs(30);
/// Pause while there is nothing to do.
const IDLE: Duration = Duration::from_secs(1);

/// What the worker is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Activity {
    /// The gate is off.
    #[default]
    Off,
    /// There is nothing to delete.
    Idle,
    /// Deleting.
    Pruning,
    /// Taking the room back from the disk.
    Compacting,
    /// Waiting for the emergency pause to end.
    Paused,
    /// Waiting for the mempool to empty.
    Backlog,
    /// The last piece failed, for this reason.
    Failed(String),
}

impl Activity {
    /// The word in the status.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Idle => "idle",
            Self::Pruning => "pruning",
            Self::Compacting => "compacting",
            Self::Paused => "paused",
            Self::Backlog => "backlog",
            Self::Failed(_) => "failed",
        }
    }
}

/// The pruning of one node.
#[derive(Debug)]
pub struct Pruner {
    emergency_pause: AtomicBool,
    activity: Mutex<Activity>,
    /// Bytes that were removed since the last compaction.
    removed: Mutex<u64>,
}

impl Pruner {
    /// With the emergency pause as configured.
    pub fn new(emergency_pause: bool) -> Self {
        Self {
            emergency_pause: AtomicBool::new(emergency_pause),
            activity: Mutex::default(),
            removed: Mutex::default(),
        }
    }

    /// Stops pruning between two pieces, or lets it go on.
    pub fn pause(&self, emergency_pause: bool) {
        self.emergency_pause.store(emergency_pause, Ordering::Relaxed);
    }

    /// Whether the emergency pause is on.
    pub fn is_paused(&self) -> bool {
        self.emergency_pause.load(Ordering::Relaxed)
    }

    /// What the worker is doing.
    pub fn activity(&self) -> Activity {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_now(&self, activity: Activity) {
        *self.activity.lock().unwrap_or_else(PoisonError::into_inner) = activity;
    }

    fn removed(&self) -> u64 {
        *self.removed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far this node may prune now.
pub fn plan_now(shared: &Shared) -> Plan {
    let (params, config) = (&shared.genesis.params, &shared.config.pruning);
    let proven = match crate::proofs::chain_height(shared) {
        Height::GENESIS => crate::proofs::proven_height(shared),
        chain => chain,
    };
    plan(&Facts {
        head: shared.store.head().map_or(Height::GENESIS, |head| head.height),
        retention_depth: config.retention_depth,
        evidence_blocks: params.evidence_blocks(),
        trusting_blocks: params.staking.trusting_epochs.saturating_mul(params.epoch_blocks),
        proven,
        window_blocks: params.window_blocks,
        open_windows_max: config.open_windows_max,
    })
}

/// Heights whose bodies may go and are here yet.
pub fn lag(shared: &Shared, plan: &Plan) -> u64 {
    plan.to.bodies.next().0.saturating_sub(shared.store.oldest().0)
}

/// Prunes until the process ends. With the gate off it ends at once.
pub async fn run(shared: Arc<Shared>) {
    if !shared.config.pruning.is_on {
        return;
    }
    shared.metrics.pruning.on.set(1);
    shared.pruner.is_now(Activity::Idle);
    loop {
        let worker = Arc::clone(&shared);
        let looked = tokio::task::spawn_blocking(move || step(&worker)).await;
        let pause = match looked {
            Ok(Ok(pause)) => pause,
            Ok(Err(error)) => {
                failed(&shared, &error);
                RETRY
            }
            // The runtime ends.
            Err(_) => return,
        };
        tokio::time::sleep(pause).await;
    }
}

fn failed(shared: &Shared, error: &StorageError) {
    shared.metrics.pruning.failures.inc();
    tracing::error!(%error, "old blocks could not be deleted");
    shared.pruner.is_now(Activity::Failed(error.to_string()));
    if let Err(error @ StorageError::Poisoned { .. }) = shared.store.pruning() {
        shared.report(&Fault(error.to_string()));
    }
}

/// One look: at most one piece or one compaction. Gives the pause after it.
fn step(shared: &Shared) -> Result<Duration, StorageError> {
    let (pruner, config, metrics) = (&shared.pruner, &shared.config.pruning, &shared.metrics.pruning);
    let plan = plan_now(shared);
    metrics.paused.set_bool(pruner.is_paused());
    metrics.lag.set(lag(shared, &plan));
    if pruner.is_paused() {
        pruner.is_now(Activity::Paused);
        return Ok(IDLE);
    }
    let waiting = shared.chain().map(|chain| chain.mempool().len()).unwrap_or_default();
    if waiting > config.backlog_max {
        pruner.is_now(Activity::Backlog);
        return Ok(IDLE);
    }
    if pruner.removed() >= config.compact_bytes {
        return compact(shared);
    }
    let started = Instant::now();
    let piece = shared.store.prune(plan.to)?;
    if piece.is_nothing() {
        pruner.is_now(Activity::Idle);
        return Ok(IDLE);
    }
    pruner.is_now(Activity::Pruning);
    metrics.piece.observe(started.elapsed());
    metrics.removed.add(piece.bodies);
    let bytes = u64::try_from(piece.bytes).unwrap_or(u64::MAX);
    metrics.freed.add(bytes);
    let mut removed = pruner.removed.lock().unwrap_or_else(PoisonError::into_inner);
    *removed = removed.saturating_add(bytes);
    drop(removed);
    if let Some(pruning) = shared.store.pruning()? {
        metrics.oldest_header.set(pruning.first.0);
    }
    metrics.lag.set(lag(shared, &plan));
    tracing::debug!(bodies = piece.bodies, headers = piece.headers, oldest = %shared.store.oldest(), "pruned");
    // A piece of one height is the chain growing: there is no hurry to look for the next.
    Ok(if piece.bodies > 1 { config.pause } else { config.pause.max(IDLE) })
}

/// Takes the room back.
fn compact(shared: &Shared) -> Result<Duration, StorageError> {
    shared.pruner.is_now(Activity::Compacting);
    let started = Instant::now();
    shared.store.compact()?;
    *shared.pruner.removed.lock().unwrap_or_else(PoisonError::into_inner) = 0;
    shared.metrics.pruning.compactions.inc();
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(milliseconds, "the disk has the room of deleted blocks back");
    Ok(shared.config.pruning.pause)
}
