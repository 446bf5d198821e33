//! Pruned stores: what stays answers as before, what goes is gone from the disk, and a crash leaves one of the two.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use primitives::{Block, Height};

use super::model::{Model, genesis, on_disk};
use crate::backend::faulty::FaultyDisk;
use crate::columns::{Column, PRUNING, Space, height_key};
use crate::commit::put;
use crate::{
    Base, Checkpoint, CrashPoint, Fault, FaultOn, GenesisBatch, PIECE_HEIGHTS, PRUNED_SPACES, PruneTo, Pruned, Pruning,
    REWRITE_SHARE, Removed, StorageError, Store, StoreConfig, set_crash_point,
};

const DIRECTORY: &str = "TB_STORAGE_PRUNE_DIRECTORY";
const POINT: &str = "TB_STORAGE_PRUNE_POINT";
/// What the child removes.
const CHILD: PruneTo = PruneTo { bodies: Height(20), headers_from: Height(0) };

fn to(bodies: u64, headers_from: u64) -> PruneTo {
    PruneTo { bodies: Height(bodies), headers_from: Height(headers_from) }
}

/// Rewrites every space that pruning removes from.
fn compact_all(store: &Store) {
    for space in PRUNED_SPACES {
        store.compact(space).unwrap();
    }
}

/// Piece by piece until nothing is left to do.
fn prune_all(store: &Store, to: PruneTo) -> Pruned {
    let mut sum = Pruned::default();
    loop {
        let piece = store.prune(to).unwrap();
        assert!(piece.bodies <= PIECE_HEIGHTS && piece.headers <= PIECE_HEIGHTS);
        if piece.is_nothing() {
            return sum;
        }
        sum.bodies += piece.bodies;
        sum.headers += piece.headers;
        sum.bytes += piece.bytes;
    }
}

fn header(model: &Model, height: u64) -> primitives::Header {
    let index = usize::try_from(height - 1).unwrap();
    Block::from_bytes(&model.batches[index].block).unwrap().header
}

#[test]
fn bodies_go_and_headers_stay_as_long_as_they_are_asked_to() {
    let directory = tempfile::tempdir().unwrap();
    let model = Model::of_length(testkit::Seed::new().value(), 200);
    for config in [StoreConfig::Memory, StoreConfig::Faulty(FaultyDisk::new()), on_disk(directory.path())] {
        let store = model.fill(&config);
        assert_eq!((store.pruning().unwrap(), store.oldest()), (None, Height(1)));
        assert_eq!(prune_all(&store, to(0, 0)), Pruned::default(), "nothing was asked for");
        let done = prune_all(&store, to(150, 100));
        assert_eq!((done.bodies, done.headers), (150, 100), "genesis has a hash, so 0 to 99");
        assert_eq!(model.check(&store), Height(200));
        let pruning = store.pruning().unwrap().unwrap();
        assert_eq!((pruning.first, pruning.removed, store.oldest()), (Height(100), 150, Height(151)));
        assert_eq!(pruning.checkpoint, Checkpoint::of(&header(&model, 150)));
        for height in 1..=200 {
            let found = store.header(Height(height)).unwrap();
            let certificate = model.batches[usize::try_from(height - 1).unwrap()].certificate.clone();
            let expected = (height >= 100).then(|| (header(&model, height), certificate));
            assert_eq!(found, expected, "height {height}");
        }
        compact_all(&store);
        assert_eq!(model.check(&store), Height(200));
    }
    // Every value is verified again when it is opened.
    let store = Store::open(&on_disk(directory.path()), &genesis()).unwrap();
    assert_eq!(model.check(&store), Height(200));
    assert_eq!(store.pruning().unwrap().unwrap().removed, 150);
    store.history_rebuild(|_, _| {}).unwrap();
    assert_eq!(model.check(&store), Height(200), "the index of what is left");
}

#[test]
fn the_head_keeps_its_block_whatever_is_asked_for() {
    let model = Model::of_length(3, 10);
    let store = model.fill(&StoreConfig::Memory);
    let done = prune_all(&store, to(u64::MAX, u64::MAX));
    assert_eq!((done.bodies, store.oldest()), (9, Height(10)));
    assert_eq!(store.pruning().unwrap().unwrap().first, Height(9), "the header before it stays");
    model.check(&store);
    let mut longer = Model::of_length(3, 11);
    store.commit(longer.batches.last().unwrap()).unwrap();
    assert_eq!(longer.check(&store), Height(11), "it goes on");
    longer.grow();
    store.commit(longer.batches.last().unwrap()).unwrap();
    assert_eq!(prune_all(&store, to(10, 0)).bodies, 1);
    assert!(Store::open(&StoreConfig::Memory, &genesis()).unwrap().prune(to(1, 0)).is_err(), "an empty one refuses");
}

#[test]
fn a_store_that_began_with_a_copy_keeps_the_header_that_it_began_with() {
    let model = Model::of_length(9, 40);
    let source = model.fill(&StoreConfig::Memory);
    let base = Base { header: header(&model, 30), certificate: model.batches[29].certificate.clone() };
    let store = Store::open(&StoreConfig::Memory, &genesis()).unwrap();
    let state = GenesisBatch {
        slots: source.load_slots().unwrap(),
        state: source.load_state().unwrap(),
        nodes: source.load_nodes().unwrap(),
    };
    store.initialise_at(&base, &state).unwrap();
    model.batches[30..].iter().for_each(|batch| store.commit(batch).unwrap());
    assert_eq!(prune_all(&store, to(35, 0)).bodies, 5);
    assert_eq!(store.header(Height(30)).unwrap(), Some((base.header, base.certificate)));
    assert_eq!(store.height_of(&model.batches[29].block_hash).unwrap(), Some(Height(30)));
    assert_eq!(store.header(Height(29)).unwrap(), None);
    assert_eq!(prune_all(&store, to(35, 33)).headers, 3);
    assert_eq!((store.header(Height(32)).unwrap(), store.pruning().unwrap().unwrap().first), (None, Height(33)));
}

#[test]
fn a_checkpoint_that_differs_from_its_header_in_any_part_is_found() {
    let _verified = testkit::contract!("S000-111");
    let model = Model::of_length(testkit::Seed::new().value(), 40);
    let store = model.fill(&StoreConfig::Memory);
    prune_all(&store, to(30, 10));
    assert_eq!(store.check_pruning().unwrap(), []);
    let good = store.pruning().unwrap().unwrap();
    let head = store.head();
    let write = |checkpoint: Checkpoint| {
        let record = put(Column::Meta, PRUNING, &primitives::encode(&Pruning { checkpoint, ..good }));
        store.durable_beyond_limit(&mut store.writer().unwrap(), vec![record], head, |_| {}).unwrap();
        let findings = store.check_pruning().unwrap();
        findings.into_iter().map(|finding| (finding.height, finding.reason)).collect::<Vec<_>>()
    };
    let other = Checkpoint::of(&header(&model, 29));
    let nines = primitives::LedgerDigest::new([9; 8]).unwrap();
    let differs = "the roots of the pruning checkpoint are not those of the header";
    for bad in [
        Checkpoint { block: other.block, ..good.checkpoint },
        Checkpoint { ledger_root: nines, ..good.checkpoint },
        Checkpoint { ops_digest: nines, ..good.checkpoint },
        Checkpoint { state_root: primitives::Hash([9; 32]), ..good.checkpoint },
    ] {
        assert_eq!(write(bad), [(Height(30), differs.to_owned())], "{bad:?}");
    }
    let gone = Checkpoint { height: Height(5), ..good.checkpoint };
    assert_eq!(write(gone), [(Height(5), "the header of the pruning checkpoint is missing".to_owned())]);
    assert_eq!(write(good.checkpoint), []);
}

#[test]
fn a_damaged_height_stops_the_piece_before_it_by_name() {
    let model = Model::of_length(5, 30);
    for column in [Column::Blocks, Column::Receipts] {
        let disk = FaultyDisk::new();
        let store = model.fill(&StoreConfig::Faulty(disk.clone()));
        assert!(disk.flip_bit(column, &height_key(Height(12)), 300));
        let error = store.prune(to(20, 0)).unwrap_err();
        assert!(matches!(&error, StorageError::Damaged { key, .. } if *key == "000000000000000c"), "{error}");
        assert_eq!(store.oldest(), Height(1), "nothing was thrown away");
        assert_eq!(prune_all(&store, to(11, 0)).bodies, 11, "the store goes on, and what is whole can go");
    }
}

#[test]
fn a_failed_piece_poisons_the_store_and_leaves_all_of_it_or_nothing() {
    let model = Model::of_length(6, 30);
    for (on, expected) in [(FaultOn::Write, 0), (FaultOn::Sync, 0), (FaultOn::Mark, 20)] {
        let disk = FaultyDisk::new();
        let store = model.fill(&StoreConfig::Faulty(disk.clone()));
        disk.arm(on, 0, Fault::Io);
        store.prune(to(20, 0)).unwrap_err();
        assert!(matches!(store.prune(to(20, 0)), Err(StorageError::Poisoned { .. })));
        drop(store);
        disk.crash(0);
        let store = Store::open(&StoreConfig::Faulty(disk), &genesis()).unwrap();
        assert_eq!(store.oldest(), Height(expected + 1), "{on:?}");
        assert_eq!(model.check(&store), Height(30));
    }
}

#[test]
fn pruning_frees_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let model = Model::of_length(testkit::Seed::new().value(), 1_500);
    let store = model.fill(&on_disk(directory.path()));
    compact_all(&store);
    let whole = store.sizes().unwrap();
    let done = prune_all(&store, to(1_372, 1_300));
    assert_eq!(done.bodies, 1_372);
    compact_all(&store);
    let left = store.sizes().unwrap();
    eprintln!("{whole:?}\n{left:?}");
    let history = |sizes: crate::StoreSizes| sizes.blocks_bytes + sizes.receipts_bytes + sizes.index_bytes;
    assert!(history(left) * 4 < history(whole), "a tenth of the blocks is left: {left:?} of {whole:?}");
    drop(store);
    model.check(&Store::open(&on_disk(directory.path()), &genesis()).unwrap());
}

#[test]
fn a_space_is_rewritten_once_enough_of_it_was_removed_and_a_restart_forgets_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let model = Model::of_length(testkit::Seed::new().value(), 1_000);
    let store = model.fill(&on_disk(directory.path()));
    compact_all(&store);
    assert_eq!((store.removed().unwrap(), store.compaction_due(1).unwrap()), (Removed::default(), None));
    let whole = store.sizes().unwrap();
    // Less than a fourth of the blocks: whatever the least is, the rest is not rewritten for it.
    prune_all(&store, to(100, 0));
    let few = store.removed().unwrap();
    assert!(few.blocks > 0 && few.blocks < whole.blocks_bytes / REWRITE_SHARE, "{few:?} of {whole:?}");
    assert_eq!(store.compaction_due(1).unwrap(), None, "{few:?} of {whole:?}");
    drop(store);

    let store = Store::open(&on_disk(directory.path()), &genesis()).unwrap();
    assert_eq!(store.removed().unwrap(), few, "a restart forgets nothing");
    prune_all(&store, to(900, 880));
    let many = store.removed().unwrap();
    assert_eq!(store.compaction_due(u64::MAX).unwrap(), None, "less than was asked for");
    assert_eq!(store.compaction_due(1).unwrap(), Some(Space::Blocks), "{many:?} of {whole:?}");
    let read = store.compact(Space::Blocks).unwrap();
    assert!(read >= whole.blocks_bytes && read / REWRITE_SHARE <= many.blocks, "{read} read for {many:?}");
    let left = store.sizes().unwrap();
    assert!(left.blocks_bytes * 2 < whole.blocks_bytes, "{left:?} of {whole:?}");
    assert_eq!(store.removed().unwrap(), Removed { blocks: 0, ..many }, "the others wait for their turn");
    assert_ne!(store.compaction_due(1).unwrap(), Some(Space::Blocks));
    assert_eq!(model.check(&store), Height(1_000));
}

#[test]
fn readers_beside_pruning_never_see_damage() {
    let directory = tempfile::tempdir().unwrap();
    let model = Model::of_length(11, 400);
    let store = model.fill(&on_disk(directory.path()));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while store.oldest() < Height(390) {
                for height in (1..=400).map(Height) {
                    let index = usize::try_from(height.0 - 1).unwrap();
                    let block = store.block(height).unwrap();
                    assert!(block.is_none_or(|block| block == model.batches[index].block));
                    assert_eq!(store.certificate(height).unwrap(), model.batches[index].certificate);
                    assert_eq!(store.header(height).unwrap().unwrap().0.height, height);
                }
            }
        });
        for height in (5..=395).step_by(5) {
            prune_all(&store, to(height, 0));
        }
        reader.join().unwrap();
    });
}

/// Does nothing unless it is the child of another test: then it prunes the store in the directory until it dies.
#[test]
fn child() {
    let Ok(directory) = env::var(DIRECTORY) else { return };
    let store = Store::open(&on_disk(Path::new(&directory)), &genesis()).unwrap();
    assert!(set_crash_point(env::var(POINT).unwrap().parse().unwrap()));
    prune_all(&store, CHILD);
    compact_all(&store);
    println!("done");
}

#[test]
fn a_crash_at_every_step_of_pruning_leaves_the_height_there_or_pruned() {
    let model = Model::of_length(testkit::Seed::new().value(), 40);
    for point in CrashPoint::PRUNING {
        let home = tempfile::tempdir().unwrap();
        drop(model.fill(&on_disk(home.path())));
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "tests::prune::child", "--nocapture", "--test-threads=1"]);
        command.env(DIRECTORY, home.path()).env(POINT, point.name());
        let output = command.stderr(Stdio::null()).output().unwrap();
        assert!(!output.status.success() && !String::from_utf8_lossy(&output.stdout).contains("done"), "{point}");
        let store = Store::open(&on_disk(home.path()), &genesis()).unwrap();
        assert_eq!(model.check(&store), Height(40), "{point}");
        let expected: &[u64] = match point {
            CrashPoint::PruneBeforeWrite => &[1],
            CrashPoint::PruneAfterWrite => &[1, 21],
            _ => &[21],
        };
        assert!(expected.contains(&store.oldest().0), "{point}: {}", store.oldest());
        assert_eq!(store.pruning().unwrap().map_or(0, |pruning| pruning.removed), store.oldest().0 - 1, "{point}");
        prune_all(&store, CHILD);
        compact_all(&store);
        assert_eq!((model.check(&store), store.oldest()), (Height(40), Height(21)), "{point}");
    }
}
