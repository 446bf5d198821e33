//! Processes that die: the test binary starts itself as a child, which aborts at a crash point or is killed, and
//! the parent opens what is left.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use primitives::{Height, Round};

use super::model::{Model, genesis, on_disk};
use crate::{CandidateOrigin, CrashPoint, Store, set_crash_point};

const DIRECTORY: &str = "TB_STORAGE_CHILD_DIRECTORY";
const SEED: &str = "TB_STORAGE_CHILD_SEED";
const POINT: &str = "TB_STORAGE_CHILD_POINT";
/// Large, so that the engine flushes, merges and changes journals while the process is killed.
const CANDIDATE: &[u8] = &[9; 1_000_000];

/// Does nothing unless it is the child of another test: then it opens the store in the directory and goes on
/// committing until it dies.
#[test]
fn child() {
    let Ok(directory) = env::var(DIRECTORY) else { return };
    let seed: u64 = env::var(SEED).unwrap().parse().unwrap();
    let store = Store::open(&on_disk(Path::new(&directory)), &genesis()).unwrap();
    if let Ok(point) = env::var(POINT) {
        assert!(set_crash_point(point.parse().unwrap()));
    }
    let head = store.head().unwrap().height;
    let mut model = Model::of_length(seed, usize::try_from(head.0).unwrap());
    loop {
        model.grow();
        let batch = model.batches.last().unwrap();
        store.save_candidate(batch.height, CandidateOrigin::Built(Round(0)), CANDIDATE).unwrap();
        store.commit(batch).unwrap();
        println!("acknowledged {}", batch.height);
    }
}

fn spawn(directory: &Path, seed: u64, point: Option<CrashPoint>) -> std::process::Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "tests::crash::child", "--nocapture", "--test-threads=1"]);
    command.env(DIRECTORY, directory).env(SEED, seed.to_string());
    if let Some(point) = point {
        command.env(POINT, point.name());
    }
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Reads acknowledged heights until the child ends, or until `stop` of them came; then kills it.
fn acknowledged(child: &mut std::process::Child, stop: usize) -> Option<Height> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let heights = lines.map_while(Result::ok).filter_map(|line| {
        let (_, height) = line.split_once("acknowledged ")?;
        height.trim().parse().ok().map(Height)
    });
    let last = heights.take(stop).last();
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    last
}

#[test]
fn a_crash_at_every_point_leaves_the_block_before_or_the_block_after() {
    let _replayed = testkit::contract!("S000-109");
    let seed = testkit::Seed::new().value();
    let model = Model::of_length(seed, 12);
    for point in CrashPoint::STORE {
        let home = tempfile::tempdir().unwrap();
        let before = Model::of_length(seed, 10);
        drop(before.fill(&on_disk(home.path())));
        let answered = acknowledged(&mut spawn(home.path(), seed, Some(point)), usize::MAX);
        assert_eq!(answered, None, "{point}: the child died before it answered");
        let store = Store::open(&on_disk(home.path()), &genesis()).unwrap();
        let head = model.check(&store);
        let candidates = store.load_candidates(Height(11)).unwrap().len();
        match point {
            CrashPoint::CommitBeforeWrite | CrashPoint::CandidateAfterSync => {
                assert_eq!((head, candidates), (Height(10), 1), "{point}");
            }
            CrashPoint::CommitAfterWrite => assert!(head == Height(10) || head == Height(11)),
            CrashPoint::CommitAfterSync | CrashPoint::CommitAfterHead => {
                assert_eq!((head, candidates), (Height(11), 0), "{point}");
            }
            CrashPoint::CandidateBeforeWrite => assert_eq!((head, candidates), (Height(10), 0), "{point}"),
            other => panic!("{other} is no point of the store"),
        }
        // The store goes on from there.
        for batch in &model.batches[usize::try_from(head.0).unwrap()..] {
            store.commit(batch).unwrap();
        }
        assert_eq!(model.check(&store), Height(12), "{point}");
    }
}

#[test]
fn killing_the_process_at_any_time_loses_no_acknowledged_block() {
    let mut seed = testkit::Seed::new();
    let chain = seed.value();
    let home = tempfile::tempdir().unwrap();
    drop(Model::of_length(chain, 0).fill(&on_disk(home.path())));
    let mut last = Height(0);
    for _ in 0..6 {
        let stop = 1 + seed.index(40);
        let answered = acknowledged(&mut spawn(home.path(), chain, None), stop).unwrap();
        let store = Store::open(&on_disk(home.path()), &genesis()).unwrap();
        let head = store.head().unwrap().height;
        assert!(head >= answered && answered > last, "answered {answered}, found {head}");
        Model::of_length(chain, usize::try_from(head.0).unwrap()).check(&store);
        last = head;
    }
}
