//! The shape of the permutation and its constants, those of `default_babybear_poseidon2_16`.

use p3_baby_bear::{
    BABYBEAR_RC16_EXTERNAL_FINAL, BABYBEAR_RC16_EXTERNAL_INITIAL, BABYBEAR_RC16_INTERNAL, BabyBear,
    GenericPoseidon2LinearLayersBabyBear,
};
use p3_poseidon2_air::{Poseidon2Air as PermutationAir, Poseidon2Cols, RoundConstants, num_cols};

/// Elements that the permutation works on.
pub const WIDTH: usize = 16;
/// The S-box is x^7.
pub const SBOX_DEGREE: u64 = 7;
/// One cell for x^3 keeps the S-box at degree 3.
pub const SBOX_REGISTERS: usize = 1;
/// External rounds before and after the internal ones.
pub const HALF_FULL_ROUNDS: usize = 4;
/// Internal rounds.
pub const PARTIAL_ROUNDS: usize = 13;
/// Columns of one permutation.
pub const PERMUTATION_COLUMNS: usize =
    num_cols::<WIDTH, SBOX_DEGREE, SBOX_REGISTERS, HALF_FULL_ROUNDS, PARTIAL_ROUNDS>();

/// The matrices of the permutation.
pub type LinearLayers = GenericPoseidon2LinearLayersBabyBear;
/// The library's table of permutations.
pub type Permutation =
    PermutationAir<BabyBear, LinearLayers, WIDTH, SBOX_DEGREE, SBOX_REGISTERS, HALF_FULL_ROUNDS, PARTIAL_ROUNDS>;
/// The library's columns.
pub type PermutationColumns<T> = Poseidon2Cols<T, WIDTH, SBOX_DEGREE, SBOX_REGISTERS, HALF_FULL_ROUNDS, PARTIAL_ROUNDS>;
/// The library's form of the round constants.
pub type Constants = RoundConstants<BabyBear, WIDTH, HALF_FULL_ROUNDS, PARTIAL_ROUNDS>;

/// The round constants.
pub fn constants() -> Constants {
    RoundConstants::new(BABYBEAR_RC16_EXTERNAL_INITIAL, BABYBEAR_RC16_INTERNAL, BABYBEAR_RC16_EXTERNAL_FINAL)
}
