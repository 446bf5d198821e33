//! The upkeep of a node's store: damage is found, set aside and mended while the node runs, without anybody.
//!
//! ```text
//!   start ── damaged? ──► mend (anew from what can be read) ──┐     not to be mended? ──► rebuild (from snapshots or peers)
//!   scrub ── paced, from the oldest height to the newest ─────┴─► quarantined heights ──► refetch from peers, judged ──► back
//!   journals ── above their bound ──► flushed to tables
//! ```
//!
//! Rules
//! - What is quarantined is served as missing, never as something else; readiness names it (`quarantined`).
//! - What comes back leads to the head of this node (`storage/src/quarantine.rs`). A peer that gives something else loses points and is
//!   not asked again.
//! - The guard and the consensus log are never mended here: a node that has lost what it signed does not start.
//! - None of it holds up a block: everything runs on blocking threads, in small steps.
//!
//! Read next: `mend.rs`, `rebuild.rs`, `refetch.rs`, `scrub.rs`, `journal.rs`.

pub mod journal;
mod mend;
pub mod rebuild;
mod refetch;
pub mod scrub;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use refetch::answer;

use rebuild::{Damaged, Rebuilt};
use storage::Store;

use crate::shared::Shared;
use crate::start_error::StartError;

/// What a start found damaged and did about it.
#[derive(Debug, Default)]
pub struct Found {
    /// Where the damaged store lies, when this start built it anew from what can be read.
    pub mended_from: Option<PathBuf>,
    /// What a rebuild did.
    pub rebuilt: Option<Rebuilt>,
}

/// Opens the store; one that is damaged is mended, or the chain is taken again.
///
/// # Errors
/// [`StartError`]: the first refusal, where neither helps.
pub async fn open(damaged: &Damaged<'_>) -> Result<(Store, Found), StartError> {
    let genesis = damaged.genesis.hash();
    let refused = match mend::open(damaged.config, &genesis) {
        Ok((store, mended_from)) => return Ok((store, Found { mended_from, rebuilt: None })),
        Err(refused) => refused,
    };
    let rebuilt = rebuild::after(refused, damaged).await?;
    let (store, mended_from) = mend::open(damaged.config, &genesis)?;
    Ok((store, Found { mended_from, rebuilt: Some(rebuilt) }))
}

/// What the upkeep of one node has done since its start.
#[derive(Debug)]
pub struct Upkeep {
    /// What this start found.
    pub found: Found,
    /// The scrub.
    pub scrub: scrub::Scrub,
    refetched: AtomicU64,
    refused: AtomicU64,
}

impl Upkeep {
    /// Nothing was done yet; `data_dir` holds where the scrub was.
    pub fn new(data_dir: &std::path::Path, found: Found) -> Self {
        Self {
            found,
            scrub: scrub::Scrub::open(data_dir),
            refetched: AtomicU64::default(),
            refused: AtomicU64::default(),
        }
    }

    /// Bodies that peers gave whole.
    pub fn refetched(&self) -> u64 {
        self.refetched.load(Ordering::Relaxed)
    }

    /// Bodies from peers that were wrong.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// Looks after the store until the process ends.
pub fn start(shared: &Arc<Shared>) {
    tokio::spawn(refetch::run(Arc::clone(shared)));
    tokio::spawn(journal::run(Arc::clone(shared)));
    tokio::spawn(scrub::run(Arc::clone(shared)));
}

/// Figures for whoever asks for metrics.
pub fn measure(shared: &Shared) {
    let metrics = &shared.metrics.storage;
    metrics.mends.set_total(u64::from(shared.upkeep.found.mended_from.is_some()));
    metrics.rebuilds.set_total(u64::from(shared.upkeep.found.rebuilt.is_some()));
    metrics.quarantined.set_len(shared.store.quarantined().len());
    metrics.frozen_views.set(shared.store.frozen_views());
    metrics.scrub_age.set(shared.upkeep.scrub.age(crate::clock::now(), shared.started));
}
