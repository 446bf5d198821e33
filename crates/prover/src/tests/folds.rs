//! Fresh folds: keys made again bit for bit, the golden chain extended by two windows, and what is not folded.

use std::sync::LazyLock;

use primitives::Height;
use proof::folded::{FoldedProof, fold_key};
use proof::{JoinError, ProofError, verify_chain_proof};

use super::circuits;
use super::fold_rule::{Child, Circuit, honest};
use super::golden_windows::witnesses;
use super::honest::KEY;
use crate::fold::{FOLD_BYTES, FoldError, FoldingKey, LiftedWindows, extend, fold, fold_lifted, lift};
use crate::{WindowProof, prove_window};
use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_backend::soundness::SoundnessCalculator;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;

/// As they are read from the files that the made ones leave, so that what is folded here shows that those serve.
pub(super) static FOLDING: LazyLock<FoldingKey> = LazyLock::new(circuits::read);

/// The golden chain of windows 1 and 2, with the statement that their witnesses have.
pub(super) fn chain() -> FoldedProof {
    let windows = witnesses(2).iter().map(|witness| crate::replay(witness).expect("valid").0).collect::<Vec<_>>();
    let mut statement = windows[1];
    statement.before = windows[0].before;
    FoldedProof { statement, bytes: include_bytes!("../../../../fixtures/fold_chain.proof").to_vec() }
}

#[test]
fn the_keys_are_made_again_bit_for_bit() {
    let pinned = fold_key().expect("this build reads the pinned key");
    for key in [&circuits::MADE.0, &*FOLDING] {
        assert_eq!(key.verifying().pins(), pinned.pins());
        assert_eq!(key.verifying().to_bytes().expect("writable"), pinned.to_bytes().expect("writable"));
    }
}

#[test]
fn every_layer_has_the_security_that_is_promised() {
    let lift = SoundnessCalculator::calculate_from_vk(FOLDING.lift.key()).total_bits;
    for (name, bits) in
        [("window", KEY.verifying().security_bits()), ("lift", lift), ("fold", FOLDING.verifying().security_bits())]
    {
        println!("{name}: {bits:.2} bits");
        assert!(bits >= 100.0, "{name}: {bits}");
    }
}

#[test]
fn lifting_takes_windows_of_the_window_key_only() {
    let circuit = Circuit { key: FOLDING.lift.key(), first_key: FOLDING.window.pre_hash, carried: None };
    for kinds in [&[false][..], &[false, false]] {
        assert!(honest(&circuit, false, kinds).wrong(&circuit).is_empty());
    }
    let scene = honest(&circuit, false, &[false, false]);
    for at in 0..8 {
        let mut forged = scene.clone();
        forged.children[1].key[at] += F::ONE;
        assert!(!forged.wrong(&circuit).is_empty(), "a window under another key");
    }
    for at in 0..82 {
        let mut forged = scene.clone();
        forged.said[at] += F::ONE;
        assert!(!forged.wrong(&circuit).is_empty(), "said {at}");
        let mut forged = scene.clone();
        forged.rows[0][3 + at] += F::ONE;
        assert!(!forged.wrong(&circuit).is_empty(), "row {at}");
    }
    let mut forged = scene.clone();
    forged.said[82] = F::ONE;
    assert!(!forged.wrong(&circuit).is_empty(), "a lifted window that says it is a fold of folds");
    let mut forged = scene;
    let Child { values, .. } = &mut forged.children[1];
    values[20] += F::ONE;
    forged.retrace();
    assert!(!forged.wrong(&circuit).is_empty(), "a gap");
}

/// Window 1 and window 2 by themselves.
pub(super) fn halves() -> [FoldedProof; 2] {
    let windows = witnesses(2).iter().map(|witness| crate::replay(witness).expect("valid").0).collect::<Vec<_>>();
    let first = include_bytes!("../../../../fixtures/fold_first.proof").to_vec();
    let second = include_bytes!("../../../../fixtures/fold_second.proof").to_vec();
    [FoldedProof { statement: windows[0], bytes: first }, FoldedProof { statement: windows[1], bytes: second }]
}

#[test]
fn fresh_windows_are_lifted_folded_and_appended_to_the_chain() {
    let prove = |witness| prove_window(&KEY, witness).expect("the operations obey the rules");
    let windows: Vec<WindowProof> = witnesses(4).iter().skip(2).map(prove).collect();
    let chain = chain();
    let longer = extend(&FOLDING, Some(&chain), &windows).expect("neighbours");
    assert_eq!(longer.statement.after, windows[1].statement.after);
    assert_eq!(longer.statement.payout, windows[1].statement.payout);
    let pinned = fold_key().expect("this build reads the pinned key");
    let verdict = verify_chain_proof(pinned, chain.statement.before, &longer.statement, &longer.bytes);
    assert_eq!(verdict, Ok(windows[1].statement.after));
    let [first, second] = halves();
    let sizes = [longer.bytes.len(), first.bytes.len()];
    assert_eq!(sizes, [FOLD_BYTES; 2], "the chain proof of four windows is as large as that of one");

    // What is no fold of these is not made.
    let swapped = fold(&FOLDING, &[second.clone(), first.clone()]);
    assert!(matches!(swapped, Err(FoldError::Join(JoinError::Gap { height: Height(1) }))));
    let twice = fold(&FOLDING, &[chain.clone(), chain.clone()]);
    assert!(matches!(twice, Err(FoldError::Join(JoinError::Gap { .. }))));
    assert!(matches!(fold(&FOLDING, &[]), Err(FoldError::Children { children: 0 })));
    assert!(matches!(lift(&FOLDING, &[]), Err(FoldError::Children { children: 0 })));
    assert!(matches!(fold_lifted(&FOLDING, &[]), Err(FoldError::Children { children: 0 })));
    let three = [windows[0].clone(), windows[1].clone(), windows[1].clone()];
    assert!(matches!(lift(&FOLDING, &three), Err(FoldError::Children { children: 3 })));
    let five = vec![windows[0].clone(); 5];
    assert!(matches!(extend(&FOLDING, None, &five), Err(FoldError::Extension { windows: 5 })));
    assert!(matches!(extend(&FOLDING, Some(&chain), &[]), Err(FoldError::Children { children: 0 })));
    // A fold is no lifted window, whatever it is called: it is refused before anything is proven.
    let proof = FOLDING.verifying().decode(&first.statement, &first.bytes).expect("a fold");
    let called = LiftedWindows { statement: first.statement, proof };
    assert!(matches!(fold_lifted(&FOLDING, &[called]), Err(FoldError::Lifted)));
    let mut altered = first;
    let middle = altered.bytes.len() / 2;
    altered.bytes[middle] ^= 1;
    let refused = fold(&FOLDING, &[altered, second]);
    assert!(matches!(refused, Err(FoldError::Child(ProofError::Refused(_)))), "{refused:?}");
    let mut foreign = windows[0].clone();
    foreign.bytes = windows[1].bytes.clone();
    assert!(matches!(lift(&FOLDING, &[foreign]), Err(FoldError::Child(ProofError::Refused(_)))));
}
