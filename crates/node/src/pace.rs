//! So many bytes per second and no more.
//!
//! Model: bytes are handed out one after the other at the rate; whoever takes some is told how long to wait for those before them.
//! Time is an argument.
//!
//! Rules
//! - A rate of 0 is no limit. A rate may change at any time; what was handed out before stays as it was.
//! - Who would wait longer than it may takes nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A rate of bytes.
#[derive(Debug, Default)]
pub struct Pace {
    bytes_per_sec: AtomicU64,
    /// When the bytes that were taken are through.
    due: Mutex<Option<Instant>>,
}

impl Pace {
    /// So many bytes per second; 0: no limit.
    pub fn new(bytes_per_sec: u64) -> Self {
        Self { bytes_per_sec: AtomicU64::new(bytes_per_sec), due: Mutex::default() }
    }

    /// Another rate from now on.
    pub fn set(&self, bytes_per_sec: u64) {
        self.bytes_per_sec.store(bytes_per_sec, Ordering::Relaxed);
    }

    /// Takes so many bytes; gives how long to wait before they are sent.
    ///
    /// # Errors
    /// How long it would be, when that is longer than `wait_max`; nothing is taken then.
    pub fn take(&self, bytes: usize, now: Instant, wait_max: Duration) -> Result<Duration, Duration> {
        let rate = self.bytes_per_sec.load(Ordering::Relaxed);
        if rate == 0 {
            return Ok(Duration::ZERO);
        }
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let from = due.map_or(now, |due| due.max(now));
        let wait = from.saturating_duration_since(now);
        if wait > wait_max {
            return Err(wait);
        }
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        // Rounded up, so that the rate is never exceeded.
        let micros = u128::from(bytes).saturating_mul(1_000_000).div_ceil(u128::from(rate));
        let lasts = Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        *due = from.checked_add(lasts).or(Some(from));
        Ok(wait)
    }
}
