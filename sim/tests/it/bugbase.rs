//! The bug base: every plan that once failed passes.

use sim::{Plan, run};

fn entries() -> Vec<(String, Plan)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/bugbase");
    let mut entries: Vec<(String, Plan)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let plan = Plan::from_toml(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path.display().to_string(), plan)
        })
        .collect();
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    entries
}

#[test]
fn every_plan_of_the_bug_base_passes() {
    let entries = entries();
    assert!(!entries.is_empty());
    for (path, plan) in entries {
        let report = run(plan);
        assert!(report.verdict.is_pass(), "{path}: {} {:?}", report.verdict, report.detail);
    }
}
