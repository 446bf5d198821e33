//! Rows of the merkle table, level by level from the touched leaves to the root.

use std::collections::BTreeMap;

use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use primitives::LedgerDigest;
use primitives::ledger::LEDGER_DEPTH;
use proof::airs::merkle::MerkleColumns;
use proof::statement::digest;

use super::flag;
use crate::hash::{Half, node};
use crate::replay::ProveError;
use crate::tables::Lookups;
use crate::witness::NodeIndex;

/// A node before and after the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// Its digest before.
    pub old: Half,
    /// Its digest after.
    pub new: Half,
}

/// The rows above the touched leaves, and the root.
///
/// # Errors
/// [`ProveError::SiblingMissing`] when the witness lacks a node beside a path.
pub fn rows(
    leaves: BTreeMap<u32, Changed>,
    siblings: &BTreeMap<NodeIndex, LedgerDigest>,
) -> Result<(Vec<MerkleColumns<F>>, Changed), ProveError> {
    let mut rows = Vec::new();
    let mut below = leaves;
    for level in 1..=LEDGER_DEPTH {
        let mut above = BTreeMap::new();
        let child = |index: u32| {
            let touched = below.get(&index).copied();
            let untouched =
                || siblings.get(&(level - 1, index)).map(digest).map(|same| Changed { old: same, new: same });
            let changed = touched.or_else(untouched);
            changed
                .map(|changed| (touched.is_some(), changed))
                .ok_or(ProveError::SiblingMissing { level: level - 1, index })
        };
        for index in below.keys().map(|index| index / 2) {
            if above.contains_key(&index) {
                continue;
            }
            let (left_touched, left) = child(2 * index)?;
            let (right_touched, right) = child(2 * index + 1)?;
            let changed = Changed { old: node(left.old, right.old), new: node(left.new, right.new) };
            rows.push(MerkleColumns {
                real: F::ONE,
                level: F::from_usize(level),
                index: F::from_u32(index),
                left_touched: flag(left_touched),
                right_touched: flag(right_touched),
                left_old: left.old,
                left_new: left.new,
                right_old: right.old,
                right_new: right.new,
                old: changed.old,
                new: changed.new,
            });
            above.insert(index, changed);
        }
        below = above;
    }
    let root = below.get(&0).copied().ok_or(ProveError::NothingTouched)?;
    Ok((rows, root))
}

/// What the row looks up.
pub fn look_up(row: &MerkleColumns<F>, lookups: &mut Lookups) {
    lookups.compress(row.left_old, row.right_old);
    lookups.compress(row.left_new, row.right_new);
}
