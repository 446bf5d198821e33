//! The context: proposers, quorums and timeouts are the chain's.

use std::collections::BTreeSet;
use std::time::Duration;

use arc_malachitebft_app_channel::app::types::core::{
    Context, Height as _, Round, Timeout, Timeouts as _, Validator, ValidatorSet as _,
};
use consensus::context::ChainContext;
use consensus::timeouts::RoundTimeouts;
use consensus::types::{ChainHeight, VotingSet};
use primitives::genesis::Engine;
use primitives::{Hash, Height, Params};
use replica::application::Electorate;
use testkit::Seed;

use crate::memory_chain::genesis;

fn set(beacon: Hash) -> VotingSet {
    let validators = genesis(Engine::Bft, 7, 1_000).validator_set().expect("a set");
    VotingSet::new(Electorate { validators, beacon })
}

#[test]
fn proposer_is_the_chains_and_everyone_has_a_turn() {
    let mut seed = Seed::new();
    for _ in 0..20 {
        let set = set(Hash(seed.array()));
        let height = ChainHeight(Height(seed.edge_u64()));
        let mut turns = BTreeSet::new();
        for round in 0..7 {
            let chosen = ChainContext.select_proposer(&set, height, Round::new(round)).address().0;
            assert!(turns.insert(chosen), "a second turn before everyone had one");
        }
        let again = ChainContext.select_proposer(&set, height, Round::new(7)).address().0;
        let first = ChainContext.select_proposer(&set, height, Round::new(0)).address().0;
        assert_eq!(again, first);
    }
}

#[test]
fn beacon_decides_who_proposes() {
    let first = |beacon: u8| {
        let set = set(Hash([beacon; 32]));
        set.proposer(Height(1), primitives::Round(0)).address().0
    };
    let chosen: BTreeSet<_> = (0..50).map(first).collect();
    assert!(chosen.len() > 1, "fifty beacons chose one proposer");
}

#[test]
fn set_answers_by_address_and_by_place() {
    let set = set(Hash([1; 32]));
    assert_eq!(set.count(), 7);
    assert_eq!(set.total_voting_power(), 10 + 11 + 12 + 13 + 14 + 15 + 16);
    for index in 0..7 {
        let member = set.get_by_index(index).expect("seven members");
        assert_eq!(set.get_by_address(member.address()), Some(member));
        let known = set.validators().get(&member.address().0).expect("the same members");
        assert_eq!((known.public_key, known.power), (*member.public_key(), member.voting_power()));
    }
    assert_eq!(set.get_by_index(7), None);
}

#[test]
fn heights_do_not_wrap() {
    assert_eq!(ChainHeight::INITIAL, ChainHeight(Height(1)));
    assert_eq!(ChainHeight(Height(u64::MAX)).increment(), ChainHeight(Height(u64::MAX)));
    assert_eq!(ChainHeight::ZERO.decrement(), None);
    assert_eq!(ChainHeight(Height(5)).decrement_by(2), Some(ChainHeight(Height(3))));
}

#[test]
fn timeouts_are_the_governed_ones_and_grow_by_round() {
    let params = Params { timeout_propose_ms: 300, timeout_vote_ms: 100, timeout_delta_ms: 50, ..Params::default() };
    let timeouts = RoundTimeouts::of(&params);
    assert_eq!(timeouts.duration_for(Timeout::propose(Round::new(0))), Duration::from_millis(300));
    assert_eq!(timeouts.duration_for(Timeout::propose(Round::new(2))), Duration::from_millis(400));
    assert_eq!(timeouts.duration_for(Timeout::prevote(Round::new(1))), Duration::from_millis(150));
    assert_eq!(timeouts.duration_for(Timeout::precommit(Round::new(3))), Duration::from_millis(250));
    assert_eq!(timeouts.duration_for(Timeout::propose(Round::new(u32::MAX))), Duration::from_secs(60));
    // What was lost is sent again as soon in a late round as in the first.
    for round in [0, 1, 4, u32::MAX] {
        assert_eq!(timeouts.duration_for(Timeout::rebroadcast(Round::new(round))), Duration::from_millis(100));
    }
}
