//! The lottery: weights, thresholds and the draw as tables and properties; whole epochs on a chain; proposer turns.

use std::collections::{BTreeMap, BTreeSet};

use primitives::actions::lottery::lottery_input;
use primitives::actions::stake::Bond;
use primitives::params::LotteryParams;
use primitives::{
    Action, Address, Amount, Hash, IdentityAction, LotteryAction, Outcome, Params, StakeAction, VrfProof,
};
use state::lottery;
use state::lottery::draw::{Admitted, FrozenCandidate, Route, draw, silent_ticket, threshold, ticket_of, weight};
use state::lottery::why;
use state::reputation::Tier;
use testkit::Seed;

use crate::chain::address;
use crate::people::{PEOPLE, VALIDATOR, World, short, vrf};

fn candidate(index: u8, blocks: u32, tier: Tier, hours: u64) -> FrozenCandidate {
    let (address, vrf_key) = (address(index), vrf(index).public_key());
    FrozenCandidate { address, stake: Amount::from_blocks(blocks), vrf_key, tier, hours }
}

#[test]
fn weight_follows_stake_tier_and_hours() {
    let params = LotteryParams::default();
    let table = [
        (candidate(0, 0, Tier::Trusted, 720), 0),
        (candidate(0, 1_000, Tier::Candidate, 0), 1_000),
        (candidate(0, 1_000, Tier::Proven, 0), 1_100),
        (candidate(0, 1_000, Tier::Trusted, 720), 1_450),
        (candidate(0, 1_000, Tier::Candidate, 360), 1_125),
        (candidate(0, 1_000, Tier::Candidate, 9_999), 1_250),
        (candidate(0, 999, Tier::Candidate, 1), 999),
        (candidate(0, 1_000, Tier::Valid, 0), 1_000),
    ];
    for (candidate, expected) in table {
        assert_eq!(weight(&params, 720, &candidate), expected, "{candidate:?}");
    }
    let largest = FrozenCandidate { stake: Amount::MAX, ..candidate(0, 0, Tier::Trusted, u64::MAX) };
    let extreme = LotteryParams { seats: 64, tier_bonus_ppm: 1_000_000, timetoke_bonus_ppm: 1_000_000, min_tier: 3 };
    let most = weight(&extreme, 720, &largest);
    assert!(most < 1 << 47, "the products of a threshold stay in 128 bits");
    assert_eq!(threshold(&extreme, most, u128::from(most)), u64::MAX);
}

/// Weights that a genesis file, a vote on parameters or a bond could bring in: refused by name, or held by a bound.
#[test]
fn weights_that_would_overflow_are_refused_by_name() {
    let refused = |change: &dyn Fn(&mut Params)| {
        let mut params = Params::default();
        change(&mut params);
        params.validate().expect_err("it must be refused").to_string()
    };
    for value in [1_000_001, u64::MAX / 2, u64::MAX] {
        assert!(refused(&|params| params.lottery.tier_bonus_ppm = value).contains("lottery.tier_bonus_ppm"));
        assert!(refused(&|params| params.lottery.timetoke_bonus_ppm = value).contains("lottery.timetoke_bonus_ppm"));
        assert!(refused(&|params| params.reputation.weight_uptime_ppm = value).contains("weight_uptime_ppm"));
    }
    // A sum that wraps around to the right one.
    let wraps = refused(&|params| {
        params.reputation.weight_validation_ppm = u64::MAX;
        params.reputation.weight_uptime_ppm = 600_001;
    });
    assert!(wraps.contains("weight_validation_ppm"), "{wraps}");
    assert!(refused(&|params| params.lottery.seats = u64::MAX).contains("lottery.seats"));

    let key = |index: u8| primitives::SecretKey::from_seed([index; 32]).public_key();
    let of = |index: u8, power| primitives::Validator {
        address: Address::of_key(&key(index)),
        public_key: key(index),
        vrf_key: vrf(index).public_key(),
        power,
    };
    for powers in [[u64::MAX, 1], [u64::MAX, u64::MAX], [1 << 59, 1 << 59]] {
        let set = primitives::ValidatorSet::new(vec![of(1, powers[0]), of(2, powers[1])]);
        assert_eq!(set, Err(primitives::validator::ValidatorSetError::PowerOverflow), "{powers:?}");
    }
    assert_eq!(Amount::new(u64::MAX), None, "no account holds what weighs more than all money");

    // Parameters that nobody checked still end in numbers, for the candidates as for their sum.
    let wild = LotteryParams { seats: u64::MAX, tier_bonus_ppm: u64::MAX, timetoke_bonus_ppm: u64::MAX, min_tier: 3 };
    let all: Vec<FrozenCandidate> = (0..PEOPLE)
        .map(|index| FrozenCandidate { stake: Amount::MAX, ..candidate(index, 0, Tier::Trusted, u64::MAX) })
        .collect();
    let eligible: BTreeSet<Address> = all.iter().map(|one| one.address).collect();
    let admitted = draw(&wild, u64::MAX, &Hash([7; 32]), &all, &BTreeMap::new(), &eligible);
    assert_eq!(admitted.len(), all.len(), "more seats than candidates");
    assert!(admitted.iter().all(|one| one.weight == admitted[0].weight && one.threshold == admitted[0].threshold));
}

#[test]
fn thresholds_are_seats_times_share() {
    let params = LotteryParams { seats: 2, ..LotteryParams::default() };
    assert_eq!(threshold(&params, 1, 8), 1 << 62);
    assert_eq!(threshold(&params, 1, 2), u64::MAX, "a sure seat");
    assert_eq!(threshold(&params, 0, 5), 0);
    assert_eq!(threshold(&params, 7, 0), 0);
    assert_eq!(ticket_of(&[1, 0, 0, 0, 0, 0, 0, 128, 99]), 1 + (1 << 63));
}

fn addresses(list: &[Admitted]) -> Vec<Address> {
    list.iter().map(|one| one.address).collect()
}

#[test]
fn tickets_come_first_then_who_submitted_then_who_is_silent() {
    let params = LotteryParams { seats: 3, ..LotteryParams::default() };
    let list: Vec<FrozenCandidate> = (0..6).map(|index| candidate(index, 100, Tier::Candidate, 0)).collect();
    let everyone: BTreeSet<Address> = list.iter().map(|one| one.address).collect();
    // The threshold of each is a half.
    let tickets: BTreeMap<Address, u64> =
        [(address(1), u64::MAX), (address(2), 1 << 62), (address(3), u64::MAX - 1)].into();
    let seed = Hash([7; 32]);
    let admitted = draw(&params, 720, &seed, &list, &tickets, &everyone);
    assert_eq!(addresses(&admitted), [address(2), address(3), address(1)]);
    let routes: Vec<Route> = admitted.iter().map(|one| one.route).collect();
    assert_eq!(routes, [Route::Ticket, Route::Fallback, Route::Fallback]);
    let without: BTreeSet<Address> = everyone.iter().copied().filter(|one| *one != address(2)).collect();
    let admitted = draw(&params, 720, &seed, &list, &tickets, &without);
    assert_eq!(addresses(&admitted)[..2], [address(3), address(1)], "passed over, and a silent one has the seat");
    assert_eq!(admitted[2].ticket, silent_ticket(&seed, &admitted[2].address));
    let few = draw(&params, 720, &seed, &list[..3], &BTreeMap::new(), &everyone);
    assert!(few.iter().all(|one| one.route == Route::Uncontested) && few.len() == 3);
}

#[test]
fn random_draws_fill_every_seat_once_and_do_not_depend_on_order() {
    let mut seed = Seed::new();
    for _ in 0..500 {
        let params = LotteryParams { seats: 1 + seed.below(8), ..LotteryParams::default() };
        let count = u8::try_from(seed.below(u64::from(PEOPLE))).unwrap();
        let tiers = [Tier::Candidate, Tier::Proven, Tier::Trusted];
        let mut list: Vec<FrozenCandidate> = (0..count)
            .map(|index| {
                let blocks = u32::try_from(seed.below(1_000_000)).unwrap();
                candidate(index, blocks, tiers[seed.index(3)], seed.below(800))
            })
            .collect();
        let tickets: BTreeMap<Address, u64> =
            list.iter().filter(|_| seed.chance(60)).map(|one| (one.address, 7_u64)).collect();
        let tickets: BTreeMap<Address, u64> = tickets.into_keys().map(|one| (one, seed.u64())).collect();
        let eligible: BTreeSet<Address> = list.iter().filter(|_| seed.chance(80)).map(|one| one.address).collect();
        let drawn_from = Hash(seed.array());
        let first = draw(&params, 720, &drawn_from, &list, &tickets, &eligible);
        assert_eq!(first.len() as u64, params.seats.min(eligible.len() as u64), "no seat stays empty");
        assert_eq!(first.iter().map(|one| one.address).collect::<BTreeSet<_>>().len(), first.len());
        assert!(first.iter().all(|one| eligible.contains(&one.address)));
        list.reverse();
        assert_eq!(draw(&params, 720, &drawn_from, &list, &tickets, &eligible), first);
    }
}

#[test]
fn seats_go_by_weight() {
    let params = LotteryParams { seats: 1, ..LotteryParams::default() };
    let list: Vec<FrozenCandidate> =
        [(0, 100), (1, 200), (2, 700)].map(|(index, blocks)| candidate(index, blocks, Tier::Candidate, 0)).into();
    let everyone: BTreeSet<Address> = list.iter().map(|one| one.address).collect();
    let mut wins: BTreeMap<Address, u64> = BTreeMap::new();
    let mut seed = Seed::of(11);
    for _ in 0..20_000 {
        let tickets: BTreeMap<Address, u64> = everyone.iter().map(|one| (*one, seed.u64())).collect();
        *wins.entry(draw(&params, 720, &Hash::default(), &list, &tickets, &everyone)[0].address).or_default() += 1;
    }
    // The exact chances differ a little from the shares, because a seat is one: they rise with the weight.
    let [small, middle, large] = [0, 1, 2].map(|index| wins.get(&address(index)).copied().unwrap_or_default());
    assert!(small < middle && middle < large && large > 10_000, "{small} {middle} {large}");
}

fn lottery_world() -> World {
    let mut params = Params { epoch_blocks: 20, ..short() };
    params.identity.bond_delay_blocks = 61;
    params.lottery = LotteryParams { min_tier: 1, seats: 2, ..LotteryParams::default() };
    params.identity.attestations_min = 1;
    params.staking.churn_bps = 3_333;
    params.staking.power_cap_bps = 10_000;
    World::new(params, 3)
}

/// Registers and bonds `count` people, with 10, 20, 30 … BLOCK.
fn candidates(world: &mut World, count: u8) {
    for index in 0..count {
        assert_eq!(world.register(index), Outcome::Success);
        assert_eq!(world.attest(0, index), Outcome::Success);
        assert_eq!(world.bond(index, 10 * (u32::from(index) + 1)), Outcome::Success);
    }
}

fn epoch(world: &World) -> u64 {
    world.chain.height.0 / world.params.epoch_blocks
}

/// Runs to the first height of the next epoch, not yet executed.
fn finish_epoch(world: &mut World) {
    let end = (epoch(world) + 1) * world.params.epoch_blocks;
    world.run_to(end);
}

fn submit(world: &mut World, from: u8, epoch: u64, secret: u8) -> Outcome {
    let seed = lottery::seed(&world.chain, epoch).unwrap().unwrap_or_default();
    let input = lottery_input(&world.chain.genesis, epoch, &seed, &address(from));
    let proof = vrf(secret).prove(&input).unwrap();
    world.act(from, Action::Lottery(LotteryAction::Submit { epoch, proof })).0
}

#[test]
fn candidates_are_frozen_submit_and_enter() {
    let mut world = lottery_world();
    candidates(&mut world, 4);
    finish_epoch(&mut world);
    let frozen_at = epoch(&world) - 1;
    let enter = frozen_at + 3;
    let list = lottery::frozen(&world.chain, enter).unwrap();
    let order: Vec<Address> = list.iter().map(|one| one.address).collect();
    assert_eq!(order, [3, 2, 1, 0].map(address), "by falling stake");
    // What is bonded after the freeze counts for a later epoch.
    let more = Bond { amount: Amount::from_blocks(50), candidacy: None };
    assert_eq!(world.act(0, Action::Stake(StakeAction::Bond(more))).0, Outcome::Success);
    assert_eq!(lottery::frozen(&world.chain, enter).unwrap(), list);
    assert_eq!(submit(&mut world, 0, enter, 0), Outcome::LotteryWrongEpoch, "the seed is not known");
    finish_epoch(&mut world);
    assert_eq!(epoch(&world) + 1, enter);
    assert_eq!(submit(&mut world, 9, enter, 9), Outcome::NotInLottery);
    assert_eq!(submit(&mut world, 0, enter, 1), Outcome::BadLotteryProof, "another key");
    assert_eq!(submit(&mut world, 0, enter, 0), Outcome::Success);
    let results = lottery::tickets(&world.chain, enter).unwrap();
    assert_eq!(results.len(), 1);
    finish_epoch(&mut world);
    let result = lottery::result(&world.chain, enter).unwrap().unwrap();
    assert_eq!((result.candidates, result.submissions, result.seats), (4, 1, 2));
    assert_eq!(result.admitted.len(), 2);
    let own = result.admitted.iter().find(|one| one.address == address(0)).unwrap();
    assert_eq!((own.weight, own.threshold), (10, threshold(&world.params.lottery, 10, 100)), "as it was frozen");
    let later = lottery::frozen(&world.chain, enter + 1).unwrap();
    assert_eq!(later[0].address, address(0), "60 BLOCK are the most on the list that was frozen after the bond");
    assert!(result.admitted.iter().any(|one| one.address == address(0)), "only one submitted, so it has a seat");
    assert_eq!(lottery::tickets(&world.chain, enter).unwrap().len(), 1, "for who asks why it was not drawn");
    let set = state::view::validators(&world.chain).unwrap();
    let entered: Vec<Address> = (0..4).map(address).filter(|candidate| set.get(candidate).is_some()).collect();
    assert!(!entered.is_empty() && entered.iter().all(|one| addresses(&result.admitted).contains(one)), "{entered:?}");
    finish_epoch(&mut world);
    assert_eq!(lottery::tickets(&world.chain, enter).unwrap().len(), 0);
}

#[test]
fn a_replay_for_another_epoch_or_seed_is_no_ticket() {
    let mut world = lottery_world();
    candidates(&mut world, 4);
    finish_epoch(&mut world);
    finish_epoch(&mut world);
    let enter = epoch(&world) + 1;
    let seed = lottery::seed(&world.chain, enter).unwrap().unwrap();
    let proof = |seed: &Hash, epoch, who: u8| {
        let input = lottery_input(&world.chain.genesis, epoch, seed, &address(who));
        vrf(0).prove(&input).unwrap()
    };
    let cases = [
        ("old seed", proof(&Hash([1; 32]), enter, 0)),
        ("old epoch", proof(&seed, enter - 1, 0)),
        ("another candidate", proof(&seed, enter, 1)),
        ("noise", VrfProof([3; 80])),
    ];
    let good = proof(&seed, enter, 0);
    let transactions: Vec<_> = cases
        .iter()
        .map(|(_, proof)| *proof)
        .chain([good, good])
        .enumerate()
        .map(|(index, proof)| {
            let mut body = world.chain.body(0, Action::Lottery(LotteryAction::Submit { epoch: enter, proof }));
            body.nonce = primitives::Nonce::new(body.nonce.get() + index as u64).unwrap();
            world.chain.sign(0, body)
        })
        .collect();
    let receipts = world.block(&transactions).receipts;
    for ((name, _), receipt) in cases.iter().zip(&receipts) {
        assert_eq!(receipt.outcome, Outcome::BadLotteryProof, "{name}");
    }
    assert_eq!(receipts[4].outcome, Outcome::Success);
    assert_eq!(receipts[5].outcome, Outcome::LotteryRepeated);
}

#[test]
fn who_left_before_the_draw_is_passed_over() {
    let mut world = lottery_world();
    candidates(&mut world, 3);
    finish_epoch(&mut world);
    let enter = epoch(&world) + 2;
    assert_eq!(lottery::frozen(&world.chain, enter).unwrap().len(), 3);
    assert_eq!(world.outcome(2, IdentityAction::Revoke), Outcome::Success);
    let leave = StakeAction::Unbond { validator: address(1), amount: Amount::from_blocks(20) };
    assert_eq!(world.act(1, Action::Stake(leave)).0, Outcome::Success);
    while epoch(&world) < enter {
        finish_epoch(&mut world);
    }
    let result = lottery::result(&world.chain, enter).unwrap().unwrap();
    assert_eq!(addresses(&result.admitted), [address(0)]);
}

#[test]
fn nobody_enters_before_there_was_a_draw_and_old_records_are_forgotten() {
    let mut world = lottery_world();
    candidates(&mut world, 1);
    assert_eq!(lottery::admission(&world.chain, 0).unwrap(), Some(Vec::new()));
    world.run_to(20 * 14);
    let kept = |column: u8| state::StateView::scan(&world.chain, &[column], 100).len() as u64;
    assert!(kept(lottery::keys::RESULT) <= lottery::RESULTS_KEPT);
    assert!(kept(lottery::keys::FROZEN) <= 3 && kept(lottery::keys::SEED) <= 1);
    let mut off = short();
    off.lottery.min_tier = 0;
    let world = World::new(off, 3);
    assert_eq!(lottery::admission(&world.chain, 0).unwrap(), None, "stake alone decides");
    assert_eq!(Params::default().lottery.min_tier, 3);
}

#[test]
fn a_rotated_key_is_frozen_three_epochs_later_and_not_before() {
    let mut world = lottery_world();
    candidates(&mut world, 3);
    finish_epoch(&mut world);
    let rotated_in = epoch(&world);
    let new = primitives::VrfSecretKey::from_seed([242; 32]);
    let binding = world.bind_vrf(1, &new);
    assert_eq!(world.outcome(1, IdentityAction::RotateVrf(binding)), Outcome::Success);
    let frozen_key = |world: &World, enter: u64| {
        let list = lottery::frozen(&world.chain, enter).unwrap();
        list.iter().find(|one| one.address == address(1)).map(|one| one.vrf_key)
    };
    // The list for the epoch before r + 3 was frozen before the rotation and keeps the old key.
    let before = frozen_key(&world, rotated_in + 2).expect("it waits");
    assert_eq!(before, vrf(1).public_key());
    finish_epoch(&mut world);
    assert_eq!(frozen_key(&world, rotated_in + 3), Some(new.public_key()), "stamped in r, used from r + 3 on");
    let stamped = state::identity::get(&world.chain, &address(1)).unwrap().unwrap().next_vrf.unwrap();
    assert_eq!((stamped.key, stamped.from_epoch), (new.public_key(), rotated_in + 3));
    assert!(stamped.stamped_at.0 > 0 && stamped.stamped_time > primitives::Timestamp(0));
    let enter = rotated_in + 2;
    assert_eq!(epoch(&world) + 1, enter);
    // A ticket with the new key does not count yet.
    let seed = lottery::seed(&world.chain, enter).unwrap().unwrap();
    let input = lottery_input(&world.chain.genesis, enter, &seed, &address(1));
    let submit = |proof| Action::Lottery(LotteryAction::Submit { epoch: enter, proof });
    assert_eq!(world.act(1, submit(new.prove(&input).unwrap())).0, Outcome::BadLotteryProof);
    assert_eq!(world.act(1, submit(vrf(1).prove(&input).unwrap())).0, Outcome::Success);
}

#[test]
fn a_candidate_below_the_least_self_stake_is_not_frozen_whatever_others_delegate() {
    let mut world = lottery_world();
    candidates(&mut world, 2);
    let delegate = StakeAction::Delegate { validator: address(1), amount: Amount::from_blocks(100) };
    assert_eq!(world.act(7, Action::Stake(delegate)).0, Outcome::Success);
    let almost = Amount::from_blocks(20).checked_sub(crate::chain::amount(999_999)).unwrap();
    let leave = StakeAction::Unbond { validator: address(1), amount: almost };
    assert_eq!(world.act(1, Action::Stake(leave)).0, Outcome::Success);
    finish_epoch(&mut world);
    let list = lottery::frozen(&world.chain, epoch(&world) + 2).unwrap();
    assert_eq!(list.iter().map(|one| one.address).collect::<Vec<_>>(), [address(0)]);
    let why = told(&world, 1).0;
    assert!(why.starts_with("its own stake is") && why.contains("bond more"), "{why}");
}

/// Why `who` does not vote after the last block, and what the draw for the running epoch did with it.
fn told(world: &World, who: u8) -> (String, Option<String>) {
    let (view, params) = (&world.chain, &world.params);
    let height = world.next_height();
    let why = why::why(view, params, &address(who), height, world.time).unwrap();
    let draw = why::last_draw(view, params, &address(who), state::context::epoch_of(params, height)).unwrap();
    (why.to_string(), draw.map(|draw| draw.to_string()))
}

#[test]
fn whoever_waits_is_told_why_and_what_the_last_draw_did() {
    let mut world = lottery_world();
    let is = |world: &World, who: u8, part: &str| {
        let (why, _) = told(world, who);
        assert!(why.contains(part), "{why:?} has no {part:?}");
    };
    assert_eq!(told(&world, VALIDATOR), ("it votes now".to_owned(), None));
    is(&world, 0, "no active identity");
    assert_eq!(world.register(0), Outcome::Success);
    is(&world, 0, "no active identity");
    assert_eq!(world.attest(0, 0), Outcome::Success);
    is(&world, 0, "it is no candidate");
    assert_eq!(world.bond(0, 10), Outcome::Success);
    is(&world, 0, "it qualifies");
    for who in 1..5 {
        assert_eq!((world.register(who), world.attest(0, who)), (Outcome::Success, Outcome::Success));
        assert_eq!(world.bond(who, 10 * (u32::from(who) + 1)), Outcome::Success);
    }
    finish_epoch(&mut world);
    is(&world, 0, "it qualifies");
    finish_epoch(&mut world);
    is(&world, 0, "no ticket yet");
    let enter = epoch(&world) + 1;
    for who in 0..4 {
        assert_eq!(submit(&mut world, who, enter, who), Outcome::Success);
    }
    is(&world, 0, "waits for the draw");
    is(&world, 4, "no ticket yet");
    // One of those who submitted is no longer eligible at the draw.
    assert_eq!(world.outcome(3, IdentityAction::Revoke), Outcome::Success);
    let (list, tickets) =
        (lottery::frozen(&world.chain, enter).unwrap(), lottery::tickets(&world.chain, enter).unwrap());
    finish_epoch(&mut world);
    let result = lottery::result(&world.chain, enter).unwrap().unwrap();
    let total = list.iter().map(|one| u128::from(weight(&world.params.lottery, 720, one))).sum();
    let (mut lost, mut silent) = (0, 0);
    for who in 0..5 {
        let own = list.iter().find(|one| one.address == address(who)).unwrap();
        let limit = threshold(&world.params.lottery, weight(&world.params.lottery, 720, own), total);
        let votes = state::view::validators(&world.chain).unwrap().get(&address(who)).is_some();
        let admitted = result.admitted.iter().any(|one| one.address == address(who));
        let (why, draw) = told(&world, who);
        match (draw, tickets.get(&address(who))) {
            (None, _) => assert!(votes && why == "it votes now", "{who}: {why}"),
            (Some(draw), _) if admitted => assert!(draw.contains("had no room"), "{draw}"),
            (Some(draw), None) => {
                silent += 1;
                assert!(draw.contains(&format!("not drawn for epoch {enter}")) && draw.contains("no ticket"), "{draw}");
            }
            // It stands before or after the last one that came in.
            (Some(draw), Some(_)) if who == 3 && draw.contains("passed over") => {
                assert!(why.contains("no active identity"))
            }
            (Some(draw), Some(ticket)) => {
                lost += 1;
                let was = if *ticket < limit { "was below" } else { "was not below" };
                let expected = format!("not drawn for epoch {enter}: its ticket {ticket} {was} its threshold {limit}");
                assert!(draw.contains(&expected), "{draw} has no {expected}");
            }
        }
    }
    assert_eq!(silent, 1, "who is silent comes last");
    assert!(lost >= 1, "two seats for four that submitted");
}

#[test]
fn jail_tombstone_and_tier_are_told_apart() {
    let mut world = lottery_world();
    candidates(&mut world, 2);
    let edit = |world: &mut World, who: u8, until| {
        let mut found = state::staking::candidate(&world.chain, &address(who)).unwrap().unwrap();
        found.jailed_until = until;
        let key = state::staking::keys::candidate(&address(who));
        world.chain.state.insert(key, primitives::encode(&found));
    };
    edit(&mut world, 0, Some(7));
    assert_eq!(told(&world, 0).0, "it is jailed: ask to return with tb stake unjail from epoch 7 on");
    edit(&mut world, 0, None);
    world.params.lottery.min_tier = 3;
    assert!(told(&world, 0).0.starts_with("it is tl1 and needs tl3"), "{:?}", told(&world, 0));
    world.params.lottery.min_tier = 0;
    assert!(told(&world, 0).0.contains("no lottery"));
    let height = primitives::Height(world.chain.height.0);
    let evidence = crate::evidence::double_vote(&world.chain, 5, VALIDATOR + 1, height);
    world.block(&[evidence]);
    finish_epoch(&mut world);
    let set = state::view::validators(&world.chain).unwrap();
    assert!(set.get(&address(VALIDATOR + 1)).is_none());
    assert_eq!(told(&world, VALIDATOR + 1).0, "evidence removed it for ever: begin with a new key");
}
