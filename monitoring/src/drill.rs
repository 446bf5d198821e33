//! `tests/*.yml`: what promtool checks about every alert.
//!
//! Each alert has a quiet time, a time at which it fires with its labels and annotations, and a time at which it has
//! cleared. `tests/idle.yml` lets an hour pass on a healthy network without a single transaction, in which no alert of
//! any area may fire; `tests/idle_slow.yml` does so for a Prometheus that asks once a minute. `tests/scenes.yml` says who
//! is woken by a fault, and that nobody else is (`scenes.rs`).

use std::fmt::Write;

use crate::alert::{Alert, Area, Drill, Severity};
use crate::alerts::{AREAS, JOB};
use crate::idle;
use crate::rules::{HEADER, RUNBOOKS, runbook};
use crate::scenes::{Pager, SCENES, Scene};

/// Instances that `@`, `@2`, `@3` and `@4` stand for.
pub(crate) const INSTANCES: [&str; 4] = ["node1:26658", "node2:26668", "node3:26678", "node4:26688"];

/// Times at which the idle network is looked at.
const IDLE_TIMES: [&str; 4] = ["5m", "20m", "40m", "60m"];

/// Time between two evaluations where scrapes are [`Drill::STEP_SECONDS_MAX`] apart, seconds: most of them fall between two
/// scrapes, so that a window of that length holds one sample.
const SLOW_EVALUATION_SECONDS: u64 = 55;

/// Text as a YAML string; a JSON string is one.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The name of a series with the labels of its node.
pub(crate) fn series(name: &str) -> String {
    let labels = |instance: &str| format!("instance=\"{instance}\",job=\"{JOB}\"");
    let numbered = (2..).zip(&INSTANCES[1..]);
    let name = numbered
        .fold(name.to_owned(), |name, (number, instance)| name.replace(&format!("@{number}"), &labels(instance)));
    name.replace('@', &labels(INSTANCES[0]))
}

/// A summary as Prometheus shows it for these labels.
pub(crate) fn rendered(summary: &str, labels: &[(&str, &str)]) -> String {
    labels
        .iter()
        .fold(summary.to_owned(), |text, (name, value)| text.replace(&format!("{{{{ $labels.{name} }}}}"), value))
}

/// Begins a file whose rules are those of the folder above.
fn head(evaluation_seconds: u64) -> String {
    format!("{HEADER}rule_files:\n  - ../alert.rules.yml\nevaluation_interval: {evaluation_seconds}s\ntests:\n")
}

/// Begins one test with its series.
fn test(name: &str, step_seconds: u64, input: &[(&str, &str)]) -> String {
    let mut text = format!("  - name: {}\n    interval: {step_seconds}s\n    input_series:\n", quoted(name));
    for (name, values) in input {
        // Writing to a string does not fail.
        let _ = write!(text, "      - series: {}\n        values: {}\n", quoted(&series(name)), quoted(values));
    }
    text.push_str("    alert_rule_test:\n");
    text
}

/// One look at an alert.
fn look(at: &str, alert: &Alert, fires: &str) -> String {
    let what = if fires.is_empty() { " []\n".to_owned() } else { format!("\n{fires}") };
    format!("      - eval_time: {at}\n        alertname: {}\n        exp_alerts:{what}", alert.name)
}

fn firing(area: &Area, alert: &Alert, labels: &[(&str, &str)]) -> String {
    let mut text = "          - exp_labels:\n".to_owned();
    let own = [("severity", alert.severity.name()), ("area", area.name)];
    for (name, value) in labels.iter().chain(&own) {
        let _ = writeln!(text, "              {name}: {}", quoted(value));
    }
    let _ = write!(
        text,
        "            exp_annotations:\n              summary: {}\n              runbook_url: {}\n",
        quoted(&rendered(alert.summary, labels)),
        quoted(&runbook(RUNBOOKS, area.name, alert))
    );
    text
}

/// The file of one area.
pub(crate) fn file(area: &Area) -> String {
    let mut text = head(Drill::STEP_SECONDS);
    for alert in area.alerts {
        let drill = &alert.drill;
        text.push_str(&test(alert.name, Drill::STEP_SECONDS, drill.series));
        text.push_str(&look(drill.quiet_at, alert, ""));
        text.push_str(&look(drill.fires_at, alert, &firing(area, alert, drill.labels)));
        text.push_str(&look(drill.clear_at, alert, ""));
    }
    text
}

/// The file of the idle network, asked every [`Drill::STEP_SECONDS`].
pub(crate) fn idle_file() -> String {
    idle("a healthy network without transactions", Drill::STEP_SECONDS, Drill::STEP_SECONDS)
}

/// The file of the idle network, asked as seldom as the rules bear.
pub(crate) fn idle_slow_file() -> String {
    idle("the same, asked once a minute", Drill::STEP_SECONDS_MAX, SLOW_EVALUATION_SECONDS)
}

fn idle(name: &str, step_seconds: u64, evaluation_seconds: u64) -> String {
    let mut text = head(evaluation_seconds);
    text.push_str(&test(name, step_seconds, idle::SERIES));
    for alert in AREAS.iter().flat_map(|area| area.alerts) {
        for at in IDLE_TIMES {
            text.push_str(&look(at, alert, ""));
        }
    }
    text
}

/// The file of the scenes: every critical alert, at the time of the scene.
pub(crate) fn scenes_file() -> String {
    let mut text = head(Drill::STEP_SECONDS);
    for scene in SCENES {
        text.push_str(&test(scene.name, Drill::STEP_SECONDS, scene.series));
        for area in AREAS {
            for alert in area.alerts.iter().filter(|alert| alert.severity == Severity::Critical) {
                text.push_str(&look(scene.at, alert, &paged(scene, area, alert)));
            }
        }
    }
    text
}

/// What this alert says in a scene.
fn paged(scene: &Scene, area: &Area, alert: &Alert) -> String {
    let job = ("job", JOB);
    let of = |pager: &Pager| match pager {
        Pager::Job => firing(area, alert, &[job]),
        Pager::Nodes(nodes) => {
            nodes.iter().map(|node| firing(area, alert, &[("instance", INSTANCES[node - 1]), job])).collect()
        }
    };
    scene.pages.iter().filter(|(name, _)| *name == alert.name).map(|(_, pager)| of(pager)).collect()
}
