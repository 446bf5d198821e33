//! The store: how long a commit takes, how much is kept.

use crate::areas::FAST;
use crate::handles::{Counter, CounterFamily, FloatGauge, Gauge, Histogram};
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
        "1 while the disk has less free room than disk_free_stop_bytes and no blocks are begun"
        disk_full: Gauge = Metric::gauge("storage_disk_full");
        "Copies of the store's mark that were damaged and written again at this start; the disk deserves a look"
        marks_mended: Counter = Metric::counter("storage_marks_mended_total");
        "Reads of the store that failed while a question was answered; a write that fails stops the node"
        faults: Counter = Metric::counter("storage_faults_total");
        "Times that this start built a damaged store anew; the damaged one lies beside it"
        mends: Counter = Metric::counter("storage_mends_total");
        "Times that this start moved a damaged store aside and took the chain again from others"
        rebuilds: Counter = Metric::counter("storage_rebuilds_total");
        "Heights whose bodies are damaged and not back yet"
        quarantined: Gauge = Metric::gauge("storage_quarantined_heights");
        "Bodies of quarantined heights that peers gave whole"
        refetched: Counter = Metric::counter("storage_refetched_heights_total");
        "Bodies from peers that were not what was asked for; the peer loses points and is not asked again"
        refetch_refused: Counter = Metric::counter("storage_refetch_refused_total");
        "Pruned bodies that were given again, by source (archive, peer)"
        reconstructed: CounterFamily<1> = Metric::counter("reconstruction_bodies_total").labels(&["source"]).values(&[&["archive", "peer"]]);
        "Bodies that were not what the header commits to, by source (archive, peer)"
        reconstruction_refused: CounterFamily<1> = Metric::counter("reconstruction_refused_total").labels(&["source"]).values(&[&["archive", "peer"]]);
        "Questions for a pruned body at which the archive did not answer or refused its key; the log names the reason"
        reconstruction_unanswered: Counter = Metric::counter("reconstruction_unanswered_total");
        "Questions for a pruned body that no source had"
        reconstruction_missing: Counter = Metric::counter("reconstruction_missing_total");
        "Bytes of bodies that the background scrub has checked"
        scrub_bytes: Counter = Metric::counter("storage_scrub_bytes_total").unit(Unit::Bytes);
        "What the background scrub has found to be not what was written"
        scrub_findings: Counter = Metric::counter("storage_scrub_findings_total");
        "Time since the background scrub was last through the whole store; since the start of the node while it never was"
        scrub_age: FloatGauge = Metric::gauge("storage_scrub_age_seconds").unit(Unit::Seconds);
        "Views of one moment that a snapshot, a backup or the scrub keeps; meanwhile no room of overwritten and removed values comes back"
        frozen_views: Gauge = Metric::gauge("storage_frozen_views");
        "Size of the journals: what was written since the tables were"
        journal: Gauge = Metric::gauge("storage_journal_bytes").unit(Unit::Bytes);
        "Times that journals beyond storage.journal_bytes_max were flushed to tables"
        journal_flushes: Counter = Metric::counter("storage_journal_flushes_total");
        "Flushes of journals that failed"
        journal_flush_failures: Counter = Metric::counter("storage_journal_flush_failures_total");
    }
}
