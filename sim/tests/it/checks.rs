//! Checks that can fail: defects that are put in on purpose are caught by the property that is meant to.

use std::collections::BTreeSet;

use consensus::machine::{Channel, decode_vote, encode_vote};
use primitives::{Address, Hash, Height, SecretKey, Vote};
use replica::QueueLength;
use sim::chain::Keys;
use sim::plan::Misbehaviour;
use sim::properties::Judge;
use sim::world::{Event, Packet, World};
use sim::{Plan, replay, run, shrink};

const FORK: &str = r#"
seed = 7
validators = 4
beyond_bound = true
faults_ms = 5000
calm_heights = 5
[dishonest]
2 = "twin"
3 = "twin"
[[faults]]
at_ms = 0
for_ms = 20000
fault = { kind = "partition", side = [0, 2, 3] }
"#;

#[test]
fn half_of_the_power_with_twins_forks_the_chain_and_the_fork_is_found() {
    let plan = Plan::from_toml(FORK).unwrap();
    assert_eq!(plan.nodes(), 6);
    assert_eq!(plan.dishonest[&2], Misbehaviour::Twin);
    let report = run(plan);
    assert_eq!(report.verdict.to_string(), "diverged");
    assert_eq!(report.equivocators, [2, 3], "the witness names who signed twice");
    let detail = report.detail.unwrap();
    assert!(
        detail.contains("at height") && detail.contains("validator 0") && detail.contains("validator 1"),
        "{detail}"
    );
}

const HALTED: &str = r#"
seed = 7
validators = 4
beyond_bound = true
faults_ms = 1000
calm_heights = 1
[dishonest]
2 = "withheld_votes"
3 = "withheld_votes"
"#;

#[test]
fn half_of_the_power_that_never_votes_is_no_progress() {
    let report = run(Plan::from_toml(HALTED).unwrap());
    assert_eq!(report.verdict.to_string(), "no progress", "{:?}", report.detail);
    assert_eq!(report.height, 0);
}

/// How many heights the halted chain decides in 20 s when every vote also comes, with its signature, from these keys.
fn heights_with_votes_of(others: &[SecretKey]) -> u64 {
    let mut world = World::new(Plan::from_toml(HALTED).unwrap());
    while world.now_us < 20_000_000 {
        let seen = match world.next_event() {
            Some((_, Event::Deliver(to, from, Packet::Consensus(Channel::Consensus, bytes)))) => {
                decode_vote(bytes).map(|vote| (*to, *from, vote))
            }
            _ => None,
        };
        world.step().unwrap();
        let Some((to, from, vote)) = seen else { continue };
        for key in others {
            let vote = Vote { voter: Address::of_key(&key.public_key()), ..vote };
            let signature = key.sign(&vote.signing_bytes(&world.genesis_hash));
            let bytes = encode_vote(vote, signature).unwrap();
            world.deliver(to, from, Packet::Consensus(Channel::Consensus, bytes)).unwrap();
        }
    }
    world.nodes[0].finalized().0
}

#[test]
fn votes_of_keys_outside_the_voting_set_count_for_nothing() {
    let strangers = [50_u8, 51, 52, 53].map(|tag| SecretKey::from_seed([tag; 32]));
    assert_eq!(heights_with_votes_of(&strangers), 0, "four strangers and two members are no quorum");
    let members = [2, 3].map(|number| Keys::of(7).validator(number));
    assert!(heights_with_votes_of(&members) >= 3, "the same votes of members are");
}

const AMNESIA: &str = r#"
seed = 5
validators = 4
beyond_bound = true
faults_ms = 60000
calm_heights = 5
[dishonest]
1 = "amnesia"
2 = "amnesia"
3 = "amnesia"
[links]
delay_ms = 20
jitter_ms = 200
loss_ppm = 200000
duplicate_ppm = 0
[[faults]]
at_ms = 1000
for_ms = 59000
fault = { kind = "delay", jitter_ms = 3000 }
[[faults]]
at_ms = 4000
for_ms = 600
fault = { kind = "power_loss" }
[[faults]]
at_ms = 6700
for_ms = 600
fault = { kind = "power_loss" }
[[faults]]
at_ms = 9400
for_ms = 600
fault = { kind = "power_loss" }
[[faults]]
at_ms = 12100
for_ms = 600
fault = { kind = "power_loss" }
[[faults]]
at_ms = 14800
for_ms = 600
fault = { kind = "power_loss" }
[[faults]]
at_ms = 17500
for_ms = 600
fault = { kind = "power_loss" }
[[faults]]
at_ms = 20200
for_ms = 600
fault = { kind = "power_loss" }
[[faults]]
at_ms = 22900
for_ms = 600
fault = { kind = "power_loss" }
[[faults]]
at_ms = 25600
for_ms = 600
fault = { kind = "power_loss" }
[[faults]]
at_ms = 28300
for_ms = 600
fault = { kind = "power_loss" }
[[faults]]
at_ms = 31000
for_ms = 600
fault = { kind = "power_loss" }
[[faults]]
at_ms = 33700
for_ms = 600
fault = { kind = "power_loss" }
[[faults]]
at_ms = 36400
for_ms = 600
fault = { kind = "power_loss" }
[[faults]]
at_ms = 39100
for_ms = 600
fault = { kind = "power_loss" }
[[faults]]
at_ms = 41800
for_ms = 600
fault = { kind = "power_loss" }
[[faults]]
at_ms = 44500
for_ms = 600
fault = { kind = "power_loss" }
[[faults]]
at_ms = 47200
for_ms = 600
fault = { kind = "power_loss" }
[[faults]]
at_ms = 49900
for_ms = 600
fault = { kind = "power_loss" }
"#;

#[test]
fn votes_against_a_lock_that_nobody_can_prove_are_unattributed() {
    let found = (0..40).map(|seed| run(Plan { seed, ..Plan::from_toml(AMNESIA).unwrap() }));
    let found = found.map(|report| report.unattributed).find(|unattributed| *unattributed > 0);
    assert!(found.is_some(), "no vote against a lock in 40 seeds");
}

/// Each validator loses its disk, one after another, and keeps its guard.
const LOST_ONE_BY_ONE: &str = r#"
seed = 3
validators = 4
beyond_bound = true
traffic_per_second = 4
faults_ms = 50000
faults = [
  { at_ms = 5000, for_ms = 2000, fault = { kind = "lost_disk", node = 0 } },
  { at_ms = 18000, for_ms = 2000, fault = { kind = "lost_disk", node = 1 } },
  { at_ms = 31000, for_ms = 2000, fault = { kind = "lost_disk", node = 2 } },
  { at_ms = 44000, for_ms = 2000, fault = { kind = "lost_disk", node = 3 } },
]
"#;

#[test]
fn all_validators_may_lose_their_disks_one_after_another() {
    for seed in 0..8 {
        let report = run(Plan { seed, ..Plan::from_toml(LOST_ONE_BY_ONE).unwrap() });
        assert!(report.verdict.is_pass(), "seed {seed}: {} {:?}", report.verdict, report.detail);
        assert_eq!(report.faults["lost_disk"], 4);
    }
}

/// A disk that is damaged again and again.
const DAMAGED: &str = include_str!("damaged.toml");

#[test]
fn a_damaged_disk_is_found_each_time() {
    let report = run(Plan::from_toml(DAMAGED).unwrap());
    assert!(report.verdict.is_pass(), "{} {:?}", report.verdict, report.detail);
    assert_eq!(report.properties["damage_is_found"], 6, "{report:?}");
}

#[cfg(not(feature = "seeded-bugs"))]
#[test]
fn a_defect_is_refused_by_name_and_has_no_effect() {
    let calm = "seed = 1\nvalidators = 4\nfaults_ms = 1000\ncalm_heights = 2\n";
    for bug in sim::plan::SeededBug::ALL {
        let name = serde_json::to_value(bug).unwrap();
        let refused = Plan::from_toml(&format!("seeded_bug = {name}\n{calm}")).unwrap_err();
        assert_eq!(refused, sim::PlanError::NoSuchDefect);
        assert!(refused.to_string().contains("seeded-bugs"), "{refused}");
    }
    let plan = Plan::from_toml(calm).unwrap();
    let other = Plan { seeded_bug: Some(sim::plan::SeededBug::SaysItIsReady), ..plan.clone() };
    assert_eq!(run(other), run(plan));
}

/// Two that sign twice, stake that moves, and partitions.
const SIGNED_TWICE: &str = r#"
seed = 3
validators = 9
traffic_per_second = 8
faults_ms = 30000
dishonest = { 0 = "twin", 1 = "equivocating_voter" }
staking = { candidates = 2, actions_ppm = 500000 }
faults = [
  { at_ms = 10000, for_ms = 14000, fault = { kind = "partition", side = [2] } },
  { at_ms = 25000, for_ms = 6000, fault = { kind = "partition", side = [4, 5, 6], one_way = true } },
]
"#;

#[test]
fn who_signs_twice_is_slashed_and_leaves_while_the_voting_set_changes_under_partitions() {
    let names = ["seat_taken", "seat_left", "set_changed_in_partition", "bonded", "unbonding"];
    let mut effects = names.map(|name| (name, 0));
    for seed in 2..5 {
        let report = run(Plan { seed, ..Plan::from_toml(SIGNED_TWICE).unwrap() });
        assert!(report.verdict.is_pass(), "seed {seed}: {} {:?}", report.verdict, report.detail);
        assert_eq!(report.equivocators, [0, 1], "seed {seed}");
        assert_eq!(report.effects.get("slashed"), Some(&2), "seed {seed}: {:?}", report.effects);
        assert!(report.properties["equivocators_are_punished"] > 0);
        for (name, count) in &mut effects {
            *count += report.effects.get(*name).copied().unwrap_or(0);
        }
    }
    assert!(effects.iter().all(|(_, count)| *count > 0), "{effects:?}");
}

#[test]
fn who_offers_two_blocks_for_one_round_is_slashed_for_its_offers_alone() {
    let text = "seed = 1\nvalidators = 7\ntraffic_per_second = 2\nfaults_ms = 30000\n\
                dishonest = { 0 = \"equivocating_proposer\" }\nstaking = {}\n";
    for seed in 1..4 {
        let report = run(Plan { seed, ..Plan::from_toml(text).unwrap() });
        assert!(report.verdict.is_pass(), "seed {seed}: {} {:?}", report.verdict, report.detail);
        assert_eq!(report.equivocators, [0], "seed {seed}");
        // Its votes are those of an honest engine, one for each step, so that only two offers can prove it.
        assert_eq!(report.effects.get("slashed"), Some(&1), "seed {seed}: {:?}", report.effects);
    }
}

/// Nobody is dishonest; one validator after the other is cut off for a while.
const ABSENT: &str = r#"
seed = 9
validators = 5
traffic_per_second = 8
faults_ms = 40000
staking = { actions_ppm = 300000 }
faults = [
  { at_ms = 5000, for_ms = 14000, fault = { kind = "partition", side = [1] } },
  { at_ms = 24000, for_ms = 14000, fault = { kind = "crash", node = 2, effects = 5 } },
]
"#;

#[test]
fn who_is_absent_for_an_epoch_is_jailed_and_comes_back() {
    let report = run(Plan::from_toml(ABSENT).unwrap());
    assert!(report.verdict.is_pass(), "{} {:?}", report.verdict, report.detail);
    for name in ["jailed", "unjailed", "seat_left", "seat_taken"] {
        assert!(report.effects.get(name).is_some_and(|count| *count > 0), "{name}: {:?}", report.effects);
    }
    assert!(!report.effects.contains_key("slashed"), "absence is no offence: {:?}", report.effects);
}

#[test]
fn a_queue_over_its_limit_is_noticed() {
    let genesis = sim::chain::genesis(sim::chain::Keys::of(1), &Plan::of_seed(1));
    let mut judge = Judge::new(&genesis, BTreeSet::new(), BTreeSet::new(), true);
    let queue = |length| QueueLength { name: "offered blocks", length, limit: 32 };
    assert_eq!(judge.queues_bounded(0, &[queue(0), queue(32)]), Ok(()));
    let broken = judge.queues_bounded(0, &[queue(0), queue(33)]).unwrap_err();
    assert!(broken.detail.contains("33 offered blocks, the limit is 32"), "{broken:?}");
}

#[test]
fn a_copy_with_another_block_state_or_height_is_noticed() {
    let mut world = World::new(Plan::from_toml("seed = 1\nvalidators = 4\nfaults_ms = 1000\n").unwrap());
    while world.judge.height() < Height(3) {
        world.step().unwrap();
    }
    let (hash, root) = world.judge.decided(Height(3)).unwrap();
    let mut judged = |base, has| world.judge.restored_equals_the_others(2, Height(base), has).is_ok();
    assert!(judged(3, (Height(3), hash, root)));
    assert!(!judged(3, (Height(3), hash, Hash([1; 32]))), "another state");
    assert!(!judged(3, (Height(3), Hash([1; 32]), root)), "another block");
    assert!(!judged(3, (Height(2), hash, root)), "another height");
    assert!(!judged(9, (Height(9), hash, root)), "a height that nobody has decided");
}

#[test]
fn a_failing_plan_is_reduced_to_what_fails() {
    let mut plan = Plan::of_seed(3);
    plan.dishonest.clear();
    plan.dishonest.extend([(0, Misbehaviour::WithheldVotes), (1, Misbehaviour::WithheldVotes)]);
    (plan.validators, plan.beyond_bound, plan.calm_heights) = (4, true, 2);
    plan.faults.retain(|scheduled| scheduled.fault.nodes().iter().all(|node| *node < 4));
    let report = run(plan.clone());
    assert_eq!(report.verdict.to_string(), "no progress", "{:?}", report.detail);
    let mut steps = 0;
    let shrunk = shrink(&plan, &report.verdict, 60, |_| steps += 1);
    assert!(steps > 0 && shrunk.runs <= 60, "{shrunk:?}");
    assert!(shrunk.plan.faults.is_empty() && shrunk.plan.traffic_per_second == 0, "{:?}", shrunk.plan);
    assert_eq!(shrunk.report.verdict, run(shrunk.plan).verdict);
}

#[test]
fn a_replay_is_the_run_with_every_change() {
    let plan = Plan::of_seed(1);
    let (mut lines, mut number) = (Vec::new(), 0);
    let report = replay(plan.clone(), 100, 400, |line| lines.push(line.to_owned()));
    assert_eq!(report, run(plan), "watching changes nothing");
    for line in lines.iter().filter(|line| line.starts_with('#')) {
        number += 1;
        assert!(line.starts_with(&format!("#{} ", 99 + number)), "{line}");
    }
    assert_eq!(number, 301);
    assert!(lines.iter().any(|line| line.contains("step prevote -> precommit")), "{lines:#?}");
}
