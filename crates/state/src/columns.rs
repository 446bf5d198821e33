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

use primitives::{Address, Lane, encode};

/// Address → slot.
pub const ACCOUNT: u8 = 1;
/// Lane → base fee.
pub const BASE_FEE: u8 = 2;
/// The validator set of the next height.
pub const VALIDATORS: u8 = 3;
/// The governed values.
pub const PARAMS: u8 = 4;

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
