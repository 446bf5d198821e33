//! `docs/OBSERVABILITY_MAP.md` names only what exists.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use telemetry::{catalogue, engine};

use crate::{BOARDS, alerts};

fn read(path: &str) -> String {
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&full).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rows of the table: question, metric, panel, command, link.
fn rows() -> Vec<[String; 5]> {
    let page = read("docs/OBSERVABILITY_MAP.md");
    let lines = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| question"));
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().replace('`', "")).collect()
    };
    lines.map(|line| cells(line).try_into().unwrap_or_else(|_| panic!("five cells: {line}"))).collect()
}

/// What is wrong with a row.
fn faults(row: &[String; 5], help: &str, api: &Value) -> Vec<String> {
    let [question, metric, panel, command, link] = row;
    let mut found = Vec::new();
    let ours = catalogue::find(metric).is_some();
    if !ours && !engine::METRICS.iter().any(|known| known.name == metric) {
        found.push(format!("{metric} is in no catalogue"));
    }
    let shown = panel.split_once(": ").and_then(|(board, title)| {
        let board = BOARDS.iter().find(|known| known.name == board)?;
        board.panels.iter().find(|known| known.title == title)
    });
    if shown.is_none() {
        found.push(format!("no panel is called {panel}"));
    }
    let known = match command.strip_prefix("GET ") {
        Some(path) => api["paths"][path]["get"].is_object(),
        None => {
            let words = command.split(" --").next().unwrap_or_default();
            help.lines().any(|line| {
                line.strip_prefix("Usage: ")
                    .is_some_and(|usage| usage == words || usage.starts_with(&format!("{words} ")))
            })
        }
    };
    if !known {
        found.push(format!("there is no {command}"));
    }
    let section = link.split_once("](runbooks/").and_then(|(_, target)| target.strip_suffix(')')?.split_once(".md#"));
    let exists = section.is_some_and(|(page, anchor)| {
        let headings = read(&format!("docs/runbooks/{page}.md"));
        headings.lines().any(|line| line.strip_prefix("## ").is_some_and(|name| name.to_lowercase() == anchor))
    });
    if !exists {
        found.push(format!("{link} leads nowhere"));
    }
    if !question.ends_with('?') {
        found.push(format!("{question}: no question"));
    }
    found
}

#[test]
fn every_metric_panel_command_and_runbook_of_the_map_exists() {
    let _shown = testkit::contract!("S004-002");
    let (help, api) = (read("apps/cli/tests/it/help.txt"), read("docs/openapi.json"));
    let api: Value = serde_json::from_str(&api).expect("the API is JSON");
    let rows = rows();
    let found: Vec<String> = rows.iter().flat_map(|row| faults(row, &help, &api)).collect();
    assert!(found.is_empty(), "{found:#?}");
    // Every board answers some question.
    let boards: BTreeSet<&str> = rows.iter().filter_map(|row| row[2].split(": ").next()).collect();
    assert_eq!(boards, BOARDS.iter().map(|board| board.name).collect());
    assert!(rows.len() > 20 && alerts().count() > 40);
    let wrong = ["Really", "no_such_metric", "overview: Nothing", "tb dance", "[x](runbooks/node.md#nothing)"];
    assert_eq!(faults(&wrong.map(str::to_owned), &help, &api).len(), 5);
}
