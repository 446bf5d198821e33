//! Each defect is caught by the property that is meant to catch it. Only a build with the feature `seeded-bugs` has these
//! tests, and only it has the defects.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

use sim::plan::SeededBug;
use sim::properties::Broken;
use sim::{Plan, Verdict, run};

/// Seeds that are tried here; `cargo xtask nightly defects` tries 500. What the first seeds hold changes with every rule of
/// the chain, so that no seed is written down.
const SEEDS_MAX: u64 = 100;

/// A disk that is damaged again and again.
const DAMAGED: &str = include_str!("it/damaged.toml");

/// Nothing fails and wallets are busy.
const CALM: &str = "seed = 1\nvalidators = 4\ntraffic_per_second = 40\nfaults_ms = 5000\ncalm_heights = 5\n";

fn is_caught(bug: SeededBug, seed: u64, plan: Plan) {
    let wanted = Verdict::of(Broken { property: bug.caught_by(), detail: String::new() }).to_string();
    let report = run(Plan { seed, seeded_bug: Some(bug), ..plan.clone() });
    assert_eq!(report.verdict.to_string(), wanted, "{bug:?}, seed {seed}: {:?}", report.detail);
    let healthy = run(Plan { seed, seeded_bug: None, ..plan });
    assert!(healthy.verdict.is_pass(), "seed {seed} without a defect: {} {:?}", healthy.verdict, healthy.detail);
}

#[test]
fn defects_are_caught_by_the_property_that_is_meant_to() {
    for bug in SeededBug::ALL {
        let wanted = Verdict::of(Broken { property: bug.caught_by(), detail: String::new() }).to_string();
        let caught = (0..SEEDS_MAX).find(|seed| run(bug.plan(*seed)).verdict.to_string() == wanted);
        let seed = caught.unwrap_or_else(|| panic!("{bug:?}: {wanted} did not show in {SEEDS_MAX} seeds"));
        println!("{bug:?} is caught at seed {seed}");
        let healthy = run(Plan { seeded_bug: None, ..bug.plan(seed) });
        assert!(healthy.verdict.is_pass(), "seed {seed} without a defect: {} {:?}", healthy.verdict, healthy.detail);
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
