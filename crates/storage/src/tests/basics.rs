//! What a healthy store answers, on disk and in memory.

use primitives::{Address, Amount, Hash, Height, Nonce, Round, SlotIndex};

use super::model::{Model, genesis, on_disk};
use crate::backend::disk::Disk;
use crate::backend::{Backend, Op};
use crate::columns::CandidateOrigin::{Built, Received};
use crate::columns::{Column, SCHEMA, SCHEMA_VERSION};
use crate::value::seal;
use crate::{
    CANDIDATES_MAX, CrashPoint, GenesisBatch, Head, KEY_BYTES_MAX, Mark, StorageError, Store, StoreConfig, Verify,
};

#[test]
fn column_ids_are_unique_and_fixed() {
    let ids: Vec<u8> = Column::ALL.iter().map(|column| column.id()).collect();
    assert_eq!(ids, (1..=15).collect::<Vec<u8>>(), "an id is part of the format");
}

#[test]
fn answers_equal_the_model_in_memory_and_on_disk_and_after_reopening() {
    let seed = testkit::Seed::new().value();
    let model = Model::of_length(seed, 60);
    assert_eq!(model.check(&model.fill(&StoreConfig::Memory)), Height(60));

    let directory = tempfile::tempdir().unwrap();
    let store = model.fill(&on_disk(directory.path()));
    assert_eq!(model.check(&store), Height(60));
    assert!(store.sizes().unwrap().total() > 0);
    drop(store);
    for verify in [Verify::Full, Verify::Recent] {
        let config = StoreConfig::Disk { path: directory.path().to_owned(), verify };
        let store = Store::open(&config, &genesis()).unwrap();
        assert_eq!(model.check(&store), Height(60));
        assert!(store.opening().values > 120 && store.opening().audit.files > 0);
    }
}

#[test]
fn an_empty_store_has_no_head_and_asks_for_genesis() {
    let store = Store::open(&StoreConfig::Memory, &genesis()).unwrap();
    assert_eq!(store.head(), None);
    assert!(matches!(store.save_candidate(Height(1), Built(Round(0)), b"x"), Err(StorageError::NotInitialised)));
    assert!(matches!(store.commit(&Model::of_length(1, 1).batches[0]), Err(StorageError::NotInitialised)));
    let model = Model::new(1);
    store.initialise(&model.genesis_batch()).unwrap();
    assert_eq!(store.head(), Some(Head { height: Height(0), block: genesis() }));
    assert_eq!(store.height_of(&genesis()).unwrap(), Some(Height(0)));
    assert_eq!(store.block(Height(0)).unwrap(), None);
    assert!(matches!(store.initialise(&GenesisBatch::default()), Err(StorageError::AlreadyInitialised)));
    assert_eq!(model.check(&store), Height(0));
}

#[test]
fn a_commit_out_of_order_poisons_the_store() {
    let model = Model::of_length(2, 3);
    let store = Store::open(&StoreConfig::Memory, &genesis()).unwrap();
    store.initialise(&model.genesis_batch()).unwrap();
    let error = store.commit(&model.batches[1]).unwrap_err();
    assert!(matches!(error, StorageError::WrongHeight { expected: Height(1), got: Height(2) }), "{error}");
    for error in [
        store.commit(&model.batches[0]).unwrap_err(),
        store.block(Height(1)).unwrap_err(),
        store.load_slots().unwrap_err(),
        store.sizes().unwrap_err(),
        store.history(&Address([0; 30]), None, 1).unwrap_err(),
    ] {
        assert!(matches!(error, StorageError::Poisoned { .. }), "{error}");
    }
}

#[test]
fn candidates_are_kept_until_their_height_is_decided() {
    let directory = tempfile::tempdir().unwrap();
    let model = Model::of_length(3, 2);
    let store = Store::open(&on_disk(directory.path()), &genesis()).unwrap();
    store.initialise(&model.genesis_batch()).unwrap();
    store.save_candidate(Height(1), Built(Round(0)), b"zero").unwrap();
    store.save_candidate(Height(1), Built(Round(300)), b"three hundred").unwrap();
    store.save_candidate(Height(1), Built(Round(0)), b"zero").unwrap();
    store.save_candidate(Height(1), Received(0), b"received").unwrap();
    store.save_candidate(Height(1), Received(0), b"other received").unwrap();
    store.save_candidate(Height(2), Built(Round(1)), b"next").unwrap();
    let conflict = store.save_candidate(Height(1), Built(Round(0)), b"other");
    assert!(matches!(conflict, Err(StorageError::CandidateConflict { height: Height(1), round: Round(0) })));
    drop(store);

    let store = Store::open(&on_disk(directory.path()), &genesis()).unwrap();
    let expected = vec![
        (Received(0), b"other received".to_vec()),
        (Built(Round(0)), b"zero".to_vec()),
        (Built(Round(300)), b"three hundred".to_vec()),
    ];
    assert_eq!(store.load_candidates(Height(1)).unwrap(), expected);
    assert_eq!(store.candidate(Height(1), Built(Round(0))).unwrap(), Some(b"zero".to_vec()));
    assert_eq!(store.candidate(Height(1), Built(Round(1))).unwrap(), None);
    store.commit(&model.batches[0]).unwrap();
    assert_eq!(store.load_candidates(Height(1)).unwrap(), vec![]);
    assert_eq!(store.load_candidates(Height(2)).unwrap(), vec![(Built(Round(1)), b"next".to_vec())]);
    let late = store.save_candidate(Height(1), Built(Round(2)), b"late");
    assert!(matches!(late, Err(StorageError::WrongHeight { .. })));
    // A late candidate is not a fault of the store.
    store.commit(&model.batches[1]).unwrap();
    model.check(&store);
}

#[test]
fn candidates_have_a_bound_and_received_ones_then_the_oldest_round_make_room() {
    let store = Store::open(&StoreConfig::Memory, &genesis()).unwrap();
    store.initialise(&GenesisBatch::default()).unwrap();
    store.save_candidate(Height(1), Received(u32::MAX), b"received").unwrap();
    let last = u32::try_from(CANDIDATES_MAX).unwrap() + 2;
    (0..=last).for_each(|round| store.save_candidate(Height(1), Built(Round(round)), b"x").unwrap());
    let kept = store.load_candidates(Height(1)).unwrap();
    assert_eq!((kept.len(), kept[0].0, kept[kept.len() - 1].0), (CANDIDATES_MAX, Built(Round(3)), Built(Round(last))));
}

#[test]
fn oversize_keys_are_refused_before_anything_is_written() {
    let model = Model::of_length(4, 1);
    let store = Model::new(4).fill(&StoreConfig::Memory);
    let mut batch = model.batches[0].clone();
    batch.state.push((vec![1; KEY_BYTES_MAX + 1], None));
    assert!(matches!(store.commit(&batch), Err(StorageError::TooLarge { what: "key", .. })));
    store.commit(&model.batches[0]).unwrap();
    model.check(&store);
}

#[test]
fn a_gap_in_the_slots_is_refused() {
    let mut model = Model::of_length(5, 1);
    let slot = model.genesis_batch().slots[0];
    model.batches[0].slots.push((SlotIndex::new(25).unwrap(), slot));
    let error = model.fill(&StoreConfig::Memory).load_slots().unwrap_err();
    assert!(error.to_string().contains("slot 20 is missing"), "{error}");
}

#[test]
fn history_is_rebuilt_from_blocks_and_receipts() {
    let seed = testkit::Seed::new().value();
    let model = Model::of_length(seed, 130);
    let directory = tempfile::tempdir().unwrap();
    let store = model.fill(&on_disk(directory.path()));
    let mut seen = Vec::new();
    store.history_rebuild(|height, last| seen.push((height, last))).unwrap();
    assert_eq!(seen, vec![(Height(64), Height(130)), (Height(128), Height(130)), (Height(130), Height(130))]);
    model.check(&store);
    drop(store);
    model.check(&Store::open(&on_disk(directory.path()), &genesis()).unwrap());
}

#[test]
fn another_chain_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    drop(Model::new(6).fill(&on_disk(directory.path())));
    let error = Store::open(&on_disk(directory.path()), &Hash([8; 32])).unwrap_err();
    assert!(matches!(error, StorageError::OtherChain { .. }), "{error}");
    assert!(error.to_string().contains(&genesis().to_string()));
}

#[test]
fn a_second_opening_is_refused_while_the_first_lives() {
    let directory = tempfile::tempdir().unwrap();
    let store = Model::new(7).fill(&on_disk(directory.path()));
    let error = Store::open(&on_disk(directory.path()), &genesis()).unwrap_err();
    assert!(matches!(error, StorageError::InUse { .. }), "{error}");
    drop(store);
    Store::open(&on_disk(directory.path()), &genesis()).unwrap();
}

#[test]
fn evidence_that_waits_is_one_value_that_outlives_the_process() {
    let empty = Store::open(&StoreConfig::Memory, &genesis()).unwrap();
    assert!(matches!(empty.save_evidence(b"early"), Err(StorageError::NotInitialised)));
    let directory = tempfile::tempdir().unwrap();
    let model = Model::of_length(10, 3);
    let store = model.fill(&on_disk(directory.path()));
    assert_eq!(store.evidence().unwrap(), None);
    store.save_evidence(b"first").unwrap();
    store.save_evidence(b"second").unwrap();
    drop(store);
    let store = Store::open(&on_disk(directory.path()), &genesis()).unwrap();
    assert_eq!(store.evidence().unwrap().as_deref(), Some(b"second".as_slice()));
    assert_eq!(model.check(&store), Height(3), "it changes nothing else");
}

#[test]
fn another_schema_is_refused_by_number() {
    let directory = tempfile::tempdir().unwrap();
    drop(Model::new(8).fill(&on_disk(directory.path())));
    let fresh = (crate::backend::memory::Map::new(), Mark { batch: 0, head: None });
    let (disk, _) = Disk::open(directory.path(), &genesis(), Verify::Full, fresh).unwrap();
    let value = seal(Column::Meta, SCHEMA, &99_u32.to_le_bytes());
    disk.write(vec![Op { column: Column::Meta, key: SCHEMA.to_vec(), value: Some(value) }]).unwrap();
    disk.sync().unwrap();
    drop(disk);
    let error = Store::open(&on_disk(directory.path()), &genesis()).unwrap_err();
    assert!(matches!(error, StorageError::UnknownSchema { found: 99, supported: SCHEMA_VERSION, .. }), "{error}");
}

#[test]
fn creation_that_was_interrupted_starts_again() {
    let directory = tempfile::tempdir().unwrap();
    let half = directory.path().join("store.new").join("engine");
    std::fs::create_dir_all(&half).unwrap();
    std::fs::write(half.join("0.jnl"), b"half").unwrap();
    let model = Model::of_length(9, 2);
    model.check(&model.fill(&on_disk(directory.path())));
    assert!(!directory.path().join("store.new").exists());
}

#[test]
fn crash_points_have_names_that_read_back() {
    for point in CrashPoint::all() {
        assert_eq!(point.name().parse(), Ok(point));
    }
    assert!("commit_sometime".parse::<CrashPoint>().unwrap_err().to_string().contains("commit_after_sync"));
}

#[test]
fn genesis_slots_keep_their_order() {
    let slots: Vec<_> = (0..1_000_u64)
        .map(|index| primitives::LedgerSlot {
            address: Address([1; 30]),
            nonce: Nonce::new(index).unwrap(),
            balance: Amount::ZERO,
        })
        .collect();
    let store = Store::open(&StoreConfig::Memory, &genesis()).unwrap();
    store.initialise(&GenesisBatch { slots: slots.clone(), ..GenesisBatch::default() }).unwrap();
    assert_eq!(store.load_slots().unwrap(), slots);
}

#[test]
fn readers_beside_a_commit_see_whole_blocks_only() {
    let directory = tempfile::tempdir().unwrap();
    let model = Model::of_length(10, 150);
    let store = Model::new(10).fill(&on_disk(directory.path()));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut head, mut above) = (Height(0), 0);
            while head < Height(150) {
                head = store.head().unwrap().height;
                let next = store.block(head.next()).unwrap();
                if next.is_some() {
                    // It was committed in between.
                    assert!(store.head().unwrap().height > head);
                    above += 1;
                }
                let Some(batch) = head.0.checked_sub(1).map(|index| &model.batches[usize::try_from(index).unwrap()])
                else {
                    continue;
                };
                assert_eq!(store.block(head).unwrap().as_ref(), Some(&batch.block));
                assert_eq!(store.receipts(head).unwrap().as_ref(), Some(&batch.receipts));
                for id in &batch.transactions {
                    assert_eq!(store.transaction(id).unwrap().unwrap().height, head);
                }
            }
            above
        });
        model.batches.iter().for_each(|batch| store.commit(batch).unwrap());
        eprintln!("{} blocks appeared between two reads", reader.join().unwrap());
    });
    model.check(&store);
}

#[test]
fn window_proofs_are_kept_in_order_and_survive_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let model = Model::of_length(11, 3);
    let store = model.fill(&on_disk(directory.path()));
    assert_eq!(store.proven_windows().unwrap(), 0);
    let early = store.save_window_proof(1, b"one").unwrap_err();
    assert!(matches!(early, StorageError::WrongWindow { expected: 0, got: 1 }), "{early}");
    for window in 0..3_u64 {
        store.save_window_proof(window, format!("proof {window}").as_bytes()).unwrap();
    }
    let again = store.save_window_proof(1, b"other").unwrap_err();
    assert!(matches!(again, StorageError::WrongWindow { expected: 3, got: 1 }), "a refusal does not poison: {again}");
    let head = store.head();
    drop(store);
    let store = Store::open(&on_disk(directory.path()), &genesis()).unwrap();
    assert_eq!((store.proven_windows().unwrap(), store.head()), (3, head));
    assert_eq!(store.window_proof(1).unwrap(), Some(b"proof 1".to_vec()));
    assert_eq!(store.window_proof(3).unwrap(), None);
}

#[test]
fn a_store_at_its_limit_refuses_the_next_block_by_name_and_stays_whole() {
    let model = Model::of_length(testkit::Seed::new().value(), 6);
    let directory = tempfile::tempdir().unwrap();
    for config in [StoreConfig::Memory, on_disk(directory.path())] {
        let store = Store::open(&config, &genesis()).unwrap();
        store.initialise(&model.genesis_batch()).unwrap();
        store.commit(&model.batches[0]).unwrap();
        let used = store.sizes().unwrap().total();
        store.set_limit(used + 1);
        for _ in 0..2 {
            match store.commit(&model.batches[1]) {
                Err(error @ StorageError::Full { .. }) => {
                    let text = error.to_string();
                    assert!(
                        text.contains("store_limit_bytes") && text.contains(&format!("limit is {}", used + 1)),
                        "{text}"
                    );
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(store.head().map(|head| head.height), Some(Height(1)), "what was acknowledged is there");
        // With more room the same block goes in, without a restart.
        store.set_limit(used + 64 * 1024 * 1024);
        store.commit(&model.batches[1]).unwrap();
        store.set_limit(0);
        store.commit(&model.batches[2]).unwrap();
        assert_eq!(store.head().map(|head| head.height), Some(Height(3)));
    }
}

#[test]
fn a_chain_proof_replaces_a_shorter_one_and_the_windows_it_covers() {
    let directory = tempfile::tempdir().unwrap();
    let model = Model::of_length(12, 3);
    let store = model.fill(&on_disk(directory.path()));
    assert_eq!((store.chain_proof().unwrap(), store.folded_windows().unwrap()), (None, 0));
    for window in 0..4_u64 {
        store.save_window_proof(window, format!("proof {window}").as_bytes()).unwrap();
    }
    store.save_chain_proof(2, b"two").unwrap();
    let kept: Vec<bool> = (0..5).map(|window| store.window_proof(window).unwrap().is_some()).collect();
    assert_eq!(kept, [false, false, true, true, false], "the tail stays, what is folded goes");
    for windows in [0, 1, 2] {
        let shorter = store.save_chain_proof(windows, b"other").unwrap_err();
        assert!(matches!(shorter, StorageError::WrongWindow { expected: 3, .. }), "{shorter}");
    }
    let early = store.save_window_proof(1, b"one").unwrap_err();
    assert!(matches!(early, StorageError::WrongWindow { expected: 4, got: 1 }), "{early}");
    drop(store);
    let store = Store::open(&on_disk(directory.path()), &genesis()).unwrap();
    assert_eq!(store.chain_proof().unwrap(), Some((2, b"two".to_vec())));
    assert_eq!(store.proven_windows().unwrap(), 4);
    // A chain proof from elsewhere may go beyond what this node has taken window by window.
    store.save_chain_proof(9, b"nine").unwrap();
    assert_eq!((store.proven_windows().unwrap(), store.window_proof(3).unwrap()), (9, None));
    store.save_window_proof(9, b"tenth").unwrap();
    drop(store);
    let store = Store::open(&on_disk(directory.path()), &genesis()).unwrap();
    assert_eq!((store.proven_windows().unwrap(), store.chain_proof().unwrap()), (10, Some((9, b"nine".to_vec()))));
}
