//! Inclusion proofs over lists of every small size, and what must not verify.

use primitives::merkle::{leaf, prove, root, verify};
use primitives::{Hash, merkle::InclusionProof};
use testkit::Seed;

fn leaves(count: u8) -> Vec<Hash> {
    (0..count).map(|index| leaf(&[index])).collect()
}

#[test]
fn every_leaf_of_every_size_has_a_proof_that_fits_only_there() {
    for count in 0..40_u8 {
        let leaves = leaves(count);
        let root = root(&leaves);
        for index in 0..leaves.len() {
            let proof = prove(&leaves, index).unwrap();
            assert!(verify(&proof, &leaves[index], &root));
            for other in (0..leaves.len()).filter(|other| *other != index) {
                assert!(!verify(&proof, &leaves[other], &root));
                assert!(!verify(&InclusionProof { index: other as u64, ..proof.clone() }, &leaves[index], &root));
            }
            assert!(!verify(&InclusionProof { count: proof.count + 1, ..proof.clone() }, &leaf(b"x"), &root));
        }
        assert!(prove(&leaves, leaves.len()).is_none());
    }
}

#[test]
fn altered_paths_do_not_verify_and_odd_numbers_do_not_panic() {
    let mut seed = Seed::new();
    let leaves = leaves(37);
    let root = root(&leaves);
    for _ in 0..300 {
        let index = seed.index(37);
        let mut proof = prove(&leaves, index).unwrap();
        let at = seed.index(proof.path.len());
        match seed.below(4) {
            0 => proof.path[at].0[seed.index(32)] ^= 1,
            1 => drop(proof.path.remove(at)),
            2 => proof.path.push(Hash::default()),
            _ => proof.path = vec![Hash::default(); 40],
        }
        assert!(!verify(&proof, &leaves[index], &root));
    }
    for (index, count) in [(0, 0), (5, 5), (u64::MAX, u64::MAX), (0, u64::MAX), (u64::MAX - 1, u64::MAX)] {
        assert!(!verify(&InclusionProof { index, count, path: vec![] }, &leaves[0], &root));
    }
}

#[test]
fn a_leaf_cannot_pass_for_a_node() {
    let pair = leaves(2);
    let joined = [pair[0].0, pair[1].0].concat();
    assert_ne!(leaf(&joined), root(&pair));
}
