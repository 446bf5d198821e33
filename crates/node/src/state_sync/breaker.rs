//! Keeps an operator, or a script, from asking the same peers in vain again and again.
//!
//! ```text
//!   closed ── FAILURES sessions in a row fail ──► open ── OPEN_MS ──► half-open ─┬─ a session ends well ─► closed
//!      ▲                                            ▲                            └─ it fails ───────────► open
//!      └──────────────── reset ─────────────────────┴── from any state
//! ```
//! Time is an argument.

use primitives::Timestamp;
use rpc::types::{BreakerState, BreakerStatus};

/// Sessions that fail in a row until it opens.
pub const FAILURES: u32 = 3;
/// How long it stays open, milliseconds.
pub const OPEN_MS: u64 = 60_000;

/// The breaker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    until: Option<Timestamp>,
}

impl Breaker {
    /// Whether a session may begin now.
    ///
    /// # Errors
    /// When one may.
    pub fn admit(&self, now: Timestamp) -> Result<(), Timestamp> {
        match self.until {
            Some(until) if now < until => Err(until),
            _ => Ok(()),
        }
    }

    /// A session ended well or failed. One that somebody ended says nothing and is not told here.
    pub fn ended(&mut self, well: bool, now: Timestamp) {
        if well {
            *self = Self::default();
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES {
            self.until = Some(Timestamp(now.0.saturating_add(OPEN_MS)));
        }
    }

    /// Closes it.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// What it is now.
    pub fn status(&self, now: Timestamp) -> BreakerStatus {
        let state = match self.until {
            None => BreakerState::Closed,
            Some(until) if now < until => BreakerState::Open,
            Some(_) => BreakerState::HalfOpen,
        };
        let until = self.until.filter(|_| state == BreakerState::Open);
        BreakerStatus { state, failures: self.failures, failures_max: FAILURES, until }
    }
}
