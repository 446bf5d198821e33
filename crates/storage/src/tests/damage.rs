//! Flipped bytes in the files of a store on disk: refused by name, or without any effect. Never a panic, never
//! a silent loss.

use std::fs;
use std::path::{Path, PathBuf};

use fjall::{Database, KeyspaceCreateOptions};
use primitives::Height;
use testkit::Seed;

use super::model::{Model, genesis, on_disk};
use crate::columns::Space;
use crate::{StorageError, Store, StoreConfig, Verify};

/// Flips tried per test, spread over all files.
const FLIPS: usize = 300;

/// Moves what is in memory tables to table files, so that both kinds of file hold live data.
fn flush(home: &Path) {
    let database = Database::builder(home.join("store/engine")).open().unwrap();
    for space in Space::ALL {
        let keyspace = database.keyspace(space.name(), KeyspaceCreateOptions::default).unwrap();
        keyspace.rotate_memtable_and_wait().unwrap();
    }
}

/// A store of 200 blocks, the older half in tables, the newer half in the journal.
fn store_of_200(home: &Path, model: &Model) {
    let store = Store::open(&on_disk(home), &genesis()).unwrap();
    store.initialise(&model.genesis_batch()).unwrap();
    model.batches[..100].iter().for_each(|batch| store.commit(batch).unwrap());
    drop(store);
    flush(home);
    let store = Store::open(&on_disk(home), &genesis()).unwrap();
    model.batches[100..].iter().for_each(|batch| store.commit(batch).unwrap());
    drop(store);
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, &target).unwrap();
    }
}

/// Flips one byte in a copy of the store at `home` and opens it; true when it was refused.
fn flip_is_refused(home: &Path, model: &Model, file: &Path, offset: usize, mask: u8) -> bool {
    let copied = tempfile::tempdir().unwrap();
    copy(home, copied.path());
    let path = copied.path().join(file);
    let mut bytes = fs::read(&path).unwrap();
    bytes[offset] ^= mask;
    fs::write(&path, bytes).unwrap();
    match Store::open(&on_disk(copied.path()), &genesis()) {
        Ok(store) => {
            let head = model.check(&store);
            let last = Height(u64::try_from(model.batches.len()).unwrap());
            assert_eq!(head, last, "blocks lost in silence: {} at {offset}", file.display());
            false
        }
        Err(error) => {
            let named = matches!(
                error,
                StorageError::Damaged { .. } | StorageError::DamagedFile { .. } | StorageError::LostBlocks { .. }
            );
            assert!(named, "{} at {offset}: {error}", file.display());
            let place = copied.path().display().to_string();
            assert!(error.to_string().contains(&place), "the message names the place: {error}");
            true
        }
    }
}

/// Tries flips over every file below `home`; returns how many were tried and refused.
fn flip_everywhere(home: &Path, model: &Model, seed: &mut Seed) -> (usize, usize) {
    let files: Vec<_> = files(home).into_iter().filter(|file| fs::metadata(file).unwrap().len() > 0).collect();
    let (mut tried, mut refused) = (0, 0);
    for round in 0..FLIPS {
        let file = &files[round % files.len()];
        let length = usize::try_from(fs::metadata(file).unwrap().len()).unwrap();
        // Half of the flips hit the first and last bytes, where the structure is.
        let offset = match round % 4 {
            0 => seed.index(length.min(64)),
            1 => length - 1 - seed.index(length.min(64)),
            _ => seed.index(length),
        };
        let mask = 1 << seed.below(8);
        let relative = file.strip_prefix(home).unwrap();
        tried += 1;
        if flip_is_refused(home, model, relative, offset, mask) {
            refused += 1;
        } else {
            eprintln!("no effect: {} at {offset} of {length}", relative.display());
        }
    }
    (tried, refused)
}

#[test]
fn a_flipped_byte_in_any_file_is_refused_by_name_or_has_no_effect() {
    let mut seed = Seed::new();
    let model = Model::of_length(seed.value(), 200);
    let home = tempfile::tempdir().unwrap();
    store_of_200(home.path(), &model);
    let (tried, refused) = flip_everywhere(home.path(), &model, &mut seed);
    eprintln!("{refused} of {tried} flips refused");
    // The mark file is mostly padding, and a merge may leave a manifest that is no longer current.
    assert!(refused * 10 >= tried * 8, "{refused} of {tried} flips refused");
}

#[test]
fn a_flipped_byte_in_a_sealed_journal_is_refused() {
    let mut seed = Seed::new();
    let model = Model::of_length(seed.value(), 30);
    let home = tempfile::tempdir().unwrap();
    drop(model.fill(&on_disk(home.path())));
    // Reopening cuts the part of the journal that was allocated ahead.
    drop(Store::open(&on_disk(home.path()), &genesis()).unwrap());
    let engine = home.path().join("store/engine");
    let sealed = files(&engine).into_iter().find(|file| file.extension().is_some_and(|e| e == "jnl")).unwrap();
    let id: u64 = sealed.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    fs::write(engine.join(format!("{}.jnl", id + 1)), b"").unwrap();
    let length = usize::try_from(fs::metadata(&sealed).unwrap().len()).unwrap();
    let sealed = sealed.strip_prefix(home.path()).unwrap();
    let mut refused = 0;
    for _ in 0..40 {
        let offset = seed.index(length);
        refused += usize::from(flip_is_refused(home.path(), &model, sealed, offset, 1 << seed.below(8)));
    }
    // A last record that claims to be a little newer changes nothing.
    assert!(refused >= 38, "{refused} of 40 flips refused");
    assert_eq!(model.check(&Store::open(&on_disk(home.path()), &genesis()).unwrap()), Height(30));
}

#[test]
fn a_flipped_sequence_in_the_journal_is_refused_or_has_no_effect() {
    // The engine's own checksum does not cover the sequence, and an old value is as valid as a new one.
    let mut seed = Seed::new();
    let model = Model::of_length(seed.value(), 30);
    let home = tempfile::tempdir().unwrap();
    store_without_spare_room(home.path(), &model);
    let journal = files(home.path()).into_iter().find(|file| file.extension().is_some_and(|e| e == "jnl")).unwrap();
    let bytes = fs::read(&journal).unwrap();
    // A record starts after the trailer of the one before, with the tag 1, the item count and the sequence.
    let starts = bytes.windows(5).enumerate().filter(|(_, window)| *window == b"FJL\x03\x01").map(|(at, _)| at + 4);
    let starts: Vec<usize> = starts.chain([0]).collect();
    assert!(starts.len() > 30, "{} records", starts.len());
    let journal = journal.strip_prefix(home.path()).unwrap();
    let mut refused = 0;
    for _ in 0..100 {
        let offset = seed.pick(&starts) + 5 + seed.index(8);
        refused += usize::from(flip_is_refused(home.path(), &model, journal, offset, 1 << seed.below(8)));
    }
    assert!(refused > 80, "{refused} of 100 flips refused");
}

#[test]
fn a_journal_that_lost_its_end_is_refused_but_an_unacknowledged_torn_record_is_dropped() {
    let mut seed = Seed::new();
    let model = Model::of_length(seed.value(), 40);
    let home = tempfile::tempdir().unwrap();
    store_without_spare_room(home.path(), &model);
    let journal = files(home.path()).into_iter().find(|file| file.extension().is_some_and(|e| e == "jnl")).unwrap();
    let whole = fs::read(&journal).unwrap();
    for _ in 0..20 {
        let copied = tempfile::tempdir().unwrap();
        copy(home.path(), copied.path());
        let path = copied.path().join(journal.strip_prefix(home.path()).unwrap());

        // Any cut of acknowledged records.
        fs::write(&path, &whole[..whole.len() - 1 - seed.index(whole.len() / 2)]).unwrap();
        let error = Store::open(&on_disk(copied.path()), &genesis()).unwrap_err();
        let named = matches!(error, StorageError::DamagedFile { .. } | StorageError::LostBlocks { .. });
        assert!(named, "{error}");

        // The whole journal, then the start of another record: what a crash in the middle of a write leaves.
        let mut torn = whole.clone();
        let start = 1 + seed.index(200);
        torn.extend_from_slice(&whole[..start]);
        if seed.chance(50) {
            let rest = seed.index(100);
            torn.extend(seed.bytes(rest));
        }
        fs::write(&path, torn).unwrap();
        let store = Store::open(&on_disk(copied.path()), &genesis()).unwrap();
        assert_eq!(model.check(&store), Height(40));
    }
}

fn store_without_spare_room(home: &Path, model: &Model) {
    drop(model.fill(&on_disk(home)));
    drop(Store::open(&on_disk(home), &genesis()).unwrap());
}

#[test]
fn missing_files_are_refused_by_name() {
    let model = Model::of_length(21, 200);
    let home = tempfile::tempdir().unwrap();
    store_of_200(home.path(), &model);
    let mut missing = 0;
    for file in files(home.path()) {
        let copied = tempfile::tempdir().unwrap();
        copy(home.path(), copied.path());
        fs::remove_file(copied.path().join(file.strip_prefix(home.path()).unwrap())).unwrap();
        match Store::open(&on_disk(copied.path()), &genesis()) {
            Ok(store) => assert_eq!(model.check(&store), Height(200), "{}", file.display()),
            Err(StorageError::DamagedFile { .. }) => missing += 1,
            Err(error) => panic!("{}: {error}", file.display()),
        }
    }
    assert!(missing > 10, "{missing} missing files were refused");
}

#[test]
fn damage_that_a_quick_start_skips_is_named_when_it_is_read() {
    let mut seed = Seed::new();
    let model = Model::of_length(seed.value(), 200);
    let home = tempfile::tempdir().unwrap();
    store_of_200(home.path(), &model);
    let tables = files(home.path()).into_iter().filter(|file| file.parent().is_some_and(|p| p.ends_with("tables")));
    let tables: Vec<_> = tables.collect();
    let mut named = 0;
    for _ in 0..60 {
        let file = seed.pick(&tables).clone();
        let mut bytes = fs::read(&file).unwrap();
        let offset = seed.index(bytes.len());
        bytes[offset] ^= 1 << seed.below(8);
        let copied = tempfile::tempdir().unwrap();
        copy(home.path(), copied.path());
        fs::write(copied.path().join(file.strip_prefix(home.path()).unwrap()), bytes).unwrap();
        let config = StoreConfig::Disk { path: copied.path().to_owned(), verify: Verify::Recent };
        let answers = Store::open(&config, &genesis()).and_then(|store| read_everything(&store, &model));
        match answers {
            Ok(()) => {}
            Err(StorageError::Damaged { .. } | StorageError::DamagedFile { .. } | StorageError::Engine { .. }) => {
                named += 1
            }
            Err(error) => panic!("{}: {error}", file.display()),
        }
    }
    assert!(named > 10, "{named} of 60 flips were named");
}

#[test]
fn a_start_reads_all_of_a_store_up_to_a_height_and_little_of_a_longer_one() {
    let seed = Seed::new();
    let model = Model::of_length(seed.value(), 200);
    let home = tempfile::tempdir().unwrap();
    store_of_200(home.path(), &model);
    let open = |verify| Store::open(&StoreConfig::Disk { path: home.path().to_owned(), verify }, &genesis());
    let values = |verify| open(verify).unwrap().opening().values;
    let (full, recent) = (values(Verify::Full), values(Verify::Recent));
    assert!(full > recent, "{full} and {recent} values");
    assert_eq!(values(Verify::FullUpTo(Height(200))), full);
    assert_eq!(values(Verify::FullUpTo(Height(199))), recent);
    // The same of files: whoever reads little of them opens a store with a bad one.
    let tables = files(home.path()).into_iter().filter(|file| file.parent().is_some_and(|p| p.ends_with("tables")));
    let mut opened = 0;
    for table in tables {
        let mut bytes = fs::read(&table).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        for height in [200, 199] {
            let copied = tempfile::tempdir().unwrap();
            copy(home.path(), copied.path());
            fs::write(copied.path().join(table.strip_prefix(home.path()).unwrap()), &bytes).unwrap();
            let verify = Verify::FullUpTo(Height(height));
            let store = Store::open(&StoreConfig::Disk { path: copied.path().to_owned(), verify }, &genesis());
            assert!(height == 199 || matches!(store, Err(StorageError::DamagedFile { .. })), "{}", table.display());
            opened += u64::from(store.is_ok());
        }
    }
    assert!(opened > 0, "none was opened");
}

/// Reads every value; an answer is the right one or an error.
fn read_everything(store: &Store, model: &Model) -> Result<(), StorageError> {
    for batch in &model.batches {
        assert_eq!(store.block(batch.height)?.as_ref(), Some(&batch.block));
        assert_eq!(store.receipts(batch.height)?.as_ref(), Some(&batch.receipts));
        assert_eq!(store.height_of(&batch.block_hash)?, Some(batch.height));
        for id in &batch.transactions {
            assert_eq!(store.transaction(id)?.map(|place| place.height), Some(batch.height));
        }
        for entry in &batch.history {
            let page = store.history(&entry.address, None, crate::HISTORY_PAGE_MAX)?;
            assert!(page.contains(entry));
        }
    }
    store.load_slots()?;
    store.load_state()?;
    store.load_nodes()?;
    // Nothing was refused, so everything must be there and equal.
    model.check(store);
    Ok(())
}
