//! Prometheus' own judge, where it is installed: the rules parse, and each alert keeps quiet, fires and clears when it should.
//!
//! `scripts/check_monitoring.sh` installs it where it may; here nothing is installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::alerts::AREAS;

const PROMTOOL: &str = "promtool";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn promtool(words: &[&str]) -> Option<Output> {
    Command::new(PROMTOOL).args(words).current_dir(folder()).output().ok()
}

/// That the drills which the judge runs let these alerts keep quiet, fire and clear.
fn are_drilled(names: &[&str]) {
    for name in names {
        let area = AREAS.iter().find(|area| area.alerts.iter().any(|alert| alert.name == *name));
        let file = format!("tests/{}.yml", area.unwrap_or_else(|| panic!("no alert is called {name}")).name);
        let text = std::fs::read_to_string(folder().join(&file)).unwrap();
        let drill = text.split("  - name: ").find(|drill| drill.starts_with(&format!("\"{name}\"")));
        let drill = drill.unwrap_or_else(|| panic!("{file} has no drill of {name}"));
        assert_eq!(drill.matches("exp_alerts: []").count(), 2, "{name} is quiet before and after");
        assert_eq!(drill.matches("exp_labels:").count(), 1, "{name} fires between");
    }
}

/// Rules that parse and drills that end as they say; false when there is no judge.
fn all_hold() -> bool {
    let Some(rules) = promtool(&["check", "rules", "alert.rules.yml"]) else { return false };
    assert!(rules.status.success(), "{}", String::from_utf8_lossy(&rules.stdout));
    let mut files: Vec<String> = AREAS.iter().map(|area| format!("tests/{}.yml", area.name)).collect();
    files.extend(["idle", "idle_slow", "scenes"].map(|name| format!("tests/{name}.yml")));
    let words: Vec<&str> = ["test", "rules"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let drills = promtool(&words).expect("it was there");
    assert!(drills.status.success(), "{}", String::from_utf8_lossy(&drills.stderr));
    true
}

/// The alerts that the runbooks of the areas describe, each in a section of its own.
fn documented() -> Vec<String> {
    let mut names = Vec::new();
    for area in AREAS {
        let page = folder().join(format!("../docs/runbooks/{}.md", area.name));
        let text = std::fs::read_to_string(page).unwrap();
        names.extend(text.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned));
    }
    names
}

#[test]
fn the_rules_parse_and_every_alert_keeps_quiet_fires_and_clears() {
    let hold = all_hold();
    /// Rows of the contract that are alerts, each with the alerts that answer it.
    macro_rules! shows {
        ($id:literal, $names:expr) => {
            are_drilled(&$names);
            if hold {
                let _shown = testkit::contract!($id);
            } else {
                testkit::lacks!($id, PROMTOOL);
            }
        };
    }
    let (documented, rules) = (documented(), std::fs::read_to_string(folder().join("alert.rules.yml")).unwrap());
    assert_eq!(documented.len(), AREAS.iter().map(|area| area.alerts.len()).sum::<usize>(), "{documented:?}");
    for name in &documented {
        assert!(rules.contains(&format!("alert: {name}\n")), "{name} is documented and no rule");
    }
    shows!("S004-243", documented.iter().map(String::as_str).collect::<Vec<_>>());
    shows!("S000-045", ["MempoolQueueNearLimit"]);
    shows!("S000-046", ["QueueNotDrained"]);
    shows!("S000-064", ["VrfParticipationLow", "VrfFallbackRepeated"]);
    shows!("S000-096", ["HeightStalled", "TelemetryStalled"]);
    shows!("S000-099", ["ProofBackendFailing", "VerifySlow"]);
    shows!("S000-101", ["ConsensusProofsFew", "UptimeProofsFew"]);
    shows!("S001-037", ["WitnessGossipRefused"]);
    shows!("S002-030", ["ProveSlow"]);
    shows!("S002-031", ["TamperedProofAccepted"]);
    shows!("S002-032", ["ProverFailing"]);
}
