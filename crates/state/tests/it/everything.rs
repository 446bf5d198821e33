//! All modules at once: random people and validators do random things under both gates, and every invariant of the state
//! holds after each block. The supply changes by what was issued and burned, to the last µBLOCK.

use std::collections::BTreeMap;

use primitives::actions::{IdentityEvent, TimetokeEvent, WitnessEvent};
use primitives::{Action, Event, Evidence, IdentityAction, Outcome, StakeAction, Transaction, WitnessAction};
use state::{BlockInvalid, Executed, identity, witness};
use testkit::Seed;

use crate::chain::{address, amount};
use crate::people::{VALIDATOR, World, short};

const ACTORS: u8 = 8;
const BLOCKS: u32 = 130;

fn world() -> World {
    let mut params = short();
    params.witness.interval_blocks = 2;
    params.witness.answer_blocks = 2;
    params.witness.min_tier = 1;
    params.staking.max_validators = 6;
    params.lottery.min_tier = 1;
    params.identity.attestation_window_blocks = 5;
    World::with_gates(params, 4, &["timetoke_rewards", "witness_network"])
}

fn stake(world: &World, seed: &mut Seed, who: u8) -> Action {
    let validator = address(if seed.chance(50) { VALIDATOR + seed.index(4) as u8 } else { seed.index(8) as u8 });
    let money = amount(1 + seed.below(60_000_000));
    let secret = crate::people::vrf(who);
    let input = primitives::actions::stake::vrf_possession_input(&world.chain.genesis, &address(who));
    let candidacy = primitives::actions::Candidacy {
        vrf_key: secret.public_key(),
        vrf_proof: secret.prove(&input).unwrap(),
        commission_bps: 500,
    };
    Action::Stake(match seed.below(6) {
        0 => StakeAction::Bond(primitives::actions::Bond { amount: money, candidacy: Some(candidacy) }),
        1 => StakeAction::Delegate { validator, amount: money },
        2 => StakeAction::Unbond { validator, amount: money },
        3 => StakeAction::Claim { validator },
        4 => StakeAction::Unjail,
        _ => StakeAction::Bond(primitives::actions::Bond { amount: money, candidacy: None }),
    })
}

fn action(world: &World, seed: &mut Seed, who: u8) -> Action {
    let other = seed.index(usize::from(ACTORS)) as u8;
    let open = witness::sample(&world.chain).unwrap();
    let challenge = state::timetoke::challenge(&world.chain).unwrap();
    match seed.below(14) {
        0 | 1 => Action::Identity(IdentityAction::Register(Box::new(world.registration(who)))),
        2 => Action::Identity(IdentityAction::Vouch { subject: address((other + 1 + who) % ACTORS) }),
        3 if seed.chance(20) => Action::Identity(IdentityAction::Revoke),
        4 => Action::Identity(IdentityAction::Withdraw),
        5..=7 if challenge.is_some() => World::beats(vec![world.heartbeat(other, |_| {})]),
        8 | 9 if open.is_some() => World::attestations(vec![world.attestation(other, |_| {})]),
        10 => Action::Witness(WitnessAction::Claim),
        11 if challenge.is_some() && seed.chance(6) => {
            let wrong = world.heartbeat(other, |beat| beat.value = primitives::Hash([9; 32]));
            Action::Evidence(Evidence::of_heartbeats(world.heartbeat(other, |_| {}), wrong))
        }
        _ => stake(world, seed, who),
    }
}

fn transactions(world: &World, seed: &mut Seed) -> Vec<Transaction> {
    let mut list = Vec::new();
    for who in 0..ACTORS {
        if seed.chance(60) {
            let action = action(world, seed, who);
            list.push(world.transaction(who, action));
        }
    }
    for by in 0..4 {
        let subject = seed.index(usize::from(ACTORS)) as u8;
        if let Some(pending) = identity::get(&world.chain, &address(subject)).unwrap() {
            let attest = IdentityAction::Attest { subject: address(subject), registered_at: pending.registered_at };
            list.push(world.transaction(VALIDATOR + by, Action::Identity(attest)));
        }
    }
    list.into_iter().filter(|one| one.check(&world.chain.genesis).is_ok()).collect()
}

/// What the receipts and events say was burned.
fn burned(executed: &Executed) -> u64 {
    let fees: u64 = executed.receipts.iter().map(|receipt| receipt.fee_burned.micro()).sum();
    let events = executed.receipts.iter().flat_map(|receipt| receipt.events.iter()).chain(&executed.events);
    let slashed = events.map(|event| match event {
        Event::Slashed { amount, .. } | Event::Identity(IdentityEvent::Punished { burned: amount, .. }) => {
            amount.micro()
        }
        _ => 0,
    });
    fees + slashed.sum::<u64>()
}

#[test]
fn random_histories_of_all_modules_keep_every_invariant_and_the_supply_adds_up() {
    let mut seed = Seed::new();
    let mut outcomes: BTreeMap<Outcome, u64> = BTreeMap::new();
    let (mut rewarded, mut accrued, mut claimed) = (0_u64, 0_u64, 0_u64);
    for _ in 0..4 {
        let mut world = world();
        for _ in 0..BLOCKS {
            world.builder = seed.index(3) as u8;
            world.silent = (0..4).filter(|_| seed.chance(12)).take(1).map(crate::people::validator).collect();
            let mut list = transactions(&world, &mut seed);
            let supply = world.chain.supply.micro();
            let context = world.context();
            // Evidence about who was punished in the same block, and the like, may not enter.
            let executed = loop {
                match state::execute_block(&world.chain, context.clone(), &list, world.chain.verifier.as_ref()) {
                    Ok(executed) => break executed,
                    Err(BlockInvalid::Transaction { index, .. }) => drop(list.remove(index)),
                    Err(other) => unreachable!("{other}"),
                }
            };
            world.time = context.time;
            // Every invariant is checked there; the same block gives the same result a second time.
            assert_eq!(world.chain.block_in(context, &list).unwrap(), executed);
            let issued = world.params.rewards.issuance_per_block.micro();
            assert_eq!(world.chain.supply.micro(), supply + issued - burned(&executed));
            for receipt in &executed.receipts {
                *outcomes.entry(receipt.outcome).or_default() += 1;
            }
            for event in executed.receipts.iter().flat_map(|one| one.events.iter()).chain(&executed.events) {
                match event {
                    Event::Timetoke(TimetokeEvent::Rewarded { paid: true, .. }) => rewarded += 1,
                    Event::Witness(WitnessEvent::Accrued { amount, .. }) => accrued += amount.micro(),
                    Event::Witness(WitnessEvent::Paid { amount, .. }) => claimed += amount.micro(),
                    _ => {}
                }
            }
        }
    }
    assert!(rewarded > 0 && accrued >= claimed && claimed > 0, "{rewarded} {accrued} {claimed}");
    assert!(outcomes.len() >= 10 && outcomes[&Outcome::Success] > 200, "{outcomes:?}");
}
