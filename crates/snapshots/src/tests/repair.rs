//! Stores whose files were hurt: repaired from another node with nothing lost, whatever that one says besides; refused where nobody has the data.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use primitives::{BoundedBytes, Height};
use storage::{Body, PRUNED_SPACES, PruneTo, RepairError, Repaired, StorageError, Store, StoreConfig, Trust};

use super::chain::{Chain, on_disk, open, replay};
use crate::{certifies, digest};

/// Blocks of the chain.
pub const BLOCKS: u64 = 40;

pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// A store on disk whose older blocks are in tables, closed; and the same chain in memory, which is the honest peer.
pub fn two_nodes(home: &Path, then: impl FnOnce(&Store)) -> Chain {
    let mut damaged = Chain::new(50, &on_disk(home));
    (0..BLOCKS).for_each(|_| damaged.grow());
    damaged.store.flush().unwrap();
    for space in PRUNED_SPACES {
        damaged.store.compact(space).unwrap();
    }
    damaged.grow();
    then(&damaged.store);
    let mut peer = Chain::new(50, &StoreConfig::Memory);
    replay(&mut peer.replica, &damaged.blocks);
    Chain { blocks: damaged.blocks, ..peer }
}

fn repair(home: &Path, chain: &Chain, source: &mut storage::Source<'_>) -> Result<Repaired, RepairError> {
    let genesis = chain.genesis.hash();
    let trust = Trust { digest: digest(&genesis), certifies: &certifies };
    Store::repair(home, &genesis, &trust, source, &mut |_, _| {})
}

/// Gives what a store has, if the judge takes it.
fn from_store(store: &Store, height: Height, judge: &dyn Fn(&Body) -> bool) -> Option<Body> {
    store.body(height).unwrap().filter(|body| judge(body))
}

pub fn is_whole(home: &Path, peer: &Chain) {
    is_whole_of(home, peer, "a store");
}

/// Whether everything in the store of `home` is what the peer has; `what` was done to it.
pub fn is_whole_of(home: &Path, peer: &Chain, what: &str) {
    let store = Arc::new(Store::open(&on_disk(home), &peer.genesis.hash()).unwrap());
    assert_eq!(store.head(), peer.store.head(), "{what}");
    for height in (1..=peer.store.head().unwrap().height.0).map(Height) {
        assert_eq!(store.body(height).unwrap(), peer.store.body(height).unwrap(), "{what}: height {height}");
        assert_eq!(store.check_height(height, &digest(&peer.genesis.hash())).unwrap(), Vec::new());
    }
    let replica = open(&peer.genesis, &store);
    assert_eq!(replica.ledger_slots(), peer.replica.ledger_slots(), "{what}");
    store.history_rebuild(|_, _| {}).unwrap();
}

#[test]
fn a_table_that_rotted_is_refused_and_the_store_is_built_anew_from_a_peer() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("store");
    let peer = two_nodes(&home, |_| {});
    let block = &peer.blocks[4].0.bytes[..64];
    let holds = |path: &PathBuf| fs::read(path).unwrap().windows(64).position(|part| part == block);
    let tables = files(&home).into_iter().filter(|path| path.parent().unwrap().ends_with("tables"));
    // Candidates, in the folder before that of decided blocks, may still hold it too.
    let (table, at) =
        tables.filter_map(|path| Some((path.clone(), holds(&path)?))).next_back().expect("block 5 is in a table");
    let mut bytes = fs::read(&table).unwrap();
    bytes[at + 70] ^= 0x10;
    fs::write(&table, &bytes).unwrap();
    let refused =
        || matches!(Store::open(&on_disk(&home), &peer.genesis.hash()), Err(StorageError::DamagedFile { .. }));
    assert!(refused());

    // Nobody has it: the damaged store stays where it was.
    let error = repair(&home, &peer, &mut |_, _| None).unwrap_err();
    assert!(matches!(error, RepairError::NoSource { .. }) && refused(), "{error}");

    // A peer that answers with other heights, altered bytes and other receipts before the truth.
    let (mut lies, mut asked) = (0, Vec::new());
    let mut source = |height: Height, judge: &dyn Fn(&Body) -> bool| {
        let truth = peer.store.body(height).unwrap().unwrap();
        let mut bytes = truth.block.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let other = peer.store.body(height.next()).unwrap().unwrap();
        let altered = Body { block: BoundedBytes::new(bytes).unwrap(), ..truth.clone() };
        let receipts = Body { receipts: other.receipts.clone(), ..truth.clone() };
        for lie in [other, altered, receipts] {
            assert!(!judge(&lie), "a lie about height {height} was taken");
            lies += 1;
        }
        asked.push(height);
        let last = peer.store.body(Height(BLOCKS)).unwrap().unwrap().operations;
        if height == Height(5) && asked.iter().filter(|asked| **asked == height).count() == 1 {
            // Operations are judged once the height before is known, and then asked for again.
            let lie = Body { operations: last, ..truth };
            assert!(judge(&lie));
            return Some(lie);
        }
        assert!(height != Height(5) || !judge(&Body { operations: last, ..truth }));
        from_store(&peer.store, height, judge)
    };
    let repaired = repair(&home, &peer, &mut source).unwrap();
    assert!(repaired.refetched.contains(&Height(5)) && lies > 0 && repaired.aside.exists(), "{repaired:?}");
    assert_eq!(repaired.kept + u64::try_from(repaired.refetched.len()).unwrap(), BLOCKS + 1);
    is_whole(&home, &peer);
}

#[test]
fn a_pruned_store_that_is_built_anew_keeps_its_headers() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("store");
    let headers = |store: &Store| (1..=20).map(|height| store.header(Height(height)).unwrap()).collect::<Vec<_>>();
    let mut before = None;
    let peer = two_nodes(&home, |store| {
        store.prune(PruneTo { bodies: Height(20), headers_from: Height(0) }).unwrap();
        store.prune(PruneTo { bodies: Height(20), headers_from: Height(5) }).unwrap();
        before = Some((store.pruning().unwrap(), headers(store)));
    });
    let repaired = repair(&home, &peer, &mut |height, _| panic!("height {height} was asked for")).unwrap();
    assert_eq!((repaired.head, repaired.kept, repaired.refetched), (Height(BLOCKS + 1), BLOCKS + 1 - 20, Vec::new()));
    let store = Store::open(&on_disk(&home), &peer.genesis.hash()).unwrap();
    assert_eq!(Some((store.pruning().unwrap(), headers(&store))), before);
    assert_eq!(store.check_pruning().unwrap(), Vec::new());
    drop(store);
    // The name that a repair leaves when it dies between two renames is taken by the next start.
    fs::rename(home.join("store"), home.join("store.repaired")).unwrap();
    let store = Store::open(&on_disk(&home), &peer.genesis.hash()).unwrap();
    assert_eq!(store.head().map(|head| head.height), Some(Height(BLOCKS + 1)));
}

#[test]
fn a_check_names_what_does_not_lead_to_the_header() {
    use storage::columns::Column;
    let disk = storage::FaultyDisk::new();
    let mut chain = Chain::new(20, &StoreConfig::Faulty(disk.clone()));
    (0..6).for_each(|_| chain.grow());
    let digest = digest(&chain.genesis.hash());
    let check = |height| chain.store.check_height(Height(height), &digest).unwrap();
    (1..=6).for_each(|height| assert_eq!(check(height), Vec::new()));
    assert_eq!(check(7), Vec::new(), "above the head there is nothing to find");
    for column in [Column::Blocks, Column::Receipts, Column::Operations, Column::Closing] {
        let before = disk.snapshot();
        assert!(disk.flip_bit(column, &4_u64.to_be_bytes(), 100));
        let found = check(4);
        assert!(
            found.iter().any(|finding| finding.column == column.name() && finding.height == Height(4)),
            "{found:?}"
        );
        disk.restore(&before);
    }
    // A value that is whole by its own checksum and not what the chain committed to.
    let before = disk.snapshot();
    assert!(disk.flip_any(3, 77, true));
    let found: Vec<_> = (1..=6).flat_map(check).collect();
    disk.restore(&before);
    eprintln!("{found:?}");
    assert_eq!(check(4), Vec::new());
}
