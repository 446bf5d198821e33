//! When the next height may start.
//!
//! A block's time plus the block interval is the earliest time of its successor. The wait happens before
//! the engine is told to start the height, so the height's timeouts do not run meanwhile, votes of slower
//! peers are still handled, and the proposer packs what arrived until the last moment. A node that
//! catches up finds the time long past and does not wait.

use std::time::Duration;

use primitives::Timestamp;

/// How long to wait at `now`; never more than one interval, whatever the parent's proposer claimed.
pub fn wait(now: Timestamp, parent: Timestamp, interval_ms: u64) -> Duration {
    let left = parent.plus(interval_ms).since(now);
    Duration::from_millis(left.min(interval_ms))
}

/// This machine's time in milliseconds since the Unix epoch.
pub(crate) fn now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
