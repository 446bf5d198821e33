//! How fast simulated time passes: seven validators, steady traffic, no faults, one thread. The aim is 100 simulated
//! seconds in a second. Run with `cargo xtask bench --only sim`.

use std::time::Instant;

use sim::{Plan, run};

const PLAN: &str = "seed = 11\nvalidators = 7\ntraffic_per_second = 4\nfaults_ms = 300000\n";

fn main() {
    // Cargo passes `--bench` to benchmarks and leaves it out when it runs them as tests.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let plan = Plan::from_toml(PLAN).expect("the plan is written above");
    let started = Instant::now();
    let report = run(plan);
    let wall_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = report.virtual_ms / wall_ms;
    println!(
        r#"{{"bench":"sim_seven_validators","virtual_ms":{},"wall_ms":{wall_ms},"simulated_seconds_per_second":{rate},"events":{},"heights":{}}}"#,
        report.virtual_ms, report.events, report.height
    );
}
