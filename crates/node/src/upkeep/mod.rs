//! The upkeep of a node's store: damage is found, set aside and mended while the node runs, without anybody.
//!
//! ```text
//!   start ── damaged? ──► mend (anew from what can be read) ──┐
//!   scrub ── paced, from the oldest height to the newest ─────┴─► quarantined heights ──► refetch from peers, judged ──► back
//!   journals ── above their bound ──► flushed to tables
//! ```
//!
//! Rules
//! - What is quarantined is served as missing, never as something else; readiness names it (`quarantined`).
//! - What comes back leads to the head of this node (`storage/src/quarantine.rs`). A peer that gives something else loses points and is
//!   not asked again.
//! - The guard, the consensus log and the last block are never mended here: a node that has lost what it signed does not start.
//! - None of it holds up a block: everything runs on blocking threads, in small steps.
//!
//! Read next: `mend.rs`, `refetch.rs`, `scrub.rs`, `journal.rs`.

pub mod journal;
mod mend;
mod refetch;
pub mod scrub;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use mend::open;
pub use refetch::answer;

use crate::shared::Shared;

/// What the upkeep of one node has done since its start.
#[derive(Debug)]
pub struct Upkeep {
    /// Where the damaged store lies, when this start built it anew.
    pub mended_from: Option<PathBuf>,
    /// The scrub.
    pub scrub: scrub::Scrub,
    refetched: AtomicU64,
    refused: AtomicU64,
}

impl Upkeep {
    /// Nothing was done yet; `data_dir` holds where the scrub was.
    pub fn new(data_dir: &std::path::Path, mended_from: Option<PathBuf>) -> Self {
        Self {
            mended_from,
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
    metrics.mends.set_total(u64::from(shared.upkeep.mended_from.is_some()));
    metrics.quarantined.set_len(shared.store.quarantined().len());
    metrics.scrub_age.set(shared.upkeep.scrub.age(crate::clock::now(), shared.started));
}
