//! The node's clock: the only place that asks the system for the time.

use std::time::{SystemTime, UNIX_EPOCH};

use primitives::Timestamp;

/// Now, milliseconds since the Unix epoch; 0 on a machine whose clock is before it.
pub fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}
