//! Proof of one slot's content, or of its emptiness, under a ledger root.
//!
//! ```text
//!   bytes: slot u32 | 0, or 1 and the slot's 46 bytes | 30 sibling digests of 32 bytes, from the leaf up
//! ```
//!
//! Bit k of the slot's index says on which side the path is at level k: 0 left, 1 right. Verification is
//! total: the number of siblings is part of the type, and decoding refuses indices and elements out of range.

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::ledger::LEDGER_DEPTH;
use primitives::{Address, Amount, LedgerDigest, LedgerSlot, Nonce, SlotIndex};
use serde::{Deserialize, Serialize};

use crate::hash::{EMPTY_LEAF, from_ledger, hash_pair, hash_row, to_ledger, to_row};

/// What one slot holds, checkable against a ledger root.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(try_from = "LedgerProofText", into = "LedgerProofText")]
pub struct LedgerProof {
    /// The slot.
    pub slot: SlotIndex,
    /// Its account, or `None` for a slot that was never opened.
    pub content: Option<LedgerSlot>,
    /// The sibling digests, from the leaf up.
    pub siblings: [LedgerDigest; LEDGER_DEPTH],
}

impl LedgerProof {
    /// True when the slot has this content in the ledger with this root. Total on any input.
    pub fn verify(&self, root: &LedgerDigest) -> bool {
        let leaf = self.content.map_or(EMPTY_LEAF, |slot| hash_row(&to_row(&slot.elements())));
        let index = self.slot.get();
        let computed = self.siblings.iter().enumerate().fold(leaf, |below, (level, sibling)| {
            let sibling = from_ledger(sibling);
            if (index >> level) & 1 == 0 { hash_pair(&[below, sibling]) } else { hash_pair(&[sibling, below]) }
        });
        to_ledger(&computed) == *root
    }
}

/// The JSON form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LedgerProofText {
    slot: u32,
    content: Option<LedgerSlotText>,
    siblings: Vec<LedgerDigest>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LedgerSlotText {
    address: Address,
    nonce: Nonce,
    balance: Amount,
}

impl From<LedgerProof> for LedgerProofText {
    fn from(proof: LedgerProof) -> Self {
        let content = proof.content.map(|slot| LedgerSlotText {
            address: slot.address,
            nonce: slot.nonce,
            balance: slot.balance,
        });
        Self { slot: proof.slot.get(), content, siblings: proof.siblings.to_vec() }
    }
}

/// A JSON form that is no ledger proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum LedgerProofTextError {
    #[error("slot {0} is 2^30 or more")]
    Slot(u32),
    #[error("a ledger proof has 30 siblings, this one has {0}")]
    Siblings(usize),
}

impl TryFrom<LedgerProofText> for LedgerProof {
    type Error = LedgerProofTextError;
    fn try_from(text: LedgerProofText) -> Result<Self, LedgerProofTextError> {
        let slot = SlotIndex::new(text.slot).ok_or(LedgerProofTextError::Slot(text.slot))?;
        let siblings = <[LedgerDigest; LEDGER_DEPTH]>::try_from(text.siblings)
            .map_err(|siblings| LedgerProofTextError::Siblings(siblings.len()))?;
        let content =
            text.content.map(|slot| LedgerSlot { address: slot.address, nonce: slot.nonce, balance: slot.balance });
        Ok(Self { slot, content, siblings })
    }
}
