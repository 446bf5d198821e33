//! Proposer order: everyone once per n rounds, in proportion to power, the same on every machine.

use std::collections::{BTreeMap, BTreeSet};

use primitives::proposer::proposer;
use primitives::{Address, Domain, Hash, Height, Round, Validator, ValidatorSet, VrfSecretKey, hash};

use crate::samples::{address, secret};

fn set(powers: &[u64]) -> ValidatorSet {
    let validators = powers.iter().zip(1..).map(|(power, tag)| Validator {
        address: address(tag),
        public_key: secret(tag).public_key(),
        vrf_key: VrfSecretKey::from_seed([tag; 32]).public_key(),
        power: *power,
    });
    ValidatorSet::new(validators.collect()).unwrap()
}

fn beacon(height: u64) -> Hash {
    hash(Domain::Beacon, &[&height.to_le_bytes()])
}

#[test]
fn n_rounds_try_everyone_once_and_then_repeat() {
    let set = set(&[1, 1_000_000, 5, (1 << 59)]);
    for height in 1..50 {
        let order: Vec<Address> =
            (0..8).map(|round| proposer(&set, &beacon(height), Height(height), Round(round)).address).collect();
        assert_eq!(order[..4].iter().collect::<BTreeSet<_>>().len(), 4);
        assert_eq!(order[..4], order[4..]);
    }
    proposer(&set, &beacon(1), Height(1), Round(u32::MAX));
}

#[test]
fn long_run_share_matches_power() {
    let powers = [10_u64, 11, 12, 13, 54];
    let set = set(&powers);
    let heights = 100_000_u64;
    let mut counts: BTreeMap<Address, f64> = BTreeMap::new();
    for height in 0..heights {
        *counts.entry(proposer(&set, &beacon(height), Height(height), Round(0)).address).or_default() += 1.0;
    }
    let chi_square: f64 = set
        .validators()
        .iter()
        .map(|validator| {
            let expected = heights as f64 * validator.power as f64 / 100.0;
            (counts[&validator.address] - expected).powi(2) / expected
        })
        .sum();
    // Four degrees of freedom: above 18.47 in one of a thousand fair draws; the beacons here are fixed.
    assert!(chi_square < 18.47, "{chi_square}");
}

#[test]
fn the_order_is_pinned() {
    let set = set(&[10, 20, 30, 40]);
    let order: String = (0..12)
        .map(|height| {
            let chosen = proposer(&set, &beacon(height), Height(height), Round(0)).power;
            char::from_digit(u32::try_from(chosen / 10).unwrap(), 10).unwrap()
        })
        .collect();
    assert_eq!(order, PINNED);
}

/// Who proposes heights 0 … 11 of the fixed beacons, by power / 10.
const PINNED: &str = "433422442144";
