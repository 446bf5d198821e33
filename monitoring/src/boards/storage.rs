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
            "Views that are kept",
            "Snapshots, backups and the scrub read the store as it was at one moment. While a view is kept, no room comes back.",
            Unit::Count,
            &[query("storage_frozen_views{@}")],
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
        number(
            "Nodes with a full disk",
            "They have less free room than disk_free_stop_bytes and begin no block.",
            Unit::Count,
            &[query("sum(storage_disk_full{@})")],
        ),
        number(
            "Damage found by the scrub",
            "Findings since the nodes started.",
            Unit::Count,
            &[query("sum(storage_scrub_findings_total{@})")],
        ),
        lines(
            "Age of the last whole scrub",
            "Seconds since the scrub was last through the whole store, or since the start of a node where it never was.",
            Unit::Seconds,
            &[query("storage_scrub_age_seconds{@}")],
        ),
        lines(
            "Flushes of the journals",
            "Since the start: flushes of journals above their bound, and those that failed.",
            Unit::Count,
            &[
                named("storage_journal_flushes_total{@}", "{{instance}} flushes"),
                named("storage_journal_flush_failures_total{@}", "{{instance}} failed"),
            ],
        ),
        lines(
            "Damage that was mended",
            "Since the start: damaged stores that were built anew, heights that peers gave again, and answers of peers that were wrong.",
            Unit::Count,
            &[
                named("storage_mends_total{@}", "{{instance}} stores"),
                named("storage_refetched_heights_total{@}", "{{instance}} heights"),
                named("storage_refetch_refused_total{@}", "{{instance}} wrong answers"),
            ],
        ),
        lines(
            "Pruning: blocks behind",
            "Blocks that are older than what is kept and are still there; and 1 while pruning waits for its emergency pause to end.",
            Unit::Count,
            &[named("pruning_lag_blocks{@}", "{{instance}} behind"), named("pruning_paused{@}", "{{instance}} paused")],
        ),
        lines(
            "Pruning: blocks deleted",
            "Per second.",
            Unit::PerSecond,
            &[query("rate(pruning_removed_blocks_total{@}[5m])")],
        ),
        lines(
            "Pruned bodies that were asked for",
            "Per second: given again, by source; not what the header commits to, by source; questions that the archive did not answer, and those that nobody could.",
            Unit::PerSecond,
            &[
                named("sum by (source) (rate(reconstruction_bodies_total{@}[5m]))", "{{source}} gave"),
                named("sum by (source) (rate(reconstruction_refused_total{@}[5m]))", "{{source}} was wrong"),
                named("sum(rate(reconstruction_unanswered_total{@}[5m]))", "archive did not answer"),
                named("sum(rate(reconstruction_missing_total{@}[5m]))", "nobody has it"),
            ],
        ),
        lines(
            "Snapshots made",
            "Since the start: made, failed, and heights that were passed over because the one before was still being made.",
            Unit::Count,
            &[
                named("snapshots_made_total{@}", "{{instance}} made"),
                named("snapshot_failures_total{@}", "{{instance}} failed"),
                named("snapshots_skipped_total{@}", "{{instance}} passed over"),
            ],
        ),
        lines(
            "Size of the newest snapshot",
            "Bytes of its chunks; 0 where there is none.",
            Unit::Bytes,
            &[query("snapshot_size_bytes{@}")],
        ),
        lines(
            "State sync: sessions",
            "Sessions that ended since the start, by how.",
            Unit::Count,
            &[named("sum by (instance, result) (state_sync_sessions_total{@})", "{{instance}} {{result}}")],
        ),
        lines(
            "State sync: given to others",
            "Bytes of chunks per second.",
            Unit::BytesPerSecond,
            &[query("rate(state_sync_served_bytes_total{@}[5m])")],
        ),
    ],
};
