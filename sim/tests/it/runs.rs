//! Seeds.

use sim::{Plan, run};

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in [1, 2] {
        let (first, second) = (run(Plan::of_seed(seed)), run(Plan::of_seed(seed)));
        assert_eq!(first, second, "seed {seed}");
    }
}

#[test]
fn thirty_seeds_pass() {
    for seed in 0..30 {
        let started = std::time::Instant::now();
        let report = run(Plan::of_seed(seed));
        eprintln!("{seed} {:?} {:?} {}", started.elapsed(), report.verdict, serde_json::to_string(&report).unwrap());
    }
}
