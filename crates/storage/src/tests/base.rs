//! One moment of a store while blocks go on, and stores whose history begins after a base.

use primitives::{Block, Height};

use super::model::{Model, genesis, on_disk};
use crate::backend::faulty::FaultyDisk;
use crate::{Base, GenesisBatch, Head, StorageError, Store, StoreConfig};

/// The state of a store, as a batch that another one can begin with.
fn state_of(store: &Store) -> GenesisBatch {
    GenesisBatch {
        slots: store.load_slots().unwrap(),
        state: store.load_state().unwrap(),
        nodes: store.load_nodes().unwrap(),
    }
}

fn base_of(model: &Model, height: usize) -> Base {
    let batch = &model.batches[height - 1];
    Base { header: Block::from_bytes(&batch.block).unwrap().header, certificate: batch.certificate.clone() }
}

#[test]
fn a_frozen_store_is_one_moment_whatever_is_committed_later() {
    let directory = tempfile::tempdir().unwrap();
    let configs = [StoreConfig::Memory, StoreConfig::Faulty(FaultyDisk::new()), on_disk(directory.path())];
    let model = Model::of_length(testkit::Seed::new().value(), 9);
    for config in configs {
        let store = Store::open(&config, &genesis()).unwrap();
        assert!(matches!(store.freeze(), Err(StorageError::NotInitialised)));
        store.initialise(&model.genesis_batch()).unwrap();
        assert_eq!(store.freeze().unwrap().block().unwrap(), None, "genesis has no block");
        model.batches[..5].iter().for_each(|batch| store.commit(batch).unwrap());
        assert_eq!(store.frozen_views(), 0);
        let (frozen, state) = (store.freeze().unwrap(), state_of(&store));
        assert_eq!(store.frozen_views(), 1);
        model.batches[5..].iter().for_each(|batch| store.commit(batch).unwrap());
        assert_eq!(store.head().map(|head| head.height), Some(Height(9)));
        let batch = &model.batches[4];
        assert_eq!(frozen.head(), Head { height: Height(5), block: batch.block_hash });
        assert_eq!(frozen.block().unwrap(), Some((batch.block.clone(), batch.certificate.clone())));
        assert_eq!((frozen.slots().unwrap(), frozen.state().unwrap()), (state.slots, state.state));
        assert_eq!((frozen.base().unwrap(), frozen.chain_proof().unwrap()), (None, None));
        drop(frozen);
        assert_eq!(store.frozen_views(), 0, "the engine may give room back again");
    }
}

#[test]
fn a_store_with_a_base_has_the_state_and_later_blocks_only() {
    let model = Model::of_length(testkit::Seed::new().value(), 9);
    let source = Store::open(&StoreConfig::Memory, &genesis()).unwrap();
    source.initialise(&model.genesis_batch()).unwrap();
    model.batches[..5].iter().for_each(|batch| source.commit(batch).unwrap());
    let base = base_of(&model, 5);
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&on_disk(directory.path()), &genesis()).unwrap();
    store.initialise_at(&base, &state_of(&source)).unwrap();
    assert!(matches!(store.initialise_at(&base, &GenesisBatch::default()), Err(StorageError::AlreadyInitialised)));
    for batch in &model.batches[5..] {
        store.commit(batch).unwrap();
        source.commit(batch).unwrap();
    }
    drop(store);
    // Everything is verified again when it is opened.
    let store = Store::open(&on_disk(directory.path()), &genesis()).unwrap();
    assert_eq!((store.base().unwrap(), store.oldest()), (Some(base), Height(6)));
    assert_eq!(store.head(), source.head());
    assert_eq!(state_of(&store).slots, state_of(&source).slots);
    assert_eq!(state_of(&store).state, state_of(&source).state);
    for height in (1..=5).map(Height) {
        assert_eq!((store.block(height).unwrap(), store.receipts(height).unwrap()), (None, None));
        let expected = if height == Height(5) { source.certificate(height).unwrap() } else { None };
        assert_eq!(store.certificate(height).unwrap(), expected);
    }
    for height in (6..=9).map(Height) {
        assert_eq!(store.block(height).unwrap(), source.block(height).unwrap());
        assert_eq!(store.certificate(height).unwrap(), source.certificate(height).unwrap());
    }
    assert_eq!(store.height_of(&model.batches[4].block_hash).unwrap(), Some(Height(5)), "the base has its hash");
    assert_eq!(store.height_of(&model.batches[3].block_hash).unwrap(), None);
    store.history_rebuild(|_, _| {}).unwrap();
}

#[test]
fn a_base_that_was_not_durable_leaves_an_empty_store() {
    let model = Model::of_length(3, 5);
    let source = Store::open(&StoreConfig::Memory, &genesis()).unwrap();
    source.initialise(&model.genesis_batch()).unwrap();
    model.batches.iter().for_each(|batch| source.commit(batch).unwrap());
    let disk = FaultyDisk::new();
    let store = Store::open(&StoreConfig::Faulty(disk.clone()), &genesis()).unwrap();
    disk.arm(crate::FaultOn::Sync, 0, crate::Fault::Io);
    store.initialise_at(&base_of(&model, 5), &state_of(&source)).unwrap_err();
    drop(store);
    disk.crash(0);
    let store = Store::open(&StoreConfig::Faulty(disk), &genesis()).unwrap();
    assert_eq!((store.head(), store.oldest()), (None, Height(1)));
    store.initialise_at(&base_of(&model, 5), &state_of(&source)).unwrap();
    assert_eq!(store.oldest(), Height(6));
}
