//! Each defect is caught by the property that is meant to catch it. Only a build with the feature `seeded-bugs` has these
//! tests, and only it has the defects.

use sim::plan::SeededBug;
use sim::properties::Broken;
use sim::{Plan, Verdict, run};

/// The first seed at which each is caught, as `cargo run --release -p sim --features seeded-bugs --example defects` finds
/// it.
const CAUGHT: [(SeededBug, u64); 20] = [
    (SeededBug::ForgetsWhatItSigned, 5),
    (SeededBug::ForgetsToSync, 1),
    (SeededBug::LosesTheMark, 0),
    (SeededBug::LosesTheIndex, 0),
    (SeededBug::SkipsTheLog, 14),
    (SeededBug::SignsBeforeTheLog, 0),
    (SeededBug::DropsTheLock, 4),
    (SeededBug::CountsVotesTwice, 0),
    (SeededBug::OverfillsTheMempool, 0),
    (SeededBug::SaysItIsReady, 1),
    (SeededBug::HidesDamage, 10),
    (SeededBug::AppliesABlockTwice, 0),
    (SeededBug::IgnoresValidUntil, 1),
    (SeededBug::IgnoresTheNonce, 0),
    (SeededBug::KeepsTheFees, 0),
    (SeededBug::DriftsApart, 0),
    (SeededBug::PaysThePoolsTwice, 1),
    (SeededBug::SlashesTheInnocent, 0),
    (SeededBug::ForgetsTheChurn, 0),
    (SeededBug::HidesEvidence, 25),
];

/// Seeds within which a defect must be found.
const SEEDS_MAX: u64 = 500;

/// A disk that is damaged again and again.
const DAMAGED: &str = include_str!("damaged.toml");

/// Nothing fails and wallets are busy.
const CALM: &str = "seed = 1\nvalidators = 4\ntraffic_per_second = 40\nfaults_ms = 5000\ncalm_heights = 5\n";

fn is_caught(bug: SeededBug, seed: u64, plan: Plan) {
    assert!(seed < SEEDS_MAX);
    let wanted = Verdict::of(Broken { property: bug.caught_by(), detail: String::new() }).to_string();
    let report = run(Plan { seed, seeded_bug: Some(bug), ..plan.clone() });
    assert_eq!(report.verdict.to_string(), wanted, "{bug:?}, seed {seed}: {:?}", report.detail);
    let healthy = run(Plan { seed, seeded_bug: None, ..plan });
    assert!(healthy.verdict.is_pass(), "seed {seed} without a defect: {} {:?}", healthy.verdict, healthy.detail);
}

#[test]
fn defects_are_caught_by_the_property_that_is_meant_to() {
    for bug in SeededBug::ALL {
        let found = CAUGHT.into_iter().find(|(known, _)| *known == bug);
        let (_, seed) = found.unwrap_or_else(|| panic!("{bug:?} has no seed; the example `defects` finds it"));
        is_caught(bug, seed, bug.plan(seed));
    }
}

#[test]
fn defects_that_need_no_fault_are_caught_without_one() {
    let calm = Plan::from_toml(CALM).unwrap();
    for bug in [SeededBug::LosesTheMark, SeededBug::OverfillsTheMempool] {
        is_caught(bug, 1, calm.clone());
    }
}

#[test]
fn defects_that_hide_damage_are_caught() {
    is_caught(SeededBug::HidesDamage, 0, Plan::from_toml(DAMAGED).unwrap());
}
