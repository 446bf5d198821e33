//! Checks that can fail: defects that are put in on purpose are caught by the property that is meant to.

use sim::plan::{Misbehaviour, SeededBug};
use sim::{Plan, Report, run};

/// The first report of a seed whose verdict is not a pass.
fn first_caught(bug: SeededBug, seeds: u64) -> Report {
    (0..seeds)
        .map(|seed| run(Plan { seeded_bug: Some(bug), ..Plan::of_seed(seed) }))
        .find(|report| !report.verdict.is_pass())
        .expect("no seed caught the defect")
}

#[test]
fn a_validator_that_forgets_what_it_signed_is_caught() {
    let report = first_caught(SeededBug::ForgetsWhatItSigned, 60);
    assert_eq!(report.verdict.to_string(), "invariant broken: no_conflicting_signature", "{:?}", report.detail);
}

#[test]
fn a_disk_that_is_never_synced_is_caught() {
    let plan = Plan::from_toml(POWER_LOSS).unwrap();
    assert_eq!(plan.seeded_bug, Some(SeededBug::ForgetsToSync));
    let report = run(plan.clone());
    assert_eq!(report.verdict.to_string(), "invariant broken: finalized_survives_restart", "{:?}", report.detail);
    let healthy = run(Plan { seeded_bug: None, ..plan });
    assert!(healthy.verdict.is_pass(), "{:?}", healthy.detail);
}

const POWER_LOSS: &str = r#"
seed = 3
validators = 4
faults_ms = 20000
seeded_bug = "forgets_to_sync"
[[faults]]
at_ms = 10000
for_ms = 2000
fault = { kind = "power_loss" }
"#;

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
