//! Validators and their voting power.
//!
//! Rules
//! - A set is sorted by address, has no address twice, every power is above 0 and the total stays
//!   below 2^60, so sums of powers never overflow.
//! - The set's hash covers address, key and power only, so that a light client needs nothing else.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::codec::{BoundedVec, encode};
use crate::crypto::{PublicKey, VrfPublicKey};
use crate::hash::{Domain, Hash, hash};

/// Most validators in one set.
pub const VALIDATORS_MAX: usize = 128;
/// Most total power of one set.
pub const TOTAL_POWER_MAX: u64 = 1 << 60;

/// One member of a validator set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Validator {
    /// Address of `public_key`; tips are paid to this account.
    pub address: Address,
    /// Signs votes and proposals.
    pub public_key: PublicKey,
    /// Proves the beacon of the blocks it builds.
    pub vrf_key: VrfPublicKey,
    /// Voting power, above 0.
    pub power: u64,
}

/// The validators that decide one height.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ValidatorSet {
    validators: BoundedVec<Validator, VALIDATORS_MAX>,
}

/// Why a list is not a validator set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValidatorSetError {
    /// Nobody could decide anything.
    #[error("a validator set needs at least one validator")]
    Empty,
    /// Over [`VALIDATORS_MAX`].
    #[error("a validator set has at most 128 validators")]
    TooMany,
    /// The same address twice.
    #[error("validator {0} is listed twice")]
    Duplicate(Address),
    /// Power zero.
    #[error("validator {0} has no power")]
    NoPower(Address),
    /// Over [`TOTAL_POWER_MAX`].
    #[error("the total power is 2^60 or more")]
    PowerOverflow,
    /// The address does not belong to the key.
    #[error("validator address {0} does not belong to its key")]
    WrongAddress(Address),
    /// A key that many messages fit.
    #[error("validator {0} has a weak key (not a curve point, or of small order)")]
    WeakKey(Address),
}

impl ValidatorSet {
    /// Sorts and checks `validators`.
    ///
    /// # Errors
    /// [`ValidatorSetError`], one variant per rule of the module header.
    pub fn new(mut validators: Vec<Validator>) -> Result<Self, ValidatorSetError> {
        validators.sort_by_key(|validator| validator.address);
        if validators.is_empty() {
            return Err(ValidatorSetError::Empty);
        }
        let mut total: u64 = 0;
        for (index, validator) in validators.iter().enumerate() {
            if index > 0 && validators[index - 1].address == validator.address {
                return Err(ValidatorSetError::Duplicate(validator.address));
            }
            if validator.power == 0 {
                return Err(ValidatorSetError::NoPower(validator.address));
            }
            if Address::of_key(&validator.public_key) != validator.address {
                return Err(ValidatorSetError::WrongAddress(validator.address));
            }
            if !validator.public_key.is_strong() || !validator.vrf_key.is_strong() {
                return Err(ValidatorSetError::WeakKey(validator.address));
            }
            total = total.checked_add(validator.power).ok_or(ValidatorSetError::PowerOverflow)?;
        }
        if total >= TOTAL_POWER_MAX {
            return Err(ValidatorSetError::PowerOverflow);
        }
        Ok(Self { validators: BoundedVec::new(validators).ok_or(ValidatorSetError::TooMany)? })
    }

    /// The members, sorted by address.
    pub fn validators(&self) -> &[Validator] {
        &self.validators
    }

    /// The member with this address.
    pub fn get(&self, address: &Address) -> Option<&Validator> {
        let index = self.validators.binary_search_by_key(address, |validator| validator.address).ok()?;
        self.validators.get(index)
    }

    /// Sum of all power, above 0 and below 2^60.
    pub fn total_power(&self) -> u64 {
        self.validators.iter().map(|validator| validator.power).sum()
    }

    /// True when `power` is more than two thirds of the total.
    pub fn is_quorum(&self, power: u64) -> bool {
        u128::from(power) * 3 > u128::from(self.total_power()) * 2
    }

    /// Hash over (address, key, power) of every member.
    pub fn hash(&self) -> Hash {
        let members: Vec<(Address, PublicKey, u64)> = self
            .validators
            .iter()
            .map(|validator| (validator.address, validator.public_key, validator.power))
            .collect();
        hash(Domain::ValidatorSet, &[&encode(&members)])
    }
}
