//! Proofs over proofs of foreign keys, made for real, and altered fresh folds: minutes of proving.
//!
//! `cargo xtask nightly folds` runs this and keeps the line of JSON that it prints.

use std::panic::{AssertUnwindSafe, catch_unwind};

use openvm_stark_backend::StarkEngine;
use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_backend::proof::Proof;
use openvm_stark_sdk::config::baby_bear_poseidon2::{Digest, F};
use proof::airs::STATEMENT;
use proof::folded::FoldedProof;
use proof::keys::{Config, generate};
use proof::{ProofError, VerifyingKey, WindowStatement, encoding, verify_folded, verify_window};
use serde_json::json;
use testkit::Seed;

use super::folds::{FOLDING, chain};
use super::golden_windows::witnesses;
use super::honest::KEY;
use crate::CallOff;
use crate::fold::{Children, FoldError, Layer, fold, fold_anything, fold_lifted, lift, lift_anything};
use crate::{ProvingKey, WindowProof, prove_traces, prove_window, replay};

/// Altered fresh proofs. Very many altered ones are in `mutations.rs`.
const MUTATIONS: usize = 5_000;

/// Whether nothing is made, or nothing that verifies: the prover refuses messages that nobody takes, but makes proofs of
/// rows that break a constraint.
fn not_made(made: impl FnOnce() -> Result<Proof<Config>, FoldError>, layer: &Layer) -> bool {
    !matches!(catch_unwind(AssertUnwindSafe(made)), Ok(Ok(proof)) if layer.verify(&proof))
}

/// The first golden window, proven under the window key that claims another pre-hash.
fn foreign_window(pre_hash: Digest) -> (WindowStatement, Proof<Config>, VerifyingKey) {
    let mut key = generate().expect("the tables have a key");
    key.vk_pre_hash = pre_hash;
    let key = ProvingKey::of(&key);
    let (statement, tables) = replay(&witnesses(1)[0]).expect("valid");
    let bytes = prove_traces(&key, tables.traces()).expect("provable");
    let mut proof = encoding::decode(key.verifying(), &bytes).expect("just made");
    proof.public_values[STATEMENT] = statement.public_values();
    assert!(key.engine().verify(key.verifying().inner(), &proof).is_ok(), "honest under its own key");
    let verifying = VerifyingKey::of_verifying(key.verifying().inner().clone());
    (statement, proof, verifying)
}

/// The three foreign keys: of windows, of constraints under the right pre-hash, and the reverse.
fn foreign_keys() -> serde_json::Value {
    let foreign: Digest = [F::from_u32(4_711); 8];
    let (statement, window, window_key) = foreign_window(foreign);
    let said = FOLDING.verifying().values(&statement, false);

    // A window under a foreign key is not lifted.
    assert!(not_made(
        || lift_anything(&FOLDING, std::slice::from_ref(&window), said, &CallOff::default()),
        &FOLDING.lift
    ));
    let window_constraints = FOLDING.lift.constraints(window_key.inner());
    let lifted = FOLDING.lift.prove(
        window_key.inner(),
        window_constraints.clone(),
        std::slice::from_ref(&window),
        said,
        &CallOff::default(),
    );
    assert!(lifted.is_err(), "the pre-hash of the window key is part of the rule");

    // A circuit that takes that window, under a key that claims the pre-hash of the honest one. Its proof can be
    // folded; the fold carries the commitment to the foreign constraints, so nobody takes it.
    let circuit = Layer::generate(window_key.inner(), Children::Windows { key: foreign }, FOLDING.widening())
        .expect("a circuit")
        .claiming(FOLDING.lift.key().pre_hash);
    let lifted = circuit
        .prove(window_key.inner(), window_constraints, std::slice::from_ref(&window), said, &CallOff::default())
        .expect("the foreign circuit takes the foreign window");
    let constraints = FOLDING.fold.constraints(circuit.key());
    let folded = FOLDING
        .fold
        .prove(circuit.key(), constraints, &[lifted], said, &CallOff::default())
        .expect("the pre-hash is right");
    assert!(FOLDING.fold.verify(&folded), "as a proof it is one under the fold key");
    let FoldedProof { bytes, .. } = FOLDING.verifying().encode(&statement, &folded).expect("of this shape");
    let refused = verify_folded(FOLDING.verifying(), &statement, &bytes);
    assert!(matches!(refused, Err(ProofError::Refused(_))), "{refused:?}");
    let above = FOLDING.verifying().values(&statement, true);
    assert!(not_made(|| fold_anything(&FOLDING, &[folded], above, &CallOff::default()), &FOLDING.fold));

    // The reverse: the honest circuit under a key that claims a foreign pre-hash.
    let children = Children::Windows { key: FOLDING.window.pre_hash };
    let circuit = Layer::generate(&FOLDING.window, children, FOLDING.widening()).expect("a circuit").claiming(foreign);
    let honest = prove_window(&KEY, &witnesses(1)[0]).expect("valid");
    let mut window = encoding::decode(KEY.verifying(), &honest.bytes).expect("just made");
    window.public_values[STATEMENT] = honest.statement.public_values();
    let constraints = FOLDING.window_constraints.clone();
    let lifted = circuit
        .prove(&FOLDING.window, constraints, &[window], said, &CallOff::default())
        .expect("the circuit is the honest one");
    let constraints = FOLDING.lift_constraints.clone();
    assert!(
        FOLDING.fold.prove(circuit.key(), constraints, &[lifted], said, &CallOff::default()).is_err(),
        "the pre-hash is foreign"
    );
    json!({ "foreign_window_key": "refused", "foreign_constraints": "refused", "foreign_pre_hash": "refused" })
}

/// Folds over what is not next to each other, said to be.
fn crooked_folds(next: &FoldedProof) -> serde_json::Value {
    let key = FOLDING.verifying();
    let chain = chain();
    let decoded = |fold: &FoldedProof| key.decode(&fold.statement, &fold.bytes).expect("a fold");
    let range = WindowStatement { before: chain.statement.before, ..next.statement };
    let said = key.values(&range, true);
    let refused = |children: [&FoldedProof; 2], said| {
        not_made(|| fold_anything(&FOLDING, &children.map(decoded), said, &CallOff::default()), &FOLDING.fold)
    };
    assert!(refused([next, &chain], said), "swapped children");
    assert!(refused([&chain, &chain], key.values(&chain.statement, true)), "a gap");
    assert!(refused([&chain, next], key.values(&range, false)), "folds as lifted windows");
    json!({ "swapped_children": "refused", "gap": "refused", "wrong_kind": "refused" })
}

/// Alters a window proof and two folds at random.
fn altered(window: &WindowProof, next: &FoldedProof, mutations: usize) -> serde_json::Value {
    let mut seed = Seed::new();
    let chain = chain();
    let (mut by_encoding, mut by_verifier) = (0_usize, 0_usize);
    for _ in 0..mutations {
        let which = seed.index(3);
        let honest = [&window.bytes, &chain.bytes, &next.bytes][which];
        let mut bytes = honest.clone();
        match seed.below(16) {
            0 => bytes.truncate(seed.index(bytes.len())),
            1 => bytes[seed.index(42)] ^= 1 << seed.below(8),
            2 => bytes.extend(seed.bytes(4)),
            _ => {
                let at = seed.index(bytes.len());
                bytes[at] ^= 1 << seed.below(8);
            }
        }
        if bytes == *honest {
            continue;
        }
        let verdict = match which {
            0 => verify_window(KEY.verifying(), &window.statement, &bytes),
            1 => verify_folded(FOLDING.verifying(), &chain.statement, &bytes),
            _ => verify_folded(FOLDING.verifying(), &next.statement, &bytes),
        };
        match verdict {
            Err(ProofError::Encoding(_)) => by_encoding += 1,
            Err(ProofError::Refused(_)) => by_verifier += 1,
            verdict => panic!("{verdict:?}"),
        }
    }
    json!({ "mutations": mutations, "accepted": 0, "panics": 0, "by_encoding": by_encoding, "by_verifier": by_verifier })
}

#[test]
#[ignore = "minutes of proving; cargo xtask nightly folds runs it"]
fn nightly_folds() {
    let windows: Vec<WindowProof> =
        witnesses(4).iter().skip(2).map(|witness| prove_window(&KEY, witness).expect("valid")).collect();
    // Window by window: the chain is extended twice by one.
    let mut chain = chain();
    let mut sizes = Vec::new();
    let mut last = None;
    for window in &windows {
        let lifted = lift(&FOLDING, std::slice::from_ref(window)).expect("it verifies");
        let next = fold_lifted(&FOLDING, &[lifted]).expect("it verifies");
        chain = fold(&FOLDING, &[chain, next.clone()]).expect("neighbours");
        sizes.push(chain.bytes.len());
        assert_eq!(verify_folded(FOLDING.verifying(), &chain.statement, &chain.bytes), Ok(()));
        last = last.or(Some(next));
    }
    assert_eq!(sizes[0], sizes[1], "the chain proof grows");
    let next = last.expect("two windows");
    let keys = foreign_keys();
    let crooked = crooked_folds(&next);
    let altered = altered(&windows[0], &next, MUTATIONS);
    println!(
        "{}",
        json!({ "nightly": "folds", "chain_proof_bytes": sizes, "keys": keys, "folds": crooked, "altered": altered })
    );
}
