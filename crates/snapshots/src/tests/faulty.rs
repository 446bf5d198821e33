//! Copies on files that end the process at each step, fail, and lose what was not synced: a snapshot is there whole or not at
//! all, and a collection of chunks goes on where it was.

use std::path::Path;
use std::sync::Arc;

use primitives::Timestamp;
use replica::Application;
use storage::{CrashPoint, Fault, FaultyFiles, FileOperation, Files, Store, StoreConfig};
use testkit::Seed;

use super::chain::{Chain, secret};
use crate::{Collection, Maker, Shelf, Snapshot, SnapshotError, restore};

const SHELF: &str = "/snapshots";
const CHUNKS: &str = "/chunks";

fn create(shelf: &Shelf, chain: &Chain) -> Result<Snapshot, SnapshotError> {
    let key = secret(7);
    let maker = Maker { chain_id: "snapshot-test", key: &key, now: Timestamp(5_000_000) };
    let made = shelf.create(&chain.store.freeze().unwrap(), &maker, &mut |_| {})?;
    shelf.prune(1, None, maker.now)?;
    Ok(made)
}

/// Every snapshot that is listed, checked to the last byte.
fn whole(shelf: &Shelf) -> Vec<u64> {
    let listed = shelf.list().unwrap().into_iter();
    listed
        .map(|(path, snapshot)| {
            let snapshot = snapshot.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            snapshot.read(&mut |_| {}, &mut |_, _| {}).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            snapshot.height().0
        })
        .collect()
}

#[test]
fn a_crash_at_any_step_leaves_whole_snapshots_only() {
    let mut seed = Seed::new();
    let mut chain = Chain::new(40, &StoreConfig::Memory);
    chain.grow();
    for point in CrashPoint::SNAPSHOTS {
        if point == CrashPoint::ChunkKept {
            continue;
        }
        for _ in 0..6 {
            let files = FaultyFiles::new();
            let shelf = Shelf::on(Arc::new(files.clone()), SHELF);
            create(&shelf, &chain).unwrap();
            let before = chain.replica.finalized().0;
            chain.grow();
            files.crash_at(point);
            assert!(create(&shelf, &chain).is_err(), "{point}");
            assert_eq!(files.reached(), Some(point));
            files.crash(&mut |bound| seed.index(bound));
            let left = whole(&shelf);
            let new = before + 1;
            let may_be_there = matches!(point, CrashPoint::SnapshotAfterRename);
            let is_there = matches!(point, CrashPoint::SnapshotAfterSync | CrashPoint::SnapshotRemoved);
            assert!(left.contains(&new) || !is_there, "{point}: {left:?}");
            assert!(!left.contains(&new) || is_there || may_be_there, "{point}: {left:?}");
            assert!(left.contains(&before) || point == CrashPoint::SnapshotRemoved, "{point}: {left:?}");
            // The next process makes it, and removes what was left.
            create(&shelf, &chain).unwrap();
            assert_eq!(whole(&shelf), [new]);
            let names = files.list(Path::new(SHELF)).unwrap();
            assert_eq!(names.len(), 2, "the lock and one snapshot: {names:?}");
        }
    }
}

#[test]
fn a_failing_operation_leaves_what_was_there() {
    let mut chain = Chain::new(20, &StoreConfig::Memory);
    chain.grow();
    let (mut failed, mut made) = (0, 0);
    for on in [FileOperation::Read, FileOperation::Write, FileOperation::Sync, FileOperation::Rename] {
        for healthy in 0..8 {
            let files = FaultyFiles::new();
            let shelf = Shelf::on(Arc::new(files.clone()), SHELF);
            create(&shelf, &chain).unwrap();
            let first = chain.replica.finalized().0;
            chain.grow();
            let fault = if on == FileOperation::Write { Fault::NoSpace } else { Fault::Io };
            files.arm(on, healthy, fault);
            match create(&shelf, &chain) {
                Ok(_) => made += 1,
                Err(error) => {
                    assert!(error.is_of_the_disk(), "{error}");
                    failed += 1;
                }
            }
            files.disarm();
            let left = whole(&shelf);
            assert!(left.contains(&first) || left.contains(&(first + 1)), "{on:?} after {healthy}: {left:?}");
            create(&shelf, &chain).unwrap();
            assert_eq!(whole(&shelf), [first + 1]);
        }
    }
    assert!(failed > 10 && made > 2, "{failed} failed, {made} were made");
}

#[test]
fn chunks_that_are_kept_survive_a_crash_and_altered_ones_are_never_kept() {
    let mut seed = Seed::new();
    let mut chain = Chain::new(9_000, &StoreConfig::Memory);
    chain.grow();
    let source = create(&Shelf::on(Arc::new(FaultyFiles::new()), SHELF), &chain).unwrap();
    let manifest = Arc::new(source.manifest.clone());
    let count = manifest.chunks().len();
    assert!(count >= 4, "{count}");
    let files = FaultyFiles::new();
    let open = || Collection::open(Arc::new(files.clone()), Path::new(CHUNKS), Arc::clone(&manifest)).unwrap();
    let collection = open();
    assert_eq!((collection.resumed(), collection.left()), (0, count));
    let first = collection.next().unwrap();
    let good = source.chunk_file(&first.id).unwrap();
    let mut altered = good.clone();
    altered[seed.index(good.len())] ^= 1 << seed.below(8);
    assert!(matches!(collection.take(&first, &altered), Err(SnapshotError::ChunkHash { .. })));
    let other = source.chunk_file(&manifest.chunks()[1].id).unwrap();
    assert!(!collection.take(&first, &other).unwrap_err().is_of_the_disk(), "the chunk of another place");
    files.crash_at(CrashPoint::ChunkKept);
    assert!(collection.take(&first, &good).unwrap_err().is_of_the_disk());
    drop(collection);
    files.crash(&mut |bound| seed.index(bound));
    // The name may be gone, but a file of that name is whole; the next process asks for the others.
    let collection = open();
    assert!(collection.resumed() <= 1 && collection.resumed() + collection.left() == count);
    let store = Store::open(&StoreConfig::Memory, &chain.genesis.hash()).unwrap();
    assert!(restore(&collection.snapshot().unwrap(), &store, &mut |_| {}).is_err(), "chunks are missing");
    assert_eq!(store.head(), None);
    while let Some(entry) = collection.next() {
        collection.take(&entry, &source.chunk_file(&entry.id).unwrap()).unwrap();
    }
    restore(&collection.snapshot().unwrap(), &store, &mut |_| {}).unwrap();
    assert_eq!(store.head().unwrap().height, manifest.height());
    collection.remove().unwrap();
    assert_eq!(files.list(Path::new(CHUNKS)).unwrap().len(), 0);
}
