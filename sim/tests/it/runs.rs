//! Seeds: the same twice, and a two hundred that must pass.

use sim::{Plan, Summary, run, run_seeds};

#[test]
fn the_same_seed_gives_the_same_report_and_trace() {
    let _replay = testkit::contract!("S004-037");
    // It runs with every change: CI ends with the command that runs the tests of the whole workspace.
    assert!(include_str!("../../../.ci/run").ends_with("\ncargo xtask test\n"));
    for seed in [1, 15] {
        let (first, second) = (run(Plan::of_seed(seed)), run(Plan::of_seed(seed)));
        assert_eq!(first, second, "seed {seed}");
        assert_eq!(first.trace_hash.len(), 64);
    }
    assert_ne!(run(Plan::of_seed(1)).trace_hash, run(Plan::of_seed(2)).trace_hash);
}

/// A change of what validators do changes these; `tb sim --seed N --json` prints the new one. What must not change them is
/// the machine.
const TRACE_HASHES: &str = include_str!("trace_hashes.tsv");

#[test]
fn a_seed_has_the_hash_that_another_machine_wrote_down() {
    let rows: Vec<(&str, &str)> = TRACE_HASHES.lines().filter_map(|line| line.split_once('\t')).collect();
    assert_eq!(rows.len(), 4);
    let hash = |seed: &str| run(Plan::of_seed(seed.parse().expect("a seed"))).trace_hash;
    let now: String = rows.iter().map(|(seed, _)| format!("{seed}\t{}\n", hash(seed))).collect();
    assert_eq!(now, TRACE_HASHES, "the file would be:\n{now}");
}

#[test]
fn two_hundred_seeds_pass_and_inject_what_they_promise() {
    println!("seeds 0 to 199; one that fails is run alone with tb sim --seed N");
    let reports = run_seeds(0..200, 2, |_| {});
    let failed = reports.iter().filter(|report| !report.verdict.is_pass());
    let failed: Vec<String> =
        failed.map(|report| format!("tb sim --seed {}: {} {:?}", report.seed, report.verdict, report.detail)).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    for report in &reports {
        assert!(report.virtual_ms >= 60_000 && report.calm_heights >= 20, "seed {}", report.seed);
        assert!(report.acknowledged > 0, "seed {}", report.seed);
    }
    let summary = Summary::of_seeds(&reports);
    assert!(summary.is_expected(), "{:?}", summary.unmet);
    assert_eq!((summary.seeds, summary.passed, summary.verdict.as_str()), (200, 200, "pass"));
    assert_eq!((summary.seeds_of_60_s, summary.seeds_with_20_calm_heights), (200, 200));
    assert!(summary.seeds_with_three_kinds >= 150, "{} of 200", summary.seeds_with_three_kinds);
    for counts in [&summary.faults, &summary.fault_ms, &summary.effects, &summary.dishonest, &summary.dishonest_ms] {
        assert!(counts.values().all(|count| *count > 0), "{counts:?}");
    }
    assert!(summary.tamper_attempts > 0 && summary.tamper_accepted == 0);
    assert!(summary.equivocations > 0, "dishonest validators were seen");
}

#[test]
fn a_summary_of_seeds_says_what_they_promise_and_do_not_hold() {
    let good = run(Plan::of_seed(1));
    let report = |change: fn(&mut sim::Report)| {
        let mut report = good.clone();
        change(&mut report);
        Summary::of_seeds([&report])
    };
    assert!(report(|_| {}).is_expected());
    assert!(report(|report| report.virtual_ms = 59_999).unmet[0].contains("60 s"));
    assert!(report(|report| report.calm_heights = 19).unmet[0].contains("20 heights"));
    let many = Summary::of_seeds(std::iter::repeat_n(&good, 200));
    assert!(many.verdict == "pass" && !many.is_expected(), "one seed has not everything");
    assert!(many.unmet.iter().any(|unmet| unmet.ends_with("never took effect")), "{:?}", many.unmet);
    let bare = sim::Report { faults: Default::default(), ..good };
    let bare = Summary::of_seeds(std::iter::repeat_n(&bare, 200));
    assert!(bare.unmet.iter().any(|unmet| unmet.contains("0 of 200 runs have three kinds")), "{:?}", bare.unmet);
}

#[test]
fn three_of_four_plans_have_three_kinds_of_faults() {
    let kinds = |seed| {
        let kinds = Plan::of_seed(seed).faults.iter().map(|scheduled| scheduled.fault.kind()).collect::<Vec<_>>();
        kinds.iter().collect::<std::collections::BTreeSet<_>>().len()
    };
    let seeds = 10_000;
    let many = (0..seeds).filter(|seed| kinds(*seed) >= 3).count();
    assert!(many * 4 >= 3 * 10_000, "{many} of {seeds}");
    for seed in 0..seeds {
        let plan = Plan::of_seed(seed);
        assert_eq!(plan.check(), Ok(()), "seed {seed}");
    }
}

/// Every message is lost for two seconds; an interval of blocks is one.
const SILENCE: &str = r#"
seed = 6
validators = 5
traffic_per_second = 2
faults_ms = 8000
calm_heights = 5
faults = [{ at_ms = 4000, for_ms = 2000, fault = { kind = "loss", ppm = 1000000 } }]
"#;

#[test]
fn an_offer_that_was_lost_goes_out_again_and_saves_its_round() {
    for seed in 0..20 {
        let report = run(Plan { seed, ..Plan::from_toml(SILENCE).unwrap() });
        assert!(report.verdict.is_pass(), "seed {seed}: {} {:?}", report.verdict, report.detail);
        // Without it the round lasts until the others have waited 3 s, and the next one decides.
        assert_eq!(report.round_max, 0, "seed {seed}: {:?}", report.rounds);
        assert!(report.resume_ms.is_some_and(|ms| ms <= 1_500), "seed {seed}: {:?}", report.resume_ms);
    }
}

#[test]
fn a_run_inside_a_runtime_is_the_same_run() {
    let text = "seed = 4\nvalidators = 5\ntraffic_per_second = 4\nfaults_ms = 100000\n";
    let plan = Plan::from_toml(text).unwrap();
    let outside = run(plan.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(async { run(plan) }), outside);
    assert!(outside.verdict.is_pass() && outside.height > 90, "{:?}", outside.detail);
}
