//! The folder of snapshots: what is listed, what stays, and what an interrupted maker leaves.

use std::fs;

use primitives::{Height, Timestamp};
use storage::StoreConfig;

use super::chain::Chain;
use crate::shelf::DAMAGED_MAX;
use crate::{Shelf, Snapshot, SnapshotError};

#[test]
fn the_newest_stay_by_count_and_by_age_and_the_last_one_always() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(folder.path());
    assert_eq!(Shelf::new(folder.path().join("none")).list().unwrap().len(), 0);
    let mut chain = Chain::new(20, &StoreConfig::Memory);
    for _ in 0..5 {
        chain.grow();
        chain.snapshot(&shelf);
    }
    let heights = |shelf: &Shelf| -> Vec<u64> {
        shelf.list().unwrap().into_iter().map(|(_, snapshot)| snapshot.unwrap().height().0).collect()
    };
    assert_eq!(heights(&shelf), [5, 4, 3, 2, 1]);
    // A second copy of the same height is the first one.
    chain.snapshot(&shelf);
    assert_eq!(heights(&shelf), [5, 4, 3, 2, 1]);
    assert_eq!(shelf.prune(3, None, Timestamp(0)).unwrap().len(), 2);
    assert_eq!(heights(&shelf), [5, 4, 3]);
    assert_eq!(shelf.prune(3, Some(1_000), Timestamp(5_001_000)).unwrap().len(), 0, "none is that old");
    assert_eq!(shelf.prune(3, Some(1_000), Timestamp(5_001_001)).unwrap().len(), 2);
    assert_eq!(shelf.prune(0, Some(0), Timestamp(u64::MAX)).unwrap().len(), 0);
    assert_eq!(heights(&shelf), [5], "the last one stays");
    assert_eq!(Snapshot::find(folder.path()).unwrap().height(), Height(5));
    assert_eq!(shelf.newest().unwrap().unwrap().height(), Height(5));
}

#[test]
fn what_an_interrupted_maker_left_is_no_snapshot_and_goes_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(folder.path());
    let mut chain = Chain::new(20, &StoreConfig::Memory);
    chain.grow();
    let first = chain.snapshot(&shelf);
    let left = folder.path().join(".new-123");
    fs::create_dir(&left).unwrap();
    fs::copy(first.path.join("manifest"), left.join("manifest")).unwrap();
    assert_eq!(shelf.list().unwrap().len(), 1);
    chain.grow();
    chain.snapshot(&shelf);
    assert!(!left.exists());
    assert_eq!(shelf.list().unwrap().len(), 2);
}

#[test]
fn a_damaged_snapshot_is_listed_as_such_and_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(folder.path());
    let mut chain = Chain::new(20, &StoreConfig::Memory);
    chain.grow();
    chain.snapshot(&shelf);
    chain.grow();
    let second = chain.snapshot(&shelf);
    fs::write(second.path.join("manifest"), b"nothing").unwrap();
    let listed = shelf.list().unwrap();
    assert!(matches!(listed[0].1, Err(SnapshotError::NotAManifest { .. })), "{listed:?}");
    assert_eq!(shelf.newest().unwrap().unwrap().height(), Height(1));
    assert_eq!(shelf.prune(1, Some(0), Timestamp(u64::MAX)).unwrap().len(), 0, "the whole one stays");
    let locked = fs::File::open(folder.path().join("lock")).unwrap();
    locked.lock().unwrap();
    assert!(matches!(shelf.prune(1, None, Timestamp(0)), Err(SnapshotError::InUse { .. })));
    assert!(matches!(Snapshot::find(&folder.path().join("none")), Err(SnapshotError::Missing { .. })));
}

#[test]
fn a_new_copy_of_a_height_takes_the_place_of_a_damaged_one() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(folder.path());
    let mut chain = Chain::new(20, &StoreConfig::Memory);
    chain.grow();
    let first = chain.snapshot(&shelf);
    let chunk = first.chunk_path(&first.manifest.chunks()[0].id);
    let good = fs::read(&chunk).unwrap();
    for damaged in [Some(b"rotten".as_slice()), None] {
        match damaged {
            Some(bytes) => fs::write(&chunk, bytes).unwrap(),
            None => fs::remove_file(&chunk).unwrap(),
        }
        assert!(shelf.newest().unwrap().unwrap().read(&mut |_| {}, &mut |_, _| {}).is_err());
        let again = chain.snapshot(&shelf);
        assert_eq!((again.path.as_path(), fs::read(&chunk).unwrap()), (first.path.as_path(), good.clone()));
        again.read(&mut |_| {}, &mut |_, _| {}).unwrap();
        assert_eq!(shelf.list().unwrap().len(), 1);
    }
}

#[test]
fn a_snapshot_of_another_folder_is_taken_only_whole() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut chain = Chain::new(20, &StoreConfig::Memory);
    chain.grow();
    let made = chain.snapshot(&Shelf::new(one.path()));
    let shelf = Shelf::new(other.path());
    let file = made.chunk_path(&made.manifest.chunks()[0].id);
    let bytes = fs::read(&file).unwrap();
    let mut altered = bytes.clone();
    altered[bytes.len() / 2] ^= 1;
    fs::write(&file, altered).unwrap();
    assert!(shelf.adopt(&made).is_err());
    fs::remove_file(&file).unwrap();
    assert!(matches!(shelf.adopt(&made), Err(SnapshotError::MissingChunk { .. })));
    assert_eq!(shelf.list().unwrap().len(), 0);
    let left = fs::read_dir(other.path()).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir());
    assert_eq!(left.count(), 0, "nothing half is left");
    fs::write(&file, bytes).unwrap();
    let adopted = shelf.adopt(&made).unwrap();
    adopted.read(&mut |_| {}, &mut |_, _| {}).unwrap();
    assert_eq!(adopted.manifest.to_bytes(), made.manifest.to_bytes());
    // A second time it is there already.
    shelf.adopt(&made).unwrap();
    assert_eq!(shelf.list().unwrap().len(), 1);
}

#[test]
fn a_chunk_that_rotted_is_not_given_and_its_snapshot_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(folder.path());
    let mut chain = Chain::new(20, &StoreConfig::Memory);
    for height in 1..=u64::try_from(DAMAGED_MAX + 2).unwrap() {
        chain.grow();
        let made = chain.snapshot(&shelf);
        let entry = made.manifest.chunks()[0];
        assert!(made.whole_file(&entry).is_ok());
        let mut bytes = made.chunk_file(&entry.id).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(made.chunk_path(&entry.id), &bytes).unwrap();
        let refused = made.whole_file(&entry).unwrap_err();
        assert!(matches!(refused, SnapshotError::ChunkHash { id } if id == entry.id), "{refused}");
        assert!(made.is_damaged_by(&refused).unwrap());
        fs::remove_file(made.chunk_path(&entry.id)).unwrap();
        let missing = made.whole_file(&entry).unwrap_err();
        assert!(made.is_damaged_by(&missing).unwrap(), "the snapshot is there, and its chunk is not");

        let aside = shelf.set_aside(&made.path).unwrap();
        assert!(aside.join("manifest").exists() && !made.path.exists());
        assert_eq!((shelf.list().unwrap().len(), made.height()), (0, Height(height)), "nobody finds it");
        assert!(!made.is_damaged_by(&missing).unwrap(), "it is gone as a whole: pruned, or set aside");
    }
    let kept = fs::read_dir(folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().starts_with("damaged-"));
    assert_eq!(kept.count(), DAMAGED_MAX, "the oldest go");
    // A copy of the same height takes its place.
    chain.snapshot(&shelf);
    assert_eq!(shelf.list().unwrap().len(), 1);
}
