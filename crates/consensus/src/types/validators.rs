//! The voting set of one height, with the beacon that orders its proposers.

use std::sync::Arc;

use arc_malachitebft_app_channel::app::types::core::{self, VotingPower};
use primitives::{Hash, Height, PublicKey, Round, ValidatorSet};
use replica::application::Electorate;

use super::ids::ValidatorAddress;
use crate::context::ChainContext;

/// One member of a voting set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetMember {
    address: ValidatorAddress,
    key: PublicKey,
    power: VotingPower,
}

impl core::Validator<ChainContext> for SetMember {
    fn address(&self) -> &ValidatorAddress {
        &self.address
    }
    fn public_key(&self) -> &PublicKey {
        &self.key
    }
    fn voting_power(&self) -> VotingPower {
        self.power
    }
}

/// Who decides a height and, through the beacon, who proposes in which round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VotingSet {
    members: Arc<[SetMember]>,
    set: Arc<ValidatorSet>,
    beacon: Hash,
}

impl VotingSet {
    /// The voting set of an electorate.
    pub fn new(electorate: Electorate) -> Self {
        let members = electorate.validators.validators().iter().map(|validator| SetMember {
            address: ValidatorAddress(validator.address),
            key: validator.public_key,
            power: validator.power,
        });
        Self { members: members.collect(), set: Arc::new(electorate.validators), beacon: electorate.beacon }
    }

    /// The proposer of a round; the same function as everywhere else on the chain.
    pub fn proposer(&self, height: Height, round: Round) -> &SetMember {
        let chosen = primitives::proposer::proposer(&self.set, &self.beacon, height, round);
        let index = self.position(&ValidatorAddress(chosen.address));
        &self.members[index.expect("members and set hold the same validators")]
    }

    /// The set itself.
    pub fn validators(&self) -> &ValidatorSet {
        &self.set
    }

    // Members keep the set's order, which is by address.
    fn position(&self, address: &ValidatorAddress) -> Option<usize> {
        self.members.binary_search_by_key(address, |member| member.address).ok()
    }
}

impl core::ValidatorSet<ChainContext> for VotingSet {
    fn count(&self) -> usize {
        self.members.len()
    }
    fn total_voting_power(&self) -> VotingPower {
        self.set.total_power()
    }
    fn get_by_address(&self, address: &ValidatorAddress) -> Option<&SetMember> {
        self.members.get(self.position(address)?)
    }
    fn get_by_index(&self, index: usize) -> Option<&SetMember> {
        self.members.get(index)
    }
}
