//! Takes operations back: from the slots after a block to the slots before it.
//!
//! Every operation of the closed list says exactly what it changed, so a list of them can be taken back without
//! anything being remembered.

use primitives::ledger::{FEE_POT, ISSUANCE_POT};
use primitives::{Amount, LedgerOp, LedgerSlot, Nonce, SlotIndex};

use super::position;

/// Takes back `ops`, which led to `slots`, the last one first. None when they did not: the slots are then spoilt.
#[must_use]
pub fn undo(slots: &mut Vec<LedgerSlot>, ops: &[LedgerOp]) -> Option<()> {
    for op in ops.iter().rev() {
        match *op {
            LedgerOp::Open { slot, address } => {
                let opened = slots.pop()?;
                let is_fresh = opened == LedgerSlot { address, nonce: Nonce::default(), balance: Amount::ZERO };
                if !is_fresh || slots.len() != position(slot.get()) {
                    return None;
                }
            }
            LedgerOp::Charge { slot, fee } => {
                take(slots, FEE_POT, fee)?;
                give(slots, slot, fee)?;
                let payer = slots.get_mut(position(slot.get()))?;
                payer.nonce = Nonce::new(payer.nonce.get().checked_sub(1)?)?;
            }
            LedgerOp::Transfer { from, to, amount } => {
                take(slots, to, amount)?;
                give(slots, from, amount)?;
            }
            LedgerOp::Burn { slot, amount } => give(slots, slot, amount)?,
            LedgerOp::Seal { issuance, .. } => take(slots, ISSUANCE_POT, issuance)?,
        }
    }
    Some(())
}

fn take(slots: &mut [LedgerSlot], slot: SlotIndex, amount: Amount) -> Option<()> {
    let slot = slots.get_mut(position(slot.get()))?;
    slot.balance = slot.balance.checked_sub(amount)?;
    Some(())
}

fn give(slots: &mut [LedgerSlot], slot: SlotIndex, amount: Amount) -> Option<()> {
    let slot = slots.get_mut(position(slot.get()))?;
    slot.balance = slot.balance.checked_add(amount)?;
    Some(())
}
