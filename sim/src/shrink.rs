//! Reducing a failing plan: fewer faults, dishonest validators, nodes, less traffic, shorter, quieter links.
//!
//! Model: greedy. Each pass proposes smaller plans, largest cut first; the first one that gives the same verdict
//! replaces the plan, until a pass finds none or the runs are used up.
//!
//! Rule: a plan is replaced only by one that passes [`Plan::check`] and gives the very same verdict.

use crate::plan::{Links, Plan, Topology};
use crate::report::{Report, Verdict};
use crate::run::run;

/// Runs that a reduction takes at most, unless told otherwise.
pub const RUNS_MAX: usize = 200;

/// What a reduction gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shrunk {
    /// The smallest plan found.
    pub plan: Plan,
    /// Its run.
    pub report: Report,
    /// Runs that were made.
    pub runs: usize,
}

/// Reduces a plan that gives `verdict`, in at most `runs_max` runs. `progress` is told each smaller plan.
pub fn shrink(plan: &Plan, verdict: &Verdict, runs_max: usize, mut progress: impl FnMut(&Shrunk)) -> Shrunk {
    let wanted = verdict.to_string();
    let mut shrunk = Shrunk { report: run(plan.clone()), plan: plan.clone(), runs: 1 };
    while let Some(smaller) = smaller(&mut shrunk, &wanted, runs_max) {
        shrunk = smaller;
        progress(&shrunk);
    }
    shrunk
}

/// The first smaller plan with the same verdict; `None` when there is none or no run is left.
fn smaller(shrunk: &mut Shrunk, wanted: &str, runs_max: usize) -> Option<Shrunk> {
    for plan in proposals(&shrunk.plan) {
        if shrunk.runs >= runs_max {
            return None;
        }
        if plan == shrunk.plan || plan.check().is_err() {
            continue;
        }
        shrunk.runs += 1;
        let report = run(plan.clone());
        if report.verdict.to_string() == wanted {
            return Some(Shrunk { plan, report, runs: shrunk.runs });
        }
    }
    None
}

/// Smaller plans, the largest cuts first.
fn proposals(plan: &Plan) -> Vec<Plan> {
    let with = |change: &dyn Fn(&mut Plan)| {
        let mut smaller = plan.clone();
        change(&mut smaller);
        smaller
    };
    let count = plan.faults.len();
    let mut list = Vec::new();
    for length in [count / 2, 1] {
        for first in (0..count).step_by(length.max(1)) {
            list.push(with(&|plan| {
                plan.faults.drain(first..first.saturating_add(length).min(count));
            }));
        }
    }
    list.extend(plan.dishonest.keys().map(|node| {
        with(&|plan| {
            plan.dishonest.remove(node);
        })
    }));
    let last = plan.validators.saturating_sub(1);
    list.push(with(&|plan| {
        plan.validators = last;
        plan.dishonest.remove(&last);
        plan.faults.retain(|scheduled| !scheduled.fault.nodes().contains(&last));
        plan.regions.clear();
        plan.routes.clear();
    }));
    list.push(with(&|plan| {
        plan.traffic_per_second = 0;
        plan.phases.clear();
    }));
    list.push(with(&|plan| {
        plan.topology = Topology::FullMesh;
        plan.regions.clear();
        plan.routes.clear();
    }));
    list.push(with(&|plan| plan.links = Links { delay_ms: plan.links.delay_ms, ..quiet() }));
    list.push(with(&|plan| plan.links = quiet()));
    list.push(with(&|plan| plan.calm_heights = (plan.calm_heights / 4).max(1)));
    list.push(with(&|plan| {
        plan.faults_ms = plan.faults.iter().map(|scheduled| scheduled.at_ms).max().unwrap_or(0);
    }));
    list.extend(
        (0..count).map(|index| with(&|plan| plan.faults[index].for_ms = (plan.faults[index].for_ms / 2).max(1))),
    );
    list
}

fn quiet() -> Links {
    Links { delay_ms: 10, jitter_ms: 0, loss_ppm: 0, duplicate_ppm: 0 }
}
