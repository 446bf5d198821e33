//! What a prover is given: the operations of a window, or of a part of it, and the part of the ledger that they touch.
//!
//! ```text
//!   slots     the content of every touched slot before the window; none for those that it opens
//!   siblings  the digest of every node beside a path from a touched slot to the root that is not itself on one
//! ```
//!
//! A witness is small enough to be sent to another machine and needs nothing but itself to be proven. It is not
//! trusted: a wrong one makes [`crate::ProveError`], or a proof of another statement.
//!
//! Read next: [`crate::replay`].

use std::collections::BTreeMap;

use primitives::ledger::LEDGER_DEPTH;
use primitives::part::touched;
use primitives::{Address, Amount, Hash, Height, LedgerDigest, LedgerOp, LedgerSlot, PartMeter, PartSize, SlotIndex};
use proof::LedgerPoint;
use tree::LedgerTree;

/// A node of the ledger tree: level, 0 for leaves, and place within it.
pub type NodeIndex = (usize, u32);

/// What a window is proven from.
#[derive(Debug, Clone)]
pub struct WindowWitness {
    /// The chain and its constants.
    pub chain: ChainConstants,
    /// Who is to be paid for the proof.
    pub payout: Address,
    /// The ledger before the window.
    pub before: LedgerPoint,
    /// The operations of each block of the window, in order.
    pub blocks: Vec<(Height, Vec<LedgerOp>)>,
    /// What every touched slot held before the window.
    pub slots: BTreeMap<SlotIndex, Option<LedgerSlot>>,
    /// The untouched nodes beside the paths.
    pub siblings: BTreeMap<NodeIndex, LedgerDigest>,
}

/// What does not change along a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainConstants {
    /// The chain.
    pub genesis: Hash,
    /// Most new money in a block, µBLOCK.
    pub issuance_max: Amount,
    /// All the money there may ever be, µBLOCK.
    pub supply_cap: Amount,
}

impl WindowWitness {
    /// The witness of the window that follows `ledger`. Whether the operations obey the rules is not looked at.
    pub fn of_ledger(
        ledger: &LedgerTree,
        chain: ChainConstants,
        height: Height,
        ops_digest: LedgerDigest,
        payout: Address,
        blocks: Vec<(Height, Vec<LedgerOp>)>,
    ) -> Self {
        let before = LedgerPoint {
            height,
            ledger_root: ledger.root(),
            ops_digest,
            supply: ledger.supply(),
            next_slot: ledger.next_slot(),
        };
        let mut slots = BTreeMap::new();
        for slot in blocks.iter().flat_map(|(_, ops)| ops).flat_map(touched) {
            slots.entry(slot).or_insert_with(|| ledger.slot(slot).copied());
        }
        let siblings = siblings(ledger, &slots);
        Self { chain, payout, before, blocks, slots, siblings }
    }

    /// How large its proof is.
    pub fn size(&self) -> PartSize {
        let mut meter = PartMeter::new(self.before.next_slot);
        self.blocks.iter().for_each(|(_, operations)| meter.add(operations));
        meter.size()
    }
}

/// The digests of the untouched nodes beside the paths of these slots.
fn siblings(ledger: &LedgerTree, slots: &BTreeMap<SlotIndex, Option<LedgerSlot>>) -> BTreeMap<NodeIndex, LedgerDigest> {
    let mut siblings = BTreeMap::new();
    let on_path = |level: usize, index: u32| {
        let first = u64::from(index) << level;
        let end = (u64::from(index) + 1) << level;
        let slot = |at: u64| u32::try_from(at).ok().and_then(SlotIndex::new);
        match (slot(first), slot(end)) {
            (Some(first), Some(end)) => slots.range(first..end).next().is_some(),
            (Some(first), None) => slots.range(first..).next().is_some(),
            (None, _) => false,
        }
    };
    for slot in slots.keys() {
        let proof = ledger.prove(*slot);
        for (level, digest) in proof.siblings.iter().enumerate().take(LEDGER_DEPTH) {
            let index = (slot.get() >> level) ^ 1;
            if !on_path(level, index) {
                siblings.insert((level, index), *digest);
            }
        }
    }
    siblings
}
