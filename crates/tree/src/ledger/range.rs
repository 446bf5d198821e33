//! Aligned ranges of slots with their path to the root: how a copy of the ledger is checked piece by piece.
//!
//! ```text
//!   level 30                    root
//!     ⋮                        ⋱   siblings of the path, from the range up
//!   level k             node (k, i)
//!                      ╱           ╲
//!   level 0      slot i·2ᵏ  …  slot (i+1)·2ᵏ − 1          slots beyond the last account are empty
//! ```
//!
//! Rules
//! - Verification is total: any slots and siblings give a verdict, none a panic.
//! - What verifies is exactly what the ledger with that root holds in the range: no slot more, none less.

use primitives::ledger::LEDGER_DEPTH;
use primitives::{LedgerDigest, LedgerSlot};

use super::{LedgerTree, ROWS_PER_STEP};
use crate::hash::{Digest, EMPTY_LEAF, Pair, from_ledger, hash_pair, hash_pairs, hash_rows, to_ledger, to_row};

impl LedgerTree {
    /// The siblings of the path from node `index` of `level` to the root, from below. Empty above the root's level.
    pub fn path(&self, level: usize, index: u32) -> Vec<LedgerDigest> {
        let above = level.min(LEDGER_DEPTH)..LEDGER_DEPTH;
        above.zip(0_u32..).map(|(level, up)| to_ledger(&self.node(level, (index >> up.min(31)) ^ 1))).collect()
    }
}

/// True when the ledger with this root holds exactly `slots` from slot `index · 2^level` on, and nothing in the rest of
/// the 2^`level` slots there. `path` leads from there to the root, from below. Total on any input.
pub fn verify_range(
    root: &LedgerDigest,
    level: usize,
    index: u32,
    slots: &[LedgerSlot],
    path: &[LedgerDigest],
) -> bool {
    if level > LEDGER_DEPTH || path.len() != LEDGER_DEPTH - level {
        return false;
    }
    let Some(mut digest) = subtree(level, slots) else { return false };
    let mut index = index;
    for sibling in path {
        let sibling = from_ledger(sibling);
        digest = hash_pair(&if index & 1 == 0 { [digest, sibling] } else { [sibling, digest] });
        index >>= 1;
    }
    index == 0 && to_ledger(&digest) == *root
}

/// The digest of a sub-tree of `level` whose first leaves are `slots`; none when they are more than it has.
fn subtree(level: usize, slots: &[LedgerSlot]) -> Option<Digest> {
    let room = 1_u64.checked_shl(u32::try_from(level).ok()?)?;
    if u64::try_from(slots.len()).ok()? > room {
        return None;
    }
    let mut nodes: Vec<Digest> = Vec::with_capacity(slots.len());
    for some in slots.chunks(ROWS_PER_STEP) {
        let rows: Vec<_> = some.iter().map(|slot| to_row(&slot.elements())).collect();
        nodes.extend(hash_rows(&rows));
    }
    let mut empty = EMPTY_LEAF;
    for _ in 0..level {
        let pairs: Vec<Pair> = nodes
            .chunks(2)
            .filter_map(|children| Some([*children.first()?, children.get(1).copied().unwrap_or(empty)]))
            .collect();
        nodes = hash_pairs(&pairs);
        empty = hash_pair(&[empty, empty]);
    }
    Some(nodes.first().copied().unwrap_or(empty))
}
