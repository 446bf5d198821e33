//! Commits, size, faults of the store.

use crate::board::{Board, Unit};
use crate::boards::{lines, named, number, query};

/// The board.
pub const BOARD: Board = Board {
    name: "storage",
    title: "storage",
    about: "How long a block takes to become durable, how much is kept, and what failed.",
    panels: &[
        number(
            "Faults",
            "Reads that failed while a question was answered, since the nodes started. A node stops at its first failed write.",
            Unit::Count,
            &[query("sum(storage_faults_total{@})")],
        ),
        number("Size of all stores", "Bytes on disk.", Unit::Bytes, &[query("sum(storage_size_bytes{@})")]),
        number(
            "Oldest height kept",
            "The lowest height whose block some node still has.",
            Unit::Count,
            &[query("min(storage_oldest_height{@})")],
        ),
        number(
            "Newest height kept",
            "The highest height whose block is durable somewhere.",
            Unit::Count,
            &[query("max(storage_newest_height{@})")],
        ),
        lines(
            "Time of a commit",
            "Seconds to make one block durable: median and 99th percentile.",
            Unit::Seconds,
            &[
                named(
                    "histogram_quantile(0.5, sum by (instance, le) (rate(storage_commit_seconds_bucket{@}[5m])))",
                    "{{instance}} p50",
                ),
                named("instance:storage_commit_seconds:p99_5m{@}", "{{instance}} p99"),
            ],
        ),
        lines("Size of the store", "Bytes on disk.", Unit::Bytes, &[query("storage_size_bytes{@}")]),
        lines(
            "Growth of the store",
            "Bytes per second over half an hour.",
            Unit::BytesPerSecond,
            &[query("deriv(storage_size_bytes{@}[30m])")],
        ),
        lines(
            "Free room",
            "Bytes free on the disk of the data folder. Below the floor of the configuration no transactions are taken.",
            Unit::Bytes,
            &[query("storage_disk_free_bytes{@}")],
        ),
        lines(
            "Damaged heights",
            "Heights whose blocks are quarantined until a peer gives them.",
            Unit::Count,
            &[query("storage_quarantined_heights{@}")],
        ),
        lines(
            "Size of the journals",
            "Bytes written since the tables were; flushed above storage.journal_bytes_max.",
            Unit::Bytes,
            &[query("storage_journal_bytes{@}")],
        ),
        lines(
            "Scrub",
            "Bytes that the background scrub checks each second.",
            Unit::BytesPerSecond,
            &[query("rate(storage_scrub_bytes_total{@}[5m])")],
        ),
        lines("Height of the newest snapshot", "0 where there is none.", Unit::Count, &[query("snapshot_height{@}")]),
        lines(
            "Age of the newest snapshot",
            "Seconds since it was made, or since the start of a node that has none. An alert fires after three intervals of a node that makes them.",
            Unit::Seconds,
            &[query("snapshot_age_seconds{@}")],
        ),
        lines(
            "Snapshots of peers that are newer",
            "Blocks between the newest snapshot here and the highest that peers announced. An alert fires after two intervals of a node that makes them.",
            Unit::Count,
            &[query("state_sync_lag_blocks{@}")],
        ),
        lines(
            "State sync: sources and chunks that are missing",
            "Of the running session, or of the last one.",
            Unit::Count,
            &[query("state_sync_sources{@}"), query("state_sync_chunks_left{@}")],
        ),
        lines(
            "State sync: breaker",
            "0 closed, 1 half-open, 2 open: no session begins.",
            Unit::Count,
            &[query("state_sync_breaker_state{@}")],
        ),
        lines(
            "Heights kept",
            "Blocks between the oldest and the newest.",
            Unit::Count,
            &[query("storage_newest_height{@} - storage_oldest_height{@}")],
        ),
    ],
};
