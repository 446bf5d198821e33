//! `tests/*.yml`: what promtool checks about every alert.
//!
//! Each alert has a quiet time, a time at which it fires with its labels and annotations, and a time at which it has
//! cleared. `tests/idle.yml` lets an hour pass on a healthy network without a single transaction, in which no alert of
//! any area may fire.

use std::fmt::Write;

use crate::alert::{Alert, Area, Drill};
use crate::alerts::{AREAS, JOB};
use crate::idle;
use crate::rules::{HEADER, runbook};

/// Instances that `@` and `@2` stand for.
pub(crate) const INSTANCES: [&str; 2] = ["node1:26658", "node2:26668"];

/// Times at which the idle network is looked at.
const IDLE_TIMES: [&str; 4] = ["5m", "20m", "40m", "60m"];

/// Text as a YAML string; a JSON string is one.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The name of a series with the labels of its node.
pub(crate) fn series(name: &str) -> String {
    let labels = |place: usize| format!("instance=\"{}\",job=\"{JOB}\"", INSTANCES[place]);
    name.replace("@2", &labels(1)).replace('@', &labels(0))
}

/// A summary as Prometheus shows it for these labels.
pub(crate) fn rendered(summary: &str, labels: &[(&str, &str)]) -> String {
    labels
        .iter()
        .fold(summary.to_owned(), |text, (name, value)| text.replace(&format!("{{{{ $labels.{name} }}}}"), value))
}

/// Begins a file whose rules are those of the folder above.
fn head() -> String {
    format!("{HEADER}rule_files:\n  - ../alert.rules.yml\nevaluation_interval: {}s\ntests:\n", Drill::STEP_SECONDS)
}

/// Begins one test with its series.
fn test(name: &str, input: &[(&str, &str)]) -> String {
    let mut text = format!("  - name: {}\n    interval: {}s\n    input_series:\n", quoted(name), Drill::STEP_SECONDS);
    for (name, values) in input {
        // Writing to a string does not fail.
        let _ = write!(text, "      - series: {}\n        values: {}\n", quoted(&series(name)), quoted(values));
    }
    text.push_str("    alert_rule_test:\n");
    text
}

/// One look at an alert.
fn look(at: &str, alert: &Alert, fires: Option<&str>) -> String {
    let what = fires.unwrap_or(" []\n");
    format!("      - eval_time: {at}\n        alertname: {}\n        exp_alerts:{what}", alert.name)
}

fn firing(area: &Area, alert: &Alert) -> String {
    let labels = alert.drill.labels;
    let mut text = "\n          - exp_labels:\n".to_owned();
    let own = [("severity", alert.severity.name()), ("area", area.name)];
    for (name, value) in labels.iter().chain(&own) {
        let _ = writeln!(text, "              {name}: {}", quoted(value));
    }
    let _ = write!(
        text,
        "            exp_annotations:\n              summary: {}\n              runbook_url: {}\n",
        quoted(&rendered(alert.summary, labels)),
        quoted(&runbook(area.name, alert))
    );
    text
}

/// The file of one area.
pub(crate) fn file(area: &Area) -> String {
    let mut text = head();
    for alert in area.alerts {
        let drill = &alert.drill;
        text.push_str(&test(alert.name, drill.series));
        text.push_str(&look(drill.quiet_at, alert, None));
        text.push_str(&look(drill.fires_at, alert, Some(&firing(area, alert))));
        text.push_str(&look(drill.clear_at, alert, None));
    }
    text
}

/// The file of the idle network.
pub(crate) fn idle_file() -> String {
    let mut text = head();
    text.push_str(&test("a healthy network without transactions", idle::SERIES));
    for alert in AREAS.iter().flat_map(|area| area.alerts) {
        for at in IDLE_TIMES {
            text.push_str(&look(at, alert, None));
        }
    }
    text
}
