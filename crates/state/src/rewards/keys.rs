//! Keys of the rewards columns.
//!
//! | id | column | key | value |
//! |---|---|---|---|
//! | 40 | promises | none | [`super::Promises`] |
//! | 41 | bonus | proposer 30 | µBLOCK of this epoch |

use primitives::Address;

/// What was promised.
pub const PROMISES: u8 = 40;
/// Proposers' bonuses of this epoch.
pub const BONUS: u8 = 41;

/// Key of the promises.
pub fn promises() -> Vec<u8> {
    vec![PROMISES]
}

/// Key of a proposer's bonus.
pub fn bonus(proposer: &Address) -> Vec<u8> {
    [&[BONUS], proposer.0.as_slice()].concat()
}
