//! Snapshots in simulated networks: made beside the blocks, guarded at every step, and what others begin with.

use sim::{Plan, PlanError, Report, profile, run};

/// Five validators that copy every fourth height; the last one loses its disk at 20 s.
fn plan(more: &str, snapshots: &str) -> Plan {
    let text = format!(
        "seed = 5\nvalidators = 5\ntraffic_per_second = 5\nfaults_ms = 30000\ncalm_heights = 12\n{more}\n[snapshots]\n\
         every_heights = 4\n{snapshots}\n[[faults]]\nat_ms = 20000\nfor_ms = 2000\n\
         fault = {{ kind = \"lost_disk\", node = 4 }}\n"
    );
    Plan::from_toml(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn effect(report: &Report, name: &str) -> u64 {
    report.effects.get(name).copied().unwrap_or(0)
}

fn passed(plan: Plan) -> Report {
    let report = run(plan);
    assert!(report.verdict.is_pass(), "{} {:?}", report.verdict, report.detail);
    report
}

#[test]
fn the_profile_reaches_every_step_and_uses_nothing_bad() {
    let report = run(profile("snapshot-guard").unwrap());
    assert!(report.is_expected(), "{:?} {:?}", report.unmet, report.detail);
    assert_eq!(effect(&report, "snapshot_restored"), 2, "one joined late, one lost its disk: {:?}", report.effects);
    for kind in ["snapshot_crash", "snapshot_disk", "snapshot_damage"] {
        assert!(report.faults.get(kind).is_some_and(|count| *count > 0), "{kind}: {:?}", report.faults);
    }
    for property in ["restored_equals_the_others", "no_bad_snapshot_is_used", "snapshots_leave_blocks_alone"] {
        assert!(report.properties.get(property).is_some_and(|count| *count > 1), "{property}");
    }
}

#[test]
fn making_snapshots_changes_no_block_and_holds_nobody_up() {
    let with = passed(plan("", "restore = false"));
    let without = passed(Plan { snapshots: None, ..plan("", "restore = false") });
    assert!(effect(&with, "snapshot_made") > 50, "{:?}", with.effects);
    let seen = |report: Report| {
        let Report { height, rounds, virtual_ms, acknowledged, resume_ms, propagation_ms, .. } = report;
        (height, rounds, virtual_ms, acknowledged, resume_ms, propagation_ms)
    };
    assert_eq!(seen(with), seen(without), "the same blocks at the same times");
}

#[test]
fn who_lost_its_disk_begins_with_a_snapshot_from_genesis_or_from_a_trusted_height() {
    // Without stake the trusting period is longer than the run; with it, genesis is too old after 24 s.
    for staking in ["", "[staking]\n"] {
        for seed in 0..4 {
            let report = passed(Plan { seed, ..plan(staking, "") });
            assert_eq!(effect(&report, "snapshot_restored"), 1, "seed {seed}: {:?}", report.effects);
            assert_eq!(report.properties["restored_equals_the_others"], 1);
        }
    }
    let from_genesis = passed(plan("", "restore = false"));
    assert_eq!(effect(&from_genesis, "snapshot_restored"), 0);
}

#[test]
fn altered_chunks_are_refused_and_somebody_else_is_asked() {
    let one = passed(plan("", "liars = [0, 1, 2]"));
    assert_eq!(effect(&one, "snapshot_restored"), 1, "{:?}", one.effects);
    assert!((1..=3).contains(&effect(&one, "chunk_refused")), "each is asked once: {:?}", one.effects);
    let all = passed(plan("", "liars = [0, 1, 2, 3]"));
    assert_eq!(effect(&all, "snapshot_restored"), 0, "it starts from genesis: {:?}", all.effects);
    assert!(effect(&all, "chunk_refused") >= 4, "{:?}", all.effects);
}

#[test]
fn what_of_snapshots_makes_no_sense_is_refused_by_name() {
    let base = "seed = 1\nvalidators = 4\nfaults_ms = 1000\n";
    let fault = "[[faults]]\nat_ms = 1\nfor_ms = 1\nfault = { kind = \"snapshot_crash\", node = 0, at = ";
    let cases = [
        (format!("{fault}\"half\" }}\n"), "add the table [snapshots]"),
        (format!("[snapshots]\nevery_heights = 5\n{fault}\"hale\" }}\n"), "did you mean half?"),
        ("[snapshots]\nevery_heights = 0\n".to_owned(), "snapshots.every_heights is 0"),
        ("[snapshots]\nevery_heights = 5\nkeep = 0\n".to_owned(), "snapshots.keep is 0"),
        ("[snapshots]\nevery_heights = 5\ncopy_ms = 60001\n".to_owned(), "snapshots.copy_ms is 60001"),
        ("[snapshots]\nevery_heights = 5\nliars = [4]\n".to_owned(), "validator 4 is named"),
        ("[snapshots]\nevery_heights = 5\nkept = 3\n".to_owned(), "did you mean keep?"),
        ("[expect]\neffects = [\"snapshot_mad\"]\n".to_owned(), "did you mean snapshot_made?"),
    ];
    for (more, expected) in cases {
        let error = Plan::from_toml(&format!("{base}{more}")).expect_err(&more);
        assert!(error.to_string().contains(expected) && error.to_string().contains("next: "), "{error}");
    }
    let error = Plan::from_toml(&format!("{base}[snapshots]\n")).unwrap_err();
    assert!(matches!(&error, PlanError::Read(reason) if reason.contains("every_heights")), "{error:?}");
    let unmet = run(Plan::from_toml(&format!("{base}[expect]\neffects = [\"snapshot_made\"]\n")).unwrap());
    assert_eq!(unmet.unmet, ["snapshot_made never took effect"]);
}
