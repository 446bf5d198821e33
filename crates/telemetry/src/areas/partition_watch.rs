//! Whether this node seems to be cut off from a part of its peers.

use crate::handles::{Counter, FloatGauge, Gauge};
use crate::metric::{Metric, Unit};

area! {
    /// Whether this node seems to be cut off from a part of its peers.
    PartitionWatch {
        "1 while a partition is suspected: more than a third of the expected peers and at least two are missing, else 0"
        suspected: Gauge = Metric::gauge("partition_watch_suspected");
        "Expected peers that have been missing for two seconds or more"
        affected_peers: Gauge = Metric::gauge("partition_watch_affected_peers");
        "How long the present partition has been suspected, 0 without one"
        duration: FloatGauge = Metric::gauge("partition_watch_duration_seconds").unit(Unit::Seconds);
        "Partitions that were suspected since the start"
        suspicions: Counter = Metric::counter("partition_watch_suspicions_total");
        "Suspected partitions that ended because enough peers came back"
        recoveries: Counter = Metric::counter("partition_watch_recoveries_total");
    }
}
