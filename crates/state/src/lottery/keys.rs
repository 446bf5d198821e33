//! Key spaces of the lottery module: columns 96 to 111. Epochs are big-endian, so that key order is their order.
//!
//! | id | column | key | value |
//! |---|---|---|---|
//! | 96 | seed | epoch (8) | beacon of the last block of the epoch |
//! | 97 | frozen | epoch (8) at whose end it was frozen | candidates, [`super::draw::FrozenCandidate`] |
//! | 98 | ticket | epoch (8) to enter in ‖ candidate (30) | ticket, u64 |
//! | 99 | result | epoch (8) to enter in | [`super::LotteryResult`] |

use primitives::Address;

/// Epoch → beacon.
pub const SEED: u8 = 96;
/// Epoch → frozen candidates.
pub const FROZEN: u8 = 97;
/// Epoch and candidate → ticket.
pub const TICKET: u8 = 98;
/// Epoch → result.
pub const RESULT: u8 = 99;

fn at(column: u8, epoch: u64) -> Vec<u8> {
    [[column].as_slice(), &epoch.to_be_bytes()].concat()
}

/// Key of the beacon at the end of `epoch`.
pub fn seed(epoch: u64) -> Vec<u8> {
    at(SEED, epoch)
}

/// Key of the candidates frozen at the end of `epoch`.
pub fn frozen(epoch: u64) -> Vec<u8> {
    at(FROZEN, epoch)
}

/// Prefix of the tickets for `epoch`.
pub fn tickets(epoch: u64) -> Vec<u8> {
    at(TICKET, epoch)
}

/// Key of a candidate's ticket for `epoch`.
pub fn ticket(epoch: u64, candidate: &Address) -> Vec<u8> {
    [tickets(epoch).as_slice(), candidate.0.as_slice()].concat()
}

/// Key of the result of the lottery of `epoch`.
pub fn result(epoch: u64) -> Vec<u8> {
    at(RESULT, epoch)
}
