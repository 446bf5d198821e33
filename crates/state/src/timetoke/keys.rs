//! Key spaces of the timetoke module: columns 64 to 79.
//!
//! | id | column | key | value |
//! |---|---|---|---|
//! | 64 | subject | address (30) | [`super::Timetoke`] |
//! | 65 | challenge | none | the open [`super::Challenge`] |
//! | 66 | tally | none | commits of validators since it opened, [`super::tally::Tally`] |
//! | 67 | node | level (1) ‖ index (4) | digests of a node's children, see [`super::commitment`] |

use primitives::Address;

/// Address → hours.
pub const SUBJECT: u8 = 64;
/// The open challenge.
pub const CHALLENGE: u8 = 65;
/// Commits since it opened.
pub const TALLY: u8 = 66;
/// Nodes of the commitment.
pub const NODE: u8 = 67;

/// Key of a subject's hours.
pub fn subject(address: &Address) -> Vec<u8> {
    [&[SUBJECT], address.0.as_slice()].concat()
}

/// Key of the open challenge.
pub fn challenge() -> Vec<u8> {
    vec![CHALLENGE]
}

/// Key of the tally.
pub fn tally() -> Vec<u8> {
    vec![TALLY]
}

/// Key of a node of the commitment.
pub fn node(level: u8, index: u32) -> Vec<u8> {
    [[NODE, level].as_slice(), &index.to_le_bytes()].concat()
}
