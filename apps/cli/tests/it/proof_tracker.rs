//! The file of what a light client has verified: its records, its bound, and other files at its place.

use std::fs;
use std::path::Path;

use cli::proof_tracker::{CHAINS_MAX, ProofTracker, Tracked};
use primitives::{Amount, Hash, Height, LedgerDigest, Timestamp};

fn tracked(genesis: u8, height: u64, time: u64) -> Tracked {
    Tracked {
        genesis_hash: Hash([genesis; 32]),
        chain_id: "sample-1".to_owned(),
        runs: 0,
        verified_at_ms: Timestamp(time),
        proven_height: Height(height / 2),
        ledger_root: LedgerDigest::default(),
        supply: Amount::ZERO,
        attested_height: Height(height),
        attested_hash: Hash([7; 32]),
    }
}

#[test]
fn a_record_counts_its_runs_never_goes_back_and_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("below/proof_tracker");
    let mut tracker = ProofTracker::read(&path).unwrap();
    assert_eq!(tracker.of(&Hash([1; 32])), None);
    tracker.note(tracked(1, 10, 100));
    tracker.note(tracked(2, 5, 150));
    tracker.note(tracked(1, 8, 200));
    assert_eq!(tracker.of(&Hash([1; 32])), Some(&Tracked { runs: 2, ..tracked(1, 10, 200) }), "a node that is behind");
    tracker.note(tracked(1, 12, 300));
    assert_eq!(tracker.of(&Hash([1; 32])), Some(&Tracked { runs: 3, ..tracked(1, 12, 300) }));
    tracker.write().unwrap();
    assert_eq!(ProofTracker::read(&path).unwrap(), tracker);
    assert_eq!(fs::read_dir(folder.path().join("below")).unwrap().count(), 1, "no other file is left");
}

#[test]
fn the_chain_that_was_verified_longest_ago_makes_room() {
    let mut tracker = ProofTracker::read(Path::new("nowhere")).unwrap();
    (0..=64).for_each(|genesis| tracker.note(tracked(genesis, 1, 1)));
    assert_eq!((tracker.chains().len(), tracker.of(&Hash([0; 32]))), (CHAINS_MAX, None));
    assert!(tracker.of(&Hash([64; 32])).is_some() && tracker.of(&Hash([1; 32])).is_some());
}

#[test]
fn another_file_at_its_place_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("proof_tracker");
    let other = r#"{"format":"the-block proof tracker","version":2,"chains":[]}"#;
    for text in ["", "[]", "{}", other, &"x".repeat(300_000)] {
        fs::write(&path, text).unwrap();
        let refused = ProofTracker::read(&path).unwrap_err();
        assert_eq!(refused.error.code, "bad_file", "{refused:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}
