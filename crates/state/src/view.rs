//! What the state transition reads: a snapshot of module state and ledger after some height.
//!
//! Reads cannot fail: a node keeps the current state in memory and loads it, verified, at start. The
//! readers below decode values that only this crate wrote; bytes that do not decode are our own fault
//! and are reported as [`Broken`].

use borsh::BorshDeserialize;
use primitives::genesis::GateActivation;
use primitives::{Address, Amount, Height, Lane, LedgerSlot, Params, SlotIndex, ValidatorSet, decode};

use crate::columns;

/// A broken invariant of our own: stop before anything wrong is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("broken invariant: {0}")]
pub struct Broken(pub &'static str);

/// A snapshot of the state after one height.
pub trait StateView {
    /// The module-state value of `key`.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;
    /// The first `limit` module-state entries whose keys start with `prefix`, in key order.
    fn scan(&self, prefix: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)>;
    /// The content of a ledger slot.
    fn slot(&self, slot: SlotIndex) -> Option<LedgerSlot>;
    /// Ledger slots in use.
    fn next_slot(&self) -> u32;
    /// All money there is.
    fn supply(&self) -> Amount;
}

/// Decodes the value of `key`, if there is one.
///
/// # Errors
/// [`Broken`] with the sentence `what` when it does not decode.
pub fn read<T: BorshDeserialize>(view: &dyn StateView, key: &[u8], what: &'static str) -> Result<Option<T>, Broken> {
    view.get(key).map(|bytes| decode(&bytes).map_err(|_| Broken(what))).transpose()
}

/// The slot of an address, if it has an account.
///
/// # Errors
/// [`Broken`] when the stored value does not decode.
pub fn slot_of(view: &dyn StateView, address: &Address) -> Result<Option<SlotIndex>, Broken> {
    read(view, &columns::account(address), "account column does not decode")
}

/// An account with its slot.
///
/// # Errors
/// [`Broken`] when the account column names an empty slot.
pub fn account(view: &dyn StateView, address: &Address) -> Result<Option<(SlotIndex, LedgerSlot)>, Broken> {
    match slot_of(view, address)? {
        None => Ok(None),
        Some(slot) => {
            let content = view.slot(slot).ok_or(Broken("account column names an empty slot"))?;
            Ok(Some((slot, content)))
        }
    }
}

/// The base fee of a lane, µBLOCK per weight unit.
///
/// # Errors
/// [`Broken`] when it is missing: genesis writes one for each lane.
pub fn base_fee(view: &dyn StateView, lane: Lane) -> Result<Amount, Broken> {
    read(view, &columns::base_fee(lane), "base fee does not decode")?.ok_or(Broken("base fee is missing"))
}

/// The set that decides the next height.
///
/// # Errors
/// [`Broken`] when it is missing.
pub fn validators(view: &dyn StateView) -> Result<ValidatorSet, Broken> {
    read(view, &columns::validators(), "validator set does not decode")?.ok_or(Broken("validator set is missing"))
}

/// The set that decided the height before the last one: it differs from [`validators`] of that time only
/// after a change.
///
/// # Errors
/// [`Broken`] when it does not decode.
pub fn previous_validators(view: &dyn StateView) -> Result<ValidatorSet, Broken> {
    let changed = read(view, &columns::previous_validators(), "previous validator set does not decode")?;
    match changed {
        Some(set) => Ok(set),
        None => validators(view),
    }
}

/// True when the gate `name` is in force at `height`.
///
/// # Errors
/// [`Broken`] when the gates do not decode.
pub fn gate(view: &dyn StateView, name: &str, height: Height) -> Result<bool, Broken> {
    let gates: Vec<GateActivation> = read(view, &columns::gates(), "gates do not decode")?.unwrap_or_default();
    Ok(gates.iter().any(|gate| gate.name == name && gate.height <= height))
}

/// The governed values.
///
/// # Errors
/// [`Broken`] when they are missing.
pub fn params(view: &dyn StateView) -> Result<Params, Broken> {
    read(view, &columns::params(), "params do not decode")?.ok_or(Broken("params are missing"))
}
