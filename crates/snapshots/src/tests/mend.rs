//! Stores whose files were hurt come up without anybody: what cannot be read is quarantined, served as missing, and taken back from a peer that tells the truth.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use primitives::{Block, BoundedBytes, Height};
use storage::{Body, Refused, Store};
use testkit::Seed;

use super::chain::{on_disk, open};
use super::repair::{BLOCKS, files, is_whole, two_nodes};
use crate::digest;

/// Tables of the store in `home` that hold a part of this block, with the place of it.
fn tables_with(home: &Path, block: &[u8]) -> Vec<(PathBuf, usize)> {
    let tables = files(home).into_iter().filter(|path| path.parent().unwrap().ends_with("tables"));
    let holds = |path: &PathBuf| fs::read(path).unwrap().windows(64).position(|part| part == &block[..64]);
    let found: Vec<(PathBuf, usize)> = tables.filter_map(|path| Some((path.clone(), holds(&path)?))).collect();
    // Candidates, in the folder before that of decided blocks, may still hold it too; without them no store is built anew (RCV-30).
    let column = |(path, _): &(PathBuf, usize)| path.parent().map(Path::to_owned);
    let last = found.last().and_then(column);
    found.into_iter().filter(|one| column(one) == last).collect()
}

fn flip(path: &Path, at: usize, mask: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= mask;
    fs::write(path, bytes).unwrap();
}

/// Takes every height back from a peer, from the highest one down, as a node does.
pub fn take_back(store: &Store, peer: &Store) {
    let digest = digest(store.genesis());
    while let Some(wanted) = store.quarantined().into_iter().rev().find(|one| one.block.is_some()) {
        let height = wanted.height;
        let body = peer.body(height).unwrap().unwrap();
        let block = Store::is_body_of(&body, &wanted.block.unwrap()).unwrap();
        let below = height.previous().filter(|below| store.is_quarantined(*below));
        let before = below.map(|below| {
            let body = peer.body(below).unwrap().unwrap();
            Store::is_body_of(&body, &block.header.parent).unwrap().header.ops_digest
        });
        assert_eq!(store.readmit(height, &body, &digest, before).unwrap(), Ok(()), "height {height}");
    }
    assert_eq!(store.quarantined(), Vec::new());
}

#[test]
fn a_rotten_height_is_quarantined_served_as_missing_and_taken_back_only_whole() {
    let mut seed = Seed::new();
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("store");
    let peer = two_nodes(&home, |_| {});
    let (genesis, digest) = (peer.genesis.hash(), digest(&peer.genesis.hash()));
    for (table, at) in tables_with(&home, &peer.blocks[4].0.bytes) {
        flip(&table, at + 64 + seed.index(64), 1 << seed.below(8));
    }
    assert!(Store::open(&on_disk(&home), &genesis).unwrap_err().is_damage());
    let mended = Store::mend(&home, &genesis, &digest, &mut |_, _| {}).unwrap();
    assert!(mended.quarantined.contains(&Height(5)) && mended.aside.exists(), "{mended:?}");
    assert_eq!(mended.kept + u64::try_from(mended.quarantined.len()).unwrap(), BLOCKS + 1);

    let store = Arc::new(Store::open(&on_disk(&home), &genesis).unwrap());
    assert_eq!(store.head(), peer.store.head());
    let replica = open(&peer.genesis, &store);
    assert_eq!(replica.ledger_slots(), peer.replica.ledger_slots(), "the state is what it was");
    drop(replica);
    for height in (1..=BLOCKS + 1).map(Height) {
        let expected = if store.is_quarantined(height) { None } else { peer.store.body(height).unwrap() };
        assert_eq!(store.body(height).unwrap(), expected, "height {height} is the truth or missing");
        assert_eq!(store.check_height(height, &digest).unwrap().is_empty(), expected.is_some());
    }

    let wanted = *store.quarantined().last().unwrap();
    let (height, hash) = (wanted.height, wanted.block.unwrap());
    let truth = peer.store.body(height).unwrap().unwrap();
    let other = peer.store.body(Height(BLOCKS)).unwrap().unwrap();
    let mut bytes = truth.block.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let lies = [
        other.clone(),
        Body { block: BoundedBytes::new(bytes).unwrap(), ..truth.clone() },
        Body { receipts: other.receipts.clone(), ..truth.clone() },
    ];
    let before = height.previous().map(|below| peer.store.header(below).unwrap().unwrap().0.ops_digest);
    for lie in &lies {
        assert!(Store::is_body_of(lie, &hash).is_none());
        assert_eq!(store.readmit(height, lie, &digest, before).unwrap(), Err(Refused::Wrong));
    }
    let lie = Body { operations: other.operations, ..truth.clone() };
    assert_eq!(store.readmit(height, &lie, &digest, before).unwrap(), Err(Refused::WrongOperations));
    assert_eq!(store.readmit(Height(BLOCKS), &truth, &digest, None).unwrap(), Err(Refused::NotQuarantined));
    assert!(store.is_quarantined(height), "nothing that is wrong was taken");
    take_back(&store, &peer.store);
    drop(store);
    is_whole(&home, &peer);
}

#[test]
fn neighbours_come_back_from_the_highest_down_and_a_restart_remembers_them() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("store");
    let peer = two_nodes(&home, |_| {});
    let (genesis, digest) = (peer.genesis.hash(), digest(&peer.genesis.hash()));
    let store = Store::open(&on_disk(&home), &genesis).unwrap();
    for refused in [Height(0), Height(BLOCKS + 1), Height(BLOCKS + 2)] {
        assert!(store.quarantine(refused).is_err(), "height {refused}");
    }
    for height in [9, 8, 7, 1] {
        assert!(store.quarantine(Height(height)).unwrap());
        assert!(!store.quarantine(Height(height)).unwrap(), "a second time changes nothing");
    }
    drop(store);
    let store = Store::open(&on_disk(&home), &genesis).unwrap();
    let known: Vec<_> = store.quarantined().iter().map(|one| (one.height.0, one.block.is_some())).collect();
    assert_eq!(known, [(1, true), (7, false), (8, false), (9, true)]);
    assert_eq!(store.header(Height(8)).unwrap(), None);
    let body = |height| peer.store.body(Height(height)).unwrap().unwrap();
    assert_eq!(store.readmit(Height(8), &body(8), &digest, None).unwrap(), Err(Refused::NotInTurn));
    assert_eq!(store.readmit(Height(9), &body(9), &digest, None).unwrap(), Err(Refused::NotInTurn), "8 is not here");
    let before = Block::from_bytes(&body(8).block).unwrap().header.ops_digest;
    assert_eq!(store.readmit(Height(9), &body(9), &digest, Some(before)).unwrap(), Ok(()));
    assert_eq!(store.quarantined()[2].block, Some(Block::from_bytes(&body(8).block).unwrap().header.hash()));
    store.history_rebuild(|_, _| {}).unwrap();
    take_back(&store, &peer.store);
    drop(store);
    is_whole(&home, &peer);
}

#[test]
fn a_state_that_rotted_is_not_mended_from_bodies_alone() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("store");
    let peer = two_nodes(&home, |_| {});
    let genesis = peer.genesis.hash();
    let slot = primitives::encode(&peer.replica.ledger_slots()[3]);
    let tables = files(&home).into_iter().filter(|path| path.parent().unwrap().ends_with("tables"));
    let place = |path: &PathBuf| fs::read(path).unwrap().windows(slot.len()).position(|part| part == slot);
    let (table, at) = tables.filter_map(|path| Some((path.clone(), place(&path)?))).next().expect("a slot in a table");
    flip(&table, at + 3, 4);
    let refused = || Store::open(&on_disk(&home), &genesis).unwrap_err();
    assert!(refused().is_damage());
    let error = Store::mend(&home, &genesis, &digest(&genesis), &mut |_, _| {}).unwrap_err();
    assert!(error.is_damage(), "{error}");
    assert!(refused().is_damage(), "it is where it was");
    assert!(!home.join("store.repair").exists(), "what was begun is gone");
}
