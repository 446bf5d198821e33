//! Key spaces of the proving module: columns 128 to 143.
//!
//! | id | column | key | value |
//! |---|---|---|---|
//! | 128 | origin | none | the ledger of genesis, an end record |
//! | 129 | window | number, u64 big-endian | a closed window without a proof, [`super::Window`] |
//! | 130 | prover | address (30) | [`super::Bond`] |
//! | 131 | proven | none | the last accepted proof, [`super::Proven`] |
//! | 132 | windows | none | which windows were recorded, [`super::Windows`] |

use primitives::Address;

/// The ledger of genesis.
pub const ORIGIN: u8 = 128;
/// Number → closed window without a proof.
pub const WINDOW: u8 = 129;
/// Address → bond.
pub const PROVER: u8 = 130;
/// The last accepted proof.
pub const PROVEN: u8 = 131;
/// Which windows were recorded.
pub const WINDOWS: u8 = 132;

/// Key of the ledger of genesis.
pub fn origin() -> Vec<u8> {
    vec![ORIGIN]
}

/// Key of a closed window; in key order the oldest comes first.
pub fn window(number: u64) -> Vec<u8> {
    [&[WINDOW], number.to_be_bytes().as_slice()].concat()
}

/// Key of a prover's bond.
pub fn prover(address: &Address) -> Vec<u8> {
    [&[PROVER], address.0.as_slice()].concat()
}

/// Key of the last accepted proof.
pub fn proven() -> Vec<u8> {
    vec![PROVEN]
}

/// Key of the counters of windows.
pub fn windows() -> Vec<u8> {
    vec![WINDOWS]
}
