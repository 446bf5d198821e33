//! What timetoke pays validators: shares, gate, list of paid validators, and who gets nothing.

use primitives::actions::TimetokeEvent;
use primitives::{Address, BoundedVec, Event, LedgerOp, Params};
use testkit::Seed;

use crate::people::{VALIDATOR, World, short, validator};

/// Into the timetoke pool in each epoch of 4 blocks: a twentieth of what is issued.
const FUNDED: u64 = 4 * 100_000 / 20;

fn paying(params: Params) -> World {
    World::with_gates(params, 3, &["timetoke_rewards"])
}

fn pool(world: &World) -> u64 {
    world.chain.balance(&Address::of_module("timetoke_pool"))
}

/// Validator, proposer's part, witness's part, paid.
fn rewards(events: &[Event]) -> Vec<(Address, u64, u64, bool)> {
    let one = |event: &Event| match *event {
        Event::Timetoke(TimetokeEvent::Rewarded { validator, proposer_part, witness_part, paid }) => {
            Some((validator, proposer_part.micro(), witness_part.micro(), paid))
        }
        _ => None,
    };
    events.iter().filter_map(one).collect()
}

fn of(rewards: &[(Address, u64, u64, bool)], index: u8) -> (u64, u64, bool) {
    let found = rewards.iter().find(|one| one.0 == validator(index));
    found.map_or((0, 0, false), |(_, proposer, witness, paid)| (*proposer, *witness, *paid))
}

#[test]
fn builders_share_six_tenths_and_signers_three_and_the_rest_is_kept() {
    let mut world = paying(short());
    assert_eq!(rewards(&world.finish_epoch()), [], "nobody has hours yet");
    world.run_to(40);
    let (before, balance) = (pool(&world), world.chain.balance(&validator(1)));
    let events = world.finish_epoch();
    let found = rewards(&events);
    assert_eq!(found.len(), 3);
    assert_eq!(of(&found, 0), (FUNDED * 6 / 10, FUNDED / 10, true), "one validator built everything");
    assert_eq!(of(&found, 1), (0, FUNDED / 10, true));
    let paid: u64 = found.iter().map(|(_, proposer, witness, _)| proposer + witness).sum();
    assert_eq!(pool(&world), before + FUNDED - paid);
    assert_eq!(paid, FUNDED * 9 / 10);
    assert!(world.chain.balance(&validator(1)) >= balance + FUNDED / 10);
}

#[test]
fn hours_of_a_split_stake_earn_what_they_earned_in_one_and_come_by_a_second_transfer() {
    let earned = |powers: &[u64], whose: &[u8]| -> u64 {
        let mut params = short();
        params.staking.power_cap_bps = 10_000;
        let mut world = World::with_powers(params, powers, &["timetoke_rewards"]);
        world.run_to(43);
        // The one that is split never builds; who builds has the same bonus in both worlds.
        let executed = world.block(&[]);
        for who in whose {
            let slot = state::view::slot_of(&world.chain, &validator(*who)).unwrap().unwrap();
            let to = |op: &&LedgerOp| matches!(op, LedgerOp::Transfer { to, .. } if *to == slot);
            assert_eq!(executed.ops.iter().filter(to).count(), 2, "rewards, and timetoke from its own pool");
        }
        let found = rewards(&executed.events);
        whose.iter().map(|who| of(&found, *who).1).sum()
    };
    let (whole, split) = (earned(&[100, 200], &[1]), earned(&[100, 100, 100], &[1, 2]));
    assert!(whole.abs_diff(split) <= 1, "{whole} in one, {split} in two");
    assert_eq!(whole, FUNDED * 3 / 10 * 2 / 3);
}

#[test]
fn without_the_gate_everything_is_reported_and_nothing_is_paid() {
    let mut world = World::new(short(), 3);
    world.run_to(40);
    let before = pool(&world);
    let found = rewards(&world.finish_epoch());
    assert_eq!(of(&found, 0), (FUNDED * 6 / 10, FUNDED / 10, false));
    assert_eq!(pool(&world), before + FUNDED);
}

#[test]
fn a_list_names_the_only_validators_that_are_paid() {
    let mut params = short();
    params.rewards.timetoke_paid = BoundedVec::new(vec![validator(1)]).unwrap();
    let mut world = paying(params);
    world.run_to(40);
    let before = pool(&world);
    let found = rewards(&world.finish_epoch());
    assert_eq!((of(&found, 0).2, of(&found, 1).2, of(&found, 2).2), (false, true, false));
    assert_eq!(pool(&world), before + FUNDED - FUNDED / 10);
}

#[test]
fn absence_ended_identities_and_missing_hours_earn_nothing() {
    let mut world = paying(short());
    world.run_to(40);
    world.silent.push(validator(1));
    world.finish_epoch();
    let absent = rewards(&world.finish_epoch());
    assert_eq!(of(&absent, 1), (0, 0, false), "it signed nothing");
    assert_eq!(of(&absent, 2).1, FUNDED * 3 / 20, "the two others share what it left");
    let revoke = primitives::Action::Identity(primitives::IdentityAction::Revoke);
    assert_eq!(world.act(VALIDATOR + 2, revoke).0, primitives::Outcome::Success);
    let revoked = rewards(&world.finish_epoch());
    assert_eq!(of(&revoked, 2), (0, 0, false), "hours without an identity do not count");
}

#[test]
fn the_pool_never_pays_more_than_it_was_funded_with() {
    let mut seed = Seed::new();
    for _ in 0..8 {
        let mut params = short();
        params.rewards.timetoke_proposer_bps = seed.below(10_001);
        params.rewards.timetoke_witness_bps = seed.below(10_001 - params.rewards.timetoke_proposer_bps);
        params.rewards.issuance_per_block = crate::chain::amount(seed.below(1_000_001));
        let mut world = paying(params);
        world.run_to(20);
        for _ in 0..10 {
            world.builder = u8::try_from(seed.below(3)).unwrap();
            world.silent = (0..3).filter(|_| seed.chance(30)).take(1).map(validator).collect();
            let before = pool(&world);
            let events = world.finish_epoch();
            let paid: u64 = rewards(&events).iter().map(|(_, proposer, witness, _)| proposer + witness).sum();
            let funded = events.iter().map(|event| match event {
                Event::PoolFunded { pool, amount } if *pool == Address::of_module("timetoke_pool") => amount.micro(),
                _ => 0,
            });
            let funded: u64 = funded.sum();
            assert!(paid <= funded, "{paid} of {funded}");
            assert_eq!(pool(&world), before + funded - paid);
        }
    }
}

#[test]
fn the_lists_and_shares_of_timetoke_are_checked_at_genesis() {
    type Edit = fn(&mut Params);
    let cases: [(&str, Edit, &str); 4] = [
        ("above one", |params| params.rewards.timetoke_proposer_bps = 10_001, "rewards.timetoke_proposer_bps"),
        ("together above one", |params| params.rewards.timetoke_witness_bps = 4_001, "rewards.timetoke_witness_bps"),
        (
            "a validator twice",
            |params| params.rewards.timetoke_paid = BoundedVec::new(vec![validator(1); 2]).unwrap(),
            "rewards.timetoke_paid",
        ),
        ("more answers than time", |params| params.witness.answer_blocks = 11, "witness.answer_blocks"),
    ];
    for (name, edit, field) in cases {
        let mut params = Params::default();
        edit(&mut params);
        assert_eq!(params.validate().unwrap_err().name, field, "{name}");
    }
}
