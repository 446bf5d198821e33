//! Pruning in simulated networks: old blocks go while the chain runs and while processes end at every step of it.

use sim::plan::{Fault, Pruning, Scheduled, WriteStep};
use sim::{Plan, run};

const SCENARIO: &str = include_str!("../../../scenarios/pruning.toml");

fn plan() -> Plan {
    Plan::from_toml(SCENARIO).unwrap()
}

#[test]
fn a_crash_at_any_step_of_pruning_leaves_a_store_that_opens_and_has_what_it_should_keep() {
    for seed in 0..6 {
        let report = run(Plan { seed, ..plan() });
        assert!(report.is_expected(), "seed {seed}: {:?} {:?}", report.unmet, report.detail);
        assert_eq!(report.faults.get("prune_crash"), Some(&5), "seed {seed}");
        assert!(report.properties["pruned_stores_answer"] > 40, "seed {seed}: {:?}", report.properties);
    }
}

#[test]
fn pruning_changes_no_block_and_holds_nobody_up() {
    let calm = Plan { faults: Vec::new(), ..plan() };
    let with = run(Plan { expect: Default::default(), ..calm.clone() });
    let without = run(Plan { expect: Default::default(), pruning: None, ..calm });
    assert!(with.verdict.is_pass() && with.effects["pruned"] > 40, "{:?} {:?}", with.detail, with.effects);
    assert_eq!(with.trace_hash, without.trace_hash, "the same blocks at the same times");
}

#[test]
fn what_of_pruning_makes_no_sense_is_refused_by_name() {
    let with = |pruning: Option<Pruning>| Plan { pruning, ..plan() }.check().map_err(|error| error.to_string());
    assert!(with(None).unwrap_err().contains("add the table [pruning]"));
    let less = Pruning { every_heights: 1, keep_heights: 9, keep_headers: 8 };
    assert!(with(Some(less.clone())).unwrap_err().contains("pruning.keep_headers is 8"));
    assert!(with(Some(Pruning { every_heights: 0, ..less })).unwrap_err().contains("pruning.every_heights is 0"));
    let mut far = plan();
    let fault = Fault::PruneCrash { node: 4, at: WriteStep::AfterSync };
    far.faults.push(Scheduled { at_ms: 1, for_ms: 1, fault });
    assert!(far.check().unwrap_err().to_string().contains("validator 4 is named"));
}
