//! The provable ledger: every account is a leaf of one dense Merkle tree of depth 30.
//!
//! ```text
//!   level 30                      root
//!   level 29              ●                  ∅₂₉          ∅ₖ = compress(∅ₖ₋₁, ∅ₖ₋₁), ∅₀ = eight zeros
//!     ⋮                  ⋱
//!   level 0      slot 0  slot 1  …  slot n−1  ∅₀  ∅₀ …    n = next_slot
//! ```
//!
//! Model: the accounts fill a prefix of the slots, so each level is one vector over its used prefix, and what
//! is beyond it has the level's empty digest. An update collects the touched slots, then hashes them level by
//! level over the touched nodes only, in SIMD packs; its cost is about (touched slots) × 30 hashes at worst.
//!
//! Rules
//! - [`LedgerTree::apply`] changes nothing; [`LedgerTree::commit`] installs its result, and only on the ledger
//!   that it was computed from.
//! - The sum of all balances is the supply (see [`rules`](OpError) for the rules of each operation).
//!
//! Read next: `rules.rs` (what operations do), `proof.rs` (proofs of one slot), `range.rs` (of many).

mod proof;
mod range;
mod rules;
mod undo;

use std::collections::BTreeMap;

use primitives::ledger::{LEDGER_DEPTH, SLOTS_MAX};
use primitives::{Amount, LedgerDigest, LedgerOp, LedgerSlot, SlotIndex};

use crate::hash::{Digest, EMPTY_LEAF, Pair, hash_pair, hash_pairs, hash_rows, to_ledger, to_row};

pub use proof::LedgerProof;
pub use range::verify_range;
use rules::Draft;
pub use rules::{LedgerBounds, OpError};
pub use undo::undo;

/// Leaves converted and hashed at a time when the tree is built; bounds the memory it needs on top.
const ROWS_PER_STEP: usize = 4_096;

/// Digests of whole empty subtrees, by level.
type EmptyDigests = [Digest; LEDGER_DEPTH + 1];

/// Slots that are no ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// More slots than the tree has.
    #[error("{count} ledger slots, the tree has 2^30")]
    TooManySlots {
        /// How many there are.
        count: usize,
    },
    /// The balances add up to 2^63 µBLOCK or more.
    #[error("the balances of slots 0 to {slot} add up to 2^63 µBLOCK or more")]
    SupplyOverflow {
        /// Where the sum leaves the range.
        slot: usize,
    },
}

/// The whole ledger in memory: the accounts and every node above them.
#[derive(Debug, Clone)]
pub struct LedgerTree {
    slots: Vec<LedgerSlot>,
    /// `levels[k]` is the used prefix of level k; level 0 are the leaves.
    levels: Vec<Vec<Digest>>,
    empty: EmptyDigests,
    root: LedgerDigest,
    supply: Amount,
    next_slot: u32,
}

/// What a list of operations makes of a ledger; nothing is changed until it is committed.
#[derive(Debug, Clone)]
pub struct LedgerUpdate {
    /// The new content of every touched slot.
    pub slots: BTreeMap<SlotIndex, LedgerSlot>,
    /// The root after the operations.
    pub root: LedgerDigest,
    /// The sum of all balances after the operations, µBLOCK.
    pub supply: Amount,
    /// The next free slot after the operations.
    pub next_slot: u32,
    /// The changed nodes of each level in ascending order, the root's level last.
    nodes: Vec<Vec<(u32, Digest)>>,
    /// The root that the operations were applied to.
    before: LedgerDigest,
}

impl LedgerTree {
    /// Builds the tree over `slots`, slot 0 first.
    ///
    /// # Errors
    /// [`LedgerError`] when there are more than 2^30 slots or the balances add up to 2^63 µBLOCK.
    pub fn new(slots: Vec<LedgerSlot>) -> Result<Self, LedgerError> {
        let next_slot = u32::try_from(slots.len())
            .ok()
            .filter(|count| *count <= SLOTS_MAX)
            .ok_or(LedgerError::TooManySlots { count: slots.len() })?;
        let mut supply = Amount::ZERO;
        for (slot, content) in slots.iter().enumerate() {
            supply = supply.checked_add(content.balance).ok_or(LedgerError::SupplyOverflow { slot })?;
        }
        let empty = empty_digests();
        let levels = build_levels(&slots, &empty);
        let root = to_ledger(levels[LEDGER_DEPTH].first().unwrap_or(&empty[LEDGER_DEPTH]));
        Ok(Self { slots, levels, empty, root, supply, next_slot })
    }

    /// The root.
    pub fn root(&self) -> LedgerDigest {
        self.root
    }

    /// The next free slot, which is the number of accounts.
    pub fn next_slot(&self) -> u32 {
        self.next_slot
    }

    /// The sum of all balances, µBLOCK.
    pub fn supply(&self) -> Amount {
        self.supply
    }

    /// The account in `slot`, or `None` when it was never opened.
    pub fn slot(&self, slot: SlotIndex) -> Option<&LedgerSlot> {
        self.slots.get(position(slot.get()))
    }

    /// Every account, slot 0 first.
    pub fn slots(&self) -> &[LedgerSlot] {
        &self.slots
    }

    /// Applies one block's operations without changing the ledger.
    ///
    /// # Errors
    /// The first [`OpError`] in the order of the list.
    pub fn apply(&self, bounds: &LedgerBounds, ops: &[LedgerOp]) -> Result<LedgerUpdate, OpError> {
        let mut draft = Draft::new(&self.slots, self.next_slot, self.supply);
        draft.run(bounds, ops)?;
        let Draft { touched, next_slot, supply, .. } = draft;
        let nodes = self.rehash(&touched);
        let root = nodes[LEDGER_DEPTH].first().map_or(self.root, |(_, digest)| to_ledger(digest));
        Ok(LedgerUpdate { slots: touched, root, supply, next_slot, nodes, before: self.root })
    }

    /// Installs an update.
    ///
    /// # Panics
    /// When the update was computed from another ledger: installing it would break the root.
    pub fn commit(&mut self, update: LedgerUpdate) {
        assert_eq!(update.before, self.root, "a ledger update is committed on the ledger it was computed from");
        for (level, changed) in self.levels.iter_mut().zip(update.nodes) {
            for (index, digest) in changed {
                set_or_push(level, position(index), digest);
            }
        }
        for (slot, content) in update.slots {
            set_or_push(&mut self.slots, position(slot.get()), content);
        }
        self.root = update.root;
        self.supply = update.supply;
        self.next_slot = update.next_slot;
    }

    /// The proof of what `slot` holds, which may be nothing.
    pub fn prove(&self, slot: SlotIndex) -> LedgerProof {
        let siblings = std::array::from_fn(|level| to_ledger(&self.node(level, (slot.get() >> level) ^ 1)));
        LedgerProof { slot, content: self.slot(slot).copied(), siblings }
    }

    /// The digest at `index` of `level`, stored or empty.
    fn node(&self, level: usize, index: u32) -> Digest {
        self.levels[level].get(position(index)).copied().unwrap_or(self.empty[level])
    }

    /// The changed nodes of every level, from the touched slots up.
    fn rehash(&self, touched: &BTreeMap<SlotIndex, LedgerSlot>) -> Vec<Vec<(u32, Digest)>> {
        let rows: Vec<_> = touched.values().map(|slot| to_row(&slot.elements())).collect();
        let leaves = touched.keys().map(|slot| slot.get()).zip(hash_rows(&rows)).collect();
        let mut nodes: Vec<Vec<(u32, Digest)>> = Vec::with_capacity(LEDGER_DEPTH + 1);
        nodes.push(leaves);
        for level in 0..LEDGER_DEPTH {
            let parents = self.parents(level, &nodes[level]);
            nodes.push(parents);
        }
        nodes
    }

    /// The parents of the changed nodes of `level`, which are in ascending order, and so is the result.
    fn parents(&self, level: usize, changed: &[(u32, Digest)]) -> Vec<(u32, Digest)> {
        let mut indices: Vec<u32> = Vec::with_capacity(changed.len());
        let mut pairs: Vec<Pair> = Vec::with_capacity(changed.len());
        for (index, digest) in changed {
            let (parent, side) = (index / 2, position(index % 2));
            if indices.last() != Some(&parent) {
                indices.push(parent);
                pairs.push([self.node(level, 2 * parent), self.node(level, 2 * parent + 1)]);
            }
            if let Some(pair) = pairs.last_mut() {
                pair[side] = *digest;
            }
        }
        indices.into_iter().zip(hash_pairs(&pairs)).collect()
    }
}

/// The place of a slot or node in its vector.
fn position(index: u32) -> usize {
    usize::try_from(index).expect("a usize has at least 32 bits")
}

/// Overwrites item `at`, or appends it when it is the next one. Opened slots are consecutive, and so are
/// the new nodes above them, so there is never a gap.
fn set_or_push<T>(items: &mut Vec<T>, at: usize, item: T) {
    match items.get_mut(at) {
        Some(place) => *place = item,
        None => {
            debug_assert_eq!(at, items.len(), "no gap");
            items.push(item);
        }
    }
}

fn empty_digests() -> EmptyDigests {
    let mut empty = [EMPTY_LEAF; LEDGER_DEPTH + 1];
    for level in 0..LEDGER_DEPTH {
        empty[level + 1] = hash_pair(&[empty[level], empty[level]]);
    }
    empty
}

fn build_levels(slots: &[LedgerSlot], empty: &EmptyDigests) -> Vec<Vec<Digest>> {
    let mut leaves = Vec::with_capacity(slots.len());
    for some in slots.chunks(ROWS_PER_STEP) {
        let rows: Vec<_> = some.iter().map(|slot| to_row(&slot.elements())).collect();
        leaves.extend(hash_rows(&rows));
    }
    let mut levels: Vec<Vec<Digest>> = Vec::with_capacity(LEDGER_DEPTH + 1);
    levels.push(leaves);
    for level in 0..LEDGER_DEPTH {
        let below = &levels[level];
        let mut above = Vec::with_capacity(below.len().div_ceil(2));
        for some in below.chunks(2 * ROWS_PER_STEP) {
            let pairs: Vec<Pair> = some
                .chunks(2)
                .map(|children| [children[0], children.get(1).copied().unwrap_or(empty[level])])
                .collect();
            above.extend(hash_pairs(&pairs));
        }
        levels.push(above);
    }
    levels
}
