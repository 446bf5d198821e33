//! A copy that is made while blocks go on is restored elsewhere, and that node goes on with the same roots.

use std::sync::Arc;

use primitives::Height;
use replica::Application;
use storage::{Store, StoreConfig};

use super::chain::{Chain, on_disk, open, replay, secret};
use crate::{Maker, Shelf, SnapshotError, restore};

#[test]
fn a_restored_node_has_the_same_roots_and_goes_on() {
    let _shown = testkit::contract!("S003-146");
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(9_000, &on_disk(&folder.path().join("first")));
    (0..5).for_each(|_| chain.grow());
    // Blocks go on between the moment that is copied and the copy.
    let frozen = chain.store.freeze().unwrap();
    (0..3).for_each(|_| chain.grow());
    let shelf = Shelf::new(folder.path().join("snapshots"));
    let key = secret(7);
    let maker = Maker { chain_id: "snapshot-test", key: &key, now: primitives::Timestamp(1) };
    let mut seen = Vec::new();
    let snapshot = shelf.create(&frozen, &maker, &mut |progress| seen.push(progress)).unwrap();
    drop(frozen);
    assert_eq!(snapshot.height(), Height(5), "every acknowledged block and nothing of a later one");
    assert_eq!(seen.last().map(|last| (last.done, last.count)), Some((seen.len(), snapshot.manifest.chunks().len())));
    assert!(seen.len() > 4, "several chunks of the ledger and of the state: {}", seen.len());

    let config = on_disk(&folder.path().join("second"));
    let store = Store::open(&config, &chain.genesis.hash()).unwrap();
    restore(&snapshot, &store, &mut |_| {}).unwrap();
    assert_eq!(store.head(), Some(storage::Head { height: Height(5), block: chain.blocks[4].0.hash }));
    assert_eq!((store.oldest(), store.block(Height(5)).unwrap()), (Height(6), None));
    assert_eq!(store.certificate(Height(5)).unwrap().as_ref(), Some(&chain.blocks[4].1));
    drop(store);
    // What was restored is whole after a restart, too.
    let store = Arc::new(Store::open(&config, &chain.genesis.hash()).unwrap());
    let mut replica = open(&chain.genesis, &store);
    assert_eq!(replica.head().hash, chain.blocks[4].0.hash);
    assert_eq!(replica.oldest(), Height(6));
    replay(&mut replica, &chain.blocks);
    assert_eq!(replica.head().hash, chain.replica.head().hash, "the header binds every root");
    assert_eq!(replica.ledger_slots(), chain.replica.ledger_slots());
    drop(replica);
    drop(store);
    let store = Arc::new(Store::open(&config, &chain.genesis.hash()).unwrap());
    assert_eq!(open(&chain.genesis, &store).finalized(), Height(8));
    store.history_rebuild(|_, _| {}).unwrap();
}

#[test]
fn a_restored_node_makes_the_same_snapshot_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(300, &StoreConfig::Memory);
    (0..2).for_each(|_| chain.grow());
    let first = chain.snapshot(&Shelf::new(folder.path().join("a")));
    let store = Arc::new(Store::open(&StoreConfig::Memory, &chain.genesis.hash()).unwrap());
    restore(&first, &store, &mut |_| {}).unwrap();
    let replica = open(&chain.genesis, &store);
    let second = Chain { genesis: chain.genesis.clone(), store, replica, blocks: Vec::new() };
    let second = second.snapshot(&Shelf::new(folder.path().join("b")));
    assert_eq!(first.manifest.id(), second.manifest.id(), "one height has one content");
}

#[test]
fn only_an_empty_store_is_filled_and_only_from_a_chain_with_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(folder.path());
    let mut chain = Chain::new(20, &StoreConfig::Memory);
    let key = secret(7);
    let maker = Maker { chain_id: "snapshot-test", key: &key, now: primitives::Timestamp(1) };
    let early = shelf.create(&chain.store.freeze().unwrap(), &maker, &mut |_| {});
    assert!(matches!(early, Err(SnapshotError::NothingFinalized)), "{early:?}");
    assert_eq!(shelf.list().unwrap().len(), 0, "nothing is left of it");
    chain.grow();
    let snapshot = chain.snapshot(&shelf);
    let full = restore(&snapshot, &chain.store, &mut |_| {});
    assert!(matches!(full, Err(SnapshotError::NotEmpty { .. })), "{full:?}");
    let other = super::chain::genesis(21).hash();
    let store = Store::open(&StoreConfig::Memory, &other).unwrap();
    let foreign = restore(&snapshot, &store, &mut |_| {});
    assert!(matches!(foreign, Err(SnapshotError::OtherChain { .. })), "{foreign:?}");
    assert_eq!(store.head(), None);
}
