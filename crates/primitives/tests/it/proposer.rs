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

/// How builders that work together bend a seed: they own every block from a height to the end of the epoch, or they give
/// the turn to a stranger.
struct Collusion {
    set: ValidatorSet,
    /// Who works together: the first of the set.
    together: usize,
    last: u64,
    /// The event they want happens for one seed in this many.
    rarity: u64,
}

impl Collusion {
    fn wants(&self, seed: &Hash) -> bool {
        let number = seed.0.iter().take(8).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        number.is_multiple_of(self.rarity)
    }

    fn is_theirs(&self, beacon: &Hash, height: u64, round: u32) -> bool {
        let builder = proposer(&self.set, beacon, Height(height), Round(round)).address;
        self.set.validators().iter().take(self.together).any(|one| one.address == builder)
    }

    /// Whether their own blocks alone lead from `beacon`, the beacon before `height`, to a seed that they want.
    fn reaches(&self, beacon: &Hash, height: u64) -> bool {
        if height > self.last {
            return self.wants(beacon);
        }
        let own = (0..u32::MAX).take_while(|round| self.is_theirs(beacon, height, *round));
        own.into_iter().any(|round| {
            let next = hash(Domain::Beacon, &[beacon.as_bytes(), &round.to_le_bytes()]);
            self.reaches(&next, height + 1)
        })
    }

    /// The best they can do: wait for a chain of own blocks that they know to the end, else let strangers decide.
    fn succeeds(&self, seed: &mut testkit::Seed) -> bool {
        let mut beacon = Hash(seed.array());
        for height in 1..=self.last {
            if self.reaches(&beacon, height) {
                return true;
            }
            beacon = Hash(seed.array());
        }
        self.wants(&beacon)
    }
}

#[test]
fn builders_that_work_together_bend_a_seed_by_no_more_than_the_published_bound() {
    let mut seed = testkit::Seed::of(16);
    for (together, bound_ppm) in [(3_usize, 1_500_000_u64), (4, 2_000_000)] {
        let collusion = Collusion { set: set(&[10; 12]), together, last: 8, rarity: 32 };
        let tries = 20_000_u64;
        let wins = (0..tries).filter(|_| collusion.succeeds(&mut seed)).count() as u64;
        let fair = tries / collusion.rarity;
        // Three deviations of a count of about a thousand: a hundred.
        assert!(wins * 1_000_000 <= fair * bound_ppm + 100 * 1_000_000, "{together} of 12: {wins}, fair {fair}");
        assert!(wins > fair + 50, "{together} of 12 gain something: {wins}, fair {fair}");
        println!("{together} of 12: {wins} instead of {fair}");
    }
}
