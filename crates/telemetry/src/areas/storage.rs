//! The store: how long a commit takes, how much is kept.

use crate::areas::FAST;
use crate::handles::{Counter, Gauge, Histogram};
use crate::metric::{Metric, Unit};

area! {
    /// The store: how long a commit takes, how much is kept.
    Storage {
        "Time to make one block durable"
        commit: Histogram = Metric::histogram("storage_commit_seconds", FAST).unit(Unit::Seconds);
        "Size of the store on disk"
        size: Gauge = Metric::gauge("storage_size_bytes").unit(Unit::Bytes);
        "The lowest height whose block is kept"
        oldest_height: Gauge = Metric::gauge("storage_oldest_height");
        "The highest height whose block is kept"
        newest_height: Gauge = Metric::gauge("storage_newest_height");
        "Free room on the disk of the data folder"
        disk_free: Gauge = Metric::gauge("storage_disk_free_bytes").unit(Unit::Bytes);
        "1 while the disk has less free room than disk_free_min_bytes and no transactions are taken"
        disk_low: Gauge = Metric::gauge("storage_disk_low");
        "Copies of the store's mark that were damaged and written again at this start; the disk deserves a look"
        marks_mended: Counter = Metric::counter("storage_marks_mended_total");
        "Reads of the store that failed while a question was answered; a write that fails stops the node"
        faults: Counter = Metric::counter("storage_faults_total");
    }
}
