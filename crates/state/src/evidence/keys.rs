//! Keys of the evidence columns. Numbers are big-endian.
//!
//! | id | column | key | value |
//! |---|---|---|---|
//! | 32 | recent offence | epoch of the offence 8, offender 30 | its power then punished, u64 |

use primitives::Address;

/// Recent offences.
pub const RECENT: u8 = 32;

/// Key of a recent offence.
pub fn recent(epoch: u64, offender: &Address) -> Vec<u8> {
    [&[RECENT], epoch.to_be_bytes().as_slice(), offender.0.as_slice()].concat()
}
