//! Who votes next: from stakes and the present set to the next set. Pure.
//!
//! ```text
//! candidates ── eligible, largest first ──► capped targets ──► at most `churn` away from the present powers
//! ```
//!
//! Rules
//! - Eligible: not jailed, not tombstoned, self-stake at or above the minimum, at least one whole BLOCK
//!   bonded; a newcomer must also be admitted by the lottery when one was drawn.
//! - With T the uncapped power of the chosen n validators, each counts at most max(⌈T·cap⌉, ⌈T/n⌉). One pass.
//! - The sum of all changes of power is at most `churn` of the present total, at least 1. Members that were
//!   jailed or tombstoned leave at once and do not count. Decreases go first, the largest first; increases
//!   follow, members before newcomers, the largest stake (or the lottery's order) first.
//! - When the last member would leave before a successor came, increases go first. When there is no
//!   successor at all, the set stays as it is.

use std::collections::BTreeMap;

use primitives::defect::{Defect, is_seeded};
use primitives::params::{BASIS_POINTS, StakingParams};
use primitives::{Address, PublicKey, Validator, ValidatorSet, VrfPublicKey};

use crate::view::Broken;

/// A validator that could vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contender {
    /// Its address.
    pub address: Address,
    /// Signs votes.
    pub key: PublicKey,
    /// Proves beacons.
    pub vrf_key: VrfPublicKey,
    /// Power of its bonded stake, uncapped, above 0.
    pub power: u64,
    /// Its place in the order of entry; lower enters first. Only newcomers are ordered by it.
    pub rank: usize,
}

/// What the next set is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stakes {
    /// Eligible validators: members in any order, newcomers only as far as they are admitted.
    pub contenders: Vec<Contender>,
    /// Members that must leave at once.
    pub removed: Vec<Address>,
}

/// The next voting set.
///
/// # Errors
/// [`Broken`] when powers do not form a set: the bounds on stake exclude it.
pub fn next(current: &ValidatorSet, stakes: Stakes, params: &StakingParams) -> Result<ValidatorSet, Broken> {
    let targets = targets(stakes.contenders, params);
    let mut powers: BTreeMap<Address, u64> = current
        .validators()
        .iter()
        .filter(|member| !stakes.removed.contains(&member.address))
        .map(|member| (member.address, member.power))
        .collect();
    let budget = u128::from(current.total_power()) * u128::from(params.churn_bps) / u128::from(BASIS_POINTS);
    let mut budget = u64::try_from(budget).unwrap_or(u64::MAX).max(1);
    if is_seeded(Defect::ForgetsTheChurn) {
        budget = u64::MAX;
    }
    let mut shrunk = powers.clone();
    let mut left = budget;
    decrease(&mut shrunk, &targets, &mut left);
    increase(&mut shrunk, &targets, &mut left, params.max_validators);
    if shrunk.is_empty() {
        // The last member would leave before its successors came: they come first.
        increase(&mut powers, &targets, &mut budget, params.max_validators.saturating_add(1));
        decrease(&mut powers, &targets, &mut budget);
    } else {
        powers = shrunk;
    }
    let members: Vec<Validator> = powers
        .iter()
        .filter(|(_, power)| **power > 0)
        .filter_map(|(address, power)| member(address, *power, current, &targets))
        .collect();
    if members.is_empty() {
        return Ok(current.clone());
    }
    ValidatorSet::new(members).map_err(|_| Broken("the next validators do not form a set"))
}

/// The largest contenders with their capped powers, in the order in which they may grow.
fn targets(mut contenders: Vec<Contender>, params: &StakingParams) -> Vec<Contender> {
    contenders.sort_by_key(|one| (std::cmp::Reverse(one.power), one.address));
    contenders.truncate(usize::try_from(params.max_validators).unwrap_or(usize::MAX));
    let total: u128 = contenders.iter().map(|one| u128::from(one.power)).sum();
    let count = u128::try_from(contenders.len()).unwrap_or(u128::MAX).max(1);
    let share = (total * u128::from(params.power_cap_bps)).div_ceil(u128::from(BASIS_POINTS));
    let cap = u64::try_from(share.max(total.div_ceil(count))).unwrap_or(u64::MAX);
    for one in &mut contenders {
        one.power = one.power.min(cap);
    }
    contenders
}

fn decrease(powers: &mut BTreeMap<Address, u64>, targets: &[Contender], budget: &mut u64) {
    let wanted = |address: &Address| targets.iter().find(|one| one.address == *address).map_or(0, |one| one.power);
    let mut falls: Vec<(u64, Address)> = powers
        .iter()
        .map(|(address, power)| (power.saturating_sub(wanted(address)), *address))
        .filter(|(fall, _)| *fall > 0)
        .collect();
    falls.sort_by_key(|(fall, address)| (std::cmp::Reverse(*fall), *address));
    for (fall, address) in falls {
        let step = fall.min(*budget);
        *budget -= step;
        if let Some(power) = powers.get_mut(&address) {
            *power = power.saturating_sub(step);
        }
    }
    powers.retain(|_, power| *power > 0);
}

fn increase(powers: &mut BTreeMap<Address, u64>, targets: &[Contender], budget: &mut u64, seats: u64) {
    let is_new = |one: &&Contender| !powers.contains_key(&one.address);
    let mut newcomers: Vec<&Contender> = targets.iter().filter(is_new).collect();
    newcomers.sort_by_key(|one| one.rank);
    let members: Vec<&Contender> = targets.iter().filter(|one| !is_new(one)).collect();
    let seats = usize::try_from(seats).unwrap_or(usize::MAX);
    for one in members.into_iter().chain(newcomers) {
        let has = powers.get(&one.address).copied().unwrap_or(0);
        let step = one.power.saturating_sub(has).min(*budget);
        if step == 0 || (has == 0 && powers.len() >= seats) {
            continue;
        }
        *budget -= step;
        powers.insert(one.address, has.saturating_add(step));
    }
}

/// The keys of a member: those of its candidacy, or of the present set for one that is leaving.
fn member(address: &Address, power: u64, current: &ValidatorSet, targets: &[Contender]) -> Option<Validator> {
    if let Some(one) = targets.iter().find(|one| one.address == *address) {
        return Some(Validator { address: *address, public_key: one.key, vrf_key: one.vrf_key, power });
    }
    current.get(address).map(|known| Validator { power, ..known.clone() })
}
