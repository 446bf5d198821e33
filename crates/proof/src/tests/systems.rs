//! Proof systems by name: what is not in a build's registry is refused with that reason.

use primitives::actions::ProofSystemKind;

use crate::{ChainJudge, REGISTRY, SystemError, proof_system, require_system};

#[test]
fn a_build_without_the_feature_refuses_a_chain_that_names_the_system() {
    // What a build without `backend-plonky3` has in its registry.
    let refused = require_system(ProofSystemKind::Plonky3, &[]).expect_err("nothing is in it");
    assert_eq!(refused.to_string(), "proof system plonky3 is not in this build, which verifies none");
    let both: &[ProofSystemKind] = &[ProofSystemKind::Stwo, ProofSystemKind::Plonky3];
    assert_eq!(require_system(ProofSystemKind::Plonky3, both), Ok(()));
}

#[test]
fn the_registry_is_what_the_features_say_and_nothing_else_verifies() {
    let is_there = cfg!(feature = "backend-plonky3");
    assert_eq!(REGISTRY.contains(&ProofSystemKind::Plonky3), is_there);
    assert_eq!(proof_system(ProofSystemKind::Plonky3).is_ok(), is_there);
    assert_eq!(ChainJudge::new(ProofSystemKind::Plonky3).is_ok(), is_there);
    let refused = proof_system(ProofSystemKind::Stwo).err().expect("it is in no build");
    let SystemError::Unknown(unknown) = refused else { panic!("{refused}") };
    assert_eq!((unknown.kind, unknown.registry), (ProofSystemKind::Stwo, REGISTRY));
    assert!(ChainJudge::new(ProofSystemKind::Stwo).is_err(), "a node judges no blocks of such a chain");
}
