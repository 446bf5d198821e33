//! Which blocks of a window are proven together.
//!
//! ```text
//!   window:  block │ block │ block │ block │ block │ block       each block fits into a part: a rule of blocks (BLK-24)
//!   parts:   └────── 1 ──────┘ └── 2 ──┘ └────── 3 ──────┘        as many blocks as the limits admit, then the next part
//! ```
//!
//! Nearly every window is one part, which is the window itself. The parts of a larger one are proven one by one and folded
//! into the chain proof, because neighbouring statements join wherever a block ends.
//!
//! Rules
//! - Parts cover all blocks, in order, and none is empty. They follow from the operations and the limits alone, so every
//!   prover finds the same ones, also after a restart.
//! - No part is above the limits unless it is a single block, which no chain of this version has.
//!
//! Read next: `primitives/src/part.rs` (what fits), [`crate::replay`] (refuses what does not).

use primitives::{Height, LedgerOp, PartLimits, PartMeter};

/// A run of blocks that is proven at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Its first height.
    pub first: Height,
    /// Its last height.
    pub last: Height,
    /// Its ledger operations.
    pub operations: usize,
}

/// Splits the blocks of a window, one after another.
#[derive(Debug)]
pub struct Splitter {
    limits: PartLimits,
    next_slot: u32,
    meter: PartMeter,
    parts: Vec<Part>,
}

impl Splitter {
    /// For a window that starts with so many ledger slots in use.
    pub fn new(limits: PartLimits, next_slot: u32) -> Self {
        Self { limits, next_slot, meter: PartMeter::new(next_slot), parts: Vec::new() }
    }

    /// Adds the next block. Gives how many parts there are so far.
    pub fn add(&mut self, height: Height, operations: &[LedgerOp]) -> usize {
        let mut block = PartMeter::new(self.next_slot);
        block.add(operations);
        self.next_slot = block.size().next_slot;
        let fits = self.limits.admit(&self.meter.with(&block));
        match self.parts.last_mut() {
            Some(part) if fits => {
                part.last = height;
                part.operations = part.operations.saturating_add(operations.len());
                self.meter.join(block);
            }
            _ => {
                self.parts.push(Part { first: height, last: height, operations: operations.len() });
                self.meter = block;
            }
        }
        self.parts.len()
    }

    /// The parts.
    pub fn parts(self) -> Vec<Part> {
        self.parts
    }
}

/// The parts of a window of these blocks, which starts with so many ledger slots in use.
pub fn split(limits: PartLimits, next_slot: u32, blocks: &[(Height, Vec<LedgerOp>)]) -> Vec<Part> {
    let mut splitter = Splitter::new(limits, next_slot);
    for (height, operations) in blocks {
        splitter.add(*height, operations);
    }
    splitter.parts()
}
