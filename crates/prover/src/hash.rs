//! The permutation of the proofs, and the two ways in which it is used.
//!
//! Read next: `proof/src/airs/poseidon2`.

use std::sync::LazyLock;

use openvm_stark_backend::p3_symmetric::Permutation;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use p3_baby_bear::{Poseidon2BabyBear, default_babybear_poseidon2_16};

/// Half of the permutation's state.
pub type Half = [F; 8];

static PERMUTATION: LazyLock<Poseidon2BabyBear<16>> = LazyLock::new(default_babybear_poseidon2_16);

/// The state after one permutation: its lower and its upper half.
pub fn permute(lower: Half, upper: Half) -> (Half, Half) {
    let mut state = join(lower, upper);
    PERMUTATION.permute_mut(&mut state);
    (std::array::from_fn(|at| state[at]), std::array::from_fn(|at| state[8 + at]))
}

/// Two halves as one state.
pub fn join(lower: Half, upper: Half) -> [F; 16] {
    std::array::from_fn(|at| if at < 8 { lower[at] } else { upper[at - 8] })
}

/// The sponge over 16 elements: the capacity after the first half, and the digest.
pub fn sponge(first: Half, second: Half) -> (Half, Half) {
    let (_, capacity) = permute(first, Half::default());
    (capacity, permute(second, capacity).0)
}

/// The digest of a node.
pub fn node(left: Half, right: Half) -> Half {
    permute(left, right).0
}
