//! Stores that are migrated and stores that rot, in simulated networks whose processes die and one of whose validators lies.

use sim::plan::{Expectations, Fault, Scheduled, WriteStep};
use sim::{Plan, run};

const SCENARIO: &str = include_str!("../../../scenarios/upkeep.toml");

fn plan() -> Plan {
    Plan::from_toml(SCENARIO).unwrap()
}

#[test]
fn what_rots_is_found_and_comes_back_and_a_migration_that_dies_anywhere_is_finished() {
    let mut refused = 0;
    for seed in 0..4 {
        let report = run(Plan { seed, expect: Expectations::default(), ..plan() });
        assert!(report.verdict.is_pass(), "seed {seed}: {} {:?}", report.verdict, report.detail);
        assert_eq!(report.faults.get("migrate_crash"), Some(&5), "seed {seed}: {:?}", report.faults);
        assert!(report.faults.get("rot").is_some_and(|count| *count >= 6), "seed {seed}: {:?}", report.faults);
        for (effect, least) in [("migrated", 5), ("rot_found", 2), ("store_mended", 1), ("body_back", 6)] {
            assert!(report.effects[effect] >= least, "seed {seed}: {effect} {:?}", report.effects);
        }
        refused += report.effects.get("body_refused").copied().unwrap_or(0);
    }
    assert!(refused > 0, "the validator that lies was asked");
}

/// Seeds 946, 3,457 and 5,185 of the nightly task ended here: the first before RCV-55, the others in what the simulator believed of a disk that failed.
#[test]
fn rot_that_is_asked_for_and_writes_that_survive_a_failed_sync_break_nothing() {
    let scenarios = [
        include_str!("asked_for_rot.toml"),
        include_str!("taken_back_unsynced.toml"),
        include_str!("decided_alone.toml"),
    ];
    for scenario in scenarios {
        let report = run(Plan::from_toml(scenario).unwrap());
        assert!(report.verdict.is_pass(), "{scenario}{} {:?}", report.verdict, report.detail);
    }
}

#[test]
fn a_fault_of_a_validator_that_is_not_there_is_refused_by_name() {
    for fault in [Fault::Rot { node: 5 }, Fault::MigrateCrash { node: 5, at: WriteStep::AfterSync }] {
        let mut far = plan();
        far.faults.push(Scheduled { at_ms: 1, for_ms: 1, fault });
        assert!(far.check().unwrap_err().to_string().contains("validator 5 is named"));
    }
}
