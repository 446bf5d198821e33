//! Every key space of the module state, in one table. Ids are never reused.
//!
//! `key = column id (1 byte) ‖ module key`; values are canonical encodings.
//!
//! | id | column | key | value |
//! |---|---|---|---|
//! | 1 | account | address (30) | ledger slot, u32 |
//! | 2 | base fee | lane tag (1) | µBLOCK per weight unit, u64 |
//! | 3 | validators | none | the set that decides the next height |
//! | 4 | params | none | the governed values |
//! | 5 | previous validators | none | the set before the last change, while certificates of it still arrive |
//! | 6 | gates | none | gate names with their activation heights |
//! | 16–31 | staking | see [`crate::staking::keys`] | |
//! | 32–39 | evidence | see [`crate::evidence::keys`] | |
//! | 40–47 | rewards | see [`crate::rewards::keys`] | |
//! | 48–63 | identity | see `identity/keys.rs` | |
//! | 64–79 | timetoke | see `timetoke/keys.rs` | |
//! | 80–95 | reputation | see `reputation/keys.rs` | |
//! | 96–111 | lottery | see `lottery/keys.rs` | |
//! | 112–127 | witness | see `witness/keys.rs` | |
//! | 128–143 | proving | see `proving/keys.rs` | |

use primitives::{Address, Lane, encode};

/// Address → slot.
pub const ACCOUNT: u8 = 1;
/// Lane → base fee.
pub const BASE_FEE: u8 = 2;
/// The validator set of the next height.
pub const VALIDATORS: u8 = 3;
/// The governed values.
pub const PARAMS: u8 = 4;
/// The validator set before the last change.
pub const PREVIOUS_VALIDATORS: u8 = 5;
/// Gate activations.
pub const GATES: u8 = 6;

/// Key of an address's slot.
pub fn account(address: &Address) -> Vec<u8> {
    [&[ACCOUNT], address.0.as_slice()].concat()
}

/// Key of a lane's base fee.
pub fn base_fee(lane: Lane) -> Vec<u8> {
    [vec![BASE_FEE], encode(&lane)].concat()
}

/// Key of the validator set.
pub fn validators() -> Vec<u8> {
    vec![VALIDATORS]
}

/// Key of the governed values.
pub fn params() -> Vec<u8> {
    vec![PARAMS]
}

/// Key of the validator set before the last change.
pub fn previous_validators() -> Vec<u8> {
    vec![PREVIOUS_VALIDATORS]
}

/// Key of the gate activations.
pub fn gates() -> Vec<u8> {
    vec![GATES]
}
