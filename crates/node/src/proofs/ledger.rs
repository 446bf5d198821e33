//! The ledger as it was at the last height of the chain proof, to prove accounts under it. While there is no chain proof,
//! it is that of the proven height.
//!
//! ```text
//!   first question:  slots now ── operations backwards, height by height ──► slots at the proven height ──► tree
//!   later ones:      tree ── operations forwards ──► tree at the new proven height
//! ```
//! Nothing is stored for it: the ledger operations of finalized blocks can be undone. The root is compared with the
//! header's each time, so a mistake here refuses and never answers wrongly.

use primitives::{Address, Height, LedgerSlot, SlotIndex};
use storage::StorageError;
use tree::{LedgerBounds, LedgerProof, LedgerTree, undo};

use super::{Refused, header};
use crate::shared::Shared;

/// Most heights that are undone or replayed for one question.
pub const REPLAYED_MAX: u64 = 20_000;

/// Why there is no ledger at the proven height.
#[derive(Debug, thiserror::Error)]
pub enum LedgerFault {
    /// Nothing is proven yet.
    #[error("no window is proven on this node yet")]
    NothingProven,
    /// The proven height is too far behind.
    #[error("height {proven} is {blocks} heights away, at most {REPLAYED_MAX} are replayed for one question")]
    TooFar {
        /// The proven height.
        proven: Height,
        /// How many heights.
        blocks: u64,
    },
    /// The operations do not lead to the header's ledger.
    #[error("the operations up to height {height} do not lead to the ledger of its header")]
    OtherLedger {
        /// The proven height.
        height: Height,
    },
    /// A read failed.
    #[error("{0}")]
    Read(#[from] Refused),
    /// The chain has a fault.
    #[error("{0}")]
    Chain(#[from] replica::Fault),
}

impl From<StorageError> for LedgerFault {
    fn from(error: StorageError) -> Self {
        Self::Read(error.into())
    }
}

/// The ledger after one height.
pub struct ProvenLedger {
    height: Height,
    tree: LedgerTree,
}

impl ProvenLedger {
    /// The proof of `slot`'s content, if `address` has it, at that height.
    ///
    /// # Errors
    /// [`LedgerFault`]; the ledger is made again at the next question then.
    pub fn prove(
        shared: &Shared,
        slot: SlotIndex,
        address: &Address,
    ) -> Result<(Height, Option<LedgerProof>), LedgerFault> {
        let proven = match super::chain_height(shared) {
            Height::GENESIS => super::proven_height(shared),
            chain => chain,
        };
        if proven == Height::GENESIS {
            return Err(LedgerFault::NothingProven);
        }
        let mut kept = shared.proofs.ledger();
        let ledger = match kept.take() {
            Some(ledger) if ledger.height <= proven => ledger.forward(shared, proven)?,
            Some(_) | None => Self::backward(shared, proven)?,
        };
        let root = header(&shared.store, proven)?.map(|header| header.ledger_root);
        if root != Some(ledger.tree.root()) {
            return Err(LedgerFault::OtherLedger { height: proven });
        }
        let proof = ledger.tree.slot(slot).filter(|content| content.address == *address);
        let proof = proof.is_some().then(|| ledger.tree.prove(slot));
        *kept = Some(ledger);
        Ok((proven, proof))
    }

    fn forward(mut self, shared: &Shared, proven: Height) -> Result<Self, LedgerFault> {
        check_far(proven, proven.0.saturating_sub(self.height.0))?;
        let params = &shared.genesis.params;
        for height in (self.height.next().0..=proven.0).map(Height) {
            let operations = shared.store.operations(height)?.ok_or(LedgerFault::OtherLedger { height: proven })?;
            let bounds =
                LedgerBounds { supply_cap: params.supply_cap, issuance_max: params.issuance_per_block_max, height };
            let update =
                self.tree.apply(&bounds, &operations).map_err(|_| LedgerFault::OtherLedger { height: proven })?;
            self.tree.commit(update);
        }
        self.height = proven;
        Ok(self)
    }

    fn backward(shared: &Shared, proven: Height) -> Result<Self, LedgerFault> {
        let chain = shared.chain()?;
        let head = chain.head().height;
        check_far(proven, head.0.saturating_sub(proven.0))?;
        let mut slots: Vec<LedgerSlot> = chain.ledger_slots().to_vec();
        drop(chain);
        let wrong = || LedgerFault::OtherLedger { height: proven };
        for height in (proven.next().0..=head.0).rev().map(Height) {
            let operations = shared.store.operations(height)?.ok_or_else(wrong)?;
            undo(&mut slots, &operations).ok_or_else(wrong)?;
        }
        let tree = LedgerTree::new(slots).map_err(|_| wrong())?;
        Ok(Self { height: proven, tree })
    }
}

fn check_far(proven: Height, blocks: u64) -> Result<(), LedgerFault> {
    if blocks > REPLAYED_MAX { Err(LedgerFault::TooFar { proven, blocks }) } else { Ok(()) }
}
