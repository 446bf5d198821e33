//! So many bytes per second and no more.
//!
//! ```text
//!   take ─► turn = bytes taken before these ──► waits until so many are through ──► goes
//!                                                     ▲ set: another rate, everybody looks again
//! ```
//! Model: bytes are handed out one after the other at the rate; whoever takes some waits for those before them. A turn is a number of bytes and not
//! a moment, so a new rate counts at once for those who wait. In [`Pace::take`] and [`Pace::wait`] time is an argument.
//!
//! Rules
//! - A rate of 0 is no limit. A rate may change at any time; who waits keeps the turn.
//! - Who would wait longer than it may takes nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

const MICROS: u128 = 1_000_000;

/// A rate of bytes.
#[derive(Debug)]
pub struct Pace {
    gate: Mutex<Gate>,
    changed: Notify,
}

/// Bytes that stand before those that were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn(u64);

#[derive(Debug)]
struct Gate {
    bytes_per_sec: u64,
    /// All bytes that were taken.
    taken: u64,
    /// How many of them were through at `at`.
    through: u64,
    at: Option<Instant>,
}

impl Gate {
    fn through(&self, now: Instant) -> u64 {
        let micros = self.at.map_or(0, |at| now.saturating_duration_since(at).as_micros());
        let more = micros.saturating_mul(self.bytes_per_sec.into()) / MICROS;
        self.through.saturating_add(u64::try_from(more).unwrap_or(u64::MAX)).min(self.taken)
    }

    /// Rounded up, so that the rate is never exceeded.
    fn wait(&self, turn: Turn, now: Instant) -> Duration {
        let before = turn.0.saturating_sub(self.through(now));
        if before == 0 || self.bytes_per_sec == 0 {
            return Duration::ZERO;
        }
        let micros = u128::from(before).saturating_mul(MICROS).div_ceil(self.bytes_per_sec.into());
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

impl Pace {
    /// So many bytes per second; 0: no limit.
    pub const fn new(bytes_per_sec: u64) -> Self {
        let gate = Gate { bytes_per_sec, taken: 0, through: 0, at: None };
        Self { gate: Mutex::new(gate), changed: Notify::const_new() }
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another rate from `now` on, for those who wait too.
    pub fn set(&self, bytes_per_sec: u64, now: Instant) {
        let mut gate = self.gate();
        gate.through = if bytes_per_sec == 0 { gate.taken } else { gate.through(now) };
        (gate.at, gate.bytes_per_sec) = (Some(now), bytes_per_sec);
        drop(gate);
        self.changed.notify_waiters();
    }

    /// Takes so many bytes; gives their turn.
    ///
    /// # Errors
    /// How long it would wait, when that is longer than `wait_max`; nothing is taken then.
    pub fn take(&self, bytes: usize, now: Instant, wait_max: Duration) -> Result<Turn, Duration> {
        let mut gate = self.gate();
        let turn = Turn(gate.taken);
        if gate.bytes_per_sec == 0 {
            return Ok(turn);
        }
        let wait = gate.wait(turn, now);
        if wait > wait_max {
            return Err(wait);
        }
        if gate.through(now) == gate.taken {
            // Nobody waits: a pause saves up nothing.
            (gate.through, gate.at) = (gate.taken, Some(now));
        }
        gate.taken = gate.taken.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        Ok(turn)
    }

    /// How long this turn still waits at the present rate.
    pub fn wait(&self, turn: Turn, now: Instant) -> Duration {
        self.gate().wait(turn, now)
    }

    /// Takes so many bytes and comes back when it is their turn; a new rate counts at once.
    ///
    /// # Errors
    /// As [`Pace::take`].
    pub async fn pass(&self, bytes: usize, wait_max: Duration) -> Result<(), Duration> {
        let turn = self.take(bytes, Instant::now(), wait_max)?;
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on no new rate is missed.
            changed.as_mut().enable();
            let wait = self.wait(turn, Instant::now());
            if wait.is_zero() {
                return Ok(());
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = changed => {}
            }
        }
    }
}
