//! Key spaces of the witness module: columns 112 to 127.
//!
//! | id | column | key | value |
//! |---|---|---|---|
//! | 112 | sample | none | the open [`super::Sample`] |
//! | 113 | part | identity (30) | what it attested in this epoch, [`super::Part`] |
//! | 114 | accrued | identity (30) | µBLOCK not claimed yet |
//! | 115 | totals | none | [`super::Totals`] |

use primitives::Address;

/// The open sample.
pub const SAMPLE: u8 = 112;
/// Identity → attestations of this epoch.
pub const PART: u8 = 113;
/// Identity → what it earned.
pub const ACCRUED: u8 = 114;
/// Sums.
pub const TOTALS: u8 = 115;

/// Key of the open sample.
pub fn sample() -> Vec<u8> {
    vec![SAMPLE]
}

/// Key of a witness's part in this epoch.
pub fn part(identity: &Address) -> Vec<u8> {
    [&[PART], identity.0.as_slice()].concat()
}

/// Key of what a witness earned.
pub fn accrued(identity: &Address) -> Vec<u8> {
    [&[ACCRUED], identity.0.as_slice()].concat()
}

/// Key of the totals.
pub fn totals() -> Vec<u8> {
    vec![TOTALS]
}
