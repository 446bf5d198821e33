//! Audit files: chained, signed, rotated, and what a flipped byte or a torn line does to them.

use std::fs;
use std::path::{Path, PathBuf};

use node::audits::{FILE_MS, FILES_MAX, NEWEST_MAX, StreamLog};
use primitives::{Address, Amount, Hash, Height, SecretKey, Timestamp};
use rpc::types::{AuditError, AuditEvidence, AuditRecord, AuditStream};
use testkit::Seed;

const GENESIS: Hash = Hash([9; 32]);

fn secret() -> SecretKey {
    SecretKey::from_seed([4; 32])
}

fn open(root: &Path) -> StreamLog {
    StreamLog::open(root, AuditStream::Slashing, secret(), GENESIS).unwrap()
}

fn evidence(index: u64) -> AuditEvidence {
    let validator = Address::of_module(&format!("v{index}"));
    AuditEvidence::Slashed { validator, amount: Amount::new(index).unwrap(), evidence: Hash([3; 32]) }
}

fn append(log: &mut StreamLog, index: u64, time: u64) {
    log.append(Height(index), Hash([1; 32]), Timestamp(time), vec![evidence(index)]).unwrap();
}

fn files(root: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(root.join("slashing")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Checks every line of every file, and that each follows the one before.
fn verify(root: &Path) -> Result<u64, AuditError> {
    let mut before: Option<(AuditRecord, String)> = None;
    let mut count = 0;
    for file in files(root) {
        for line in fs::read_to_string(file).unwrap().lines() {
            let record = AuditRecord::check(line)?;
            if let Some((last, text)) = &before {
                record.follows(last, text)?;
            }
            before = Some((record, line.to_owned()));
            count += 1;
        }
    }
    Ok(count)
}

#[test]
fn records_are_chained_and_signed_over_restarts() {
    let root = tempfile::tempdir().unwrap();
    for start in 0..3 {
        let mut log = open(root.path());
        for index in 0..5 {
            append(&mut log, 5 * start + index, 1_000 * (5 * start + index));
        }
        let newest = log.newest(2);
        assert_eq!(newest.iter().map(|one| one.sequence).collect::<Vec<_>>(), [5 * start + 3, 5 * start + 4]);
    }
    assert_eq!(verify(root.path()), Ok(15));
    assert_eq!(files(root.path()).len(), 1);
}

#[test]
fn a_new_file_starts_each_day_and_thirty_stay() {
    let _day = testkit::contract!("S000-114");
    let _kept = testkit::contract!("S000-115");
    let root = tempfile::tempdir().unwrap();
    let mut log = open(root.path());
    append(&mut log, 0, 500);
    append(&mut log, 1, 500 + FILE_MS - 1);
    assert_eq!(files(root.path()).len(), 1);
    for day in 1..=40 {
        append(&mut log, 1 + day, 500 + day * FILE_MS);
    }
    let left = files(root.path());
    assert_eq!(left.len(), FILES_MAX);
    assert!(left[0].to_str().unwrap().contains(&(500 + 11 * FILE_MS).to_string()), "the oldest are gone");
    assert_eq!(verify(root.path()), Ok(30), "the chain goes over files");
}

#[test]
fn evidence_hashes_are_the_same_on_every_node() {
    let _shown = testkit::contract!("S000-116");
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut other = StreamLog::open(two.path(), AuditStream::Slashing, SecretKey::from_seed([5; 32]), GENESIS).unwrap();
    let mut log = open(one.path());
    append(&mut log, 7, 1);
    append(&mut other, 6, 1);
    append(&mut other, 7, 2);
    let (mine, theirs) = (&log.newest(1)[0], &other.newest(1)[0]);
    assert_eq!(mine.evidence_hash, theirs.evidence_hash);
    assert_eq!(mine.evidence_hash, mine.evidence.hash(&GENESIS, Height(7)));
    assert_ne!(mine.signature, theirs.signature);
    assert_ne!(mine.evidence_hash, mine.evidence.hash(&GENESIS, Height(8)));
}

#[test]
fn a_torn_last_line_is_cut_off_wherever_it_tears() {
    let mut seed = Seed::new();
    for _ in 0..20 {
        let root = tempfile::tempdir().unwrap();
        let mut log = open(root.path());
        for index in 0..3 {
            append(&mut log, index, index);
        }
        drop(log);
        let file = files(root.path())[0].clone();
        let text = fs::read(&file).unwrap();
        let last = text[..text.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        let torn = last + seed.index(text.len() - last);
        fs::write(&file, &text[..torn]).unwrap();
        let mut log = open(root.path());
        append(&mut log, 9, 9);
        assert_eq!(log.newest(1)[0].sequence, 2);
        assert_eq!(verify(root.path()), Ok(3));
    }
}

#[test]
fn one_flipped_byte_anywhere_fails_offline() {
    let _signed = testkit::contract!("S000-117");
    let _offline = testkit::contract!("S000-120");
    let root = tempfile::tempdir().unwrap();
    let mut log = open(root.path());
    for index in 0..3 {
        append(&mut log, index, index);
    }
    let file = files(root.path())[0].clone();
    let text = fs::read(&file).unwrap();
    assert_eq!(verify(root.path()), Ok(3));
    let lines = String::from_utf8(text.clone()).unwrap();
    let first = lines.lines().next().unwrap();
    for at in 0..first.len() {
        for bit in [0_u8, 1, 5] {
            let mut changed = first.as_bytes().to_vec();
            changed[at] ^= 1 << bit;
            if let Ok(changed) = String::from_utf8(changed) {
                assert!(AuditRecord::check(&changed).is_err(), "byte {at} bit {bit}: {changed}");
            }
        }
    }
}

#[test]
fn a_missing_swapped_or_foreign_line_breaks_the_chain() {
    let root = tempfile::tempdir().unwrap();
    let mut log = open(root.path());
    for index in 0..4 {
        append(&mut log, index, index);
    }
    let text = fs::read_to_string(&files(root.path())[0]).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let at = |index: usize| AuditRecord::check(lines[index]).unwrap();
    assert_eq!(at(1).follows(&at(0), lines[0]), Ok(()));
    assert_eq!(at(2).follows(&at(0), lines[0]), Err(AuditError::Sequence { found: 2, expected: 1 }));
    assert_eq!(at(0).follows(&at(0), lines[0]), Err(AuditError::Sequence { found: 0, expected: 1 }));
    assert_eq!(at(2).follows(&at(1), lines[0]), Err(AuditError::Previous));
    let foreign = at(1).signed(&SecretKey::from_seed([6; 32]));
    assert_eq!(foreign.follows(&at(0), lines[0]), Err(AuditError::Mixed));
    assert_eq!(AuditRecord::check(&foreign.line()), Ok(foreign));
}

#[test]
fn a_damaged_whole_line_refuses_the_start_by_name() {
    let root = tempfile::tempdir().unwrap();
    append(&mut open(root.path()), 0, 0);
    let file = files(root.path())[0].clone();
    let text = fs::read_to_string(&file).unwrap().replace("\"sequence\":0", "\"sequence\":1");
    fs::write(&file, text).unwrap();
    let refused = StreamLog::open(root.path(), AuditStream::Slashing, secret(), GENESIS).err().unwrap();
    assert!(refused.to_string().contains("tb audit verify"), "{refused}");
}

#[test]
fn at_most_a_thousand_records_are_kept_for_questions() {
    let root = tempfile::tempdir().unwrap();
    let mut log = open(root.path());
    let many: Vec<AuditEvidence> = (0..1_100).map(evidence).collect();
    log.append(Height(1), Hash([1; 32]), Timestamp(1), many).unwrap();
    assert_eq!(log.newest(usize::MAX).len(), NEWEST_MAX);
    assert_eq!(log.newest(200).len(), 200);
    assert_eq!(log.newest(usize::MAX).last().unwrap().sequence, 1_099);
}
