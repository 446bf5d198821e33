//! Key spaces of the reputation module: columns 80 to 95.
//!
//! | id | column | key | value |
//! |---|---|---|---|
//! | 80 | counters | address (30) | [`super::Counters`] |

use primitives::Address;

/// Address → counters.
pub const COUNTERS: u8 = 80;

/// Key of an identity's counters.
pub fn counters(address: &Address) -> Vec<u8> {
    [&[COUNTERS], address.0.as_slice()].concat()
}
