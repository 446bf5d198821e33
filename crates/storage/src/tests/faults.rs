//! Disks that fail: every failed write poisons the store, and the next start recovers to an acknowledged block.

use primitives::Height;

use super::model::{Model, genesis};
use crate::columns::{Column, HISTORY, height_key};
use crate::{Fault, FaultOn, FaultyDisk, StorageError, Store, StoreConfig};

/// A store with `blocks` blocks on a disk that can fail, and the model, which is one block longer.
fn store_with(blocks: usize, seed: u64) -> (FaultyDisk, Store, Model) {
    let disk = FaultyDisk::new();
    let mut model = Model::of_length(seed, blocks);
    let store = model.fill(&StoreConfig::Faulty(disk.clone()));
    model.grow();
    (disk, store, model)
}

fn reopen(disk: &FaultyDisk) -> Result<Store, StorageError> {
    Store::open(&StoreConfig::Faulty(disk.clone()), &genesis())
}

#[test]
fn a_failed_write_sync_or_mark_poisons_and_recovers() {
    let cases = [
        // (fault on, batches that survive the crash, height after recovery)
        (FaultOn::Write, 0, 5),
        (FaultOn::Sync, 0, 5),
        (FaultOn::Sync, 1, 6),
        (FaultOn::Mark, 0, 6),
    ];
    for (on, keep, height) in cases {
        for fault in [Fault::Io, Fault::NoSpace] {
            let (disk, store, model) = store_with(5, 11);
            disk.arm(on, 0, fault);
            let first = store.commit(&model.batches[5]).unwrap_err();
            assert!(matches!(first, StorageError::Engine { .. }), "{on:?}: {first}");
            let later = store.commit(&model.batches[5]).unwrap_err();
            assert!(matches!(later, StorageError::Poisoned { .. }), "{on:?}: {later}");
            assert!(matches!(store.block(Height(1)), Err(StorageError::Poisoned { .. })), "{on:?}");
            drop(store);
            disk.crash(keep);
            let store = reopen(&disk).unwrap();
            assert_eq!(model.check(&store), Height(height), "{on:?}");
            if height == 5 {
                store.commit(&model.batches[5]).unwrap();
            }
            assert_eq!(model.check(&store), Height(6), "{on:?}");
        }
    }
}

#[test]
fn a_sync_that_lies_is_caught_by_the_mark() {
    let (disk, store, model) = store_with(5, 12);
    disk.arm(FaultOn::Sync, 0, Fault::Ignored);
    store.commit(&model.batches[5]).unwrap();
    drop(store);
    disk.crash(0);
    let error = reopen(&disk).unwrap_err();
    assert!(matches!(error, StorageError::LostBlocks { stored_height: Height(5), marked_height: Height(6), .. }));
}

#[test]
fn a_disk_that_goes_back_in_time_is_caught_by_the_mark() {
    let (disk, store, model) = store_with(5, 13);
    let old = disk.snapshot();
    store.commit(&model.batches[5]).unwrap();
    drop(store);
    disk.restore(&old);
    assert!(matches!(reopen(&disk), Err(StorageError::LostBlocks { .. })));
}

#[test]
fn a_failed_read_is_an_error_and_does_not_poison() {
    let (disk, store, _) = store_with(5, 14);
    disk.arm(FaultOn::Read, 0, Fault::Io);
    assert!(matches!(store.block(Height(3)), Err(StorageError::Engine { .. })));
    assert!(store.block(Height(3)).unwrap().is_some());
}

/// What the reads of a block answer when one of its values is damaged.
fn refused_read(store: &Store, height: Height) -> StorageError {
    let reads = [
        store.block(height).err(),
        store.receipts(height).err(),
        store.operations(height).err(),
        store.closing(height).err(),
    ];
    reads.into_iter().flatten().next().expect("one of the values is damaged")
}

#[test]
fn a_flipped_bit_in_any_kind_of_value_is_named_when_it_is_read_and_at_the_next_start() {
    let (disk, store, model) = store_with(5, 15);
    let height = height_key(Height(3));
    let address = model.batches[0].history.first().or(model.batches[1].history.first()).unwrap().address;
    for column in [Column::Blocks, Column::Receipts, Column::Operations, Column::Closing] {
        assert!(disk.flip_bit(column, &height, 90));
        let error = refused_read(&store, Height(3));
        let named = matches!(&error, StorageError::Damaged { column: name, key, .. }
            if *name == column.name() && *key == hex::encode(height));
        assert!(named, "{error}");
        assert!(matches!(reopen(&disk), Err(StorageError::Damaged { .. })));
        assert!(disk.flip_bit(column, &height, 90));
    }
    assert!(disk.flip_bit(Column::Slots, &3_u32.to_be_bytes(), 100));
    assert!(matches!(store.load_slots(), Err(StorageError::Damaged { column: "slots", .. })));
    assert!(disk.flip_bit(Column::State, b"param", 3));
    assert!(matches!(store.load_state(), Err(StorageError::Damaged { column: "state", .. })));
    assert!(disk.flip_bit(Column::Nodes, b"root", 64));
    assert!(matches!(store.load_nodes(), Err(StorageError::Damaged { column: "nodes", .. })));
    assert!(disk.flip_bit(Column::Meta, HISTORY, 64));
    assert!(matches!(store.history(&address, None, 5), Err(StorageError::Damaged { column: "meta", .. })));
}

#[test]
fn a_lost_value_is_named() {
    for column in [Column::Blocks, Column::Receipts, Column::Operations, Column::Closing] {
        let (disk, store, _) = store_with(5, 16);
        assert!(disk.lose(column, &height_key(Height(2))));
        let error = refused_read(&store, Height(2));
        assert!(matches!(error, StorageError::Damaged { .. }), "{error}");
        assert!(matches!(reopen(&disk), Err(StorageError::Damaged { .. })));
    }
    let (disk, _store, model) = store_with(5, 17);
    assert!(disk.lose(Column::Hashes, &model.batches[1].block_hash.0));
    assert!(matches!(reopen(&disk), Err(StorageError::Damaged { column: "hashes", .. })));
}

#[test]
fn an_interrupted_history_rebuild_is_refused_until_it_is_run_again() {
    for healthy in 0..4 {
        let (disk, store, model) = store_with(100, 18);
        disk.arm(FaultOn::Write, healthy, Fault::NoSpace);
        store.history_rebuild(|_, _| {}).unwrap_err();
        drop(store);
        disk.crash(0);
        let store = reopen(&disk).unwrap();
        let address = model.batches.iter().find_map(|batch| batch.history.first()).unwrap().address;
        if healthy > 0 {
            assert!(matches!(store.history(&address, None, 5), Err(StorageError::HistoryIncomplete)));
            store.commit(&model.batches[100]).unwrap();
            store.history_rebuild(|_, _| {}).unwrap();
        }
        model.check(&store);
    }
}
