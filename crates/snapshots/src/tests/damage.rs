//! A flip or a cut anywhere in a journal, a store or a snapshot: it is found and named, it is mended from what is left and from a peer, or it has no effect. Never
//! a panic, never another block, receipt or root.
//!
//! ```text
//!   damaged copy ─► open ─┬─ whole: everything is compared ───────────────────────────► without effect
//!                         └─ refused by name ─► mend ─┬─ up: taken back, compared ────► mended
//!                                                     └─ refused: state, journal, … ──► refused
//! ```
//! A sample runs with every push. The whole is `cargo xtask nightly damage`: it keeps a journal, so a run that is stopped goes on where it was.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use storage::{PRUNED_SPACES, Store, StoreConfig};
use testkit::Seed;

use super::chain::{Chain, on_disk, open, replay};
use super::mend::take_back;
use super::repair::{files, is_whole_of};
use crate::{Shelf, Snapshot, digest, restore};

/// Blocks in tables.
const TABLE_BLOCKS: u64 = 12;
/// Blocks in the journal.
const JOURNAL_BLOCKS: u64 = 3;
/// Trials of one line of the journal of a run.
const BATCH: u64 = 250;
/// Sampled trials of the whole run, each of a store and of a snapshot.
const SAMPLED: u64 = 10_000;
/// Trials of each kind in the sample.
const SAMPLE: [u64; 4] = [2, 2, 4, 40];

/// What is hurt, and how its places are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// One bit of each byte of the journal.
    JournalFlip,
    /// The journal ends before each byte.
    JournalCut,
    /// A flip or a cut somewhere in any file of the store.
    Store,
    /// A flip or a cut somewhere in any file of a snapshot.
    Snapshot,
}

const KINDS: [(Kind, &str); 4] = [
    (Kind::JournalFlip, "journal_flip"),
    (Kind::JournalCut, "journal_cut"),
    (Kind::Store, "store"),
    (Kind::Snapshot, "snapshot"),
];

/// How trials ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    without_effect: u64,
    mended: u64,
    refused: u64,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.without_effect += other.without_effect;
        self.mended += other.mended;
        self.refused += other.refused;
    }

    fn trials(self) -> u64 {
        self.without_effect + self.mended + self.refused
    }
}

/// What is hurt: a store, a snapshot of it, and a peer with everything.
struct Ground {
    store: PathBuf,
    snapshot: PathBuf,
    journal: PathBuf,
    journal_bytes: u64,
    peer: Chain,
    scratch: PathBuf,
}

impl Ground {
    fn new(folder: &Path) -> Self {
        let store = folder.join("store");
        let mut chain = Chain::new(50, &on_disk(&store));
        (0..TABLE_BLOCKS).for_each(|_| chain.grow());
        chain.store.flush().unwrap();
        for space in PRUNED_SPACES {
            chain.store.compact(space).unwrap();
        }
        (0..JOURNAL_BLOCKS).for_each(|_| chain.grow());
        let snapshot = chain.snapshot(&Shelf::new(folder.join("snapshots"))).path;
        let mut peer = Chain::new(50, &StoreConfig::Memory);
        replay(&mut peer.replica, &chain.blocks);
        let peer = Chain { blocks: std::mem::take(&mut chain.blocks), ..peer };
        drop(chain);
        // Opening again cuts the part of the journal that was allocated ahead.
        drop(Store::open(&on_disk(&store), &peer.genesis.hash()).unwrap());
        let journals = files(&store).into_iter().filter(|path| path.extension().is_some_and(|end| end == "jnl"));
        let journal = journals.max().unwrap();
        let journal_bytes = fs::metadata(&journal).unwrap().len();
        let scratch = folder.join("scratch");
        Self { store, snapshot, journal, journal_bytes, peer, scratch }
    }

    fn trials(&self, kind: Kind) -> u64 {
        match kind {
            Kind::JournalFlip | Kind::JournalCut => self.journal_bytes,
            Kind::Store | Kind::Snapshot => SAMPLED,
        }
    }

    /// A copy of `from` whose file `victim` has other bytes. Files that the engine never changes are linked.
    fn copy(&self, from: &Path, victim: &Path, bytes: &[u8]) {
        if self.scratch.exists() {
            fs::remove_dir_all(&self.scratch).unwrap();
        }
        for file in files(from) {
            let target = self.scratch.join(file.strip_prefix(from).unwrap());
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            if file == victim {
                fs::write(&target, bytes).unwrap();
            } else if file.parent().is_some_and(|parent| parent.ends_with("tables")) {
                fs::hard_link(&file, &target).unwrap();
            } else {
                fs::copy(&file, &target).unwrap();
            }
        }
    }

    /// One trial, by its number; `seed` chooses what the number leaves open.
    fn trial(&self, kind: Kind, number: u64, seed: &mut Seed) -> Counts {
        let from = if kind == Kind::Snapshot { &self.snapshot } else { &self.store };
        let victim = match kind {
            Kind::JournalFlip | Kind::JournalCut => self.journal.clone(),
            Kind::Store | Kind::Snapshot => {
                let files: Vec<PathBuf> =
                    files(from).into_iter().filter(|file| fs::metadata(file).unwrap().len() > 0).collect();
                seed.pick(&files).clone()
            }
        };
        let mut bytes = fs::read(&victim).unwrap();
        let (at, is_cut) = match kind {
            Kind::JournalFlip => (usize::try_from(number).unwrap(), false),
            Kind::JournalCut => (usize::try_from(number).unwrap(), true),
            Kind::Store | Kind::Snapshot => (seed.index(bytes.len()), seed.chance(30)),
        };
        let mask = 1 << seed.below(8);
        if is_cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= mask;
        }
        let name = victim.strip_prefix(from).unwrap();
        let what = format!("{} at {at}, cut {is_cut}, mask {mask}", name.display());
        self.copy(from, &victim, &bytes);
        match kind {
            Kind::Snapshot => self.judge_snapshot(&what),
            Kind::JournalFlip | Kind::JournalCut | Kind::Store => self.judge_store(&what),
        }
    }

    /// The trials of one line of the journal of a run.
    fn batch(&self, kind: Kind, batch: u64, seed: &mut Seed) -> Counts {
        let mut counts = Counts::default();
        for number in batch * BATCH..((batch + 1) * BATCH).min(self.trials(kind)) {
            counts.add(self.trial(kind, number, seed));
        }
        counts
    }

    fn judge_store(&self, what: &str) -> Counts {
        let genesis = self.peer.genesis.hash();
        let refused = match Store::open(&on_disk(&self.scratch), &genesis) {
            Ok(store) => {
                drop(store);
                is_whole_of(&self.scratch, &self.peer, what);
                return Counts { without_effect: 1, ..Counts::default() };
            }
            Err(refused) => refused,
        };
        assert!(
            refused.is_damage() || matches!(refused, storage::StorageError::LostBlocks { .. }),
            "{what}: not named as damage: {refused}"
        );
        match Store::mend(&self.scratch, &genesis, &digest(&genesis), &mut |_, _| {}) {
            Ok(_) => {
                let store =
                    Store::open(&on_disk(&self.scratch), &genesis).unwrap_or_else(|error| panic!("{what}: {error}"));
                take_back(&store, &self.peer.store);
                drop(store);
                is_whole_of(&self.scratch, &self.peer, what);
                Counts { mended: 1, ..Counts::default() }
            }
            Err(_) => Counts { refused: 1, ..Counts::default() },
        }
    }

    fn judge_snapshot(&self, what: &str) -> Counts {
        let store = std::sync::Arc::new(Store::open(&StoreConfig::Memory, &self.peer.genesis.hash()).unwrap());
        let restored = Snapshot::open(&self.scratch).and_then(|snapshot| restore(&snapshot, &store, &mut |_| {}));
        if restored.is_err() {
            assert_eq!(store.head(), None, "{what}: something was used");
            return Counts { refused: 1, ..Counts::default() };
        }
        assert_eq!(store.head(), self.peer.store.head(), "{what}");
        assert_eq!(open(&self.peer.genesis, &store).ledger_slots(), self.peer.replica.ledger_slots(), "{what}");
        Counts { without_effect: 1, ..Counts::default() }
    }
}

#[test]
fn a_sample_of_flips_and_cuts_is_found_mended_or_without_effect() {
    let mut seed = Seed::new();
    let folder = tempfile::tempdir().unwrap();
    let ground = Ground::new(folder.path());
    let mut all = BTreeMap::new();
    for ((kind, name), sampled) in KINDS.into_iter().zip(SAMPLE) {
        let step = ground.trials(kind).div_ceil(sampled);
        let mut counts = Counts::default();
        let mut number = seed.below(step);
        while number < ground.trials(kind) {
            counts.add(ground.trial(kind, number, &mut seed));
            number += step;
        }
        all.insert(name, counts);
    }
    eprintln!("{all:?}");
    let of = |name: &str| all[name];
    assert!(of("journal_flip").refused > 0 && of("journal_cut").refused > 0 && of("snapshot").refused > 30, "{all:?}");
    assert!(of("store").mended + of("store").refused > 0, "{all:?}");
}

/// Lines of the journal of a run: kind, batch, counts.
fn done(path: &Path) -> BTreeMap<(String, u64), Counts> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [kind, numbers @ ..] = words.as_slice() else { return None };
        let numbers: Vec<u64> = numbers.iter().filter_map(|word| word.parse().ok()).collect();
        let [batch, without_effect, mended, refused] = numbers.as_slice() else { return None };
        let counts = Counts { without_effect: *without_effect, mended: *mended, refused: *refused };
        Some((((*kind).to_owned(), *batch), counts))
    };
    text.lines().filter_map(line).collect()
}

/// The whole, with its journal in the folder that `NIGHTLY_FOLDER` names. What is hurt is in `NIGHTLY_SCRATCH`: best in memory, as nothing is shown here
/// by what a disk has made durable, and waiting for one takes most of a trial. `NIGHTLY_JOBS` threads take the batches, each with a ground of its own.
#[test]
#[ignore = "it takes long; cargo xtask nightly damage runs it"]
fn nightly_damage() {
    let folder = PathBuf::from(std::env::var_os("NIGHTLY_FOLDER").expect("the folder of the run"));
    fs::create_dir_all(&folder).unwrap();
    let number: u64 = std::env::var("NIGHTLY_SEED").expect("the seed of the run").parse().unwrap();
    eprintln!("seed {number}");
    let jobs: usize = std::env::var("NIGHTLY_JOBS").expect("the threads of the run").parse().unwrap();
    let scratch = std::env::var_os("NIGHTLY_SCRATCH").expect("the folder of what is hurt");
    let places: Vec<_> = (0..jobs).map(|_| tempfile::tempdir_in(&scratch).unwrap()).collect();
    let grounds: Vec<Ground> = places.iter().map(|place| Ground::new(place.path())).collect();
    let journal_bytes = grounds[0].journal_bytes;
    assert!(grounds.iter().all(|ground| ground.journal_bytes == journal_bytes), "they are the same to the byte");
    let path = folder.join("damage.journal");
    let before = done(&path);
    let journal = Mutex::new(OpenOptions::new().create(true).append(true).open(&path).unwrap());
    let mut said = format!("{{\"seed\":{number},\"panics\":0,\"wrong\":0,\"journal_bytes\":{journal_bytes}");
    for (kind, name) in KINDS {
        let (mut all, mut left) = (Counts::default(), Vec::new());
        for batch in 0..grounds[0].trials(kind).div_ceil(BATCH) {
            match before.get(&(name.to_owned(), batch)) {
                Some(counts) => all.add(*counts),
                None => left.push(batch),
            }
        }
        let (next, all) = (AtomicUsize::new(0), Mutex::new(all));
        thread::scope(|scope| {
            for ground in &grounds {
                scope.spawn(|| {
                    while let Some(batch) = left.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let counts = ground.batch(kind, *batch, &mut Seed::of(number.wrapping_add(*batch)));
                        let Counts { without_effect, mended, refused } = counts;
                        let mut journal = journal.lock().unwrap();
                        writeln!(journal, "{name} {batch} {without_effect} {mended} {refused}").unwrap();
                        journal.sync_all().unwrap();
                        all.lock().unwrap().add(counts);
                    }
                });
            }
        });
        let all = all.into_inner().unwrap();
        let (trials, Counts { without_effect, mended, refused }) = (all.trials(), all);
        write!(
            said,
            ",\"{name}\":{{\"trials\":{trials},\"without_effect\":{without_effect},\"mended\":{mended},\"refused\":{refused}}}"
        )
        .unwrap();
    }
    println!("{said}}}");
}
