//! Staking: who backs which validator with how much, and how that becomes the voting set.
//!
//! ```text
//!            first bond                     largest stakes, at an epoch's end
//! (nothing) ───────────► candidate ◄──────────────────────────────────────────► voting
//!                         │   ▲  unjail                                          │
//!                         │   └───────────── jailed ◄── missed too many commits ─┤
//!                         │                                                      │
//!                         └── everything unbonded ──► (nothing)    tombstoned ◄──┘ proven offence
//!
//! free money ── bond, delegate ──► bonded ── unbond ──► unbonding ── unbonding_epochs ──► free money
//!                                    └── redelegate ──► bonded elsewhere, held for unbonding_epochs
//! ```
//!
//! Invariants
//! - The stake pot's balance is exactly the sum of all bonded and all unbonding tokens.
//! - The shares of a pool are exactly the sum of the shares of its owners.
//! - Stake that left a validator can be slashed for what it did until the stake is paid out.
//! - The voting set changes at the ends of epochs only, by a bounded part of its power, and never gets empty.
//!
//! Read next: [`pool`] (how shares are counted), [`sets`] (who votes), [`slash`], [`statistics`], `spec/staking.md`.

pub mod block;
pub mod check;
pub mod execute;
pub mod keys;
pub mod pool;
pub mod sets;
pub mod slash;
pub mod statistics;

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::genesis::STAKE_PER_POWER;
use primitives::ledger::STAKE_POT;
use primitives::{Address, Amount, Genesis, PublicKey, ValidatorSet, VrfPublicKey, decode, encode};

use crate::overlay::Overlay;
use crate::view::{Broken, StateView, read};
use pool::Pool;

/// Most unbonded entries that are paid out, and expired redelegations that are forgotten, at the end of one
/// block.
pub const PAYOUTS_PER_BLOCK: usize = 32;
/// Most candidates, jailed and leaving ones included.
pub const CANDIDATES_MAX: usize = 4_096;
/// Most redelegations away from one validator that are slashable at a time.
pub const REDELEGATIONS_PER_VALIDATOR_MAX: usize = 1_024;
/// Most redelegations into one delegation that are held at a time.
pub const HELD_MAX: usize = 16;
/// Voting sets that are remembered after they were replaced.
pub const PAST_SETS_MAX: usize = 64;

/// A validator candidate, voting or not.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Candidate {
    /// Signs votes and proposals; the validator's address is this key's.
    pub key: PublicKey,
    /// Proves the beacon.
    pub vrf_key: VrfPublicKey,
    /// Its part of its delegators' rewards, basis points.
    pub commission_bps: u64,
    /// The epoch of the last change of the commission.
    pub commission_epoch: u64,
    /// Bonded stake and its shares, the validator's own included.
    pub bonded: Pool,
    /// Set while jailed: the first epoch in which it may ask to return.
    pub jailed_until: Option<u64>,
    /// Rewards per share since the start, in units of 2^-64 µBLOCK.
    pub reward_per_share: u128,
}

/// One owner's part of a validator's bonded stake.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Delegation {
    /// Shares of the validator's pool.
    pub shares: u128,
    /// The validator's reward per share when rewards were last paid to this owner.
    pub reward_mark: u128,
}

/// The candidate at this address.
///
/// # Errors
/// [`Broken`] when it does not decode.
pub fn candidate(view: &dyn StateView, address: &Address) -> Result<Option<Candidate>, Broken> {
    read(view, &keys::candidate(address), "candidate does not decode")
}

/// Every candidate, by address.
///
/// # Errors
/// [`Broken`] when one does not decode.
pub fn candidates(view: &dyn StateView) -> Result<Vec<(Address, Candidate)>, Broken> {
    let found = view.scan(&[keys::CANDIDATE], CANDIDATES_MAX);
    found
        .into_iter()
        .map(|(key, value)| {
            let address = keys::address_at(&key, 1).ok_or(Broken("candidate key is too short"))?;
            Ok((address, decode(&value).map_err(|_| Broken("candidate does not decode"))?))
        })
        .collect()
}

/// What `owner` has behind `validator`.
///
/// # Errors
/// [`Broken`] when it does not decode.
pub fn delegation(view: &dyn StateView, validator: &Address, owner: &Address) -> Result<Delegation, Broken> {
    Ok(read(view, &keys::delegation(validator, owner), "delegation does not decode")?.unwrap_or_default())
}

/// The first `limit` delegations behind `validator`, by owner.
///
/// # Errors
/// [`Broken`] when one does not decode.
pub fn delegations(
    view: &dyn StateView,
    validator: &Address,
    limit: usize,
) -> Result<Vec<(Address, Delegation)>, Broken> {
    let found = view.scan(&keys::delegations(validator), limit);
    found
        .into_iter()
        .map(|(key, value)| {
            let owner = keys::address_at(&key, 31).ok_or(Broken("delegation key is too short"))?;
            Ok((owner, decode(&value).map_err(|_| Broken("delegation does not decode"))?))
        })
        .collect()
}

/// The worth of what a validator bonded itself, rounded down.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub fn self_stake(view: &dyn StateView, address: &Address, candidate: &Candidate) -> Result<Amount, Broken> {
    candidate.bonded.value(delegation(view, address, address)?.shares)
}

/// The evidence for which this address was removed forever.
///
/// # Errors
/// [`Broken`] when it does not decode.
pub fn tombstone(view: &dyn StateView, address: &Address) -> Result<Option<primitives::Hash>, Broken> {
    read(view, &keys::tombstone(address), "tombstone does not decode")
}

/// Commits of `epoch` that `validator` did not sign although it was in the set.
///
/// # Errors
/// [`Broken`] when it does not decode.
pub fn missed(view: &dyn StateView, epoch: u64, validator: &Address) -> Result<u64, Broken> {
    Ok(read(view, &keys::missed(epoch, validator), "missed commits do not decode")?.unwrap_or(0))
}

/// The last replaced voting sets, oldest first.
///
/// # Errors
/// [`Broken`] when one does not decode.
pub fn past_sets(view: &dyn StateView) -> Result<Vec<ValidatorSet>, Broken> {
    let found = view.scan(&[keys::PAST_SET], PAST_SETS_MAX.saturating_add(1));
    found.iter().map(|(_, value)| decode(value).map_err(|_| Broken("past validator set does not decode"))).collect()
}

/// The voting power of bonded tokens: one for each whole BLOCK, rounded down.
pub fn power_of(tokens: Amount) -> u64 {
    tokens.micro() / STAKE_PER_POWER
}

/// Writes the genesis validators as candidates; genesis has put their stake into the pot.
///
/// # Errors
/// [`Broken`] when `genesis` was not validated.
pub fn genesis(overlay: &mut Overlay<'_>, genesis: &Genesis) -> Result<(), Broken> {
    for validator in &genesis.validators {
        let address = Address::of_key(&validator.public_key);
        let tokens =
            primitives::genesis::stake_of_power(validator.power).ok_or(Broken("genesis stake out of range"))?;
        let candidate = Candidate {
            key: validator.public_key,
            vrf_key: validator.vrf_key,
            commission_bps: 0,
            commission_epoch: 0,
            bonded: Pool { tokens, shares: u128::from(tokens.micro()) },
            jailed_until: None,
            reward_per_share: 0,
        };
        let own = Delegation { shares: candidate.bonded.shares, reward_mark: 0 };
        overlay.put(keys::candidate(&address), encode(&candidate));
        overlay.put(keys::delegation(&address, &address), encode(&own));
    }
    Ok(())
}

/// The stake pot holds exactly what is bonded and unbonding, and every pool's shares have owners.
///
/// # Errors
/// [`Broken`] with the sentence that does not hold.
pub fn pot_equals_bonded_and_unbonding(view: &dyn StateView) -> Result<(), Broken> {
    let mut sum = Amount::ZERO;
    let add = |sum: Amount, more: Amount| sum.checked_add(more).ok_or(Broken("stake out of range"));
    for (address, candidate) in candidates(view)? {
        sum = add(sum, candidate.bonded.tokens)?;
        let owned = delegations(view, &address, usize::MAX)?;
        let shares = owned.iter().try_fold(0_u128, |sum, (_, part)| sum.checked_add(part.shares));
        if shares != Some(candidate.bonded.shares) {
            return Err(Broken("a validator's shares are not the sum of its delegations"));
        }
    }
    for (key, value) in view.scan(&[keys::BUCKET], usize::MAX) {
        let bucket: Pool = decode(&value).map_err(|_| Broken("unbonding bucket does not decode"))?;
        sum = add(sum, bucket.tokens)?;
        let (Some(validator), Some(epoch)) = (keys::address_at(&key, 1), keys::number_at(&key, 31)) else {
            return Err(Broken("unbonding bucket key is too short"));
        };
        let mut shares = 0_u128;
        for (_, value) in view.scan(&keys::unbondings(epoch, &validator), usize::MAX) {
            let part: u128 = decode(&value).map_err(|_| Broken("unbonding entry does not decode"))?;
            shares = shares.checked_add(part).ok_or(Broken("unbonding shares out of range"))?;
        }
        if shares != bucket.shares {
            return Err(Broken("an unbonding bucket's shares are not the sum of its entries"));
        }
    }
    match view.slot(STAKE_POT) {
        Some(pot) if pot.balance == sum => Ok(()),
        Some(_) | None => Err(Broken("the stake pot is not the sum of bonded and unbonding stake")),
    }
}
