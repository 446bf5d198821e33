//! The size of journals, and files that rot under an open store.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use primitives::Height;
use testkit::Seed;

use super::model::{Model, on_disk};
use crate::{CandidateOrigin, Store};

/// Bytes of one write.
const WRITE_BYTES: usize = 4 * 1024 * 1024;
/// Writes until several journals were sealed.
const WRITES: u32 = 44;
/// Bytes at which the engine seals a journal, allocated ahead.
const JOURNAL_BYTES: u64 = 64 * 1024 * 1024;
/// Longest time until a sealed journal is gone.
const TIME: Duration = Duration::from_secs(20);

fn tables(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.flat_map(|path| if path.is_dir() { tables(&path) } else { vec![path] });
    found.filter(|path| path.parent().unwrap().ends_with("tables")).collect()
}

#[test]
fn a_flush_lets_sealed_journals_go_that_a_quiet_space_would_hold() {
    let mut seed = Seed::new();
    let model = Model::of_length(seed.value(), 5);
    let home = tempfile::tempdir().unwrap();
    let store = model.fill(&on_disk(home.path()));
    for number in 0..WRITES {
        let bytes = seed.bytes(WRITE_BYTES);
        store.save_candidate(Height(6), CandidateOrigin::Received(number), &bytes).unwrap();
    }
    let before = store.journal_bytes().unwrap();
    assert!(before > 2 * JOURNAL_BYTES, "{before}: blocks of a quiet space hold the sealed journals");
    store.flush().unwrap();
    let deadline = Instant::now() + TIME;
    while store.journal_bytes().unwrap() > 2 * JOURNAL_BYTES {
        assert!(Instant::now() < deadline, "{} bytes of journals are left", store.journal_bytes().unwrap());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(model.check(&store), Height(5));
    drop(store);
    assert_eq!(model.check(&Store::open(&on_disk(home.path()), &model.genesis).unwrap()), Height(5));
}

#[test]
fn a_table_that_rots_under_an_open_store_is_named_and_a_stop_ends_the_look() {
    let mut seed = Seed::new();
    let model = Model::of_length(seed.value(), 100);
    let home = tempfile::tempdir().unwrap();
    let store = model.fill(&on_disk(home.path()));
    store.flush().unwrap();
    let mut bytes = 0;
    let mut all = |read: u64| {
        bytes += read;
        true
    };
    assert_eq!(store.bad_files(&mut all).unwrap(), Vec::new());
    assert!(bytes > 0);
    let tables = tables(home.path());
    let victim = seed.pick(&tables);
    let file = OpenOptions::new().read(true).write(true).open(victim).unwrap();
    let (mut byte, at) = ([0], seed.below(file.metadata().unwrap().len()));
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    let bad = store.bad_files(&mut |_| true).unwrap();
    assert_eq!(bad.iter().map(|bad| &bad.path).collect::<Vec<_>>(), [victim], "byte {at}");
    assert!(bad[0].reason.contains("checksum"), "{bad:?}");
    let mut looks = 0;
    let mut one = |_| {
        looks += 1;
        false
    };
    assert_eq!(store.bad_files(&mut one).unwrap(), Vec::new());
    assert_eq!(looks, 1, "a stop ends the look");
}
