//! What holds for every alert, recording rule and panel.

use std::collections::BTreeSet;
use std::path::Path;

use crate::alerts::{AREAS, RECORDINGS, all};
use crate::drill::{rendered, series};
use crate::grafana::{LETTERS, chosen};
use crate::query::labels;
use crate::rules::{RUNBOOKS, runbook};
use crate::scenes::{Pager, SCENES, Scene};
use crate::{Alert, BOARDS, Severity, idle, query};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies below the root")
}

/// Seconds of a duration as the rules write it.
fn seconds(text: &str) -> u64 {
    let (number, unit) = text.split_at(text.len() - 1);
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => panic!("{text}: say s, m or h"),
    };
    number.parse::<u64>().unwrap_or_else(|error| panic!("{text}: {error}")) * factor
}

#[test]
fn every_expression_names_series_and_labels_that_nodes_serve() {
    for recording in RECORDINGS {
        let found = labels(recording.expr).unwrap_or_else(|error| panic!("{}: {error}", recording.name));
        assert!(found.contains("instance"), "{} is not one series per node", recording.name);
    }
    for alert in all() {
        labels(alert.expr).unwrap_or_else(|error| panic!("{}: {error}", alert.name));
    }
    for board in BOARDS {
        for panel in board.panels {
            for query in panel.queries {
                let expr = chosen(query.expr);
                let found = labels(&expr).unwrap_or_else(|error| panic!("{}, {}: {error}", board.name, panel.title));
                assert!(query.expr.contains('@'), "{}, {}: takes no choice of nodes", board.name, panel.title);
                for word in query.legend.split("{{").skip(1) {
                    let label = word.split("}}").next().unwrap_or_default();
                    assert!(
                        found.contains(label) || (label == "instance" && found.is_empty()),
                        "{}, {}: the legend names {label}, the result has {found:?}",
                        board.name,
                        panel.title
                    );
                }
            }
        }
    }
}

#[test]
fn every_alert_says_what_is_wrong_and_who_is_told() {
    let mut names = BTreeSet::new();
    for alert in all() {
        assert!(names.insert(alert.name), "{} is there twice", alert.name);
        assert!(alert.name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{}", alert.name);
        let labels = labels(alert.expr).unwrap();
        let mut said = alert.summary.to_owned();
        for label in &labels {
            said = said.replace(&format!("{{{{ $labels.{label} }}}}"), label);
        }
        assert!(!said.contains("{{"), "{}: the summary names a label that is not there: {said}", alert.name);
        assert!(said.len() > 20 && !said.ends_with('.'), "{}: {said}", alert.name);
        // A page that lasts no time at all must look back over a window, or it comes and goes between two scrapes.
        let instant = seconds(alert.lasting) == 0 && !alert.expr.contains('[');
        assert!(!instant || alert.expr.contains("safety_failure"), "{} pages for one sample", alert.name);
    }
    assert!(names.len() >= 30, "{}", names.len());
}

#[test]
fn every_drill_is_quiet_then_fires_then_clears_on_series_of_the_catalogue() {
    for alert in all() {
        let Alert { name, drill, .. } = alert;
        let times = [drill.quiet_at, drill.fires_at, drill.clear_at].map(seconds);
        assert!(times.is_sorted() && times[0] > 0 && times[0] < times[1] && times[1] < times[2], "{name}: {times:?}");
        let labels = labels(alert.expr).unwrap();
        for (label, _) in drill.labels {
            assert!(labels.contains(*label), "{name}: fires with {label}, the expression has {labels:?}");
        }
        assert!(!rendered(alert.summary, drill.labels).contains("{{"), "{name}: a label of the summary is missing");
        for (text, _) in drill.series {
            query::labels(&series(text)).unwrap_or_else(|error| panic!("{name}: {text}: {error}"));
        }
        // Every series that the alert reads is played, itself or through its recording rule.
        let played: BTreeSet<String> =
            drill.series.iter().flat_map(|(text, _)| query::series(&series(text)).unwrap()).collect();
        let read = sources(alert.expr);
        assert!(played.is_subset(&read), "{name}: plays {played:?}, reads {read:?}");
    }
}

#[test]
fn every_scene_plays_series_of_the_catalogue_and_names_critical_alerts() {
    for Scene { name, series: played, pages, .. } in SCENES {
        for (text, _) in *played {
            query::labels(&series(text)).unwrap_or_else(|error| panic!("{name}: {text}: {error}"));
        }
        for (page, pager) in *pages {
            let alert = all().find(|alert| alert.name == *page).unwrap_or_else(|| panic!("{name}: {page} is no alert"));
            assert_eq!(alert.severity, Severity::Critical, "{name}: {page} wakes nobody");
            let is_per_node = labels(alert.expr).unwrap().contains("instance");
            assert_eq!(is_per_node, matches!(pager, Pager::Nodes(_)), "{name}: {page}");
        }
    }
    // One process that is gone is one page.
    let killed = SCENES.iter().find(|scene| scene.name.starts_with("one validator of four is killed")).unwrap();
    assert_eq!(killed.pages, [("NodeDown", Pager::Nodes(&[4]))]);
}

/// The series that nodes serve behind an expression.
fn sources(expr: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for name in query::series(expr).unwrap() {
        match RECORDINGS.iter().find(|recording| recording.name == name) {
            Some(recording) => found.extend(sources(recording.expr)),
            None => {
                found.insert(name);
            }
        }
    }
    found
}

#[test]
fn the_idle_network_has_every_series_that_an_alert_reads() {
    let mut played = BTreeSet::new();
    for (text, _) in idle::SERIES {
        query::labels(&series(text)).unwrap_or_else(|error| panic!("{text}: {error}"));
        played.extend(query::series(&series(text)).unwrap());
    }
    let read: BTreeSet<String> = all().flat_map(|alert| sources(alert.expr)).collect();
    let missing: Vec<&String> = read.difference(&played).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_alert_has_a_section_in_the_runbook_of_its_area() {
    for area in AREAS {
        let path = root().join(format!("docs/runbooks/{}.md", area.name));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let sections: Vec<&str> = text.split("\n## ").skip(1).collect();
        for alert in area.alerts {
            let section = sections.iter().find(|section| section.lines().next() == Some(alert.name));
            let section = section.unwrap_or_else(|| panic!("{} has no section {}", path.display(), alert.name));
            for part in ["**Means.**", "**Confirm.**", "**Fix.**", "**Escalate**"] {
                assert!(section.contains(part), "{}: {} has no {part}", path.display(), alert.name);
            }
            assert_eq!(
                runbook(RUNBOOKS, area.name, alert),
                format!("docs/runbooks/{}.md#{}", area.name, alert.name.to_lowercase())
            );
        }
        let known: BTreeSet<&str> = area.alerts.iter().map(|alert| alert.name).collect();
        for section in sections {
            let heading = section.lines().next().unwrap_or_default();
            assert!(known.contains(heading), "{}: no alert is called {heading}", path.display());
        }
    }
}

#[test]
fn the_row_of_remote_signers_charts_searches_and_what_the_validator_gets() {
    let board = BOARDS.iter().find(|board| board.name == "telemetry").expect("the board");
    let page: serde_json::Value = serde_json::from_str(&crate::files()["grafana/telemetry.json"]).expect("JSON");
    let panels = page["panels"].as_array().expect("panels");
    let row = panels.iter().position(|panel| panel["type"] == "row" && panel["title"] == "Remote Signers");
    let below = &panels[row.expect("the row")..];
    assert!(below.iter().skip(1).all(|panel| panel["type"] != "row"), "it is the last row, so all of this is in it");
    let asked: String = below.iter().map(|panel| panel["targets"].to_string()).collect();
    for series in [
        "remote_signer_discovery_total",
        "remote_signer_discovery_success_total",
        "remote_signer_discovery_success_ratio",
        "remote_signer_request_total",
        "remote_signer_success_total",
        "remote_signer_latency_seconds_bucket",
    ] {
        assert!(asked.contains(&format!("{series}{{")), "{series}: {asked}");
    }
    for query in board.panels.iter().flat_map(|panel| panel.queries) {
        crate::query::labels(&crate::grafana::chosen(query.expr)).expect("series that nodes serve");
    }
    let committed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/grafana/telemetry.json"));
    assert!(committed.expect("it is committed") == crate::files()["grafana/telemetry.json"]);
    let _row = testkit::contract!("S004-068");
    let _ratio = testkit::contract!("S004-064");
}

#[test]
fn boards_and_panels_can_be_told_apart() {
    let mut names = BTreeSet::new();
    for board in BOARDS {
        assert!(names.insert(board.name), "{}", board.name);
        let mut titles = BTreeSet::new();
        for panel in board.panels {
            assert!(titles.insert(panel.title), "{}: {} is there twice", board.name, panel.title);
            assert!(panel.about.ends_with('.'), "{}: {}", board.name, panel.title);
            let is_heading = panel.shape == crate::Shape::Row;
            assert!(panel.queries.is_empty() == is_heading && panel.queries.len() <= LETTERS.len(), "{}", panel.title);
        }
    }
}
