//! The files of the peer store.

use std::fs;

use p2p::store::{ENTRIES_MAX, PERSIST_TRIES_MAX, PeerStore, StoreWarning};
use p2p::{Counters, StorePaths};

use crate::score::key;

fn save(store: &mut PeerStore) -> Counters {
    let counters = Counters::default();
    let files = store.take_changes().expect("something changed");
    files.persist(&counters).expect("the folder is writable");
    counters
}

#[test]
fn what_was_written_is_read_again() {
    let _overlay = testkit::contract!("S003-150");
    let _peers = testkit::contract!("S003-152");
    let _quic = testkit::contract!("S003-154");
    let folder = tempfile::tempdir().unwrap();
    let paths = StorePaths::below(folder.path());
    let (mut store, warnings) = PeerStore::open(Some(paths.clone()), 1);
    assert!(warnings.is_empty() && store.take_changes().is_none());
    store.seen(key(1), &["/ip4/10.0.0.1/tcp/1".to_owned()], 1_000);
    store.seen(key(2), &["/ip4/10.0.0.2/tcp/1".to_owned()], 2_000);
    store.seen(key(1), &[], 3_000);
    store.answered(key(1), "/ip4/10.0.0.1/udp/1/quic-v1", true, 3_000);
    store.answered(key(1), "/ip4/10.0.0.1/udp/1/quic-v1", true, 4_000);
    store.standing(key(2), -7, 2, Some(9_000), 2_500);
    let counters = save(&mut store);
    assert_eq!((counters.overlay_persist_attempts.get(), counters.overlay_persist_success.get()), (1, 1));

    // The overlay file is a plain JSON list with last-seen timestamps, at the promised place.
    let text = fs::read_to_string(folder.path().join("overlay/overlay_peers.json")).unwrap();
    let list: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(list.len(), 2);
    let first = list.iter().find(|entry| entry["peer"] == key(1).to_string()).unwrap();
    assert_eq!(first["last_seen_unix_ms"], 3_000);
    assert_eq!(first["addresses"][0], "/ip4/10.0.0.1/tcp/1", "an empty list of addresses replaces nothing");
    let keys: Vec<serde_json::Value> =
        serde_json::from_str(&fs::read_to_string(folder.path().join("peer_key_history")).unwrap()).unwrap();
    assert_eq!(keys.len(), 1, "one entry for one key at one address");
    assert_eq!(keys[0]["first_seen_unix_ms"], 3_000);

    let (store, warnings) = PeerStore::open(Some(paths), 5);
    assert!(warnings.is_empty());
    let candidates = store.candidates();
    assert_eq!(candidates[0].0, key(1), "the most recently seen first");
    assert_eq!(candidates[0].1, ["/ip4/10.0.0.1/udp/1/quic-v1", "/ip4/10.0.0.1/tcp/1"], "what worked over QUIC first");
    let records: Vec<_> = store.records().collect();
    assert_eq!((records[0].peer, records[0].points, records[0].bans), (key(2), -7, 2));
    assert_eq!(records[0].banned_until_unix_ms, Some(9_000));
}

#[test]
fn a_damaged_file_is_moved_aside() {
    let truncated = b"[{\"peer\": \"12D3Koo";
    let wrong_shape = b"{\"peers\": []}";
    let bad_key = b"[{\"peer\": \"nobody\", \"addresses\": [], \"last_seen_unix_ms\": 1}]";
    let binary = [0_u8, 255, 17];
    let deep = vec![b'['; 100_000];
    for content in [&truncated[..], wrong_shape, bad_key, &binary, &deep, b""] {
        let folder = tempfile::tempdir().unwrap();
        let paths = StorePaths::below(folder.path());
        fs::create_dir_all(paths.overlay.parent().unwrap()).unwrap();
        fs::write(&paths.overlay, content).unwrap();
        let (mut store, warnings) = PeerStore::open(Some(paths.clone()), 77);
        let [StoreWarning::Damaged { moved_to, .. }] = &warnings[..] else { panic!("{warnings:?}") };
        assert_eq!(fs::read(moved_to).unwrap(), content, "the evidence is kept");
        assert!(moved_to.ends_with(".damaged-77"));
        assert!(store.candidates().is_empty() && !paths.overlay.exists());
        store.seen(key(1), &[], 1);
        save(&mut store);
        assert!(PeerStore::open(Some(paths), 78).1.is_empty(), "and the next file is good");
    }
}

#[test]
fn writes_that_fail_use_up_a_bounded_budget() {
    let folder = tempfile::tempdir().unwrap();
    let paths = StorePaths::below(folder.path());
    // A file where a folder is needed: no try can succeed.
    fs::write(folder.path().join("overlay"), b"").unwrap();
    let mut store = PeerStore::open(Some(paths), 1).0;
    store.seen(key(1), &[], 1);
    let counters = Counters::default();
    assert!(store.take_changes().unwrap().persist(&counters).is_err());
    assert_eq!(counters.overlay_persist_attempts.get(), u64::from(PERSIST_TRIES_MAX));
    assert_eq!((counters.overlay_persist_success.get(), counters.overlay_persist_failure.get()), (0, 1));
}

#[test]
fn entries_are_bounded_and_the_oldest_makes_room() {
    let mut store = PeerStore::open(None, 1).0;
    let most = u64::try_from(ENTRIES_MAX).unwrap();
    for number in 0..most + 10 {
        store.seen(key(number), &["/ip4/10.0.0.1/tcp/1".to_owned()], 1_000 + number);
    }
    let candidates = store.candidates();
    assert_eq!(candidates.len(), ENTRIES_MAX);
    assert_eq!(candidates[0].0, key(most + 9));
    assert!(candidates.iter().all(|(peer, _)| *peer != key(0)));
    assert!(store.take_changes().is_none(), "without paths nothing is written");
}
