//! Work in hand that nobody wants any more.
//!
//! ```text
//!   whoever waits ── call_off ──► flag ◄── check ── the thread that proves, between two stages
//! ```
//! Rule: it counts from one stage to the next. The proof stack proves a stage in one piece, some seconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The work was called off before it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was called off before it was done")]
pub struct CalledOff;

/// Calls work off. Clones are about the same work.
#[derive(Debug, Clone, Default)]
pub struct CallOff(Arc<AtomicBool>);

impl CallOff {
    /// Nobody wants the work any more; it ends before its next stage.
    pub fn call_off(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the work is still wanted.
    ///
    /// # Errors
    /// [`CalledOff`].
    pub fn check(&self) -> Result<(), CalledOff> {
        if self.0.load(Ordering::Acquire) { Err(CalledOff) } else { Ok(()) }
    }
}
