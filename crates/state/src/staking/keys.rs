//! Keys of the staking columns. Numbers are big-endian, so that key order is number order.
//!
//! | id | column | key | value |
//! |---|---|---|---|
//! | 16 | candidate | validator 30 | [`super::Candidate`] |
//! | 17 | delegation | validator 30, owner 30 | [`super::Delegation`] |
//! | 18 | unbonding bucket | validator 30, epoch 8 | [`super::pool::Pool`] |
//! | 19 | unbonding entry | epoch 8, validator 30, owner 30 | shares, u128 |
//! | 20 | redelegation | from 30, epoch 8, owner 30, to 30 | µBLOCK |
//! | 21 | held stake | to 30, owner 30, epoch 8, from 30 | µBLOCK |
//! | 22 | redelegation queue | epoch 8, from 30, owner 30, to 30 | nothing |
//! | 23 | missed commits | epoch 8, validator 30 | count, u64 |
//! | 24 | tombstone | validator 30 | hash of the evidence |
//! | 25 | past validator set | height 8 after its last | the set |
//! | 26 | statistics | validator 30 | [`super::statistics::Statistics`] |
//! | 27 | turns of the epoch | proposer 30 | [`super::statistics::Turns`] |
//! | 28 | last beacons | none | of the last block and of the one before |

use primitives::Address;
use primitives::address::ADDRESS_BYTES;

/// Candidates.
pub const CANDIDATE: u8 = 16;
/// Delegations.
pub const DELEGATION: u8 = 17;
/// Unbonding buckets.
pub const BUCKET: u8 = 18;
/// Unbonding entries, in the order of payment.
pub const UNBONDING: u8 = 19;
/// Redelegations by the validator they left.
pub const REDELEGATION: u8 = 20;
/// Redelegations by the delegation they went to.
pub const HELD: u8 = 21;
/// Redelegations in the order in which they end.
pub const REDELEGATION_QUEUE: u8 = 22;
/// Missed commits of an epoch.
pub const MISSED: u8 = 23;
/// Validators removed forever.
pub const TOMBSTONE: u8 = 24;
/// Replaced voting sets.
pub const PAST_SET: u8 = 25;
/// What validators did.
pub const STATISTICS: u8 = 26;
/// What proposers did in this epoch.
pub const TURNS: u8 = 27;
/// The last two beacons.
pub const BEACONS: u8 = 28;

fn key(column: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![column];
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// The address at an offset of a key.
pub fn address_at(key: &[u8], offset: usize) -> Option<Address> {
    let bytes = key.get(offset..offset.checked_add(ADDRESS_BYTES)?)?;
    Some(Address(bytes.try_into().ok()?))
}

/// The big-endian number at an offset of a key.
pub fn number_at(key: &[u8], offset: usize) -> Option<u64> {
    let bytes = key.get(offset..offset.checked_add(8)?)?;
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

/// Key of a candidate.
pub fn candidate(validator: &Address) -> Vec<u8> {
    key(CANDIDATE, &[&validator.0])
}

/// Prefix of a validator's delegations.
pub fn delegations(validator: &Address) -> Vec<u8> {
    key(DELEGATION, &[&validator.0])
}

/// Key of a delegation.
pub fn delegation(validator: &Address, owner: &Address) -> Vec<u8> {
    key(DELEGATION, &[&validator.0, &owner.0])
}

/// Prefix of a validator's unbonding buckets.
pub fn buckets(validator: &Address) -> Vec<u8> {
    key(BUCKET, &[&validator.0])
}

/// Key of an unbonding bucket.
pub fn bucket(validator: &Address, epoch: u64) -> Vec<u8> {
    key(BUCKET, &[&validator.0, &epoch.to_be_bytes()])
}

/// Prefix of a bucket's entries.
pub fn unbondings(epoch: u64, validator: &Address) -> Vec<u8> {
    key(UNBONDING, &[&epoch.to_be_bytes(), &validator.0])
}

/// Key of an unbonding entry.
pub fn unbonding(epoch: u64, validator: &Address, owner: &Address) -> Vec<u8> {
    key(UNBONDING, &[&epoch.to_be_bytes(), &validator.0, &owner.0])
}

/// Prefix of the redelegations away from a validator.
pub fn redelegations(from: &Address) -> Vec<u8> {
    key(REDELEGATION, &[&from.0])
}

/// A redelegation, as all three of its keys need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// The validator it left.
    pub from: Address,
    /// Whose stake.
    pub owner: Address,
    /// The validator it went to.
    pub to: Address,
    /// The epoch after which it is free.
    pub epoch: u64,
}

impl Move {
    /// Key by the validator it left.
    pub fn by_source(&self) -> Vec<u8> {
        key(REDELEGATION, &[&self.from.0, &self.epoch.to_be_bytes(), &self.owner.0, &self.to.0])
    }

    /// Key by the delegation it went to.
    pub fn held(&self) -> Vec<u8> {
        key(HELD, &[&self.to.0, &self.owner.0, &self.epoch.to_be_bytes(), &self.from.0])
    }

    /// Key in the order of ends.
    pub fn queued(&self) -> Vec<u8> {
        key(REDELEGATION_QUEUE, &[&self.epoch.to_be_bytes(), &self.from.0, &self.owner.0, &self.to.0])
    }

    /// Reads [`Move::by_source`].
    pub fn of_source(key: &[u8]) -> Option<Self> {
        Some(Self {
            from: address_at(key, 1)?,
            epoch: number_at(key, 31)?,
            owner: address_at(key, 39)?,
            to: address_at(key, 69)?,
        })
    }

    /// Reads [`Move::queued`].
    pub fn of_queue(key: &[u8]) -> Option<Self> {
        Some(Self {
            epoch: number_at(key, 1)?,
            from: address_at(key, 9)?,
            owner: address_at(key, 39)?,
            to: address_at(key, 69)?,
        })
    }
}

/// Prefix of the held stake of a delegation.
pub fn held(to: &Address, owner: &Address) -> Vec<u8> {
    key(HELD, &[&to.0, &owner.0])
}

/// Prefix of an epoch's missed commits.
pub fn missed_in(epoch: u64) -> Vec<u8> {
    key(MISSED, &[&epoch.to_be_bytes()])
}

/// Key of a validator's missed commits in an epoch.
pub fn missed(epoch: u64, validator: &Address) -> Vec<u8> {
    key(MISSED, &[&epoch.to_be_bytes(), &validator.0])
}

/// Key of a tombstone.
pub fn tombstone(validator: &Address) -> Vec<u8> {
    key(TOMBSTONE, &[&validator.0])
}

/// Key of a set that was replaced from `height` on.
pub fn past_set(height: u64) -> Vec<u8> {
    key(PAST_SET, &[&height.to_be_bytes()])
}

/// Key of a validator's statistics.
pub fn statistics(validator: &Address) -> Vec<u8> {
    key(STATISTICS, &[&validator.0])
}

/// Key of a proposer's turns in this epoch.
pub fn turns(proposer: &Address) -> Vec<u8> {
    key(TURNS, &[&proposer.0])
}

/// Key of the last beacons.
pub fn beacons() -> Vec<u8> {
    vec![BEACONS]
}
