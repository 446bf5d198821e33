//! The ledger rules: what each operation of the closed list does, and every way it can be refused.
//!
//! | operation | checks, in this order | effect |
//! |---|---|---|
//! | open | a slot is left; `slot` is the next one | the slot holds the address, nonce 0, no money |
//! | charge | slot, balance, nonce, fee pot | balance − fee, nonce + 1, fee pot + fee |
//! | transfer | `from`, balance, `to` | `from` − amount, then `to` + amount |
//! | burn | slot, balance | balance − amount, supply − amount |
//! | seal | last; height; issuance bound; supply cap; issuance pot | issuance pot + issuance, supply + issuance |
//!
//! Invariants
//! - The sum of all balances is the supply, and the supply stays below 2^63. So no credit overflows.
//! - A transfer to the same slot is a debit and then a credit: it needs the money and changes nothing.
//! - Only `seal` makes money, at most the bound per block.
//!
//! How many operations or opened slots a block may hold is a governed value that `state` checks.

use std::collections::BTreeMap;

use primitives::ledger::{FEE_POT, ISSUANCE_POT, SLOTS_MAX};
use primitives::{Address, Amount, Height, LedgerOp, LedgerSlot, Nonce, SlotIndex};

use super::position;

/// What the genesis file and the block's height allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerBounds {
    /// All the money there may ever be, µBLOCK.
    pub supply_cap: Amount,
    /// Most new money in this block, µBLOCK.
    pub issuance_max: Amount,
    /// The height of the block that the operations belong to.
    pub height: Height,
}

/// A rule that an operation breaks. `op` is its position in the list, from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpError {
    /// The slot holds no account.
    #[error("operation {op} names slot {slot}, which holds no account")]
    UnknownSlot {
        /// Position in the list.
        op: usize,
        /// The slot.
        slot: SlotIndex,
    },
    /// Slots are opened one after another.
    #[error("operation {op} opens slot {slot}, but the next free slot is {next}")]
    NotNextSlot {
        /// Position in the list.
        op: usize,
        /// The slot named.
        slot: SlotIndex,
        /// The one that is next.
        next: u32,
    },
    /// All 2^30 slots are taken.
    #[error("operation {op} opens a slot, but all 2^30 slots are taken")]
    LedgerFull {
        /// Position in the list.
        op: usize,
    },
    /// The account has less than is taken.
    #[error("operation {op} takes {amount} BLOCK from slot {slot}, which holds {balance} BLOCK")]
    Overdraft {
        /// Position in the list.
        op: usize,
        /// The debited slot.
        slot: SlotIndex,
        /// What it holds.
        balance: Amount,
        /// What was to be taken.
        amount: Amount,
    },
    /// The account's nonce is at the end of its range.
    #[error("operation {op} charges slot {slot}, whose nonce is already 2^63 - 1")]
    NonceExhausted {
        /// Position in the list.
        op: usize,
        /// The charged slot.
        slot: SlotIndex,
    },
    /// Something follows a seal.
    #[error("operation {op} is a seal, but it is not the last operation")]
    SealNotLast {
        /// Position in the list.
        op: usize,
    },
    /// The list does not end in a seal.
    #[error("the last of {count} operations is not a seal")]
    SealMissing {
        /// Operations in the list.
        count: usize,
    },
    /// The seal is for another block.
    #[error("operation {op} seals height {found}, but the block's height is {expected}")]
    WrongHeight {
        /// Position in the list.
        op: usize,
        /// The height in the seal.
        found: Height,
        /// The block's height.
        expected: Height,
    },
    /// More new money than a block may make.
    #[error("operation {op} issues {issuance} BLOCK, at most {bound} BLOCK are allowed in a block")]
    IssuanceAboveBound {
        /// Position in the list.
        op: usize,
        /// The new money.
        issuance: Amount,
        /// The bound.
        bound: Amount,
    },
    /// More money than there may ever be.
    #[error("operation {op} issues {issuance} BLOCK on top of a supply of {supply} BLOCK, the cap is {cap} BLOCK")]
    SupplyAboveCap {
        /// Position in the list.
        op: usize,
        /// The new money.
        issuance: Amount,
        /// The supply before it.
        supply: Amount,
        /// The cap.
        cap: Amount,
    },
}

/// The ledger in the middle of a block: what was touched, over what was there.
pub(super) struct Draft<'a> {
    before: &'a [LedgerSlot],
    pub(super) touched: BTreeMap<SlotIndex, LedgerSlot>,
    pub(super) next_slot: u32,
    pub(super) supply: Amount,
}

impl<'a> Draft<'a> {
    pub(super) fn new(before: &'a [LedgerSlot], next_slot: u32, supply: Amount) -> Self {
        Self { before, touched: BTreeMap::new(), next_slot, supply }
    }

    /// Applies the whole list, which must end in its only seal.
    pub(super) fn run(&mut self, bounds: &LedgerBounds, ops: &[LedgerOp]) -> Result<(), OpError> {
        for (op, operation) in ops.iter().enumerate() {
            match *operation {
                LedgerOp::Open { slot, address } => self.open(op, slot, address)?,
                LedgerOp::Charge { slot, fee } => self.charge(op, slot, fee)?,
                LedgerOp::Transfer { from, to, amount } => {
                    self.debit(op, from, amount)?;
                    self.credit(op, to, amount)?;
                }
                LedgerOp::Burn { slot, amount } => self.burn(op, slot, amount)?,
                LedgerOp::Seal { height, issuance } => {
                    if op + 1 != ops.len() {
                        return Err(OpError::SealNotLast { op });
                    }
                    self.seal(op, bounds, height, issuance)?;
                }
            }
        }
        match ops.last() {
            Some(LedgerOp::Seal { .. }) => Ok(()),
            _ => Err(OpError::SealMissing { count: ops.len() }),
        }
    }

    fn open(&mut self, op: usize, slot: SlotIndex, address: Address) -> Result<(), OpError> {
        if self.next_slot >= SLOTS_MAX {
            return Err(OpError::LedgerFull { op });
        }
        if slot.get() != self.next_slot {
            return Err(OpError::NotNextSlot { op, slot, next: self.next_slot });
        }
        self.touched.insert(slot, LedgerSlot { address, nonce: Nonce::default(), balance: Amount::ZERO });
        self.next_slot += 1;
        Ok(())
    }

    fn charge(&mut self, op: usize, slot: SlotIndex, fee: Amount) -> Result<(), OpError> {
        self.debit(op, slot, fee)?;
        let mut payer = self.read(op, slot)?;
        payer.nonce = payer.nonce.next().ok_or(OpError::NonceExhausted { op, slot })?;
        self.touched.insert(slot, payer);
        self.credit(op, FEE_POT, fee)
    }

    fn burn(&mut self, op: usize, slot: SlotIndex, amount: Amount) -> Result<(), OpError> {
        self.debit(op, slot, amount)?;
        self.supply = self.supply.checked_sub(amount).expect("no balance is above the supply");
        Ok(())
    }

    fn seal(&mut self, op: usize, bounds: &LedgerBounds, height: Height, issuance: Amount) -> Result<(), OpError> {
        if height != bounds.height {
            return Err(OpError::WrongHeight { op, found: height, expected: bounds.height });
        }
        if issuance > bounds.issuance_max {
            return Err(OpError::IssuanceAboveBound { op, issuance, bound: bounds.issuance_max });
        }
        let supply = self.supply;
        self.supply = supply
            .checked_add(issuance)
            .filter(|after| *after <= bounds.supply_cap)
            .ok_or(OpError::SupplyAboveCap { op, issuance, supply, cap: bounds.supply_cap })?;
        self.credit(op, ISSUANCE_POT, issuance)
    }

    fn read(&self, op: usize, slot: SlotIndex) -> Result<LedgerSlot, OpError> {
        self.touched
            .get(&slot)
            .or_else(|| self.before.get(position(slot.get())))
            .copied()
            .ok_or(OpError::UnknownSlot { op, slot })
    }

    fn debit(&mut self, op: usize, slot: SlotIndex, amount: Amount) -> Result<(), OpError> {
        let mut account = self.read(op, slot)?;
        let balance = account.balance;
        account.balance = balance.checked_sub(amount).ok_or(OpError::Overdraft { op, slot, balance, amount })?;
        self.touched.insert(slot, account);
        Ok(())
    }

    fn credit(&mut self, op: usize, slot: SlotIndex, amount: Amount) -> Result<(), OpError> {
        let mut account = self.read(op, slot)?;
        account.balance =
            account.balance.checked_add(amount).expect("the sum of all balances is the supply, which is below 2^63");
        self.touched.insert(slot, account);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A full ledger is too large for a test, so this one only says that it is full.
    #[test]
    fn a_full_ledger_opens_nothing() {
        let last = SlotIndex::new(SLOTS_MAX - 1).expect("the last slot");
        let open = LedgerOp::Open { slot: last, address: Address([1; 30]) };
        let bounds = LedgerBounds { supply_cap: Amount::MAX, issuance_max: Amount::ZERO, height: Height(1) };
        let refused = Draft::new(&[], SLOTS_MAX, Amount::ZERO).run(&bounds, &[open]);
        assert_eq!(refused, Err(OpError::LedgerFull { op: 0 }));
        let refused = Draft::new(&[], SLOTS_MAX - 1, Amount::ZERO).run(&bounds, &[open]);
        assert_eq!(refused, Err(OpError::SealMissing { count: 1 }), "the last slot can be opened");
    }
}
