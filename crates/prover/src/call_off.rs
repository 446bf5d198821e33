//! Work in hand that nobody wants any more.
//!
//! ```text
//!   whoever waits ── call_off ──► flag ◄── check ── the thread that proves: between two stages, and at each challenge of a proof
//! ```
//! Rule: it counts from the next look on. What lies between two looks is one commitment or one table's rows, at most
//! (`stoppable.rs`); how long that takes is in `docs/proofs.md`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The work was called off before it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was called off before it was done")]
pub struct CalledOff;

#[derive(Debug, Default)]
struct Flag {
    called_off: AtomicBool,
    looks: AtomicU64,
}

/// Calls work off. Clones are about the same work.
#[derive(Debug, Clone, Default)]
pub struct CallOff(Arc<Flag>);

impl CallOff {
    /// Nobody wants the work any more; it ends at the next look.
    pub fn call_off(&self) {
        self.0.called_off.store(true, Ordering::Release);
    }

    /// Whether the work is still wanted: a look.
    ///
    /// # Errors
    /// [`CalledOff`].
    pub fn check(&self) -> Result<(), CalledOff> {
        self.0.looks.fetch_add(1, Ordering::Relaxed);
        if self.0.called_off.load(Ordering::Acquire) { Err(CalledOff) } else { Ok(()) }
    }

    /// How often the work has looked: it stands still for as long as a call would not be heard.
    pub fn looks(&self) -> u64 {
        self.0.looks.load(Ordering::Relaxed)
    }
}
