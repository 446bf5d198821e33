//! Whether an address has an account, and what is in it.
//!
//! ```text
//!   address ─► module state, key 1 ‖ address ─► its slot, or none       under the state root of a header:  attested
//!   slot ────► ledger tree, path of 30 ───────► balance and nonce       under the ledger root of a header: proven once that root is
//! ```
//!
//! Rules
//! - A root is worth what is known about its header: an [`Attested`](crate::light::Attested) one for both trees; a
//!   [`Proven`](crate::light::Proven) ledger root makes the content of a slot proven.
//! - That an address has *no* account is shown by the module state alone, so it is attested and never proven: the ledger tree is
//!   ordered by slots and not by addresses.
//! - Any proof gives a verdict, none a panic.

use primitives::{Address, Hash, Header, LedgerDigest, LedgerSlot, SlotIndex, decode};
use tree::{LedgerProof, StateProof};

/// First byte of the keys of accounts in the module state (`state::columns::ACCOUNT`).
const ACCOUNT: u8 = 1;

/// Why nothing is shown about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// The path ends elsewhere than at the ledger root.
    #[error("the ledger proof does not lead to the ledger root")]
    OtherLedger,
    /// Nobody has the slot.
    #[error("slot {slot} is empty")]
    Empty {
        /// The slot.
        slot: u32,
    },
    /// Somebody else has the slot.
    #[error("the slot is not of this address but of {owner}")]
    OtherOwner {
        /// Whose it is.
        owner: Address,
    },
    /// The path ends elsewhere than at the state root, or shows the opposite.
    #[error("the module-state proof does not lead to the state root")]
    OtherState,
    /// What the module state has under the key is no slot.
    #[error("the module-state value is no slot")]
    NoSlot,
    /// The content of the slot is not shown.
    #[error("the ledger proof of the address's slot {slot} is missing")]
    NoContent {
        /// The slot.
        slot: u32,
    },
    /// The content of a slot is shown that the address does not have.
    #[error("the ledger proof is of slot {shown}, the address has {has}")]
    OtherSlot {
        /// The slot that is shown.
        shown: u32,
        /// What the address has.
        has: SlotOf,
    },
}

/// The slot of an address, or none, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotOf(pub Option<SlotIndex>);

impl std::fmt::Display for SlotOf {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(slot) => write!(out, "slot {}", slot.get()),
            None => out.write_str("none"),
        }
    }
}

/// The key under which the module state has the slot of an address.
pub fn account_key(address: &Address) -> Vec<u8> {
    [&[ACCOUNT], address.0.as_slice()].concat()
}

/// What the ledger with this root has for `address`: balance in µBLOCK and nonce.
///
/// As good as the root: under the one of a [`Proven`](crate::light::Proven) ledger the balance is proven. That the address has no other
/// slot is not shown.
///
/// # Errors
/// [`AccountError::OtherLedger`], [`AccountError::Empty`], [`AccountError::OtherOwner`].
pub fn check_slot(
    ledger_root: &LedgerDigest,
    address: &Address,
    shown: &LedgerProof,
) -> Result<LedgerSlot, AccountError> {
    if !shown.verify(ledger_root) {
        return Err(AccountError::OtherLedger);
    }
    let content = shown.content.ok_or(AccountError::Empty { slot: shown.slot.get() })?;
    if content.address == *address { Ok(content) } else { Err(AccountError::OtherOwner { owner: content.address }) }
}

/// The slot of `address` under the state root of a header, or that it has none. `value` is what the proof is said to show.
///
/// # Errors
/// [`AccountError::OtherState`], [`AccountError::NoSlot`].
pub fn check_place(
    state_root: &Hash,
    address: &Address,
    value: Option<&[u8]>,
    shown: &StateProof,
) -> Result<Option<SlotIndex>, AccountError> {
    if !shown.verify(state_root, &account_key(address), value) {
        return Err(AccountError::OtherState);
    }
    value.map(|value| decode(value).map_err(|_| AccountError::NoSlot)).transpose()
}

/// An account, or its absence, as somebody shows it who is not trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountWitness {
    /// What the module state is said to have under [`account_key`]; none for an address without an account.
    pub value: Option<Vec<u8>>,
    /// Shows that.
    pub place: StateProof,
    /// The content of the slot; none for an address without an account.
    pub content: Option<LedgerProof>,
}

/// The account of `address` after the block of `header`, or that it has none: inclusion and exclusion. As good as the header, which is to be
/// attested by the caller ([`Attested::advance`](crate::light::Attested::advance)).
///
/// # Errors
/// [`AccountError`]: the first check that fails.
pub fn check_account(
    header: &Header,
    address: &Address,
    shown: &AccountWitness,
) -> Result<Option<LedgerSlot>, AccountError> {
    let has = check_place(&header.state_root, address, shown.value.as_deref(), &shown.place)?;
    match (has, &shown.content) {
        (None, None) => Ok(None),
        (Some(slot), None) => Err(AccountError::NoContent { slot: slot.get() }),
        (Some(slot), Some(content)) if content.slot == slot => {
            check_slot(&header.ledger_root, address, content).map(Some)
        }
        (has, Some(content)) => Err(AccountError::OtherSlot { shown: content.slot.get(), has: SlotOf(has) }),
    }
}

#[cfg(test)]
mod tests;
