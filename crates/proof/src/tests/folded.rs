//! Folds: the pinned key, golden folds, and what a verifier of the chain meets.
//!
//! The goldens are made by `cargo run --release -p prover --example golden_fold`.

use openvm_stark_backend::p3_field::{PrimeCharacteristicRing, PrimeField32};
use openvm_stark_backend::verifier::verify;
use openvm_stark_backend::{StarkProtocolConfig, hasher::MerkleHasher};
use openvm_stark_sdk::config::baby_bear_poseidon2::{F, default_duplex_sponge};
use primitives::{Address, Amount, Hash, Height, LedgerDigest};
use testkit::Seed;

use super::golden::parse;
use crate::airs::STATEMENT;
use crate::encoding::EncodingError;
use crate::folded::{CONSTRAINTS_TABLE, FOLD_VALUES, FoldKey, FoldedProof, fold_key};
use crate::params::SECURITY_BITS_MIN;
use crate::{ChainError, LedgerPoint, ProofError, StatementError, WindowStatement, verify_chain_proof, verify_folded};

/// Altered folds that are tried.
const MUTATIONS: usize = 1_000;
/// Bytes before the field elements.
const HEAD: usize = 2 + 40;

/// A golden fold.
macro_rules! golden {
    ($name:literal) => {
        FoldedProof {
            statement: parse(include_str!(concat!("../../../../fixtures/", $name, ".txt"))),
            bytes: include_bytes!(concat!("../../../../fixtures/", $name, ".proof")).to_vec(),
        }
    };
}

fn key() -> &'static FoldKey {
    fold_key().expect("this build reads the pinned key")
}

/// Window 1, window 2, both together, and windows 1 to 4.
fn goldens() -> [FoldedProof; 4] {
    [golden!("fold_first"), golden!("fold_second"), golden!("fold_chain"), golden!("fold_chain_long")]
}

fn verdict(key: &FoldKey, said: &WindowStatement, shown: &FoldedProof) -> Result<(), ProofError> {
    verify_folded(key, said, &shown.bytes)
}

/// The key with the words `[pre-hash, constraints of lifted windows, constraints of folds]` moved by one.
fn other_key(moved: [bool; 3]) -> FoldKey {
    let pins = key().pins();
    let mut lines = pins.lines().zip(moved).map(|(line, moved)| {
        let (_, digest) = line.split_once(' ').expect("a name and a digest");
        let mut digest = crate::statement::digest(&digest.parse::<LedgerDigest>().expect("a digest"));
        digest[3] += F::from_bool(moved);
        digest
    });
    let mut next = || lines.next().expect("three pins");
    let mut inner = key().verifying().inner().clone();
    inner.pre_hash = next();
    FoldKey::new(inner, next(), next())
}

#[test]
fn a_proof_under_the_wrong_key_is_refused() {
    let [first, _, chain, long] = goldens();
    let same = other_key([false; 3]);
    for golden in [&first, &chain, &long] {
        assert_eq!(verdict(&same, &golden.statement, golden), Ok(()));
    }
    // The circuit is the same, its pre-hash is not; then the reverse: the right pre-hash over foreign constraints.
    for golden in [&first, &chain, &long] {
        for moved in [[true, false, false], [false, false, true]] {
            let refused = verdict(&other_key(moved), &golden.statement, golden);
            assert!(matches!(refused, Err(ProofError::Refused(_))), "{moved:?} {refused:?}");
        }
    }
    let foreign = other_key([false, true, false]);
    assert!(matches!(verdict(&foreign, &first.statement, &first), Err(ProofError::Refused(_))));
    // A later fold does not carry the constraints of lifted windows; the fold below it was checked for them.
    assert_eq!(verdict(&foreign, &chain.statement, &chain), Ok(()));
}

#[test]
fn golden_folds_verify_and_do_not_grow() {
    let goldens = goldens();
    for golden in &goldens {
        assert_eq!(verdict(key(), &golden.statement, golden), Ok(()));
    }
    let [first, second, chain, long] = &goldens;
    assert_eq!(chain.statement.after, second.statement.after);
    assert_eq!(long.statement.after.height, Height(4));
    assert_eq!(long.statement.before, first.statement.before);
    assert_eq!(first.bytes.len(), long.bytes.len(), "one window and four windows");
    assert!(long.bytes.len() <= 300 * 1024, "{}", long.bytes.len());

    let start = first.statement.before;
    assert_eq!(verify_chain_proof(key(), start, &long.statement, &long.bytes), Ok(long.statement.after));
    let late = verify_chain_proof(key(), start, &second.statement, &second.bytes);
    assert_eq!(late, Err(ChainError::Start { found: Height(1), expected: Height(0) }));
    let wrong = verify_chain_proof(key(), start, &long.statement, &chain.bytes);
    assert!(matches!(wrong, Err(ChainError::Window { height: Height(1), error: ProofError::Refused(_) })));
}

#[test]
fn the_key_file_has_the_pinned_hash_and_everything_in_it_is_required() {
    let verifying = key().verifying();
    let bytes = key().to_bytes().expect("a key can be written");
    // As the proof stack hashes keys: the version of its format, the length, the bytes, one element each.
    let format = 3_u32.to_le_bytes().into_iter();
    let length = u64::try_from(bytes.len()).expect("a short file").to_le_bytes();
    let elements: Vec<F> = format.chain(length).chain(bytes).map(F::from_u8).collect();
    assert_eq!(verifying.config().hasher().hash_slice(&elements), verifying.inner().pre_hash);
    assert_eq!(key().pins(), include_str!("../../../../fixtures/fold_key.txt"));

    let tables = &verifying.inner().inner.per_air;
    assert!(tables.iter().all(|table| table.is_required));
    for (at, table) in tables.iter().enumerate() {
        assert_eq!(table.params.num_public_values, if at == STATEMENT { FOLD_VALUES } else { 0 }, "{at}");
        assert_eq!(table.num_cached_mains(), usize::from(at == CONSTRAINTS_TABLE), "{at}");
        assert!(table.preprocessed_data.is_none());
    }
    assert!(key().security_bits() >= SECURITY_BITS_MIN, "{}", key().security_bits());
}

#[test]
fn swapped_and_foreign_proofs_are_refused() {
    let [first, second, chain, long] = goldens();
    let all = [&first, &second, &chain, &long];
    for said in all {
        for shown in all.iter().filter(|shown| shown.statement != said.statement) {
            let refused = verdict(key(), &said.statement, shown);
            assert!(matches!(refused, Err(ProofError::Refused(_))), "{refused:?}");
        }
    }
    // A fold over a gap: windows 1 and 3 to 4 as if window 2 were empty.
    let mut gap = long.statement;
    gap.before = second.statement.before;
    assert!(matches!(verdict(key(), &gap, &long), Err(ProofError::Refused(_))));
}

#[test]
fn a_window_proof_passed_off_as_a_fold_is_refused() {
    let [first, ..] = goldens();
    let window: &[u8] = include_bytes!("../../../../fixtures/window.proof");
    assert!(matches!(verify_folded(key(), &first.statement, window), Err(ProofError::Encoding(_))));
    // With the head of a fold before its elements, cut or filled to the length of a fold.
    let mut bytes = first.bytes[..HEAD].to_vec();
    bytes.extend(&window[10..]);
    bytes.resize(first.bytes.len(), 0);
    assert!(matches!(verify_folded(key(), &first.statement, &bytes), Err(ProofError::Refused(_))));
    // And a fold is no window proof.
    let windows = crate::verifying_key().expect("this build makes the pinned key");
    assert!(crate::verify_window(windows, &first.statement, &first.bytes).is_err());
}

#[test]
fn a_first_fold_passed_off_as_a_later_one_is_refused_and_the_reverse() {
    for golden in goldens() {
        let mut bytes = golden.bytes.clone();
        bytes[1] ^= 1;
        assert!(matches!(verify_folded(key(), &golden.statement, &bytes), Err(ProofError::Refused(_))));
        bytes[1] = 2;
        let refused = verify_folded(key(), &golden.statement, &bytes);
        assert_eq!(refused, Err(ProofError::Encoding(EncodingError::Kind { kind: 2 })));
    }
}

#[test]
fn a_fold_that_claims_other_values_or_constraints_than_it_was_made_with_is_refused() {
    let [first, _, chain, _] = goldens();
    let verifying = key().verifying();
    for golden in [first, chain] {
        let honest = key().decode(&golden.statement, &golden.bytes).expect("the golden fold");
        let accepted =
            |proof: &_| verify(verifying.config(), verifying.inner(), proof, &mut default_duplex_sponge()).is_ok();
        assert!(accepted(&honest));
        for at in 0..FOLD_VALUES {
            let mut forged = honest.clone();
            forged.public_values[STATEMENT][at] += F::ONE;
            assert!(!accepted(&forged), "public value {at}");
        }
        let commitment = |proof: &mut openvm_stark_backend::proof::Proof<crate::keys::Config>, at: usize| {
            let data = proof.trace_vdata[CONSTRAINTS_TABLE].as_mut().expect("every table is there");
            data.cached_commitments[0][at] += F::ONE;
        };
        for at in 0..8 {
            let mut forged = honest.clone();
            commitment(&mut forged, at);
            assert!(!accepted(&forged), "commitment {at}");
        }
        for missing in 0..verifying.inner().inner.per_air.len() {
            let mut forged = honest.clone();
            forged.trace_vdata[missing] = None;
            forged.public_values[missing].clear();
            assert!(!accepted(&forged), "without table {missing}");
        }
    }
}

#[test]
fn a_statement_with_any_part_changed_is_refused() {
    let [_, second, _, long] = goldens();
    let amount = |amount: Amount, bit: u32| Amount::new(amount.micro() ^ (1 << bit)).expect("below 2^63");
    let digest = |digest: LedgerDigest, at: usize| {
        let mut elements = *digest.elements();
        elements[at] ^= 1;
        LedgerDigest::new(elements).expect("below the modulus")
    };
    let point = |point: LedgerPoint, change: usize| match change {
        0..8 => LedgerPoint { ledger_root: digest(point.ledger_root, change), ..point },
        8..16 => LedgerPoint { ops_digest: digest(point.ops_digest, change - 8), ..point },
        16 => LedgerPoint { height: Height(point.height.0 + (1 << 33)), ..point },
        17 => LedgerPoint { supply: amount(point.supply, 40), ..point },
        _ => LedgerPoint { next_slot: point.next_slot ^ 1, ..point },
    };
    for golden in [second, long] {
        let honest = golden.statement;
        let mut lies = vec![
            WindowStatement { genesis: Hash([1; 32]), ..honest },
            WindowStatement { payout: Address([1; 30]), ..honest },
            WindowStatement { issuance_max: amount(honest.issuance_max, 0), ..honest },
            WindowStatement { supply_cap: amount(honest.supply_cap, 20), ..honest },
        ];
        for change in 0..19 {
            lies.push(WindowStatement { before: point(honest.before, change), ..honest });
            lies.push(WindowStatement { after: point(honest.after, change), ..honest });
        }
        for lie in lies {
            assert!(verdict(key(), &lie, &golden).is_err(), "{lie:?}");
        }
        let mut impossible = honest;
        impossible.after.height = impossible.before.height;
        let refused = verify_folded(key(), &impossible, &[]);
        assert!(matches!(refused, Err(ProofError::Statement(StatementError::NoBlock { .. }))));
    }
}

#[test]
fn bytes_that_are_no_fold_are_named() {
    let [first, ..] = goldens();
    let refused = |bytes: &[u8]| match verify_folded(key(), &first.statement, bytes) {
        Err(ProofError::Encoding(error)) => error,
        verdict => panic!("{verdict:?}"),
    };
    assert_eq!(refused(&[]), EncodingError::TooShort { bytes: 0 });
    assert_eq!(refused(&[1; 41]), EncodingError::TooShort { bytes: 41 });
    assert_eq!(refused(&vec![1; 5 << 20]), EncodingError::TooLong { bytes: 5 << 20 });
    let mut bytes = first.bytes.clone();
    bytes[0] = 2;
    assert_eq!(refused(&bytes), EncodingError::Version { version: 2 });
    bytes[0] = 1;
    bytes[7] = 20;
    assert_eq!(refused(&bytes), EncodingError::TooManyRows { table: 5, log_rows: 20 });
    let mut bytes = first.bytes.clone();
    bytes[2..HEAD].fill(19);
    assert!(matches!(refused(&bytes), EncodingError::TooManyCells { .. }));
    let mut bytes = first.bytes.clone();
    bytes.push(0);
    assert!(matches!(refused(&bytes), EncodingError::Length { .. }));
    let mut bytes = first.bytes.clone();
    let word = u32::from_le_bytes(bytes[HEAD..HEAD + 4].try_into().expect("four bytes"));
    bytes[HEAD..HEAD + 4].copy_from_slice(&(word + F::ORDER_U32).to_le_bytes());
    assert_eq!(refused(&bytes), EncodingError::NotCanonical { element: 0 });
}

#[test]
fn altered_folds_are_refused_and_nothing_panics() {
    let mut seed = Seed::new();
    let goldens = goldens();
    let mut causes = [0_usize; 2];
    for _ in 0..MUTATIONS {
        let golden = &goldens[seed.index(goldens.len())];
        let mut bytes = golden.bytes.clone();
        match seed.below(8) {
            0 => bytes.truncate(seed.index(bytes.len())),
            1 => bytes[seed.index(HEAD)] ^= 1 << seed.below(8),
            2 => {
                let at = HEAD + 4 * seed.index((bytes.len() - HEAD) / 4);
                bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            }
            3 => {
                let (from, to) = (seed.index((bytes.len() - HEAD) / 4), seed.index((bytes.len() - HEAD) / 4));
                for byte in 0..4 {
                    bytes.swap(HEAD + 4 * from + byte, HEAD + 4 * to + byte);
                }
            }
            _ => {
                let at = seed.index(bytes.len());
                bytes[at] ^= 1 << seed.below(8);
            }
        }
        if bytes == golden.bytes {
            continue;
        }
        match verify_folded(key(), &golden.statement, &bytes) {
            Err(ProofError::Encoding(_)) => causes[0] += 1,
            Err(ProofError::Refused(_)) => causes[1] += 1,
            verdict => panic!("{verdict:?}"),
        }
    }
    println!("encoding {}, refused {}", causes[0], causes[1]);
    assert!(causes.iter().all(|count| *count > 0), "{causes:?}");
}
