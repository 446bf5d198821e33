//! The examples of a Prometheus and an Alertmanager: alerts reach somebody, and the severity says whom.
//!
//! `amtool` comes with Alertmanager and is its own judge; where it is not installed, only the words of the files are looked at.

use std::path::Path;
use std::process::Command;

use crate::Severity;

const AMTOOL: &str = "amtool";
const CONFIG: &str = "alertmanager.yml";

/// Who gets an alert of this severity in the example.
const fn receiver(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "pager",
        Severity::Warning => "tickets",
    }
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(folder().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_example_of_a_prometheus_names_an_alertmanager_and_the_guide_says_how() {
    let prometheus = read("prometheus.yml");
    let (_, alerting) = prometheus.split_once("\nalerting:\n").expect("it sends alerts somewhere");
    let block: String = alerting.lines().take_while(|line| line.starts_with(' ')).collect();
    assert!(block.contains("alertmanagers:") && block.contains("127.0.0.1:9093"), "{block}");
    let guide = read("../docs/deployment_observability.md");
    let (_, section) = guide.split_once("\n## Who is told\n").expect("the section");
    for part in ["monitoring/alertmanager.yml", "/usr/share/the-block", "tb rollout check", "--alertmanager"] {
        assert!(section.contains(part), "{part}");
    }
}

#[test]
fn the_example_of_an_alertmanager_pages_for_what_is_critical_and_writes_tickets_for_warnings() {
    let text = read(CONFIG);
    for severity in [Severity::Critical, Severity::Warning] {
        let route =
            format!("- matchers: ['severity=\"{}\"']\n      receiver: {}\n", severity.name(), receiver(severity));
        assert!(text.contains(&route), "{route}: {text}");
        assert!(text.contains(&format!("  - name: {}\n", receiver(severity))), "{text}");
    }
    let amtool = |words: &[&str]| Command::new(AMTOOL).args(words).current_dir(folder()).output();
    let Ok(checked) = amtool(&["check-config", CONFIG]) else {
        return testkit::lacks!(AMTOOL);
    };
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let file = format!("--config.file={CONFIG}");
    for alert in crate::alerts() {
        let labels = [format!("alertname={}", alert.name), format!("severity={}", alert.severity.name())];
        let routed = amtool(&["config", "routes", "test", &file, &labels[0], &labels[1]]).expect("it was there");
        let told = String::from_utf8_lossy(&routed.stdout);
        assert_eq!(told.trim(), receiver(alert.severity), "{}", alert.name);
    }
}
