//! Key spaces of the identity module: columns 48 to 63.
//!
//! | id | column | key | value |
//! |---|---|---|---|
//! | 48 | identity | address (30) | [`super::Identity`] |
//! | 49 | key | kind (1) ‖ key (32) | who holds it |
//! | 50 | count | none | identities ever registered, u32 |
//! | 51 | vouch | voucher (30) ‖ subject (30) ‖ subject's number (4) | empty |

use primitives::actions::identity::KeyKindProven;
use primitives::{Address, encode};

/// Address → identity.
pub const IDENTITY: u8 = 48;
/// Key → holder.
pub const KEY: u8 = 49;
/// The counter.
pub const COUNT: u8 = 50;
/// Who vouched for whom.
pub const VOUCH: u8 = 51;

/// Key of an identity.
pub fn identity(address: &Address) -> Vec<u8> {
    [&[IDENTITY], address.0.as_slice()].concat()
}

/// Key of a key's holder.
pub fn key(kind: KeyKindProven, key: &[u8; 32]) -> Vec<u8> {
    [vec![KEY], encode(&kind), key.to_vec()].concat()
}

/// Key of the counter.
pub fn count() -> Vec<u8> {
    vec![COUNT]
}

/// Key of the mark that `voucher` vouched for this registration of `subject`.
pub fn vouch(voucher: &Address, subject: &Address, number: u32) -> Vec<u8> {
    [&[VOUCH], voucher.0.as_slice(), subject.0.as_slice(), &number.to_le_bytes()].concat()
}
