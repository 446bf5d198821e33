//! Pruning: what was deleted of old blocks, and what should be and is not yet.

use crate::areas::FAST;
use crate::handles::{Counter, Gauge, Histogram};
use crate::metric::{Metric, Unit};

area! {
    /// Pruning: what was deleted of old blocks, and what should be and is not yet.
    Pruning {
        "1 while the gate pruning is on"
        on: Gauge = Metric::gauge("pruning_on");
        "1 while pruning waits for its emergency pause to end"
        paused: Gauge = Metric::gauge("pruning_paused");
        "Heights whose blocks may be deleted and are not yet"
        lag: Gauge = Metric::gauge("pruning_lag_blocks");
        "The lowest height whose header is kept"
        oldest_header: Gauge = Metric::gauge("pruning_oldest_header_height");
        "Heights whose blocks were deleted since the start"
        removed: Counter = Metric::counter("pruning_removed_blocks_total");
        "Bytes of deleted blocks since the start; the disk has them back after the next compaction"
        freed: Counter = Metric::counter("pruning_freed_bytes_total").unit(Unit::Bytes);
        "Times that the disk got the room of deleted blocks back since the start"
        compactions: Counter = Metric::counter("pruning_compactions_total");
        "Bytes that were read to give the room of deleted blocks back since the start"
        compacted: Counter = Metric::counter("pruning_compacted_bytes_total").unit(Unit::Bytes);
        "Pieces and compactions that failed; the log and GET /status/pruning name the cause"
        failures: Counter = Metric::counter("pruning_failures_total");
        "Time to make one piece of at most 64 deleted blocks durable"
        piece: Histogram = Metric::histogram("pruning_piece_seconds", FAST).unit(Unit::Seconds);
    }
}
