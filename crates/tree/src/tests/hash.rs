//! Packed and scalar hashing agree, and both do what the header of `hash.rs` draws.

use p3_baby_bear::{BabyBear, default_babybear_poseidon2_16};
use p3_field::{Field, PackedValue, PrimeCharacteristicRing};
use p3_symmetric::Permutation;
use primitives::ledger::FIELD_MODULUS;
use testkit::Seed;

use crate::hash::{Digest, EMPTY_LEAF, Pair, Row, hash_pair, hash_pairs, hash_row, hash_rows, to_row};

fn random_row(seed: &mut Seed) -> Row {
    let row: [u32; 16] =
        std::array::from_fn(|_| u32::try_from(seed.below(u64::from(FIELD_MODULUS))).expect("below the modulus"));
    to_row(&row)
}

fn random_digest(seed: &mut Seed) -> Digest {
    random_row(seed)[..8].try_into().expect("eight elements")
}

#[test]
fn packed_hashing_equals_scalar_hashing_at_every_remainder() {
    let mut seed = Seed::new();
    let width = <BabyBear as Field>::Packing::WIDTH;
    for count in 0..=3 * width + 1 {
        let rows: Vec<Row> = (0..count).map(|_| random_row(&mut seed)).collect();
        let scalar: Vec<Digest> = rows.iter().map(hash_row).collect();
        assert_eq!(hash_rows(&rows), scalar, "{count} rows in packs of {width}");

        let pairs: Vec<Pair> = (0..count).map(|_| [random_digest(&mut seed), random_digest(&mut seed)]).collect();
        let scalar: Vec<Digest> = pairs.iter().map(hash_pair).collect();
        assert_eq!(hash_pairs(&pairs), scalar, "{count} pairs in packs of {width}");
    }
}

#[test]
fn a_leaf_is_two_overwriting_permutations() {
    let permutation = default_babybear_poseidon2_16();
    let mut seed = Seed::new();
    for _ in 0..20 {
        let row = random_row(&mut seed);
        let mut state = [BabyBear::ZERO; 16];
        for half in row.chunks(8) {
            state[..8].copy_from_slice(half);
            permutation.permute_mut(&mut state);
        }
        assert_eq!(hash_row(&row)[..], state[..8]);
    }
}

#[test]
fn a_node_is_one_permutation_of_both_children() {
    let permutation = default_babybear_poseidon2_16();
    let mut seed = Seed::new();
    for _ in 0..20 {
        let state = random_row(&mut seed);
        let pair: Pair = [state[..8].try_into().expect("eight"), state[8..].try_into().expect("eight")];
        assert_eq!(hash_pair(&pair)[..], permutation.permute(state)[..8]);
        assert_ne!(hash_pair(&pair), hash_pair(&[pair[1], pair[0]]), "the order of children counts");
    }
}

#[test]
fn an_account_of_zeros_is_not_an_empty_slot() {
    assert_ne!(hash_row(&to_row(&[0; 16])), EMPTY_LEAF);
}
