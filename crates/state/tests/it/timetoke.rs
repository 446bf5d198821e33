//! Timetoke: the arithmetic of windows, heartbeats with every refusal, validators' commits, the root.

use std::collections::BTreeMap;

use primitives::actions::IdentityEvent;
use primitives::actions::timetoke::{Heartbeat, SignedHeartbeat};
use primitives::params::TimetokeParams;
use primitives::{Address, Event, Hash, Outcome, Rejection, Timestamp, merkle};
use state::timetoke::account::{Timetoke, answers_needed, challenge_at, window_at};
use state::timetoke::commitment;
use state::{StateView, identity, timetoke};
use testkit::Seed;

use crate::chain::{address, key};
use crate::people::{VALIDATOR, World, short, validator};

const HOUR: u64 = 3_600_000;

#[test]
fn whole_hours_of_good_windows_count_and_a_day_takes_one_away() {
    let params = TimetokeParams::default();
    assert_eq!(answers_needed(&params), 5, "80 % of six, rounded up");
    let mut record = Timetoke::default();
    for number in 0..6 {
        record = record.answered(&params, number);
    }
    assert_eq!(record.hours, 0, "the window is not over");
    let at = |time| Timestamp(time);
    assert_eq!(record.hours_at(&params, at(HOUR - 1)), 0);
    assert_eq!(record.hours_at(&params, at(HOUR)), 1);
    assert_eq!(record.hours_at(&params, at(25 * HOUR - 1)), 1);
    assert_eq!(record.hours_at(&params, at(25 * HOUR)), 0, "a day after the end of the window");
    let four = (0..4).fold(Timetoke::default(), |record, number| record.answered(&params, number));
    assert_eq!(four.hours_at(&params, at(HOUR)), 0, "four of six are not enough");
    let split =
        [3, 4, 5, 6, 7].into_iter().fold(Timetoke::default(), |record, number| record.answered(&params, number));
    assert_eq!(split.hours_at(&params, at(2 * HOUR)), 0, "windows do not overlap");
}

#[test]
fn a_window_of_several_hours_credits_each_and_the_cap_holds() {
    let params = TimetokeParams { window_seconds: 9_000, cap_hours: 5, ..TimetokeParams::default() };
    let mut record = Timetoke::default();
    for window in 0..4 {
        for answer in 0..6 {
            record = record.answered(&params, 6 * window + answer);
        }
        let end = Timestamp((window + 1) * 9_000_000);
        assert_eq!(record.hours_at(&params, end), (2 * (window + 1)).min(5), "9,000 s are two whole hours");
    }
}

#[test]
fn windows_and_challenges_follow_block_time() {
    let params = TimetokeParams::default();
    let table = [(0, 0, 0), (599_999, 0, 0), (600_000, 0, 1), (HOUR - 1, 0, 5), (HOUR, 1, 6), (10 * HOUR, 10, 60)];
    for (time, window, challenge) in table {
        assert_eq!(window_at(&params, Timestamp(time)), window, "{time}");
        assert_eq!(challenge_at(&params, Timestamp(time)), challenge, "{time}");
    }
    challenge_at(&params, Timestamp(u64::MAX));
}

/// A slow model: every answered window as a list, replayed hour by hour.
fn model(params: &TimetokeParams, answers: &BTreeMap<u64, u64>, now: Timestamp) -> u64 {
    let (mut hours, mut since) = (0_u64, 0_u64);
    let day = params.decay_seconds * 1_000;
    let window_ms = params.window_seconds * 1_000;
    for (window, count) in answers {
        let end = (window + 1) * window_ms;
        if end <= now.0 && *count * 1_000_000 >= params.challenges_per_window * params.participation_min_ppm {
            hours = hours.saturating_sub((end - since) / day);
            hours = (hours + params.window_seconds / params.hour_seconds).min(params.cap_hours);
            since = end;
        }
    }
    hours.saturating_sub((now.0 - since) / day)
}

#[test]
fn random_answers_agree_with_a_slow_model() {
    let mut seed = Seed::new();
    for _ in 0..200 {
        let hour = 1 + seed.below(5);
        let params = TimetokeParams {
            hour_seconds: hour,
            window_seconds: hour + seed.below(20),
            challenges_per_window: 1 + seed.below(6),
            decay_seconds: 1 + seed.below(200),
            cap_hours: 1 + seed.below(40),
            participation_min_ppm: 500_001 + seed.below(499_999),
            ..TimetokeParams::default()
        };
        let (mut record, mut answers, mut number) = (Timetoke::default(), BTreeMap::new(), 0);
        for _ in 0..200 {
            number += 1 + if seed.below(4) == 0 { seed.below(40) } else { 0 };
            record = record.answered(&params, number);
            *answers.entry(number / params.challenges_per_window).or_insert(0) += 1;
            let start = number / params.challenges_per_window * params.window_seconds * 1_000;
            let now = Timestamp(start + seed.below(100_000));
            assert_eq!(record.hours_at(&params, now), model(&params, &answers, now), "{params:?} at {now:?}");
            assert!(record.hours_at(&params, now) <= params.cap_hours);
        }
    }
}

#[test]
fn hours_change_by_time_alone_at_the_foretold_times_only() {
    let mut seed = Seed::new();
    let (mut credits, mut losses) = (0, 0);
    for _ in 0..400 {
        let params = TimetokeParams {
            hour_seconds: 3,
            window_seconds: 3 + seed.below(6),
            challenges_per_window: 1 + seed.below(2),
            decay_seconds: 1 + seed.below(9),
            ..TimetokeParams::default()
        };
        let start = Timestamp(1_000_000 + seed.below(10_000));
        let record = Timetoke {
            hours: seed.below(5),
            accrued_at: Timestamp(start.0 - seed.below(20_000)),
            window: window_at(&params, start) - seed.below(2),
            answers: seed.below(3),
            last_challenge: None,
        };
        let mut told = start;
        for now in (start.0..start.0 + 90_000).step_by(500).map(Timestamp) {
            let (before, after) = (record.hours_at(&params, told), record.hours_at(&params, now));
            if record.next_change(&params, told).is_some_and(|next| next <= now) {
                told = now;
                credits += u32::from(after > before);
                losses += u32::from(after < before);
            } else {
                assert_eq!(after, before, "{record:?} from {told:?} to {now:?} with {params:?}");
            }
        }
        assert_eq!(record.next_change(&params, told), None, "{record:?} is over after 90 seconds");
    }
    assert!(credits > 50 && losses > 500, "{credits} credits, {losses} losses");
}

#[test]
fn an_identity_earns_hours_by_answering_and_loses_them_by_silence() {
    let mut world = World::new(short(), 3);
    world.activate(0);
    for _ in 0..12 {
        world.next_beat(0, true);
    }
    let hours = world.hours(0);
    assert!((5..=6).contains(&hours), "twelve answers in six windows, the first and last perhaps cut: {hours}");
    let left = state::timetoke::get(&world.chain, &address(0)).unwrap();
    world.time = left.accrued_at.plus(60_000 * 3);
    assert_eq!(world.hours(0), left.hours.max(hours) - 3, "three days of a minute each");
}

#[test]
fn heartbeats_that_do_not_count() {
    let mut world = World::new(short(), 3);
    world.activate(0);
    world.register(1);
    let open = |world: &World| timetoke::challenge(&world.chain).unwrap().unwrap();
    // The next challenge is fresh: all cases below fit into its four seconds.
    let before = open(&world).number;
    while open(&world).number == before {
        world.block(&[]);
    }
    let list = |signed: SignedHeartbeat| World::beats(vec![signed]);
    let early = world.heartbeat(0, |heartbeat| heartbeat.challenge += 1);
    let seed = world.heartbeat(0, |heartbeat| heartbeat.seed = Hash([1; 32]));
    let pending = world.heartbeat(1, |_| {});
    let of_validator = world.heartbeat(VALIDATOR, |_| {});
    let right = world.heartbeat(0, |_| {});
    let from = 7;
    let actions = [list(early), list(seed), list(pending), list(of_validator), list(right), list(right)];
    let outcomes = [
        Outcome::HeartbeatLate,
        Outcome::HeartbeatWrongSeed,
        Outcome::IdentityNotActive,
        Outcome::HeartbeatNotNeeded,
        Outcome::Success,
        Outcome::HeartbeatRepeated,
    ];
    let mut nonce = world.chain.nonce(&address(from));
    let transactions: Vec<_> = actions
        .into_iter()
        .map(|action| {
            let mut body = world.chain.body(from, action);
            body.nonce = primitives::Nonce::new(nonce).unwrap();
            nonce += 1;
            world.chain.sign(from, body)
        })
        .collect();
    let receipts = world.block(&transactions).receipts;
    let got: Vec<Outcome> = receipts.iter().map(|receipt| receipt.outcome).collect();
    assert_eq!(got, outcomes);
    world.activate(2);
    world.next_beat(2, true);
    let late = open(&world);
    let stale = world.heartbeat(0, |_| {});
    while world.time.since(late.opened_at) < 3_500 {
        world.block(&[]);
    }
    assert_eq!(world.act(0, list(stale)).0, Outcome::HeartbeatLate, "after answer_seconds");
}

#[test]
fn forged_heartbeats_never_enter_a_block() {
    let mut world = World::new(short(), 3);
    world.activate(0);
    world.activate(1);
    let genesis = world.chain.genesis;
    let good = world.heartbeat(0, |_| {});
    let mut altered = good;
    altered.heartbeat.value = Hash([3; 32]);
    let wrong_key = Heartbeat { identity: address(1), ..good.heartbeat }.sign(&key(0), &genesis);
    let other_chain = good.heartbeat.sign(&key(0), &Hash::default());
    let mut pair = vec![good, world.heartbeat(1, |_| {})];
    pair.sort_by_key(|signed| signed.heartbeat.identity);
    let mut reversed = pair.clone();
    reversed.reverse();
    let cases = [
        ("nothing", vec![], Err(Rejection::HeartbeatEmpty)),
        ("altered", vec![altered], Err(Rejection::BadHeartbeatSignature)),
        ("another's key", vec![wrong_key], Err(Rejection::BadHeartbeatSignature)),
        ("another chain", vec![other_chain], Err(Rejection::BadHeartbeatSignature)),
        ("twice", vec![good, good], Err(Rejection::HeartbeatOrder)),
        ("out of order", reversed, Err(Rejection::HeartbeatOrder)),
        ("both", pair, Ok(())),
    ];
    for (name, list, expected) in cases {
        let transaction = world.transaction(5, World::beats(list));
        assert_eq!(transaction.check(&genesis), expected, "{name}");
    }
}

#[test]
fn validators_accrue_by_commits_and_silent_ones_do_not() {
    let mut world = World::new(short(), 4);
    world.silent = vec![validator(3)];
    world.run_to(60);
    assert!(world.hours(VALIDATOR) >= 4, "{}", world.hours(VALIDATOR));
    assert_eq!(world.hours(VALIDATOR + 3), 0);
    let present = state::reputation::counters(&world.chain, &validator(0)).unwrap();
    let absent = state::reputation::counters(&world.chain, &validator(3)).unwrap();
    assert!(present.successes > 40 && present.failures == 0, "{present:?}");
    assert!(absent.successes == 0 && absent.failures > 0 && absent.validation_failures > 0, "{absent:?}");
}

/// The root made anew from every record.
fn recomputed(world: &World) -> Hash {
    let mut leaves: BTreeMap<u32, Hash> = BTreeMap::new();
    let people: Vec<Address> = (0..8).map(address).chain((0..4).map(validator)).collect();
    for address in people {
        let Some(identity) = identity::get(&world.chain, &address).unwrap() else { continue };
        let record = timetoke::get(&world.chain, &address).unwrap();
        if record.accrued_at > Timestamp(0) {
            leaves.insert(identity.number, commitment::leaf(&address, &record));
        }
    }
    let mut level: BTreeMap<u32, Hash> = leaves;
    for _ in 0..commitment::LEVELS {
        let mut above: BTreeMap<u32, Vec<Hash>> = BTreeMap::new();
        for (index, digest) in &level {
            let children = above.entry(index / 64).or_default();
            children.resize((index % 64) as usize + 1, Hash::default());
            *children.last_mut().unwrap() = *digest;
        }
        level = above.into_iter().map(|(index, children)| (index, merkle::root(&children))).collect();
    }
    level.get(&0).copied().unwrap_or_default()
}

#[test]
fn the_root_is_that_of_all_records() {
    let _shown = testkit::contract!("S000-061");
    let mut world = World::new(short(), 4);
    assert_eq!(commitment::root(&world.chain).unwrap(), Hash::default());
    for index in 0..5 {
        world.activate(index);
    }
    let mut roots = std::collections::BTreeSet::new();
    for round in 0..20_u8 {
        world.next_beat(round % 5, true);
        world.beat((round + 1) % 5, round % 3 == 0);
        let root = commitment::root(&world.chain).unwrap();
        assert_eq!(root, recomputed(&world));
        roots.insert(root);
    }
    assert!(roots.len() > 3, "credits move the root");
    assert!(world.chain.get(&timetoke::keys::node(0, 0)).is_some());
}

#[test]
fn punishment_takes_bond_hours_and_reputation_for_ever() {
    let mut world = World::new(short(), 3);
    world.activate(0);
    for _ in 0..6 {
        world.next_beat(0, true);
    }
    assert!(world.hours(0) > 0);
    let height = world.next_height();
    let mut overlay = state::overlay::Overlay::new(&world.chain);
    let event = identity::punish(&mut overlay, &address(0), 250_001, height).unwrap();
    let burned = primitives::Amount::new(2_500_010).unwrap();
    let expected = IdentityEvent::Punished { identity: address(0), burned };
    assert_eq!(event, Some(Event::Identity(expected)), "25.0001 % of 10 BLOCK, rounded up");
    assert_eq!(identity::punish(&mut overlay, &address(0), 250_001, height).unwrap(), None, "once");
    let record = identity::get(&overlay, &address(0)).unwrap().unwrap();
    assert_eq!((record.stage(height), record.tombstoned), (identity::Stage::Revoked, true));
    assert_eq!(timetoke::get(&overlay, &address(0)).unwrap(), Timetoke::default());
    let facts = state::reputation::facts(&overlay, &world.params, &address(0), height, world.time).unwrap();
    assert_eq!(facts, state::reputation::Facts::default());
    assert_eq!(identity::punish(&mut overlay, &address(9), 1, height).unwrap(), None);
}
