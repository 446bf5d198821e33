//! Deletes the bodies of old blocks beside the chain, while the gate `pruning` is on.
//!
//! ```text
//!   pause ──► emergency pause? disk full? backlog? ──► a space due, and rested? ──► it is rewritten
//!     ▲                                                  └─ no ─► plan (plan.rs) ─► one piece, durable
//!     └──────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Rules
//! - A piece is at most 64 heights and one atomic write; between two pieces blocks are committed. So a block waits for one piece at
//!   most, and a stop or a crash needs nothing to be undone.
//! - Room comes back by rewriting one space at a time (`storage/src/compact.rs`): a space is due once `pruning.compact_bytes` and a fourth of
//!   it were removed. After B bytes were read for that, no space is rewritten for B / `pruning.compact_bytes_per_sec`; pieces go on. One
//!   rewriting is not interrupted: pause, backlog and a full disk count before it begins.
//! - Pruning waits while more transactions than `pruning.backlog_max` wait, and while the emergency pause is on.
//! - What fails is logged, counted and shown, and tried again after [`RETRY`]; a store that is poisoned stops the node.
//! - With the gate off this file does nothing at all.
//!
//! Read next: `plan.rs`, and `storage/src/prune.rs` for what one piece is.

mod plan;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::config::PruningConfig;
use primitives::Height;
use replica::Fault;
use storage::StorageError;
use storage::columns::Space;

pub use plan::{Facts, HeldBy, Plan, plan, rest};

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
    /// Waiting for room on the disk, which every write takes before it gives any back.
    DiskFull,
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
            Self::DiskFull => "disk_full",
            Self::Failed(_) => "failed",
        }
    }
}

/// The pruning of one node.
#[derive(Debug)]
pub struct Pruner {
    emergency_pause: AtomicBool,
    /// Bytes that compaction may read each second.
    compact_rate: AtomicU64,
    activity: Mutex<Activity>,
    /// No space is rewritten before.
    rested: Mutex<Option<Instant>>,
}

impl Pruner {
    /// With the emergency pause and the pace as configured.
    pub fn new(config: &PruningConfig) -> Self {
        Self {
            emergency_pause: AtomicBool::new(config.emergency_pause),
            compact_rate: AtomicU64::new(config.compact_bytes_per_sec),
            activity: Mutex::default(),
            rested: Mutex::default(),
        }
    }

    /// Takes the values that count at once: the emergency pause, which stops pruning between two pieces, and the pace of compaction.
    pub fn reload(&self, config: &PruningConfig) {
        self.emergency_pause.store(config.emergency_pause, Ordering::Relaxed);
        self.compact_rate.store(config.compact_bytes_per_sec, Ordering::Relaxed);
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

    /// Whether the rest after the last compaction is over.
    fn is_rested(&self) -> bool {
        let rested = *self.rested.lock().unwrap_or_else(PoisonError::into_inner);
        rested.is_none_or(|rested| Instant::now() >= rested)
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
    if shared.disk.is_full() {
        pruner.is_now(Activity::DiskFull);
        return Ok(IDLE);
    }
    let waiting = shared.chain().map(|chain| chain.mempool().len()).unwrap_or_default();
    if waiting > config.backlog_max {
        pruner.is_now(Activity::Backlog);
        return Ok(IDLE);
    }
    if pruner.is_rested()
        && let Some(space) = shared.store.compaction_due(config.compact_bytes)?
    {
        return compact(shared, space);
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
    if let Some(pruning) = shared.store.pruning()? {
        metrics.oldest_header.set(pruning.first.0);
    }
    metrics.lag.set(lag(shared, &plan));
    tracing::debug!(bodies = piece.bodies, headers = piece.headers, oldest = %shared.store.oldest(), "pruned");
    // A piece of one height is the chain growing: there is no hurry to look for the next.
    Ok(if piece.bodies > 1 { config.pause } else { config.pause.max(IDLE) })
}

/// Takes the room of one space back.
fn compact(shared: &Shared, space: Space) -> Result<Duration, StorageError> {
    shared.pruner.is_now(Activity::Compacting);
    let started = Instant::now();
    let bytes = shared.store.compact(space)?;
    let rest = rest(bytes, shared.pruner.compact_rate.load(Ordering::Relaxed));
    *shared.pruner.rested.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now().checked_add(rest);
    shared.metrics.pruning.compactions.inc();
    shared.metrics.pruning.compacted.add(bytes);
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(space = space.name(), bytes, milliseconds, ?rest, "the disk has the room of deleted blocks back");
    Ok(shared.config.pruning.pause)
}
