//! Reputation: curves, scores and tiers as tables and properties, and one identity from TL0 to TL5 and back.

use primitives::params::{ReputationParams, TierThresholds};
use primitives::{Action, IdentityAction, Outcome, Params};
use state::reputation::score::{COUNT_CURVE, DECAY_CURVE, FEEDBACK_CURVE, UPTIME_CURVE, curve, explain};
use state::reputation::{Facts, Tier};
use testkit::Seed;

use crate::people::{World, short};

#[test]
fn curves_go_through_their_points_and_rise() {
    assert_eq!(curve(&COUNT_CURVE, 3), 125_000, "half way between 1 and 5");
    assert_eq!(curve(&UPTIME_CURVE, 25), 504_166, "rounded down");
    for points in [COUNT_CURVE.as_slice(), &UPTIME_CURVE, &FEEDBACK_CURVE, &DECAY_CURVE] {
        assert_eq!(curve(points, 0), 0);
        assert_eq!(curve(points, u64::MAX), 1_000_000);
        for (at, value) in points {
            assert_eq!(curve(points, *at), *value);
        }
        let values: Vec<u64> = (0..2_000).map(|count| curve(points, count)).collect();
        assert!(values.windows(2).all(|pair| pair[0] <= pair[1]));
    }
}

fn facts(validations: u64, successes: u64, hours: u64, vouches: u64, idle_days: u64) -> Facts {
    Facts { active: true, validations, successes, hours, vouches, idle_days }
}

#[test]
fn scores_and_tiers_of_known_counters() {
    let params = ReputationParams::default();
    let table = [
        (Facts::default(), 0, 0, Tier::New),
        (Facts { active: false, ..facts(5_000, 5_000, 720, 0, 0) }, 800_000, 800_000, Tier::New),
        (facts(0, 0, 0, 0, 0), 0, 0, Tier::Valid),
        (facts(0, 0, 0, 1_000, 0), 150_000, 0, Tier::Valid),
        (facts(0, 0, 23, 0, 0), 96_666, 96_666, Tier::Valid),
        (facts(0, 0, 24, 0, 0), 100_000, 100_000, Tier::Online),
        (facts(0, 9, 24, 0, 0), 172_000, 172_000, Tier::Online),
        (facts(0, 10, 24, 0, 0), 180_000, 180_000, Tier::Candidate),
        (facts(10, 100, 24, 5, 0), 500_000, 440_000, Tier::Proven),
        (facts(1_000, 1_000, 168, 0, 0), 770_000, 770_000, Tier::Trusted),
        (facts(1_000, 1_000, 168, 0, 30), 720_000, 720_000, Tier::Proven),
        (facts(1_000, 1_000, 720, 100, 0), 950_000, 800_000, Tier::Trusted),
        (facts(u64::MAX, u64::MAX, u64::MAX, u64::MAX, u64::MAX), 900_000, 750_000, Tier::Trusted),
    ];
    for (facts, score, verifiable, tier) in table {
        let found = explain(&params, &facts);
        assert_eq!((found.score_ppm, found.verifiable_score_ppm, found.tier), (score, verifiable, tier), "{facts:?}");
    }
}

#[test]
fn an_explanation_adds_up_and_names_what_is_missing() {
    let params = ReputationParams::default();
    let found = explain(&params, &facts(10, 9, 24, 5, 1));
    let plus: u64 = found.parts.iter().filter(|part| !part.negative).map(|part| part.contribution_ppm).sum();
    let minus: u64 = found.parts.iter().filter(|part| part.negative).map(|part| part.contribution_ppm).sum();
    assert_eq!(found.score_ppm, plus - minus);
    let next = found.next.unwrap();
    assert_eq!((next.tier, next.counter, next.has, next.needs), (Tier::Candidate, "consensus_successes", 9, 10));
    assert!(explain(&params, &facts(1_000, 1_000, 720, 0, 0)).next.is_none());
}

fn random_params(seed: &mut Seed) -> ReputationParams {
    let candidate_successes = 1 + seed.below(50);
    let tier_thresholds = TierThresholds {
        hours: 1 + seed.below(100),
        candidate_successes,
        proven_successes: candidate_successes + 1 + seed.below(200),
        score_ppm: 1 + seed.below(800_000),
    };
    let params = ReputationParams { tier_thresholds, ..ReputationParams::default() };
    params.validate(720).unwrap();
    params
}

fn random_facts(seed: &mut Seed) -> Facts {
    let mut below = |bound| seed.below(bound);
    Facts { active: below(8) > 0, ..facts(below(400), below(400), below(200), below(30), below(40)) }
}

#[test]
fn higher_thresholds_never_promote_and_more_good_deeds_never_demote() {
    let _shown = testkit::contract!("S000-021");
    let mut seed = Seed::new();
    for _ in 0..5_000 {
        let (params, facts) = (random_params(&mut seed), random_facts(&mut seed));
        let found = explain(&params, &facts);
        let mut harder = params.clone();
        harder.tier_thresholds.hours += seed.below(50);
        harder.tier_thresholds.candidate_successes += seed.below(50);
        harder.tier_thresholds.proven_successes += 50 + seed.below(50);
        harder.tier_thresholds.score_ppm = (harder.tier_thresholds.score_ppm + seed.below(200_000)).min(800_000);
        assert!(explain(&harder, &facts).tier <= found.tier, "{facts:?} {params:?} {harder:?}");
        let better = Facts {
            validations: facts.validations + seed.below(50),
            successes: facts.successes + seed.below(50),
            hours: facts.hours + seed.below(50),
            idle_days: facts.idle_days.saturating_sub(seed.below(3)),
            ..facts
        };
        let more = explain(&params, &better);
        assert!(more.tier >= found.tier && more.score_ppm >= found.score_ppm, "{facts:?} {better:?}");
        let praised = Facts { vouches: facts.vouches + seed.below(1_000), ..facts };
        assert_eq!(explain(&params, &praised).tier, found.tier, "vouches move no tier");
    }
}

#[test]
fn thresholds_and_weights_are_checked_at_genesis() {
    let _shown = testkit::contract!("S000-020");
    type Edit = fn(&mut ReputationParams);
    let cases: [(&str, Edit); 6] = [
        ("weights above one", |params| params.weight_uptime_ppm += 1),
        ("weights below one", |params| params.weight_decay_ppm -= 1),
        ("equal thresholds", |params| params.tier_thresholds.proven_successes = 10),
        ("falling thresholds", |params| params.tier_thresholds.candidate_successes = 101),
        ("no hours", |params| params.tier_thresholds.hours = 0),
        ("a score nobody reaches", |params| params.tier_thresholds.score_ppm = 800_001),
    ];
    for (name, edit) in cases {
        let mut params = Params::default();
        edit(&mut params.reputation);
        let error = params.validate().unwrap_err();
        assert!(error.name.starts_with("reputation."), "{name}: {error}");
    }
}

#[test]
fn one_identity_climbs_to_the_top_and_falls_to_the_bottom() {
    let mut params = short();
    params.timetoke.answer_seconds = 5;
    // The set is full of larger stakes, so the candidate keeps answering challenges.
    params.staking.max_validators = 3;
    params.staking.min_self_stake = primitives::Amount::from_blocks(50);
    let mut world = World::new(params, 3);
    let mut seen = vec![world.explain(0).tier];
    let note = |world: &World, seen: &mut Vec<Tier>| {
        let tier = world.explain(0).tier;
        if seen.last() != Some(&tier) {
            seen.push(tier);
        }
        tier
    };
    world.activate(0);
    note(&world, &mut seen);
    assert_eq!(world.bond(0, 40), Outcome::StakeBelowMinimum, "a self-stake below the least is no candidacy");
    let mut climb = |world: &mut World, top: Tier| {
        for _ in 0..500 {
            world.next_beat(0, true);
            if note(world, &mut seen) == top {
                return;
            }
        }
        unreachable!("{top:?} is never reached: {seen:?}");
    };
    // Without stake the hours come first and no heartbeat is a consensus success.
    climb(&mut world, Tier::Online);
    assert_eq!(world.bond(0, 60), Outcome::Success);
    climb(&mut world, Tier::Trusted);
    let up = [Tier::New, Tier::Valid, Tier::Online, Tier::Candidate, Tier::Proven, Tier::Trusted];
    assert_eq!(seen, up, "every step, one after the other");
    seen = vec![Tier::Trusted];
    for _ in 0..500 {
        world.next_beat(0, false);
        // Uptime still grows, so the score may cross its threshold more than once: note each new low.
        let tier = world.explain(0).tier;
        if seen.last().is_some_and(|lowest| tier < *lowest) {
            seen.push(tier);
        }
        if tier == Tier::Online {
            break;
        }
    }
    assert_eq!(seen, [Tier::Trusted, Tier::Proven, Tier::Candidate, Tier::Online], "wrong answers");
    world.time = world.time.plus(world.params.timetoke.decay_seconds * 1_000 * 720);
    assert_eq!(world.explain(0).tier, Tier::Valid, "silence");
    assert_eq!(world.act(0, Action::Identity(IdentityAction::Revoke)).0, Outcome::Success);
    assert_eq!(world.explain(0).tier, Tier::New);
}
