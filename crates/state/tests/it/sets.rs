//! From stakes to the next voting set: caps, churn, seats, removals.

use std::collections::BTreeMap;

use primitives::params::StakingParams;
use primitives::{Address, Validator, ValidatorSet};
use state::staking::sets::{Contender, Stakes, next};
use testkit::Seed;

use crate::chain::{address, key, vrf};

fn member(tag: u8, power: u64) -> Validator {
    Validator { address: address(tag), public_key: key(tag).public_key(), vrf_key: vrf(tag).public_key(), power }
}

fn set(powers: &[(u8, u64)]) -> ValidatorSet {
    ValidatorSet::new(powers.iter().map(|(tag, power)| member(*tag, *power)).collect()).unwrap()
}

fn contenders(powers: &[(u8, u64)]) -> Vec<Contender> {
    let one = |(rank, (tag, power)): (usize, &(u8, u64))| Contender {
        address: address(*tag),
        key: key(*tag).public_key(),
        vrf_key: vrf(*tag).public_key(),
        power: *power,
        rank,
    };
    powers.iter().enumerate().map(one).collect()
}

fn powers(set: &ValidatorSet) -> BTreeMap<Address, u64> {
    set.validators().iter().map(|member| (member.address, member.power)).collect()
}

struct Case {
    name: &'static str,
    current: &'static [(u8, u64)],
    contenders: &'static [(u8, u64)],
    removed: &'static [u8],
    params: fn(&mut StakingParams),
    expected: &'static [(u8, u64)],
}

#[test]
fn stakes_become_powers_within_cap_churn_and_seats() {
    let cases = [
        Case {
            name: "nothing changes",
            current: &[(1, 10), (2, 10), (3, 10)],
            contenders: &[(1, 10), (2, 10), (3, 10)],
            removed: &[],
            params: |_| {},
            expected: &[(1, 10), (2, 10), (3, 10)],
        },
        Case {
            name: "a newcomer grows by the churn of each epoch",
            current: &[(1, 100), (2, 100), (3, 100)],
            contenders: &[(1, 100), (2, 100), (3, 100), (4, 100)],
            removed: &[],
            params: |_| {},
            expected: &[(1, 100), (2, 100), (3, 100), (4, 30)],
        },
        Case {
            name: "the churn of a tiny set is one",
            current: &[(1, 1), (2, 1)],
            contenders: &[(1, 1), (2, 1), (3, 5)],
            removed: &[],
            params: |p| p.power_cap_bps = 10_000,
            expected: &[(1, 1), (2, 1), (3, 1)],
        },
        Case {
            name: "one share of the cap is the larger of cap and average, rounded up",
            current: &[(1, 900), (2, 50), (3, 51)],
            contenders: &[(1, 900), (2, 50), (3, 51)],
            removed: &[],
            params: |p| {
                p.power_cap_bps = 1_000;
                p.churn_bps = 3_333;
            },
            // ⌈1001 / 3⌉ = 334: down from 900 by at most 333.
            expected: &[(1, 567), (2, 50), (3, 51)],
        },
        Case {
            name: "the jailed leave at once and cost no churn",
            current: &[(1, 100), (2, 100), (3, 100), (4, 100)],
            contenders: &[(2, 100), (3, 100), (4, 140)],
            removed: &[1],
            params: |p| p.power_cap_bps = 10_000,
            expected: &[(2, 100), (3, 100), (4, 140)],
        },
        Case {
            name: "who unbonded leaves by the churn, the largest fall first",
            current: &[(1, 100), (2, 100), (3, 200)],
            contenders: &[(1, 100), (2, 90)],
            removed: &[],
            params: |p| p.power_cap_bps = 10_000,
            expected: &[(1, 100), (2, 100), (3, 160)],
        },
        Case {
            name: "when everybody is jailed the set stays",
            current: &[(1, 10), (2, 10)],
            contenders: &[],
            removed: &[1, 2],
            params: |_| {},
            expected: &[(1, 10), (2, 10)],
        },
        Case {
            name: "newcomers enter in their order",
            current: &[(1, 100), (2, 100)],
            contenders: &[(1, 100), (2, 100), (3, 15), (4, 90)],
            removed: &[],
            params: |p| p.power_cap_bps = 10_000,
            expected: &[(1, 100), (2, 100), (3, 15), (4, 5)],
        },
    ];
    for case in cases {
        let mut params = StakingParams::default();
        (case.params)(&mut params);
        let stakes = Stakes {
            contenders: contenders(case.contenders),
            removed: case.removed.iter().map(|tag| address(*tag)).collect(),
        };
        let made = next(&set(case.current), stakes, &params).unwrap();
        let expected: BTreeMap<Address, u64> =
            case.expected.iter().filter(|(_, power)| *power > 0).map(|(tag, power)| (address(*tag), *power)).collect();
        assert_eq!(powers(&made), expected, "{}", case.name);
    }
}

#[test]
fn random_stakes_keep_the_bounds_and_reach_their_targets() {
    let mut seed = Seed::new();
    for _ in 0..60 {
        let params = StakingParams {
            churn_bps: 1 + seed.below(3_333),
            power_cap_bps: 1 + seed.below(10_000),
            max_validators: 1 + seed.below(12),
            ..StakingParams::default()
        };
        let mut current = set(&[(1, 1 + seed.below(1_000)), (2, 1 + seed.below(1_000))]);
        let wanted: Vec<(u8, u64)> = (1..=16_u8).map(|tag| (tag, 1 + seed.below(10_000))).collect();
        let mut settled = false;
        for _ in 0..40_000 {
            let stakes = Stakes { contenders: contenders(&wanted), removed: Vec::new() };
            let made = next(&current, stakes, &params).unwrap();
            let (before, after) = (powers(&current), powers(&made));
            let all: std::collections::BTreeSet<&Address> = before.keys().chain(after.keys()).collect();
            let power = |map: &BTreeMap<Address, u64>, of: &Address| map.get(of).copied().unwrap_or(0);
            let change: u64 = all.iter().map(|one| power(&before, one).abs_diff(power(&after, one))).sum();
            let most = (current.total_power() * params.churn_bps / 10_000).max(1);
            assert!(change <= most, "{change} > {most}");
            assert!(!made.validators().is_empty());
            let seats = usize::try_from(params.max_validators + 1).unwrap().max(current.validators().len());
            assert!(made.validators().len() <= seats);
            settled = made == current;
            if settled {
                break;
            }
            current = made;
        }
        assert!(settled, "the set reaches its targets");
        assert_eq!(powers(&current), largest(&wanted, &params), "the largest stakes vote, up to the cap");
    }
}

/// The largest stakes with their capped powers, by the sentence of STK-17.
fn largest(wanted: &[(u8, u64)], params: &StakingParams) -> BTreeMap<Address, u64> {
    let mut chosen: Vec<(u64, Address)> = wanted.iter().map(|(tag, power)| (*power, address(*tag))).collect();
    chosen.sort_by_key(|(power, address)| (std::cmp::Reverse(*power), *address));
    chosen.truncate(usize::try_from(params.max_validators).unwrap());
    let total: u64 = chosen.iter().map(|(power, _)| power).sum();
    let cap = (total * params.power_cap_bps).div_ceil(10_000).max(total.div_ceil(chosen.len() as u64));
    chosen.into_iter().map(|(power, address)| (address, power.min(cap))).collect()
}

#[test]
fn the_last_seat_goes_to_the_larger_stake() {
    let params =
        StakingParams { churn_bps: 3_333, power_cap_bps: 10_000, max_validators: 3, ..StakingParams::default() };
    let wanted = [(1, 10), (2, 10), (3, 40), (4, 41)];
    let mut current = set(&wanted[..2]);
    let step = |current: &ValidatorSet| {
        let stakes = Stakes { contenders: contenders(&wanted), removed: Vec::new() };
        next(current, stakes, &params).unwrap()
    };
    for _ in 0..40 {
        current = step(&current);
    }
    // Both newcomers have more than either member; of the equal two the smaller address stays.
    let stays = address(1).min(address(2));
    assert_eq!(powers(&current), [(stays, 10), (address(3), 40), (address(4), 41)].into());
    assert_eq!(step(&current), current, "settled");
}
