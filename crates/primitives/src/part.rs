//! What fits into one proof: the size of a run of whole blocks, counted in operations and in hashes.
//!
//! ```text
//!   operation ── 3 hashes          touched slot ── 3          inner node above touched slots ── 2
//!   nodes of level l  ≤  min(touched slots, places of level l in use)
//! ```
//!
//! A proof commits 2^27 cells. The table of hashes is the widest by far and has a power of two of rows, so it takes half
//! of all cells at 2^18 rows and more than there are at 2^19: hashes decide what fits, and every other table fits beside it.
//!
//! Rules
//! - Each block fits into one part: a validity rule (`spec/blocks.md`, BLK-18 and BLK-24). So every window can be proven,
//!   in one part or in several.
//! - The size is an upper bound that needs no tree: how many slots are touched and how many are in use is enough.
//!
//! Read next: `state/src/block.rs` (blocks), `prover/src/parts.rs` (windows), `spec/proofs.md` (parts).

use std::collections::BTreeSet;

use crate::ledger::{FEE_POT, ISSUANCE_POT, LEDGER_DEPTH, LedgerOp, SlotIndex};

/// Most ledger operations of a part, and so of a block.
pub const PART_OPS_MAX: usize = 1 << 16;
/// Most hashes of a part, and so of a block.
pub const PART_HASHES_MAX: u64 = 1 << 18;
/// Hashes for an operation: two for its row, one for the running digest.
pub const OP_HASHES: u64 = 3;
/// Hashes for a touched slot: one for its address, one for its content before and after each.
pub const SLOT_HASHES: u64 = 3;
/// Hashes for an inner node above touched slots: before and after.
pub const NODE_HASHES: u64 = 2;

/// How large a part may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartLimits {
    /// Most ledger operations.
    pub operations: usize,
    /// Most hashes.
    pub hashes: u64,
}

impl PartLimits {
    /// Those of this version.
    pub const PART: Self = Self { operations: PART_OPS_MAX, hashes: PART_HASHES_MAX };

    /// Whether a part of this size is within them.
    pub fn admit(&self, size: &PartSize) -> bool {
        size.operations <= self.operations && size.hashes() <= self.hashes
    }
}

/// How large a run of blocks is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PartSize {
    /// Ledger operations.
    pub operations: usize,
    /// Different slots that they touch.
    pub slots: usize,
    /// Ledger slots in use after them.
    pub next_slot: u32,
}

impl PartSize {
    /// Inner nodes of the ledger tree above the touched slots, at most.
    pub fn nodes(&self) -> u64 {
        let slots = u64::try_from(self.slots).unwrap_or(u64::MAX);
        let places = |level: usize| u64::from(self.next_slot.saturating_sub(1) >> level) + 1;
        (1..=LEDGER_DEPTH).fold(0, |sum: u64, level| sum.saturating_add(slots.min(places(level))))
    }

    /// Hashes that its proof has rows for, at most.
    pub fn hashes(&self) -> u64 {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let operations = count(self.operations).saturating_mul(OP_HASHES);
        let slots = count(self.slots).saturating_mul(SLOT_HASHES);
        operations.saturating_add(slots).saturating_add(self.nodes().saturating_mul(NODE_HASHES))
    }
}

/// The slots that an operation changes.
pub fn touched(op: &LedgerOp) -> impl Iterator<Item = SlotIndex> + use<> {
    let (first, second) = match *op {
        LedgerOp::Open { slot, .. } | LedgerOp::Burn { slot, .. } => (slot, None),
        LedgerOp::Charge { slot, .. } => (slot, Some(FEE_POT)),
        LedgerOp::Transfer { from, to, .. } => (from, Some(to)),
        LedgerOp::Seal { .. } => (ISSUANCE_POT, None),
    };
    std::iter::once(first).chain(second)
}

/// Measures operations, one after another.
#[derive(Debug, Clone, Default)]
pub struct PartMeter {
    operations: usize,
    slots: BTreeSet<SlotIndex>,
    next_slot: u32,
}

impl PartMeter {
    /// Nothing yet, on a ledger with so many slots in use.
    pub fn new(next_slot: u32) -> Self {
        Self { next_slot, ..Self::default() }
    }

    /// Adds operations.
    pub fn add(&mut self, operations: &[LedgerOp]) {
        self.operations = self.operations.saturating_add(operations.len());
        for op in operations {
            self.slots.extend(touched(op));
            if matches!(op, LedgerOp::Open { .. }) {
                self.next_slot = self.next_slot.saturating_add(1);
            }
        }
    }

    /// The size with the operations of a later meter behind it.
    pub fn with(&self, later: &Self) -> PartSize {
        PartSize {
            operations: self.operations.saturating_add(later.operations),
            slots: self.slots.len().saturating_add(later.slots.difference(&self.slots).count()),
            next_slot: later.next_slot.max(self.next_slot),
        }
    }

    /// Takes in the operations of a later meter.
    pub fn join(&mut self, later: Self) {
        self.operations = self.operations.saturating_add(later.operations);
        self.slots.extend(later.slots);
        self.next_slot = self.next_slot.max(later.next_slot);
    }

    /// The size so far.
    pub fn size(&self) -> PartSize {
        PartSize { operations: self.operations, slots: self.slots.len(), next_slot: self.next_slot }
    }
}
