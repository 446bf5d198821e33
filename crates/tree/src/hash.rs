//! The hash of the provable ledger: Poseidon2 over BabyBear, width 16, with the proof stack's constants.
//!
//! Two modes, both on one permutation of 16 field elements:
//!
//! ```text
//!   leaf: 16 elements     state = 0¹⁶;  state[0..8] = e[0..8],  permute;  state[0..8] = e[8..16], permute;
//!                         digest = state[0..8]                       (padding-free sponge, rate 8, overwrite)
//!   node: left ‖ right    state = left[0..8] ‖ right[0..8], permute; digest = state[0..8]       (`compress`)
//! ```
//!
//! The empty leaf is eight zeros, which is no preimage anyone can find for the sponge.
//!
//! Rules
//! - A leaf always has exactly 16 elements, so the sponge needs no padding.
//! - Many inputs are hashed in packs, one per SIMD lane. Packed and scalar results are equal; the last,
//!   incomplete pack is filled with zero lanes whose results are dropped.
//!
//! Read next: [`crate::ledger`], which hashes level by level to keep the packs full.

use std::sync::LazyLock;

use p3_baby_bear::{BabyBear, Poseidon2BabyBear, default_babybear_poseidon2_16};
use p3_field::{Field, PackedValue, PrimeCharacteristicRing, PrimeField32};
use p3_symmetric::{CryptographicHasher, PaddingFreeSponge, PseudoCompressionFunction, TruncatedPermutation};
use primitives::{LedgerDigest, LedgerSlot};

/// Elements of a leaf or of an operation's row.
pub const ROW_ELEMENTS: usize = 16;
/// Elements of a digest.
pub const DIGEST_ELEMENTS: usize = 8;

/// A digest inside this crate: field elements in the form the permutation works on.
pub(crate) type Digest = [BabyBear; DIGEST_ELEMENTS];
/// The content of a leaf or an operation's row, as field elements.
pub(crate) type Row = [BabyBear; ROW_ELEMENTS];
/// Two children of one node, left first.
pub(crate) type Pair = [Digest; 2];

type Permutation = Poseidon2BabyBear<16>;
type Packed = <BabyBear as Field>::Packing;

/// The digest of a slot that holds no account.
pub(crate) const EMPTY_LEAF: Digest = [BabyBear::ZERO; DIGEST_ELEMENTS];

struct Modes {
    sponge: PaddingFreeSponge<Permutation, 16, 8, 8>,
    compression: TruncatedPermutation<Permutation, 2, 8, 16>,
}

static MODES: LazyLock<Modes> = LazyLock::new(|| {
    let permutation = default_babybear_poseidon2_16();
    Modes { sponge: PaddingFreeSponge::new(permutation.clone()), compression: TruncatedPermutation::new(permutation) }
});

/// The digest of one row of 16 elements. Elements at or above the modulus count as their remainder.
pub fn row_digest(row: &[u32; ROW_ELEMENTS]) -> LedgerDigest {
    to_ledger(&hash_row(&to_row(row)))
}

/// The digest of an account's slot.
pub fn slot_digest(slot: &LedgerSlot) -> LedgerDigest {
    row_digest(&slot.elements())
}

/// The digest of a node from its children.
pub fn node_digest(left: &LedgerDigest, right: &LedgerDigest) -> LedgerDigest {
    to_ledger(&hash_pair(&[from_ledger(left), from_ledger(right)]))
}

/// The digest of an empty slot.
pub fn empty_slot_digest() -> LedgerDigest {
    to_ledger(&EMPTY_LEAF)
}

pub(crate) fn to_row(row: &[u32; ROW_ELEMENTS]) -> Row {
    row.map(BabyBear::from_u32)
}

pub(crate) fn from_ledger(digest: &LedgerDigest) -> Digest {
    digest.elements().map(BabyBear::from_u32)
}

pub(crate) fn to_ledger(digest: &Digest) -> LedgerDigest {
    LedgerDigest::new(digest.map(|element| element.as_canonical_u32()))
        .expect("canonical elements are below the modulus")
}

/// One leaf, one lane.
pub(crate) fn hash_row(row: &Row) -> Digest {
    MODES.sponge.hash_iter(row.iter().copied())
}

/// One node, one lane.
pub(crate) fn hash_pair(pair: &Pair) -> Digest {
    MODES.compression.compress(*pair)
}

/// Leaves in packs, in order.
pub(crate) fn hash_rows(rows: &[Row]) -> Vec<Digest> {
    in_packs(rows, hash_row, |pack| {
        let elements: [Packed; ROW_ELEMENTS] = std::array::from_fn(|position| gather(pack, |row: &Row| row[position]));
        MODES.sponge.hash_iter(elements)
    })
}

/// Nodes in packs, in order.
pub(crate) fn hash_pairs(pairs: &[Pair]) -> Vec<Digest> {
    in_packs(pairs, hash_pair, |pack| {
        let children: [[Packed; DIGEST_ELEMENTS]; 2] = std::array::from_fn(|side| {
            std::array::from_fn(|position| gather(pack, |pair: &Pair| pair[side][position]))
        });
        MODES.compression.compress(children)
    })
}

/// Element `element` of each item of `pack`, one per lane; lanes without an item are zero.
fn gather<T>(pack: &[T], element: impl Fn(&T) -> BabyBear) -> Packed {
    Packed::from_fn(|lane| pack.get(lane).map_or(BabyBear::ZERO, &element))
}

/// Runs `packed` on as many items at a time as there are lanes. A pack of one is cheaper on its own.
fn in_packs<T>(
    items: &[T],
    scalar: impl Fn(&T) -> Digest,
    packed: impl Fn(&[T]) -> [Packed; DIGEST_ELEMENTS],
) -> Vec<Digest> {
    let mut digests = Vec::with_capacity(items.len());
    for pack in items.chunks(Packed::WIDTH) {
        if let [single] = pack {
            digests.push(scalar(single));
            continue;
        }
        let result = packed(pack);
        digests.extend(
            (0..pack.len()).map(|lane| -> Digest { std::array::from_fn(|position| result[position].extract(lane)) }),
        );
    }
    digests
}
