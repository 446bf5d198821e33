//! A leaf proof, of the circuit that lifts windows, is no chain proof: not as a first fold, not as a later one, not as a child.

use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use proof::airs::STATEMENT;
use proof::folded::{FoldedProof, STATEMENT_VALUES};
use proof::{ProofError, verify_chain_proof, verify_folded};

use super::folds::FOLDING;
use super::golden_windows::witnesses;
use super::honest::KEY;
use crate::fold::{FoldError, fold, lift};
use crate::prove_window;

#[test]
fn a_leaf_proof_passed_off_as_a_chain_proof_is_refused() {
    let window = prove_window(&KEY, &witnesses(1)[0]).expect("the operations obey the rules");
    let lifted = lift(&FOLDING, &[window]).expect("it verifies");
    let (key, statement) = (FOLDING.verifying(), *lifted.statement());
    assert!(FOLDING.lift.verify(&lifted.proof), "it is honest under its own key");
    // Both circuits have the same tables and widths, so a leaf proof has the shape of a fold, of either kind.
    for later in [false, true] {
        let mut proof = lifted.proof.clone();
        proof.public_values[STATEMENT][STATEMENT_VALUES] = F::from_bool(later);
        let passed_off: FoldedProof = key.encode(&statement, &proof).expect("it has the shape of a fold");
        let refused = verify_folded(key, &statement, &passed_off.bytes);
        assert!(matches!(refused, Err(ProofError::Refused(_))), "{refused:?}");
        assert!(verify_chain_proof(key, statement.before, &statement, &passed_off.bytes).is_err());
        let refused = fold(&FOLDING, &[passed_off]);
        assert!(matches!(refused, Err(FoldError::Child(ProofError::Refused(_)))));
    }
}
