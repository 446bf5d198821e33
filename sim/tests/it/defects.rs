//! Each defect is caught by the property that is meant to catch it. The seeds are the first that show it.

use sim::plan::SeededBug;
use sim::properties::Broken;
use sim::{Plan, Verdict, run};

/// Seeds within which a defect must be found.
const SEEDS_MAX: u64 = 500;

/// A disk that is damaged again and again.
const DAMAGED: &str = r#"
seed = 1
validators = 4
traffic_per_second = 6
faults_ms = 40000
calm_heights = 5
faults = [
  { at_ms = 8000, for_ms = 1000, fault = { kind = "bit_flip", node = 3 } },
  { at_ms = 14000, for_ms = 1000, fault = { kind = "bit_flip", node = 3 } },
  { at_ms = 20000, for_ms = 1000, fault = { kind = "bit_flip", node = 3 } },
  { at_ms = 26000, for_ms = 1000, fault = { kind = "misdirected_write", node = 3 } },
  { at_ms = 32000, for_ms = 1000, fault = { kind = "torn_write", node = 3 } },
  { at_ms = 38000, for_ms = 1000, fault = { kind = "bit_flip", node = 3 } },
]
"#;

/// Nothing fails and wallets are busy.
const CALM: &str = "seed = 1\nvalidators = 4\ntraffic_per_second = 40\nfaults_ms = 5000\ncalm_heights = 5\n";

fn is_caught(bug: SeededBug, seed: u64, plan: Plan) {
    assert!(seed < SEEDS_MAX);
    let wanted = Verdict::of(Broken { property: bug.caught_by(), detail: String::new() }).to_string();
    let report = run(Plan { seed, seeded_bug: Some(bug), ..plan.clone() });
    assert_eq!(report.verdict.to_string(), wanted, "{bug:?}, seed {seed}: {:?}", report.detail);
    let healthy = run(Plan { seed, ..plan });
    assert!(healthy.verdict.is_pass(), "seed {seed} without a defect: {} {:?}", healthy.verdict, healthy.detail);
}

fn caught_in_seeds(defects: &[(SeededBug, u64)]) {
    for (bug, seed) in defects {
        is_caught(*bug, *seed, Plan::of_seed(*seed));
    }
}

#[test]
fn defects_of_disk_log_guard_and_consensus_are_caught() {
    caught_in_seeds(&[
        (SeededBug::ForgetsWhatItSigned, 1),
        (SeededBug::ForgetsToSync, 1),
        (SeededBug::LosesTheIndex, 0),
        (SeededBug::SkipsTheLog, 14),
        (SeededBug::DropsTheLock, 4),
        (SeededBug::CountsVotesTwice, 0),
        (SeededBug::SaysItIsReady, 1),
    ]);
}

#[test]
fn defects_that_need_no_fault_are_caught() {
    let calm = Plan::from_toml(CALM).unwrap();
    for bug in [SeededBug::LosesTheMark, SeededBug::OverfillsTheMempool] {
        is_caught(bug, 1, calm.clone());
    }
}

#[test]
fn damage_is_found_and_damage_that_is_hidden_is_noticed() {
    let damaged = Plan::from_toml(DAMAGED).unwrap();
    is_caught(SeededBug::HidesDamage, 0, damaged.clone());
    let report = run(damaged);
    assert_eq!(report.properties["damage_is_found"], 6, "{report:?}");
}

#[test]
fn every_defect_is_tested() {
    let (chain, rest): (Vec<_>, Vec<_>) = SeededBug::ALL.into_iter().partition(|bug| bug.in_the_chain().is_some());
    // Seven, one and two above, one with its plan in the bug base.
    assert_eq!((chain.len(), rest.len()), (5, 11));
}

#[cfg(not(feature = "seeded-bugs"))]
#[test]
fn a_defect_of_the_chain_is_refused_by_name() {
    let text = format!("seeded_bug = \"keeps_the_fees\"\n{CALM}");
    let refused = Plan::from_toml(&text).unwrap_err();
    assert_eq!(refused, sim::PlanError::NoSuchDefect);
    assert!(refused.to_string().contains("seeded-bugs"), "{refused}");
}

#[cfg(feature = "seeded-bugs")]
#[test]
fn defects_of_the_chain_are_caught() {
    caught_in_seeds(&[
        (SeededBug::AppliesABlockTwice, 0),
        (SeededBug::IgnoresValidUntil, 11),
        (SeededBug::IgnoresTheNonce, 0),
        (SeededBug::KeepsTheFees, 0),
        (SeededBug::DriftsApart, 0),
    ]);
}
