//! Parts of the module state with their path to the root: how a copy of the state is checked piece by piece.
//!
//! ```text
//!   root ─┬─ 0 ─┬─ 00…   part: every key whose hash begins with these bits
//!         │     └─ 01…
//!         └─ 1 …         siblings of the path, from the part up
//! ```
//!
//! Model: a part is named by a prefix of key hashes ([`Prefix`]). The hash of a part is that of the tree over its keys
//! alone, because a sub-tree with one leaf *is* that leaf and one without a leaf is the placeholder, at any depth. So
//! the tree's shape follows from the keys, and a part is checked without knowing any other.
//!
//! Rules
//! - A sibling says what it is ([`Sibling`]) and carries what its hash is made of. A hash alone could pass an inner
//!   node for a leaf, and so a part for an empty one.
//! - Verification is total: any bytes give a verdict, none a panic.
//! - What verifies is exactly what the state with that root holds under the prefix: no key more, none less.

use borsh::{BorshDeserialize, BorshSerialize};
use jmt::SimpleHasher;
use jmt::proof::{INTERNAL_DOMAIN_SEPARATOR, LEAF_DOMAIN_SEPARATOR};
use jmt::storage::Node;
use primitives::Hash;
use primitives::codec::encode;

use super::{NodeStore, StateHasher, StateTree, StateTreeError, StateUpdate, key_hash, root_key};

/// Longest prefix, bits. Hashes spread evenly, so a part of a billion keys still fits one.
pub const PREFIX_BITS_MAX: u8 = 32;

/// The keys whose hash begins with these bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Prefix {
    /// How many bits, at most [`PREFIX_BITS_MAX`].
    pub depth: u8,
    /// The bits, the first one the highest of the lowest `depth`.
    pub bits: u32,
}

impl Prefix {
    /// Every key.
    pub const ALL: Self = Self { depth: 0, bits: 0 };

    /// Where it begins and ends among all values of the first 32 bits of a key hash; none when it is no prefix.
    pub fn span(self) -> Option<(u64, u64)> {
        if self.depth > PREFIX_BITS_MAX || u64::from(self.bits) >> self.depth != 0 {
            return None;
        }
        let shift = PREFIX_BITS_MAX - self.depth;
        let from = u64::from(self.bits) << shift;
        Some((from, from + (1_u64 << shift)))
    }

    fn child(self, side: u32) -> Self {
        Self { depth: self.depth + 1, bits: (self.bits << 1) | side }
    }

    fn has(self, key: &[u8; 32]) -> bool {
        self.span().is_some_and(|(from, to)| (from..to).contains(&first_bits(key)))
    }
}

/// The other side of one step of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Sibling {
    /// No key.
    Empty,
    /// One key: the hashes of the key and of its value.
    Leaf(Hash, Hash),
    /// More: the hashes of its two sides.
    Inner(Hash, Hash),
}

impl Sibling {
    fn hash(&self) -> [u8; 32] {
        match self {
            Self::Empty => StateTree::empty_root().0,
            Self::Leaf(key, value) => StateHasher::hash([LEAF_DOMAIN_SEPARATOR, &key.0, &value.0].concat()),
            Self::Inner(left, right) => StateHasher::hash([INTERNAL_DOMAIN_SEPARATOR, &left.0, &right.0].concat()),
        }
    }

    /// What stands above two sides.
    fn join(left: Self, right: Self) -> Self {
        match (left, right) {
            (Self::Empty, side @ (Self::Empty | Self::Leaf(..))) | (side @ Self::Leaf(..), Self::Empty) => side,
            (left, right) => Self::Inner(Hash(left.hash()), Hash(right.hash())),
        }
    }
}

/// One key of the state with its value, and where it is in the tree.
#[derive(Debug, Clone, Copy)]
pub struct StateLeaf<'a> {
    path: [u8; 32],
    key: &'a [u8],
    value: &'a [u8],
}

impl<'a> StateLeaf<'a> {
    /// The leaf of a key.
    pub fn new(key: &'a [u8], value: &'a [u8]) -> Self {
        Self { path: key_hash(key).0, key, value }
    }

    /// The key.
    pub fn key(&self) -> &'a [u8] {
        self.key
    }

    /// The value.
    pub fn value(&self) -> &'a [u8] {
        self.value
    }

    fn node(&self) -> Sibling {
        Sibling::Leaf(Hash(self.path), Hash(StateHasher::hash(self.value)))
    }
}

/// A part of the state.
#[derive(Debug, Clone)]
pub struct StatePart<'a> {
    /// Which keys.
    pub prefix: Prefix,
    /// They, in the order of their hashes.
    pub leaves: Vec<StateLeaf<'a>>,
    /// The path to the root, from the part up.
    pub path: Vec<Sibling>,
}

/// Cuts a state into parts of at most `bytes` each by `size`; a part of one key may be larger. The parts come in the
/// order of key hashes and cover all of them. Returns them with the root.
pub fn split<'a>(
    mut leaves: Vec<StateLeaf<'a>>,
    bytes: usize,
    size: &dyn Fn(&StateLeaf<'a>) -> usize,
) -> (Hash, Vec<StatePart<'a>>) {
    leaves.sort_unstable_by_key(|leaf| leaf.path);
    let cut = Cut::of(&leaves, Prefix::ALL, bytes, size);
    let (root, mut parts) = (Hash(cut.node().hash()), Vec::new());
    cut.collect(&mut Vec::new(), &mut parts);
    (root, parts)
}

/// True when the state with this root holds exactly these keys and values under the prefix. They come in the order of
/// their hashes; `path` leads to the root, from below. Total on any input.
pub fn verify_part(root: &Hash, prefix: Prefix, leaves: &[StateLeaf<'_>], path: &[Sibling]) -> bool {
    let in_order = leaves.windows(2).all(|pair| matches!(pair, [first, second] if first.path < second.path));
    let inside = prefix.span().is_some() && leaves.iter().all(|leaf| prefix.has(&leaf.path));
    if !in_order || !inside || path.len() != usize::from(prefix.depth) {
        return false;
    }
    let mut node = node_of(leaves, usize::from(prefix.depth));
    for (step, sibling) in path.iter().enumerate() {
        let is_right = prefix.bits.checked_shr(u32::try_from(step).unwrap_or(u32::MAX)).unwrap_or(0) & 1 == 1;
        node = if is_right { Sibling::join(*sibling, node) } else { Sibling::join(node, *sibling) };
    }
    node.hash() == root.0
}

impl StateTree {
    /// The nodes of a tree that holds `entries` at `version` and was made at once: the same root as a tree that
    /// came there step by step.
    ///
    /// # Errors
    /// [`StateTreeError::VersionOutOfRange`].
    pub fn build(version: u64, entries: Vec<(Vec<u8>, Vec<u8>)>) -> Result<StateUpdate, StateTreeError> {
        /// An empty tree at one version.
        struct Nothing(Vec<u8>);
        impl NodeStore for Nothing {
            fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
                (key == self.0).then(|| encode(&Node::Null))
            }
        }
        let before = Nothing(version.checked_sub(1).map(|before| encode(&root_key(before))).unwrap_or_default());
        let writes: Vec<_> = entries.into_iter().map(|(key, value)| (key, Some(value))).collect();
        Self::update(&before, version, &writes)
    }
}

/// The first 32 bits of a key's hash.
fn first_bits(path: &[u8; 32]) -> u64 {
    path.iter().take(4).fold(0, |bits, byte| (bits << 8) | u64::from(*byte))
}

/// Bit `depth` of a path, from the highest on; false beyond its end, where two different paths never are together.
fn bit(path: &[u8; 32], depth: usize) -> bool {
    path.get(depth / 8).is_some_and(|byte| (byte >> (7 - depth % 8)) & 1 == 1)
}

/// The tree over `leaves`, which are in order, differ, and agree in their first `depth` bits.
fn node_of(leaves: &[StateLeaf<'_>], depth: usize) -> Sibling {
    match leaves {
        [] => Sibling::Empty,
        [leaf] => leaf.node(),
        several => {
            let (left, right) = several.split_at(several.partition_point(|leaf| !bit(&leaf.path, depth)));
            Sibling::join(node_of(left, depth + 1), node_of(right, depth + 1))
        }
    }
}

/// Where a state is cut.
enum Cut<'l, 'a> {
    Part(Prefix, &'l [StateLeaf<'a>], Sibling),
    Both(Box<Cut<'l, 'a>>, Box<Cut<'l, 'a>>, Sibling),
}

impl<'l, 'a> Cut<'l, 'a> {
    fn of(leaves: &'l [StateLeaf<'a>], prefix: Prefix, bytes: usize, size: &dyn Fn(&StateLeaf<'a>) -> usize) -> Self {
        let total = leaves.iter().map(size).fold(0, usize::saturating_add);
        let depth = usize::from(prefix.depth);
        if leaves.len() < 2 || total <= bytes || prefix.depth == PREFIX_BITS_MAX {
            return Self::Part(prefix, leaves, node_of(leaves, depth));
        }
        let (left, right) = leaves.split_at(leaves.partition_point(|leaf| !bit(&leaf.path, depth)));
        let (left, right) =
            (Self::of(left, prefix.child(0), bytes, size), Self::of(right, prefix.child(1), bytes, size));
        let node = Sibling::join(left.node(), right.node());
        Self::Both(Box::new(left), Box::new(right), node)
    }

    fn node(&self) -> Sibling {
        match self {
            Self::Part(_, _, node) | Self::Both(_, _, node) => *node,
        }
    }

    /// Adds the parts below, whose path to the root from here on is `above`, from the root down.
    fn collect(&self, above: &mut Vec<Sibling>, parts: &mut Vec<StatePart<'a>>) {
        match self {
            Self::Part(prefix, leaves, _) => {
                let path = above.iter().rev().copied().collect();
                parts.push(StatePart { prefix: *prefix, leaves: leaves.to_vec(), path });
            }
            Self::Both(left, right, _) => {
                for (side, sibling) in [(left, right.node()), (right, left.node())] {
                    above.push(sibling);
                    side.collect(above, parts);
                    above.pop();
                }
            }
        }
    }
}
