//! When journals are flushed, and where a scrub goes on.

use std::time::{Duration, Instant};

use node::upkeep::journal::{Watch, look};
use node::upkeep::scrub::{Activity, Position, Scrub, has_found_a_bad_file};
use primitives::{Hash, Height, Timestamp};
use storage::{CandidateOrigin, GenesisBatch, Store, StoreConfig, Verify};

/// Bytes at which the engine seals a journal; it is allocated ahead.
const JOURNAL_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of one write.
const WRITE_BYTES: usize = 4 * 1024 * 1024;
/// Longest time until a sealed journal is gone after a flush.
const TIME: Duration = Duration::from_secs(20);

#[test]
fn journals_are_flushed_above_their_bound_and_again_once_they_have_grown() {
    let mut watch = Watch::new(1_000);
    assert!(!watch.is_due(0) && !watch.is_due(1_000) && watch.is_due(1_001));
    watch.flushed(400);
    assert!(!watch.is_due(1_000) && watch.is_due(1_001), "it is small again, so it grew");
    // The active journal alone is larger than the bound: it stays.
    watch.flushed(64_000);
    assert!(!watch.is_due(64_000) && !watch.is_due(64_250) && watch.is_due(64_251));
    watch.flushed(u64::MAX);
    assert!(!watch.is_due(u64::MAX) && !watch.is_due(5_000));
}

#[test]
fn a_scrub_goes_on_where_the_last_start_was_and_begins_anew_without_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let fresh = Scrub::open(folder.path());
    assert_eq!((fresh.position(), fresh.activity()), (Position::default(), Activity::Off));
    assert_eq!(fresh.age(Timestamp(9_000), Timestamp(2_000)), Duration::from_secs(7), "since the start");
    let position = Position { next: Height(77), passes: 3, passed: Some(Timestamp(5_000)), is_file_bad: true };
    assert!(!has_found_a_bad_file(folder.path()), "nothing was scrubbed");
    std::fs::write(folder.path().join("scrub.json"), serde_json::to_vec(&position).unwrap()).unwrap();
    let again = Scrub::open(folder.path());
    assert_eq!(again.position(), position);
    assert!(has_found_a_bad_file(folder.path()), "the next start reads all of them");
    assert_eq!(again.age(Timestamp(9_000), Timestamp(8_999)), Duration::from_secs(4), "since the last pass");
    for broken in [&b"{"[..], b"", &[b'1'; 5_000]] {
        std::fs::write(folder.path().join("scrub.json"), broken).unwrap();
        assert_eq!(Scrub::open(folder.path()).position(), Position::default());
        assert!(!has_found_a_bad_file(folder.path()));
    }
}

/// The most bytes of journals while 200 MiB are written to one space, when the watcher looks after each write or never does.
fn most_bytes(is_watched: bool) -> u64 {
    let home = tempfile::tempdir().unwrap();
    let config = StoreConfig::Disk { path: home.path().to_owned(), verify: Verify::Full };
    let store = Store::open(&config, &Hash([7; 32])).unwrap();
    // The other spaces have a little in the first journal, and would hold it for long.
    let state = vec![(b"key".to_vec(), b"value".to_vec())];
    store.initialise(&GenesisBatch { slots: Vec::new(), state, nodes: Vec::new() }).unwrap();
    let mut watch = Watch::new(2 * JOURNAL_BYTES);
    let (mut most, mut flushes) = (0, 0);
    for number in 0..50_u8 {
        let bytes = vec![number; WRITE_BYTES];
        store.save_candidate(Height(1), CandidateOrigin::Received(number.into()), &bytes).unwrap();
        if is_watched {
            let seen = look(&store, &mut watch).unwrap();
            flushes += u32::from(seen.left.is_some());
            // The engine drops what is not needed a moment after the flush.
            let deadline = Instant::now() + TIME;
            while seen.left.is_some() && store.journal_bytes().unwrap() > 2 * JOURNAL_BYTES {
                assert!(Instant::now() < deadline, "the sealed journals stay after a flush");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        most = most.max(store.journal_bytes().unwrap());
    }
    assert_eq!(flushes > 0, is_watched);
    most
}

#[test]
fn the_watcher_bounds_the_journals_and_their_size_is_seen() {
    let _shown = testkit::contract!("S003-006");
    // Room for the active journal and what was written between a look and the next.
    let bound = 3 * JOURNAL_BYTES;
    let (watched, alone) = (most_bytes(true), most_bytes(false));
    assert!(watched <= bound && alone > bound, "{watched} bytes with the watcher, {alone} without");
    // What was seen is in the metrics from the start.
    let text = telemetry::Metrics::new().render_with(&[]);
    assert!(text.contains("storage_journal_bytes 0") && text.contains("storage_journal_flushes_total 0"));
}
