//! How often `tb top` looks: as often as was wished, and more rarely at a node that limits it.
//!
//! ```text
//! a look that had to wait ──► twice the time, at most SLOWEST      CALM looks without a wait ──► half the time, at least what was wished
//! ```
//! Rule: the clock is not read here.

use std::time::Duration;

/// Longest time between two looks that a limit of the node leads to.
pub const SLOWEST: Duration = Duration::from_secs(60);
/// Looks without a wait after which it is tried a little faster.
pub const CALM: u32 = 30;

/// The time between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    wished: Duration,
    now: Duration,
    calm: u32,
}

impl Pace {
    /// Of so much time between two looks.
    pub const fn new(wished: Duration) -> Self {
        Self { wished, now: wished, calm: 0 }
    }

    /// The time until the next look.
    pub const fn pause(&self) -> Duration {
        self.now
    }

    /// Whether there are fewer looks than was wished.
    pub fn is_slowed(&self) -> bool {
        self.now > self.wished
    }

    /// Notes a look, and whether the node made it wait.
    pub fn note(&mut self, has_waited: bool) {
        if has_waited {
            // A short time that was wished is doubled at least to a second, for which limits are told.
            let slower = self.now.saturating_mul(2).max(Duration::from_secs(1)).min(SLOWEST);
            (self.now, self.calm) = (slower.max(self.wished), 0);
            return;
        }
        self.calm = self.calm.saturating_add(1);
        if self.is_slowed() && self.calm >= CALM {
            (self.now, self.calm) = ((self.now / 2).max(self.wished), 0);
        }
    }
}
