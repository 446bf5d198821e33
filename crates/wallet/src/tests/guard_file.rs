//! The guard file: every flipped byte, every cut, foreign and missing files, random bytes.

use std::fs;
use std::path::Path;

use primitives::{Hash, SecretKey};
use testkit::Seed;

use super::{GENESIS, ask, folder, key, put};
use crate::signer::log::{BLOCK_BYTES, GuardLog, LOG_BYTES_MAX, Record};
use crate::signer::{GuardError, SignedStep, ValidatorSigner};

use SignedStep::{Precommit, Prevote, Proposal};

/// A guard file with seven records of two heights; its bytes and records.
fn written(path: &Path) -> (Vec<u8>, Vec<Record>) {
    let mut signer = ValidatorSigner::open(key(), path, &GENESIS, true).expect("the folder is ours");
    for (step, height, round) in [
        (Proposal, 1, 0),
        (Prevote, 1, 0),
        (Precommit, 1, 0),
        (Prevote, 2, 0),
        (Precommit, 2, 0),
        (Prevote, 2, 1),
        (Precommit, 2, 1),
    ] {
        ask(&mut signer, step, height, round, 1).expect("the places go up");
    }
    drop(signer);
    let bytes = fs::read(path).expect("it was just written");
    (bytes, read(path).expect("it is whole"))
}

fn read(path: &Path) -> Result<Vec<Record>, GuardError> {
    GuardLog::open(path, key().public_key(), GENESIS).map(|(_, records)| records)
}

#[test]
fn every_flipped_bit_is_refused() {
    let home = folder();
    let path = home.path().join("guard");
    let (whole, records) = written(&path);
    assert_eq!((whole.len(), records.len()), (8 * BLOCK_BYTES, 7));
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            put(&path, &flipped);
            let error = read(&path).expect_err("one bit is wrong");
            let named = match at {
                7 => matches!(error, GuardError::Version { .. }),
                _ => matches!(error, GuardError::Damaged { .. }),
            };
            assert!(named, "bit {bit} of byte {at}: {error}");
            assert_eq!(fs::read(&path).expect("it exists"), flipped, "a damaged file must stay as it is");
        }
    }
}

#[test]
fn a_cut_removes_only_the_record_that_is_cut() {
    let home = folder();
    let path = home.path().join("guard");
    let (whole, records) = written(&path);
    // Every cut inside the header and the last record, and at the borders of the others.
    let near =
        |length: &usize| *length > 7 * BLOCK_BYTES || *length <= BLOCK_BYTES || length.is_multiple_of(BLOCK_BYTES);
    for length in (0..whole.len()).filter(near) {
        put(&path, &whole[..length]);
        match read(&path) {
            Err(error) => assert!(length < BLOCK_BYTES && matches!(error, GuardError::Damaged { .. }), "{error}"),
            Ok(found) => {
                assert!(length >= BLOCK_BYTES);
                let kept = length / BLOCK_BYTES;
                assert_eq!(found, records[..kept - 1], "cut to {length} bytes");
                assert_eq!(fs::read(&path).expect("it exists"), whole[..kept * BLOCK_BYTES]);
            }
        }
    }
}

#[test]
fn records_cannot_be_dropped_repeated_or_reordered() {
    let home = folder();
    let path = home.path().join("guard");
    let (whole, _) = written(&path);
    let blocks: Vec<&[u8]> = whole.chunks(BLOCK_BYTES).collect();
    let refused = |order: &[usize]| {
        let bytes: Vec<u8> = order.iter().flat_map(|index| blocks[*index].to_vec()).collect();
        put(&path, &bytes);
        assert!(matches!(read(&path), Err(GuardError::Damaged { .. })), "{order:?}");
    };
    refused(&[0, 2, 3, 4, 5, 6, 7]);
    refused(&[0, 1, 2, 3, 5, 6, 7]);
    refused(&[0, 1, 1, 2]);
    refused(&[0, 2, 1]);
    refused(&[1, 2]);
    refused(&[0, 0]);
}

#[test]
fn random_bytes_and_endless_files_are_refused() {
    let home = folder();
    let path = home.path().join("guard");
    let (whole, _) = written(&path);
    let mut seed = Seed::new();
    for _ in 0..500 {
        let length = seed.index(1_000);
        put(&path, &seed.bytes(length));
        assert!(read(&path).is_err());
        // A good beginning and a whole block of anything behind it.
        put(&path, &[&whole[..], &seed.bytes(BLOCK_BYTES)].concat());
        assert!(matches!(read(&path), Err(GuardError::Damaged { .. })));
    }
    put(&path, &[&whole[..], &[0; BLOCK_BYTES]].concat());
    assert!(matches!(read(&path), Err(GuardError::Damaged { .. })));
    put(&path, &vec![0; LOG_BYTES_MAX + 1]);
    assert!(matches!(read(&path), Err(GuardError::Damaged { .. })));
}

#[test]
fn foreign_and_missing_files_are_refused_by_name() {
    let home = folder();
    let path = home.path().join("guard");
    written(&path);
    let stranger = SecretKey::from_seed([4; 32]);
    let error = ValidatorSigner::open(stranger, &path, &GENESIS, true).expect_err("the key differs");
    assert!(matches!(error, GuardError::OtherKey { .. }), "{error}");
    let error = ValidatorSigner::open(key(), &path, &Hash([1; 32]), true).expect_err("the chain differs");
    assert!(matches!(error, GuardError::OtherChain { .. }), "{error}");

    let missing = home.path().join("elsewhere/guard");
    let error = ValidatorSigner::open(key(), &missing, &GENESIS, false).expect_err("there is no file");
    assert!(matches!(error, GuardError::Missing { .. }) && error.to_string().contains("tb init"), "{error}");
    assert!(!missing.exists(), "a refused start must not make a guard");
    drop(ValidatorSigner::open(key(), &missing, &GENESIS, true).expect("a new one is allowed"));
    ValidatorSigner::open(key(), &missing, &GENESIS, false).expect("it was just made");
}
