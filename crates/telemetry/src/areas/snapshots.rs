//! Snapshots: how old the newest is, how large, and what was given to others.

use crate::areas::BLOCKS;
use crate::handles::{Counter, FloatGauge, Gauge, Histogram};
use crate::metric::{Metric, Unit};

area! {
    /// Snapshots: how old the newest is, how large, and what was given to others.
    Snapshots {
        "Height of the newest snapshot of this node; 0 without one"
        height: Gauge = Metric::gauge("snapshot_height");
        "Time since the newest snapshot was made; since the start of the node while it has none"
        age: FloatGauge = Metric::gauge("snapshot_age_seconds").unit(Unit::Seconds);
        "A snapshot is made at every height that is a multiple of this, as snapshots.interval_blocks says; 0: only on demand"
        interval: Gauge = Metric::gauge("snapshot_interval_blocks");
        "Size of the newest snapshot's chunks"
        size: Gauge = Metric::gauge("snapshot_size_bytes").unit(Unit::Bytes);
        "Snapshots that are kept"
        kept: Gauge = Metric::gauge("snapshots_kept");
        "Snapshots made since the start"
        made: Counter = Metric::counter("snapshots_made_total");
        "Snapshots that could not be made; the log names the cause"
        failures: Counter = Metric::counter("snapshot_failures_total");
        "Configured heights without a snapshot, because the one before was still being made"
        skipped: Counter = Metric::counter("snapshots_skipped_total");
        "Snapshots that were set aside because a chunk of theirs rotted or was gone"
        damaged: Counter = Metric::counter("snapshots_damaged_total");
        "Time to make one snapshot durable"
        duration: Histogram = Metric::histogram("snapshot_seconds", BLOCKS).unit(Unit::Seconds);
        "Chunks given to nodes that sync their state"
        chunks_served: Counter = Metric::counter("state_sync_chunks_served_total");
        "Bytes of chunks given to nodes that sync their state"
        served: Counter = Metric::counter("state_sync_served_bytes_total").unit(Unit::Bytes);
    }
}
