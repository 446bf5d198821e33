//! The witness network: samples, who may attest, every refusal by name, pay by stake, and the gate.

use primitives::actions::WitnessEvent;
use primitives::actions::witness::witness_ticket;
use primitives::params::WitnessParams;
use primitives::{Action, Address, Event, Hash, Height, IdentityAction, Outcome, Params, WitnessAction};
use state::witness::{self, Sample};
use testkit::Seed;

use crate::chain::address;
use crate::people::{VALIDATOR, World, short};

/// Into the witness pool in each epoch of 4 blocks.
const FUNDED: u64 = 4 * 100_000 / 20;

fn params() -> Params {
    let mut params = short();
    params.witness =
        WitnessParams { interval_blocks: 2, answer_blocks: 2, committee: 64, attestations_max: 64, min_tier: 1 };
    params.staking.max_validators = 3;
    params
}

fn world(params: Params) -> World {
    let mut world = World::with_gates(params, 3, &["witness_network"]);
    for person in 0..3 {
        world.activate(person);
    }
    world.finish_epoch();
    world
}

fn attest(world: &mut World, from: u8) -> Outcome {
    let signed = world.attestation(from, |_| {});
    world.act(19, World::attestations(vec![signed])).0
}

fn accrued(events: &[Event], who: u8) -> u64 {
    let one = |event: &Event| match event {
        Event::Witness(WitnessEvent::Accrued { identity, amount }) if *identity == address(who) => amount.micro(),
        _ => 0,
    };
    events.iter().map(one).sum()
}

fn pool(world: &World) -> u64 {
    world.chain.balance(&Address::of_module("witness_pool"))
}

#[test]
fn witnesses_attest_share_the_epochs_pool_by_stake_and_claim() {
    let mut world = world(params());
    assert_eq!(world.bond(1, 90), Outcome::Success);
    world.finish_epoch();
    let list = (0..2).map(|one| world.attestation(one, |_| {})).collect();
    let (outcome, events) = world.act(5, World::attestations(list));
    assert_eq!(outcome, Outcome::Success, "anybody may bring them");
    assert_eq!(events.len(), 2);
    let (before, mut events) = (pool(&world), Vec::new());
    events.extend(world.finish_epoch());
    // The bond of an identity is 10 BLOCK, and one of them bonded 90 more.
    assert_eq!((accrued(&events, 0), accrued(&events, 1)), (FUNDED / 11, FUNDED * 10 / 11));
    assert_eq!(pool(&world), before + FUNDED, "it is promised, not paid");
    let balance = world.chain.balance(&address(1));
    let (outcome, events) = world.act(1, Action::Witness(WitnessAction::Claim));
    assert_eq!(outcome, Outcome::Success);
    let paid = WitnessEvent::Paid { identity: address(1), amount: crate::chain::amount(FUNDED * 10 / 11) };
    assert_eq!(events, [Event::Witness(paid)]);
    assert!(world.chain.balance(&address(1)) > balance, "more than the fee");
    assert_eq!(world.act(1, Action::Witness(WitnessAction::Claim)).0, Outcome::NothingToClaim);
    assert_eq!(witness::totals(&world.chain).unwrap().accrued.micro(), FUNDED / 11);
    let quiet = world.finish_epoch();
    assert_eq!(accrued(&quiet, 0), 0, "an epoch without attestations pays nobody");
}

#[test]
fn a_stake_split_over_two_witnesses_earns_what_it_earned_in_one() {
    let mut world = world(params());
    // Bond of the identity and own stake: 20 BLOCK in one, 10 and 10 in two.
    assert_eq!(world.bond(0, 10), Outcome::Success);
    world.finish_epoch();
    let list = (0..3).map(|one| world.attestation(one, |_| {})).collect();
    assert_eq!(world.act(5, World::attestations(list)).0, Outcome::Success);
    let events = world.finish_epoch();
    let (whole, split) = (accrued(&events, 0), accrued(&events, 1) + accrued(&events, 2));
    assert!(whole > 0 && whole.abs_diff(split) <= 1, "{whole} in one, {split} in two");
}

#[test]
fn every_attestation_that_does_not_count_is_refused_by_name() {
    let mut world = world(params());
    world.next_sample();
    let open = witness::sample(&world.chain).unwrap().unwrap();
    assert_eq!(open.height.0 + 1, open.opened_at.0, "the block before the one that opened it");
    type Edit = fn(&mut primitives::actions::witness::Attestation);
    let cases: [(&str, u8, Edit, Outcome); 6] = [
        ("an old height", 0, |one| one.height = Height(one.height.0 - 1), Outcome::WitnessLate),
        ("a future height", 0, |one| one.height = Height(one.height.0 + 1), Outcome::WitnessLate),
        ("another seed", 0, |one| one.seed = Hash([1; 32]), Outcome::WitnessWrongSeed),
        ("another block", 0, |one| one.value = Hash([1; 32]), Outcome::WitnessWrongBlock),
        ("no identity", 9, |_| {}, Outcome::IdentityNotActive),
        ("a validator", VALIDATOR, |_| {}, Outcome::WitnessInCommittee),
    ];
    // All in one block: the sample stays open, and refusals change nothing.
    let transactions: Vec<_> = cases
        .iter()
        .zip(10..)
        .map(|((_, who, edit, _), payer)| {
            let signed = world.attestation(*who, edit);
            world.transaction(payer, World::attestations(vec![signed]))
        })
        .collect();
    let receipts = world.block(&transactions).receipts;
    for ((name, .., expected), receipt) in cases.iter().zip(&receipts) {
        assert_eq!(receipt.outcome, *expected, "{name}");
    }
    world.next_sample();
    let good = world.attestation(0, |_| {});
    assert_eq!(world.act(19, World::attestations(vec![good])).0, Outcome::Success);
    let again = world.act(18, World::attestations(vec![good])).0;
    assert_eq!(again, Outcome::WitnessRepeated, "a replay");
    let stale = world.attestation(1, |_| {});
    world.next_sample();
    assert_eq!(world.act(19, World::attestations(vec![stale])).0, Outcome::WitnessLate, "its time has passed");
}

#[test]
fn tier_draw_and_room_are_asked_for() {
    let mut high = params();
    high.witness.min_tier = 2;
    high.timetoke.cap_hours = 720;
    let mut world = world(high);
    world.next_sample();
    assert_eq!(attest(&mut world, 0), Outcome::WitnessTierTooLow);
    let mut narrow = params();
    narrow.witness.committee = 1;
    narrow.witness.attestations_max = 1;
    let mut world = self::world(narrow.clone());
    let (mut drawn, mut passed_over, mut full) = (0, 0, 0);
    for _ in 0..40 {
        world.next_sample();
        let open = witness::sample(&world.chain).unwrap().unwrap();
        let draws: Vec<bool> = (0..2).map(|one| open.draws(&narrow.witness, &address(one))).collect();
        let list = (0..2).filter(|one| draws[usize::from(*one)]).map(|one| world.attestation(one, |_| {})).collect();
        match draws[..] {
            [true, true] => {
                assert_eq!(world.act(19, World::attestations(list)).0, Outcome::WitnessFull);
                full += 1;
            }
            [true, _] => {
                assert_eq!(world.act(19, World::attestations(list)).0, Outcome::Success);
                drawn += 1;
            }
            _ => {
                assert_eq!(attest(&mut world, 0), Outcome::WitnessNotSampled);
                passed_over += 1;
            }
        }
    }
    assert!(drawn > 0 && passed_over > 0 && drawn + passed_over + full == 40, "{drawn} {passed_over} {full}");
}

#[test]
fn the_draw_takes_the_committee_in_the_mean_and_everyone_when_there_are_few() {
    let params = WitnessParams { committee: 16, ..WitnessParams::default() };
    let mut seed = Seed::of(7);
    let sample = |identities, seed| Sample {
        height: Height(1),
        value: Hash::default(),
        seed,
        opened_at: Height(2),
        identities,
        attested: 0,
    };
    let people: Vec<Address> = (0..1_000).map(crate::chain::stranger).collect();
    let mut drawn = 0_u64;
    for _ in 0..100 {
        let open = sample(1_000, Hash(seed.array()));
        drawn += people.iter().filter(|one| open.draws(&params, one)).count() as u64;
    }
    // 1,600 expected with a deviation of 40: five of them.
    assert!(drawn.abs_diff(1_600) < 200, "{drawn}");
    let open = sample(16, Hash([3; 32]));
    assert!(people.iter().all(|one| open.draws(&params, one)));
    assert_eq!(sample(0, Hash::default()).threshold(&params), u64::MAX);
    assert_ne!(witness_ticket(&Hash([1; 32]), &people[0]), witness_ticket(&Hash([2; 32]), &people[0]));
}

#[test]
fn without_the_gate_nothing_opens_and_attestations_are_refused_by_name() {
    let mut world = World::new(params(), 3);
    world.activate(0);
    world.run_to(12);
    assert_eq!(witness::sample(&world.chain).unwrap(), None);
    let attestation = primitives::actions::witness::Attestation {
        identity: address(0),
        height: world.chain.height,
        seed: Hash::default(),
        value: Hash::default(),
    };
    let signed = attestation.sign(&crate::chain::key(0), &world.chain.genesis);
    assert_eq!(world.act(0, World::attestations(vec![signed])).0, Outcome::WitnessNetworkOff);
    assert_eq!(world.act(0, Action::Witness(WitnessAction::Claim)).0, Outcome::NothingToClaim);
    assert!(pool(&world) > 0, "the pool is filled all the same");
}

#[test]
fn who_ended_its_identity_before_the_epochs_end_is_not_paid() {
    let mut world = world(params());
    world.finish_epoch();
    assert_eq!(attest(&mut world, 0), Outcome::Success);
    assert_eq!(world.outcome(0, IdentityAction::Revoke), Outcome::Success);
    let events = world.finish_epoch();
    assert_eq!(accrued(&events, 0), 0);
    assert_eq!(witness::totals(&world.chain).unwrap(), witness::Totals::default());
}
