//! Validators, their stake, and what one account has staked, as JSON.
//!
//! Every number is read from the state at the finalized height, so anybody can compute it again from blocks.

use primitives::{Address, Amount, Hash, Height, PublicKey, VrfPublicKey};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::schema::{AddressText, AmountInteger, HashText, PublicKeyText};

/// Where a validator stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValidatorState {
    /// It votes.
    Voting,
    /// It has stake and does not vote.
    Waiting,
    /// It missed too many commits and may ask to return.
    Jailed,
    /// It was removed forever for a proven offence.
    Tombstoned,
}

/// `GET /staking/validators/{address}` and `GET /validator/status`: one validator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidatorView {
    /// Its address.
    #[schema(value_type = AddressText)]
    pub address: Address,
    /// Signs its votes.
    #[schema(value_type = PublicKeyText)]
    pub public_key: PublicKey,
    /// Proves the beacons of its blocks.
    #[schema(value_type = PublicKeyText)]
    pub vrf_key: VrfPublicKey,
    /// Where it stands.
    pub state: ValidatorState,
    /// Voting power at the next height; 0 when it does not vote.
    pub power: u64,
    /// Voting power of all validators at the next height.
    pub total_power: u64,
    /// Bonded stake, its own included, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub bonded: Amount,
    /// Its own part of the bonded stake, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub self_stake: Amount,
    /// Stake that is leaving and still slashable, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub unbonding: Amount,
    /// Its part of its delegators' rewards, basis points.
    pub commission_bps: u64,
    /// Commits of this epoch that it did not sign.
    pub missed_commits: u64,
    /// The first epoch in which it may ask to return, while jailed.
    pub jailed_until: Option<u64>,
    /// The evidence for which it was removed.
    #[schema(value_type = Option<HashText>)]
    pub tombstone: Option<Hash>,
    /// Why it does not vote, in words; none while it votes.
    pub reason: Option<String>,
    /// What would change that; while it votes, what would raise its share.
    pub next: Option<String>,
}

/// `GET /staking/validators`: every candidate, by falling stake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidatorList {
    /// The finalized height this was read at.
    #[schema(value_type = u64)]
    pub height: Height,
    /// The epoch of the next height.
    pub epoch: u64,
    /// The largest stakes first; at most 128 of them.
    pub validators: Vec<ValidatorView>,
    /// How many there are.
    pub total: u64,
}

/// `GET /staking/validators/{address}/statistics`: what a validator did and left undone, as every node counts it.
///
/// Counts over its whole life end with the last finished epoch. A validator whose blocks lack votes that the others'
/// carry, or whose turns decide nothing, stands out against `members_*`, which are the sums over the present set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidatorStatistics {
    /// Whose.
    #[schema(value_type = AddressText)]
    pub address: Address,
    /// The finalized height this was read at.
    #[schema(value_type = u64)]
    pub height: Height,
    /// The epoch of the next height.
    pub epoch: u64,
    /// Finished epochs in the voting set.
    pub epochs: u64,
    /// Commits it could sign.
    pub commits: u64,
    /// Of these, those without its signature.
    pub missed: u64,
    /// Blocks it built.
    pub built: u64,
    /// Signatures that were missing from the certificates in its blocks.
    pub votes_left_out: u64,
    /// Rounds that it was to propose in and that decided nothing.
    pub turns_lost: u64,
    /// Times it was jailed.
    pub jailed: u64,
    /// Commits of the present epoch that it missed so far.
    pub epoch_missed: u64,
    /// Blocks it built in the present epoch so far.
    pub epoch_built: u64,
    /// Signatures missing from the certificates in these.
    pub epoch_votes_left_out: u64,
    /// Its turns of the present epoch that decided nothing.
    pub epoch_turns_lost: u64,
    /// It is jailed when it misses more than this many commits of one epoch.
    pub missed_allowed: u64,
    /// Blocks that all members of the present set built in their finished epochs.
    pub members_built: u64,
    /// Signatures missing from the certificates in these.
    pub members_votes_left_out: u64,
    /// Turns of all members that decided nothing, in finished epochs.
    pub members_turns_lost: u64,
}

/// Stake behind one validator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DelegationView {
    /// Behind whom.
    #[schema(value_type = AddressText)]
    pub validator: Address,
    /// Its worth, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub amount: Amount,
    /// The part of it that was redelegated and cannot leave yet, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub held: Amount,
    /// Rewards that can be claimed, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub rewards: Amount,
}

/// Stake that is leaving one validator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnbondingView {
    /// Behind whom it was.
    #[schema(value_type = AddressText)]
    pub validator: Address,
    /// Its worth, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub amount: Amount,
    /// It is paid out by itself after this epoch.
    pub epoch: u64,
}

/// `GET /staking/accounts/{address}`: what an account has staked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StakerView {
    /// Whose stake.
    #[schema(value_type = AddressText)]
    pub address: Address,
    /// The finalized height this was read at.
    #[schema(value_type = u64)]
    pub height: Height,
    /// Bonded stake, by validator.
    pub delegations: Vec<DelegationView>,
    /// Stake that is leaving, by validator and epoch.
    pub unbonding: Vec<UnbondingView>,
}
