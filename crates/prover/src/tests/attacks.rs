//! What a verifier meets: forged statements, altered bytes, proofs without tables, proofs of forged rows.

use openvm_stark_backend::StarkEngine;
use openvm_stark_backend::proof::WhirProof;
use openvm_stark_backend::prover::{AirProvingContext, ProvingContext};
use openvm_stark_backend::verifier::verify;
use openvm_stark_sdk::config::baby_bear_poseidon2::default_duplex_sponge;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use primitives::{Amount, Hash, Height, LedgerDigest};
use proof::airs::TABLES;
use proof::encoding::{decode, encode};
use proof::keys::Config;
use proof::{EncodingError, ProofError, StatementError, WindowStatement, verify_window};
use testkit::Seed;

use super::forge::settle;
use super::forgeries::{kinds, named, statement, supply};
use super::honest::KEY;
use super::world::{address, mixed};
use crate::{WindowProof, prove_traces, prove_window};

/// Altered proofs that are tried.
const MUTATIONS: usize = 2_000;

static WINDOW: LazyLock<WindowProof> = LazyLock::new(|| prove_window(&KEY, &mixed().1).expect("provable"));

fn other(digest: &LedgerDigest, at: usize) -> LedgerDigest {
    let mut elements = *digest.elements();
    elements[at] ^= 1;
    LedgerDigest::new(elements).expect("one bit less or more stays below the modulus here")
}

/// The statement with one part of it changed, for every part.
fn lies(honest: &WindowStatement) -> Vec<(String, WindowStatement)> {
    let mut lies = Vec::new();
    let mut push = |name: String, change: &dyn Fn(&mut WindowStatement)| {
        let mut forged = *honest;
        change(&mut forged);
        assert_ne!(forged, *honest, "{name}");
        lies.push((name, forged));
    };
    for byte in 0..32 {
        push(format!("genesis byte {byte}"), &|forged| forged.genesis.0[byte] ^= 1);
    }
    for byte in 0..30 {
        push(format!("payout byte {byte}"), &|forged| forged.payout.0[byte] ^= 1);
    }
    for at in 0..8 {
        push(format!("root before {at}"), &|forged| forged.before.ledger_root = other(&forged.before.ledger_root, at));
        push(format!("root after {at}"), &|forged| forged.after.ledger_root = other(&forged.after.ledger_root, at));
        push(format!("digest before {at}"), &|forged| forged.before.ops_digest = other(&forged.before.ops_digest, at));
        push(format!("digest after {at}"), &|forged| forged.after.ops_digest = other(&forged.after.ops_digest, at));
    }
    for limb in 0..4 {
        let bit = 1_u64 << (16 * limb);
        let flip = move |amount: Amount| Amount::new(amount.micro() ^ bit).expect("below 2^63");
        push(format!("height before {limb}"), &|forged| forged.before.height = Height(forged.before.height.0 ^ bit));
        push(format!("height after {limb}"), &|forged| forged.after.height = Height(forged.after.height.0 ^ bit));
        push(format!("supply before {limb}"), &|forged| forged.before.supply = flip(forged.before.supply));
        push(format!("supply after {limb}"), &|forged| forged.after.supply = flip(forged.after.supply));
        push(format!("issuance {limb}"), &|forged| forged.issuance_max = flip(forged.issuance_max));
        push(format!("cap {limb}"), &|forged| forged.supply_cap = flip(forged.supply_cap));
    }
    push("next slot before".into(), &|forged| forged.before.next_slot += 1);
    push("next slot after".into(), &|forged| forged.after.next_slot += 1);
    lies
}

#[test]
fn a_statement_with_any_part_changed_is_refused() {
    let lies = lies(&WINDOW.statement);
    println!("{} forged statements", lies.len());
    for (name, forged) in lies {
        assert!(verify_window(KEY.verifying(), &forged, &WINDOW.bytes).is_err(), "accepted: {name}");
    }
}

#[test]
fn altered_bytes_are_refused_and_nothing_panics() {
    let mut seed = Seed::new();
    let honest = &WINDOW.bytes;
    let mut causes = [0_usize; 3];
    for _ in 0..MUTATIONS {
        let mut bytes = honest.clone();
        match seed.below(8) {
            0 => bytes.truncate(seed.index(bytes.len())),
            1 => {
                let more = 1 + seed.index(3);
                bytes.extend(seed.bytes(more));
            }
            2 => bytes[seed.index(1 + TABLES)] ^= 1 << seed.below(8),
            3 => {
                let (from, to) = (seed.index(bytes.len() / 4), seed.index(bytes.len() / 4));
                bytes.swap(10 + 4 * from % (honest.len() - 10), 10 + 4 * to % (honest.len() - 10));
            }
            4 => {
                let at = 10 + 4 * seed.index((bytes.len() - 10) / 4);
                bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            }
            _ => {
                let at = seed.index(bytes.len());
                bytes[at] ^= 1 << seed.below(8);
            }
        }
        if bytes == *honest {
            continue;
        }
        match verify_window(KEY.verifying(), &WINDOW.statement, &bytes) {
            Ok(()) => panic!("an altered proof was accepted"),
            Err(ProofError::Encoding(_)) => causes[0] += 1,
            Err(ProofError::Refused(_)) => causes[1] += 1,
            Err(ProofError::Unreadable) => causes[2] += 1,
            Err(ProofError::Statement(error)) => panic!("the statement is fine: {error}"),
        }
    }
    println!("encoding {}, refused {}, stopped {}", causes[0], causes[1], causes[2]);
    assert!(causes[0] > 0 && causes[1] > 0);
    assert_eq!(causes[2], 0, "the shape is checked before the proof stack sees it");
}

#[test]
fn bytes_that_are_no_proof_are_named() {
    let key = KEY.verifying();
    let refused = |bytes: &[u8]| match verify_window(key, &WINDOW.statement, bytes) {
        Err(ProofError::Encoding(error)) => error,
        verdict => panic!("{verdict:?}"),
    };
    assert_eq!(refused(&[]), EncodingError::TooShort { bytes: 0 });
    assert_eq!(refused(&vec![1; 5 << 20]), EncodingError::TooLong { bytes: 5 << 20 });
    let mut bytes = WINDOW.bytes.clone();
    bytes[0] = 2;
    assert_eq!(refused(&bytes), EncodingError::Version { version: 2 });
    bytes[0] = 1;
    bytes[3] = 22;
    assert_eq!(refused(&bytes), EncodingError::TooManyRows { table: 2, log_rows: 22 });
    bytes[8] = 21;
    bytes[3] = 21;
    assert!(matches!(refused(&bytes), EncodingError::TooManyCells { .. }));
    let mut bytes = WINDOW.bytes.clone();
    bytes.push(0);
    assert!(matches!(refused(&bytes), EncodingError::Length { .. }));
    let mut bytes = WINDOW.bytes.clone();
    // The same residue, written one modulus higher.
    let word = u32::from_le_bytes(bytes[10..14].try_into().expect("four bytes"));
    bytes[10..14].copy_from_slice(&(word + 2_013_265_921).to_le_bytes());
    assert_eq!(refused(&bytes), EncodingError::NotCanonical { element: 0 });
    let decoded = decode(key, &WINDOW.bytes).expect("honest");
    assert_eq!(encode(key, &decoded).expect("of this key"), WINDOW.bytes);
}

#[test]
fn a_statement_that_no_window_has_is_refused_before_the_proof_is_read() {
    let mut statement = WINDOW.statement;
    statement.after.height = statement.before.height;
    let refused = verify_window(KEY.verifying(), &statement, &[]);
    assert!(matches!(refused, Err(ProofError::Statement(StatementError::NoBlock { .. }))));
    let mut statement = WINDOW.statement;
    statement.genesis = Hash([8; 32]);
    statement.before.height = Height::GENESIS;
    assert_eq!(
        verify_window(KEY.verifying(), &statement, &[]),
        Err(ProofError::Statement(StatementError::OtherGenesis))
    );
}

#[test]
fn a_proof_is_for_its_payout_address_only() {
    let mut statement = WINDOW.statement;
    statement.payout = address(98);
    assert!(matches!(verify_window(KEY.verifying(), &statement, &WINDOW.bytes), Err(ProofError::Refused(_))));
}

#[test]
fn a_proof_without_a_table_is_refused() {
    let key = KEY.verifying();
    for missing in 0..TABLES {
        let mut proof = decode(key, &WINDOW.bytes).expect("honest");
        proof.public_values[0] = WINDOW.statement.public_values();
        proof.trace_vdata[missing] = None;
        proof.public_values[missing].clear();
        assert!(verify(key.config(), key.inner(), &proof, &mut default_duplex_sponge()).is_err(), "table {missing}");
        assert_eq!(encode(key, &proof), Err(EncodingError::Shape));
    }
}

/// A way to leave questions of the verifier unanswered.
type Unasked = fn(&mut WhirProof<Config>);

#[test]
fn a_proof_that_answers_no_query_is_refused() {
    let key = KEY.verifying();
    let unasked: [(&str, Unasked); 5] = [
        ("no query at all", |whir| {
            whir.initial_round_opened_rows.iter_mut().for_each(Vec::clear);
            whir.initial_round_merkle_proofs.iter_mut().for_each(Vec::clear);
            whir.codeword_opened_values.iter_mut().for_each(Vec::clear);
            whir.codeword_merkle_proofs.iter_mut().for_each(Vec::clear);
        }),
        ("no query of the first round", |whir| {
            whir.initial_round_opened_rows.iter_mut().for_each(Vec::clear);
            whir.initial_round_merkle_proofs.iter_mut().for_each(Vec::clear);
        }),
        ("a query less", |whir| {
            for rows in &mut whir.initial_round_opened_rows {
                rows.pop();
            }
            for proofs in &mut whir.initial_round_merkle_proofs {
                proofs.pop();
            }
        }),
        ("no commitment", |whir| {
            whir.initial_round_opened_rows.clear();
            whir.initial_round_merkle_proofs.clear();
        }),
        ("no later round", |whir| {
            whir.codeword_opened_values.clear();
            whir.codeword_merkle_proofs.clear();
        }),
    ];
    for (what, leave_out) in unasked {
        let mut proof = decode(key, &WINDOW.bytes).expect("honest");
        proof.public_values[0] = WINDOW.statement.public_values();
        leave_out(&mut proof.whir_proof);
        assert!(verify(key.config(), key.inner(), &proof, &mut default_duplex_sponge()).is_err(), "{what}");
        assert_eq!(encode(key, &proof), Err(EncodingError::Shape), "{what}: no bytes say it");
    }
}

#[test]
fn a_proof_of_the_range_table_alone_is_refused() {
    let traces = mixed_traces();
    let only = AirProvingContext::simple(traces.matrices[TABLES - 1].clone(), Vec::new());
    let context = ProvingContext::new(vec![(TABLES - 1, only)]);
    // The prover of the proof stack may stop on it; what it makes must not verify.
    let made = catch_unwind(AssertUnwindSafe(|| KEY.engine().prove(KEY.device(), context)));
    if let Ok(Ok(proof)) = made {
        let key = KEY.verifying();
        assert!(verify(key.config(), key.inner(), &proof, &mut default_duplex_sponge()).is_err());
    }
}

fn mixed_traces() -> crate::Traces {
    crate::replay(&mixed().1).expect("valid").1.traces()
}

/// The checker says what proofs say: rows it refuses make proofs that do not verify.
#[test]
fn proofs_of_forged_rows_are_refused() {
    let forged = [statement().remove(0), kinds().remove(2), supply().remove(1), named().remove(2)];
    for forgery in forged {
        let traces = settle(KEY.verifying(), &forgery.tables, None);
        let values = traces.public_values.clone();
        let made = catch_unwind(AssertUnwindSafe(|| prove_traces(&KEY, traces)));
        let Ok(Ok(bytes)) = made else { continue };
        let key = KEY.verifying();
        let mut proof = decode(key, &bytes).expect("the shape is right");
        proof.public_values[0] = values;
        let verdict = verify(key.config(), key.inner(), &proof, &mut default_duplex_sponge());
        assert!(verdict.is_err(), "accepted: {}", forgery.name);
    }
}
