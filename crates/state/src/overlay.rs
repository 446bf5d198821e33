//! The uncommitted changes of one block on top of a snapshot.
//!
//! The overlay answers reads like a snapshot, collects module-state writes, and applies each ledger
//! operation to its own copy of the touched slots while it records the operation.
//!
//! Rules
//! - An operation that would break the ledger's rules is our own fault ([`Broken`]): callers check
//!   balances first. `tree` checks the recorded list again.

use std::collections::BTreeMap;

use primitives::ledger::{FEE_POT, ISSUANCE_POT};
use primitives::{Address, Amount, LedgerOp, LedgerSlot, Nonce, SlotIndex};

use crate::columns;
use crate::view::{Broken, StateView};

/// Changes on top of a snapshot.
pub struct Overlay<'a> {
    base: &'a dyn StateView,
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    slots: BTreeMap<SlotIndex, LedgerSlot>,
    next_slot: u32,
    supply: Amount,
    ops: Vec<LedgerOp>,
}

/// What a block changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Module-state writes, by key; `None` deletes.
    pub writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Ledger operations, in order.
    pub ops: Vec<LedgerOp>,
    /// All money after the block.
    pub supply: Amount,
    /// Ledger slots in use after the block.
    pub next_slot: u32,
}

impl StateView for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        match self.writes.get(key) {
            Some(written) => written.clone(),
            None => self.base.get(key),
        }
    }
    fn scan(&self, prefix: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let written = self.writes.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        // Each deleted key can hide one entry of the base.
        let hidden = written.clone().filter(|(_, value)| value.is_none()).count();
        let mut merged: BTreeMap<Vec<u8>, Option<Vec<u8>>> = self
            .base
            .scan(prefix, limit.saturating_add(hidden))
            .into_iter()
            .map(|(key, value)| (key, Some(value)))
            .collect();
        merged.extend(written.map(|(key, value)| (key.clone(), value.clone())));
        merged.into_iter().filter_map(|(key, value)| Some((key, value?))).take(limit).collect()
    }
    fn slot(&self, slot: SlotIndex) -> Option<LedgerSlot> {
        self.slots.get(&slot).copied().or_else(|| self.base.slot(slot))
    }
    fn next_slot(&self) -> u32 {
        self.next_slot
    }
    fn supply(&self) -> Amount {
        self.supply
    }
}

impl<'a> Overlay<'a> {
    /// No changes on top of `base`.
    pub fn new(base: &'a dyn StateView) -> Self {
        Self {
            base,
            writes: BTreeMap::new(),
            slots: BTreeMap::new(),
            next_slot: base.next_slot(),
            supply: base.supply(),
            ops: Vec::new(),
        }
    }

    /// Sets a module-state value.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.writes.insert(key, Some(value));
    }

    /// Removes a module-state value.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.writes.insert(key, None);
    }

    /// The module-state writes alone, for genesis, which makes no ledger operations.
    pub fn into_writes(self) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
        self.writes
    }

    /// Operations recorded so far.
    pub fn ops_count(&self) -> usize {
        self.ops.len()
    }

    /// Ledger slots that the operations recorded so far change.
    pub fn touched_count(&self) -> usize {
        self.slots.len()
    }

    /// Gives the next slot to `address` and records it in the account column.
    ///
    /// # Errors
    /// [`Broken`] when the ledger is full: callers check the block's limit first.
    pub fn open(&mut self, address: Address) -> Result<SlotIndex, Broken> {
        let slot = SlotIndex::new(self.next_slot).ok_or(Broken("the ledger has no free slot"))?;
        self.slots.insert(slot, LedgerSlot { address, nonce: Nonce::default(), balance: Amount::ZERO });
        self.next_slot = self.next_slot.saturating_add(1);
        self.put(columns::account(&address), primitives::encode(&slot));
        self.ops.push(LedgerOp::Open { slot, address });
        Ok(slot)
    }

    /// Moves `fee` from `slot` to the fee pot and steps the nonce.
    ///
    /// # Errors
    /// [`Broken`] when the balance does not cover it.
    pub fn charge(&mut self, slot: SlotIndex, fee: Amount) -> Result<(), Broken> {
        self.debit(slot, fee)?;
        self.change(slot, |content| {
            content.nonce = content.nonce.next().ok_or(Broken("nonce out of range"))?;
            Ok(())
        })?;
        self.credit(FEE_POT, fee)?;
        self.ops.push(LedgerOp::Charge { slot, fee });
        Ok(())
    }

    /// Moves `amount` between two slots.
    ///
    /// # Errors
    /// [`Broken`] when the balance does not cover it.
    pub fn transfer(&mut self, from: SlotIndex, to: SlotIndex, amount: Amount) -> Result<(), Broken> {
        self.debit(from, amount)?;
        self.credit(to, amount)?;
        self.ops.push(LedgerOp::Transfer { from, to, amount });
        Ok(())
    }

    /// Destroys `amount` of a slot's money.
    ///
    /// # Errors
    /// [`Broken`] when the balance does not cover it.
    pub fn burn(&mut self, slot: SlotIndex, amount: Amount) -> Result<(), Broken> {
        self.debit(slot, amount)?;
        self.supply = self.supply.checked_sub(amount).ok_or(Broken("supply below zero"))?;
        self.ops.push(LedgerOp::Burn { slot, amount });
        Ok(())
    }

    /// Ends the block's list of operations and returns all changes.
    ///
    /// # Errors
    /// [`Broken`] when the supply leaves its range.
    pub fn seal(mut self, height: primitives::Height, issuance: Amount) -> Result<Changes, Broken> {
        self.supply = self.supply.checked_add(issuance).ok_or(Broken("supply out of range"))?;
        self.credit(ISSUANCE_POT, issuance)?;
        self.ops.push(LedgerOp::Seal { height, issuance });
        Ok(Changes { writes: self.writes, ops: self.ops, supply: self.supply, next_slot: self.next_slot })
    }

    fn debit(&mut self, slot: SlotIndex, amount: Amount) -> Result<(), Broken> {
        self.change(slot, |content| {
            content.balance = content.balance.checked_sub(amount).ok_or(Broken("balance below zero"))?;
            Ok(())
        })
    }

    fn credit(&mut self, slot: SlotIndex, amount: Amount) -> Result<(), Broken> {
        self.change(slot, |content| {
            content.balance = content.balance.checked_add(amount).ok_or(Broken("balance out of range"))?;
            Ok(())
        })
    }

    fn change(
        &mut self,
        slot: SlotIndex,
        edit: impl FnOnce(&mut LedgerSlot) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        let mut content = self.slot(slot).ok_or(Broken("operation on an empty slot"))?;
        edit(&mut content)?;
        self.slots.insert(slot, content);
        Ok(())
    }
}
