//! The guard across processes: a crash at every point of a write, and the lock.
//!
//! Each test starts this test binary again for one `child_…` test, which does nothing unless the folder's name
//! is in [`FOLDER`].

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use primitives::{Height, Round, Signature};

use super::{GENESIS, ask, folder, key, message};
use crate::signer::log::{BLOCK_BYTES, COMPACT_BYTES, GuardLog, Record, digest};
use crate::signer::{GuardCrashPoint, GuardError, Position, SignRefusal, SignedStep, ValidatorSigner};

use SignedStep::{Precommit, Prevote};

/// Where a child works.
const FOLDER: &str = "TB_TEST_GUARD_FOLDER";
/// At which point it crashes.
const POINT: &str = "TB_TEST_GUARD_POINT";
/// What a child writes when it holds the lock.
const HOLDING: &str = "holding the lock";

fn child(test: &str, home: &Path, point: Option<GuardCrashPoint>) -> Child {
    let this = env::current_exe().expect("the test binary knows its path");
    let mut command = Command::new(this);
    command.args([&format!("tests::guard_process::{test}"), "--exact", "--nocapture"]);
    command.env(FOLDER, home).env(POINT, point.map_or("", GuardCrashPoint::name));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the test binary can be started")
}

/// The guard file of a child's folder; `None` in a normal test run.
fn given() -> Option<PathBuf> {
    env::var_os(FOLDER).map(|home| PathBuf::from(home).join("guard"))
}

fn open(path: &Path) -> ValidatorSigner {
    ValidatorSigner::open(key(), path, &GENESIS, true).expect("the guard file is whole")
}

#[test]
fn child_that_crashes() {
    let Some(path) = given() else { return };
    let mut signer = open(&path);
    let released = ask(&mut signer, Prevote, 8, 0, 1).expect("it is above");
    fs::write(path.with_file_name("released"), released.to_string()).expect("the folder is ours");
    let point = env::var(POINT).expect("the parent sets it").parse().expect("it is a crash point");
    signer.set_crash_point(Some(point));
    let height = if path.with_file_name("compact").exists() { 9 } else { 8 };
    let second = ask(&mut signer, Precommit, height, 0, 1);
    fs::write(path.with_file_name("survived"), format!("{second:?}")).expect("the folder is ours");
}

/// Runs the child to its crash; its guard file and the signature it gave out before.
fn crashed(home: &Path, point: GuardCrashPoint) -> (PathBuf, Signature) {
    let output = child("child_that_crashes", home, Some(point)).wait_with_output().expect("the child ends");
    assert_eq!(output.status.signal(), Some(6), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!home.join("survived").exists());
    let released = fs::read_to_string(home.join("released")).expect("the child wrote it");
    (home.join("guard"), released.parse().expect("it is a signature"))
}

#[test]
fn after_a_crash_at_any_point_of_an_append_nothing_is_signed_twice() {
    for point in GuardCrashPoint::ALL {
        let home = folder();
        let (path, released) = crashed(home.path(), point);
        let mut signer = open(&path);
        assert_eq!(ask(&mut signer, Prevote, 8, 0, 1), Ok(released), "{point}");
        assert!(matches!(ask(&mut signer, Prevote, 8, 0, 2), Err(SignRefusal::Conflict(_))), "{point}");
        // The process died, not the machine: what was handed to the operating system is there.
        let other = ask(&mut signer, Precommit, 8, 0, 2);
        match point {
            GuardCrashPoint::BeforeWrite => assert!(other.is_ok(), "{point}: {other:?}"),
            _ => assert!(matches!(other, Err(SignRefusal::Conflict(_))), "{point}: {other:?}"),
        }
        let same = ask(&mut signer, Precommit, 8, 0, 1);
        assert_eq!(same.is_ok(), point != GuardCrashPoint::BeforeWrite, "{point}: {same:?}");
    }
}

#[test]
fn after_a_crash_at_any_point_of_a_compaction_nothing_is_signed_twice() {
    for point in GuardCrashPoint::ALL {
        let home = folder();
        let path = home.path().join("guard");
        long_log(&path);
        fs::write(home.path().join("compact"), "").expect("the folder is ours");
        let (path, released) = crashed(home.path(), point);
        let length = usize::try_from(fs::metadata(&path).expect("it exists").len()).expect("it is small");
        let mut signer = open(&path);
        if point == GuardCrashPoint::AfterSync {
            assert_eq!(length, 2 * BLOCK_BYTES, "the log is compacted");
            assert_eq!(signer.highest(), Some((Height(9), Round(0), Precommit)));
            assert!(matches!(ask(&mut signer, Precommit, 9, 0, 2), Err(SignRefusal::Conflict(_))));
            assert!(matches!(ask(&mut signer, Prevote, 8, 0, 2), Err(SignRefusal::Below { .. })));
        } else {
            assert_eq!(length, COMPACT_BYTES, "the old log is still in place");
            assert_eq!(ask(&mut signer, Prevote, 8, 0, 1), Ok(released), "{point}");
            assert!(matches!(ask(&mut signer, Prevote, 8, 0, 2), Err(SignRefusal::Conflict(_))), "{point}");
            ask(&mut signer, Precommit, 9, 0, 2).expect("it was never given out");
        }
    }
}

/// A log of height 7 that the child's first vote, at height 8, brings to the size from which on the next change of
/// height, by its second vote, compacts it.
fn long_log(path: &Path) {
    GuardLog::create(path, key().public_key(), GENESIS, None, &[]).expect("it is ours");
    let (mut log, _) = GuardLog::open(path, key().public_key(), GENESIS).expect("it is whole");
    let rounds = u32::try_from(COMPACT_BYTES / BLOCK_BYTES - 2).expect("it is small");
    let records: Vec<Record> = (0..rounds)
        .map(|round| {
            let bytes = message(Prevote, 7, round, 1);
            let position = Position { height: Height(7), round: Round(round), step: Prevote };
            Record { position, digest: digest(&bytes), signature: key().sign(&bytes) }
        })
        .collect();
    log.rewrite(&records).expect("it is ours");
}

#[test]
fn child_that_holds_the_lock() {
    let Some(path) = given() else { return };
    let _signer = open(&path);
    println!("{HOLDING}");
    // Until the parent closes the pipe or kills this process.
    let mut rest = Vec::new();
    std::io::stdin().read_to_end(&mut rest).expect("the pipe can be read");
}

#[test]
fn a_second_process_is_refused_until_the_first_is_gone_even_by_force() {
    let home = folder();
    let path = home.path().join("guard");
    for kill in [false, true] {
        let mut holder = child("child_that_holds_the_lock", home.path(), None);
        let output = BufReader::new(holder.stdout.take().expect("it is piped"));
        let held = output.lines().map_while(Result::ok).any(|line| line.contains(HOLDING));
        assert!(held, "the child did not get the lock");

        let error = ValidatorSigner::open(key(), &path, &GENESIS, false).expect_err("the child holds the lock");
        let text = error.to_string();
        assert!(matches!(error, GuardError::Locked { .. }), "{text}");
        assert!(text.contains("guard.lock") && text.contains(&format!("process {}", holder.id())), "{text}");

        drop(holder.stdin.take());
        if kill {
            holder.kill().expect("the child runs");
        }
        holder.wait().expect("the child ends");
        drop(ValidatorSigner::open(key(), &path, &GENESIS, false).expect("the lock died with its holder"));
    }
    let _signer = open(&path);
    let error = ValidatorSigner::open(key(), &path, &GENESIS, false).expect_err("this process holds the lock");
    assert!(matches!(error, GuardError::Locked { .. }), "{error}");
}
