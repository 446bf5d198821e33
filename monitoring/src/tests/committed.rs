//! The committed files are the generated ones, and nothing else lies among them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{BOARDS, alerts, files, rules_with_runbooks};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What is wrong with a folder of generated files.
fn faults(folder: &Path) -> Vec<String> {
    let wanted = files();
    let mut found = Vec::new();
    for (path, text) in &wanted {
        match std::fs::read_to_string(folder.join(path)) {
            Ok(committed) if committed == *text => {}
            Ok(_) => found.push(format!("{path} differs")),
            Err(error) => found.push(format!("{path}: {error}")),
        }
    }
    for part in ["grafana", "tests"] {
        let Ok(entries) = std::fs::read_dir(folder.join(part)) else { continue };
        for entry in entries {
            let name = entry.expect("an entry").file_name().into_string().expect("a name of text");
            let path = format!("{part}/{name}");
            if !wanted.contains_key(&path) {
                found.push(format!("{path} is not generated"));
            }
        }
    }
    found
}

#[test]
fn committed_files_are_what_the_code_makes() {
    let _shown = testkit::contract!("S003-046");
    let found = faults(&folder());
    assert!(found.is_empty(), "{found:#?}; run `cargo xtask monitoring` and commit what it writes");
}

#[test]
fn a_file_that_differs_is_missing_or_is_stray_is_found() {
    let root = std::env::temp_dir().join(format!("monitoring-{}", std::process::id()));
    let copy = root.join("monitoring");
    for (path, text) in files() {
        let full = copy.join(path);
        std::fs::create_dir_all(full.parent().expect("it has a folder")).unwrap();
        std::fs::write(full, text).unwrap();
    }
    assert_eq!(faults(&copy), [""; 0]);
    std::fs::write(copy.join("grafana/overview.json"), "{}").unwrap();
    std::fs::write(copy.join("grafana/mine.json"), "{}").unwrap();
    std::fs::remove_file(copy.join("alert.rules.yml")).unwrap();
    let found = faults(&copy).join("\n");
    for part in ["grafana/overview.json differs", "grafana/mine.json is not generated", "alert.rules.yml: "] {
        assert!(found.contains(part), "{found}");
    }
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn the_rules_name_every_alert_with_everything_that_pages_need() {
    let rules = &files()["alert.rules.yml"];
    for alert in alerts() {
        let start = rules.find(&format!("- alert: {}\n", alert.name)).unwrap_or_else(|| panic!("{}", alert.name));
        let text = &rules[start..];
        let rule = text.split("- alert: ").nth(1).expect("it begins with the name");
        for part in ["expr: \"", "for: ", "severity: ", "area: ", "summary: \"", "runbook_url: \"docs/runbooks/"] {
            assert!(rule.contains(part), "{}: no {part}", alert.name);
        }
    }
    assert_eq!(rules.matches("- alert: ").count(), alerts().count());
}

#[test]
fn another_place_of_the_runbooks_changes_the_urls_and_nothing_else() {
    let (own, other) = (&files()["alert.rules.yml"], rules_with_runbooks("https://sre.example.org/the-block/"));
    assert_eq!(other.matches("runbook_url: \"https://sre.example.org/the-block/").count(), alerts().count());
    assert_eq!(other.replace("https://sre.example.org/the-block/", "docs/runbooks/"), *own);
}

#[test]
fn the_boards_that_guides_name_stand_there_and_are_linked_from_the_overview() {
    let _shown = (testkit::contract!("S000-102"), testkit::contract!("S002-026"));
    let read = |path: &str| -> Value {
        let text =
            std::fs::read_to_string(folder().join("..").join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        serde_json::from_str(&text).expect("a board is JSON")
    };
    let titles = |board: &Value| -> Vec<String> {
        let panels = board["panels"].as_array().expect("panels").iter();
        panels.map(|panel| panel["title"].as_str().expect("a title").to_owned()).collect()
    };
    let pipeline = read("docs/observability/pipeline_grafana.json");
    for title in ["median", "95th", "99th", "Failed gossip", "Changes of the proposer"] {
        assert!(titles(&pipeline).iter().any(|known| known.contains(title)), "{title}");
    }
    let text = pipeline.to_string();
    for series in [
        "pipeline_stage_latency_ms",
        "pipeline_errors_total",
        "pipeline_gossip_events_total",
        "pipeline_leader_rotations_total",
    ] {
        assert!(text.contains(series), "{series}");
    }
    let validation = read("docs/dashboards/consensus_proof_validation.json");
    for title in ["Time to prove", "Time to verify", "Size of proofs", "Cache hit rate", "Tampered proofs refused"] {
        assert!(titles(&validation).iter().any(|known| known.contains(title)), "{title}");
    }
    // The overview lists every board with this tag.
    let overview = read("monitoring/grafana/overview.json");
    for board in [&pipeline, &validation] {
        assert_eq!(overview["links"][0]["tags"][0], board["tags"][0]);
        assert_eq!(overview["links"][0]["type"], "dashboards");
    }
}

#[test]
fn a_board_is_a_page_that_grafana_can_lay_out() {
    let files = files();
    let mut ids = BTreeSet::new();
    for board in BOARDS {
        let page: Value = serde_json::from_str(&files[&format!("grafana/{}.json", board.name)]).unwrap();
        assert!(ids.insert(page["uid"].as_str().unwrap().to_owned()), "{}", board.name);
        let panels = page["panels"].as_array().unwrap();
        assert_eq!(panels.len(), board.panels.len());
        let place = |panel: &Value| ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
        for (at, panel) in panels.iter().enumerate() {
            let [left, top, width, height] = place(panel);
            assert!(left + width <= 24, "{}: {}", board.name, panel["title"]);
            for other in &panels[..at] {
                let [x, y, w, h] = place(other);
                let apart = left >= x + w || x >= left + width || top >= y + h || y >= top + height;
                assert!(apart, "{}: {} lies on {}", board.name, panel["title"], other["title"]);
            }
            for target in panel["targets"].as_array().unwrap() {
                assert!(target["expr"].as_str().unwrap().contains("$instance"));
            }
        }
    }
}
