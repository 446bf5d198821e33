//! When the next height may start.
//!
//! A block's time plus the block interval is the earliest time of its successor. The wait happens before
//! the engine is told to start the height, so the height's timeouts do not run meanwhile, votes of slower
//! peers are still handled, and the proposer packs what arrived until the last moment. A node that
//! catches up finds the time long past and does not wait.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use primitives::Timestamp;

/// How long to wait at `now`; never more than one interval, whatever the parent's proposer claimed.
pub fn wait(now: Timestamp, parent: Timestamp, interval_ms: u64) -> Duration {
    let left = parent.plus(interval_ms).since(now);
    Duration::from_millis(left.min(interval_ms))
}

/// How far the clock of this process is off on purpose, milliseconds.
static OFFSET_MS: AtomicI64 = AtomicI64::new(0);

/// Puts the clock of this process off by `offset_ms` milliseconds, for drills. The system's clock stays as it is.
pub fn set_clock_offset(offset_ms: i64) {
    OFFSET_MS.store(offset_ms, Ordering::Relaxed);
}

/// The time that this process goes by, milliseconds since the Unix epoch; 0 before it.
pub fn now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let system_ms = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    Timestamp(system_ms.saturating_add_signed(OFFSET_MS.load(Ordering::Relaxed)))
}
