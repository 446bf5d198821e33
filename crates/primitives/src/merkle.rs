//! Binary Merkle trees over the transactions and the receipts of a block (the shape of RFC 6962).
//!
//! A list of n leaves splits at the largest power of two below n; leaves and nodes are hashed in
//! different contexts, so neither can pass for the other. The empty list has the zero root.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::hash::{Domain, Hash, hash};

/// Longest path: a tree over 2^32 leaves.
pub const PATH_MAX: usize = 32;

/// Proof that one leaf is in a tree.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct InclusionProof {
    /// Position of the leaf, from 0.
    pub index: u64,
    /// Leaves in the tree.
    pub count: u64,
    /// Sibling hashes from the leaf up.
    pub path: Vec<Hash>,
}

/// The hash of one leaf's bytes.
pub fn leaf(bytes: &[u8]) -> Hash {
    hash(Domain::MerkleLeaf, &[bytes])
}

fn node(left: &Hash, right: &Hash) -> Hash {
    hash(Domain::MerkleNode, &[left.as_bytes(), right.as_bytes()])
}

fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

/// The root over leaf hashes.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::default(),
        [only] => *only,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(&root(left), &root(right))
        }
    }
}

/// The proof for leaf `index`, or `None` when there is no such leaf.
pub fn prove(leaves: &[Hash], index: usize) -> Option<InclusionProof> {
    if index >= leaves.len() {
        return None;
    }
    let mut path = Vec::new();
    let (mut rest, mut at) = (leaves, index);
    while rest.len() > 1 {
        let (left, right) = rest.split_at(split(rest.len()));
        if at < left.len() {
            path.push(root(right));
            rest = left;
        } else {
            path.push(root(left));
            at -= left.len();
            rest = right;
        }
    }
    path.reverse();
    Some(InclusionProof { index: u64::try_from(index).ok()?, count: u64::try_from(leaves.len()).ok()?, path })
}

/// True when `proof` shows `leaf_hash` at its index under `expected_root`. Total on any input.
pub fn verify(proof: &InclusionProof, leaf_hash: &Hash, expected_root: &Hash) -> bool {
    if proof.index >= proof.count || proof.path.len() > PATH_MAX {
        return false;
    }
    // Directions from the root down follow from index and count alone.
    let (mut at, mut count) = (proof.index, proof.count);
    let mut goes_left = Vec::new();
    while count > 1 {
        let Some(half) = count.checked_next_power_of_two().map(|power| power / 2) else { return false };
        let left = at < half;
        goes_left.push(left);
        if left {
            count = half;
        } else {
            at -= half;
            count -= half;
        }
    }
    if goes_left.len() != proof.path.len() {
        return false;
    }
    let computed =
        proof.path.iter().zip(goes_left.iter().rev()).fold(*leaf_hash, |below, (sibling, left)| {
            if *left { node(&below, sibling) } else { node(sibling, &below) }
        });
    computed == *expected_root
}
