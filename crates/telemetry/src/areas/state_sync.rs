//! Snapshots that travel: sessions that take one from peers, their breaker, and what peers announce.

use crate::handles::{CounterFamily, Gauge};
use crate::metric::Metric;

area! {
    /// Snapshots that travel: sessions that take one from peers, their breaker, and what peers announce.
    StateSync {
        "Sessions that ended, by how: done, failed, cancelled"
        sessions: CounterFamily<1> = Metric::counter("state_sync_sessions_total").labels(&["result"]).values(&[&["done", "failed", "cancelled"]]);
        "The breaker of sessions: 0 closed, 1 half-open, 2 open"
        breaker: Gauge = Metric::gauge("state_sync_breaker_state");
        "Sources of the running session, or of the last one, that are still asked"
        sources: Gauge = Metric::gauge("state_sync_sources");
        "Chunks that the running session, or the last one, has not got"
        chunks_left: Gauge = Metric::gauge("state_sync_chunks_left");
        "Highest snapshot that peers announced in the last five minutes; 0 without one"
        announced: Gauge = Metric::gauge("snapshot_announced_height");
        "Blocks between the newest snapshot of this node and the highest that peers announced; 0 when it is not behind"
        lag: Gauge = Metric::gauge("state_sync_lag_blocks");
        "Announcements of snapshots: published, taken, too_soon, older, too_high, full"
        announcements: CounterFamily<1> = Metric::counter("snapshot_announcements_total").labels(&["result"]).values(&[&["published", "taken", "too_soon", "older", "too_high", "full"]]);
    }
}
