//! What a crash leaves of files that were and were not synced, and the same calls on both kinds of files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::path::Path;

use testkit::Seed;

use super::faulty::{FaultyFiles, FileOperation};
use super::{Files, SystemFiles};
use crate::backend::faulty::Fault;
use crate::crash::CrashPoint;

/// The calls that a snapshot takes, in any folder.
fn calls(files: &dyn Files, top: &Path) {
    assert!(!files.exists(top).unwrap());
    assert!(files.list(top).is_err() && files.read(&top.join("none"), 1).unwrap().is_none());
    files.create_folders(&top.join("a")).unwrap();
    let (new, named) = (top.join("a/new"), top.join("a/named"));
    files.create_folder(&new).unwrap();
    assert!(files.create_folder(&new).is_err(), "it is there");
    files.write_synced(&new.join("x"), b"longer").unwrap();
    files.write_synced(&new.join("x"), b"one").unwrap();
    assert_eq!(files.read(&new.join("x"), 2).unwrap().unwrap(), b"on");
    assert_eq!(files.read(&new.join("x"), 9).unwrap().unwrap(), b"one");
    files.sync_folder(&new).unwrap();
    files.rename(&new, &named).unwrap();
    assert!(files.rename(&new, &named).is_err(), "it is gone");
    assert_eq!(files.list(&named).unwrap(), [named.join("x")]);
    files.create_folder(&new).unwrap();
    assert!(files.rename(&new, &named).is_err(), "it holds something");
    assert!(files.lock(&top.join("a/lock")).unwrap().is_some());
    files.write_synced(&new.join("y"), b"two").unwrap();
    files.write_synced(&new.join("z"), b"three").unwrap();
    files.rename(&new.join("y"), &new.join("z")).unwrap();
    assert_eq!(files.read(&new.join("z"), 9).unwrap().unwrap(), b"two", "the file of that name went");
    files.remove_file(&new.join("z")).unwrap();
    assert!(files.remove_file(&new.join("z")).is_err());
    files.remove_folder(&named).unwrap();
    assert!(!files.exists(&named).unwrap() && files.remove_folder(&named).is_err());
    assert!(files.write_synced(&named.join("x"), b"").is_err(), "its folder is gone");
}

#[test]
fn both_kinds_of_files_answer_the_same() {
    let folder = tempfile::tempdir().unwrap();
    calls(&SystemFiles, &folder.path().join("top"));
    calls(&FaultyFiles::new(), Path::new("/top"));
}

#[test]
fn what_was_synced_survives_every_crash_and_nothing_else_must() {
    let mut seed = Seed::new();
    let (mut names, mut losses) = ([0_u32; 2], 0);
    for _ in 0..200 {
        let files = FaultyFiles::new();
        let top = Path::new("/top");
        files.create_folders(top).unwrap();
        files.write_synced(&top.join("safe"), b"safe").unwrap();
        files.sync_folder(top).unwrap();
        files.write_synced(&top.join("first"), b"first").unwrap();
        files.write_synced(&top.join("second"), b"second").unwrap();
        losses += u32::from(files.crash(&mut |bound| seed.index(bound)));
        assert_eq!(files.read(&top.join("safe"), 99).unwrap().unwrap(), b"safe");
        let (first, second) = (files.exists(&top.join("first")).unwrap(), files.exists(&top.join("second")).unwrap());
        assert!(first || !second, "names survive in their order");
        (names[0], names[1]) = (names[0] + u32::from(first), names[1] + u32::from(second));
        assert!(!files.crash(&mut |_| 0), "nothing is left to be lost");
    }
    assert!(names[0] > names[1] && names[1] > 20 && losses > 100, "{names:?}, {losses} losses");
}

#[test]
fn a_content_that_was_not_synced_is_lost_torn_or_whole() {
    let mut seed = Seed::new();
    let mut lengths = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let files = FaultyFiles::new();
        files.arm(FileOperation::Sync, 0, Fault::Ignored);
        files.write_synced(Path::new("/x"), b"12345678").unwrap();
        files.sync_folder(Path::new("/")).unwrap();
        files.crash(&mut |bound| seed.index(bound));
        let left = files.read(Path::new("/x"), 99).unwrap().unwrap();
        assert!(b"12345678".starts_with(&left));
        lengths.insert(left.len());
    }
    assert!(lengths.len() > 5 && lengths.contains(&0) && lengths.contains(&8), "{lengths:?}");
}

#[test]
fn a_fault_strikes_once_and_after_a_crash_point_nothing_is_done() {
    let files = FaultyFiles::new();
    for (on, fault, kind) in [
        (FileOperation::Write, Fault::NoSpace, std::io::ErrorKind::StorageFull),
        (FileOperation::Sync, Fault::Io, std::io::ErrorKind::Other),
    ] {
        files.arm(on, 1, fault);
        files.write_synced(Path::new("/x"), b"1").unwrap();
        assert_eq!(files.write_synced(Path::new("/x"), b"2").unwrap_err().1.kind(), kind);
        files.write_synced(Path::new("/x"), b"3").unwrap();
    }
    files.sync_folder(Path::new("/")).unwrap();
    files.crash_at(CrashPoint::SnapshotBeforeRename);
    assert!(files.reach(CrashPoint::SnapshotHalf).is_ok() && files.armed() == 1);
    assert!(files.reach(CrashPoint::SnapshotBeforeRename).is_err());
    assert_eq!(files.reached(), Some(CrashPoint::SnapshotBeforeRename));
    assert!(files.remove_file(Path::new("/x")).is_err() && files.read(Path::new("/x"), 1).is_err());
    files.crash(&mut |_| 0);
    assert_eq!((files.reached(), files.read(Path::new("/x"), 9).unwrap().unwrap()), (None, b"3".to_vec()));
    assert_eq!(files.flip_any(Path::new("/none"), 1, 1), None);
    assert_eq!(files.flip_any(Path::new("/"), 7, 9).unwrap(), Path::new("/x"));
    assert_eq!(files.read(Path::new("/x"), 9).unwrap().unwrap(), [b'3' ^ 2]);
}
