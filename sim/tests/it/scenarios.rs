//! Scenario files: every one in the project runs, and a wrong one is refused by name.

use sim::{Plan, PlanError, run};

#[test]
fn every_scenario_of_the_project_ends_as_it_says() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let plan = Plan::from_toml(&std::fs::read_to_string(&path).unwrap());
        let report = run(plan.unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        assert!(report.is_expected(), "{}: {:?} {:?}", path.display(), report.unmet, report.detail);
        seen += 1;
    }
    assert!(seen >= 9, "{seen} scenarios in {folder}");
}

#[test]
fn a_wrong_scenario_is_refused_by_name() {
    let base = "seed = 1\nvalidators = 4\nfaults_ms = 1000\n";
    let cases = [
        ("an unknown key", "colour = 1\n", "colour"),
        ("no validator", "[dishonest]\n9 = \"garbage\"\n", "validator 9"),
        ("too many dishonest", "[dishonest]\n0 = \"garbage\"\n1 = \"amnesia\"\n", "beyond_bound"),
        ("an unknown fault", "[[faults]]\nat_ms = 1\nfor_ms = 1\nfault = { kind = \"comet\" }\n", "comet"),
        ("a fault too late", "[[faults]]\nat_ms = 2000\nfor_ms = 1\nfault = { kind = \"power_loss\" }\n", "at_ms"),
        ("a fault without end", "[[faults]]\nat_ms = 1\nfor_ms = 0\nfault = { kind = \"power_loss\" }\n", "for_ms"),
        (
            "an unknown key of a fault",
            "[[faults]]\nat_ms = 1\nfor_ms = 1\nfault = { kind = \"crash\", node = 0, effects = 1, why = 1 }\n",
            "why",
        ),
        ("more loss than everything", "[links]\nloss_ppm = 1000001\n", "links.loss_ppm"),
    ];
    assert!(Plan::from_toml(base).is_ok());
    for (name, more, expected) in cases {
        let error = Plan::from_toml(&format!("{base}{more}")).unwrap_err();
        assert!(error.to_string().contains(expected), "{name}: {error}");
    }
    let none = Plan::from_toml("seed = 1\nvalidators = 0\nfaults_ms = 1\n").unwrap_err();
    assert!(matches!(none, PlanError::Bound { name: "validators", .. }), "{none}");
}

#[test]
fn a_plan_survives_its_own_text() {
    for seed in 0..200 {
        let plan = Plan::of_seed(seed);
        let text = toml::to_string(&plan).unwrap();
        assert_eq!(Plan::from_toml(&text), Ok(plan), "{text}");
    }
}
