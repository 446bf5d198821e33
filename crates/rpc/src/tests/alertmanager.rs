//! Which tries of an Alertmanager are those of a receiver.

use crate::client::alertmanager::{Integrations, Notifications, integrations};

/// As an Alertmanager writes its configuration, with what it adds by itself.
const WRITTEN: &str = "\
global:
  resolve_timeout: 5m
  http_config:
    follow_redirects: true
route:
  receiver: pager
  routes:
  - receiver: mail
receivers:
- name: pager
  webhook_configs:
  - send_resolved: false
    http_config:
      follow_redirects: true
    url: <secret>
    name: no_receiver
  pagerduty_configs:
  - routing_key: <secret>
- name: 'mail of nights'
  email_configs:
  - to: night@example.org
- name: nobody
templates: []
";

fn of(receivers: &[&str], known: &Integrations, text: &str) -> (f64, f64) {
    let receivers: Vec<String> = receivers.iter().map(|name| (*name).to_owned()).collect();
    Notifications::read(text).of(&receivers, known)
}

#[test]
fn the_integrations_of_each_receiver_are_read_from_either_layout() {
    let kinds = |name: &str, found: &Integrations| -> Vec<String> {
        found.get(name).map(|kinds| kinds.iter().cloned().collect()).unwrap_or_default()
    };
    let indented = WRITTEN.split_once("receivers:\n").map(|(head, tail)| {
        let (receivers, rest) = tail.split_once("templates").expect("they stand before");
        let receivers: String = receivers.lines().map(|line| format!("  {line}\n")).collect();
        format!("{head}receivers:\n{receivers}templates{rest}")
    });
    for text in [WRITTEN, &indented.expect("it has receivers")] {
        let found = integrations(text);
        assert_eq!(kinds("pager", &found), ["pagerduty", "webhook"], "{found:?}");
        assert_eq!(kinds("mail of nights", &found), ["email"], "{found:?}");
        assert_eq!(found.len(), 2, "{found:?}");
    }
    for junk in ["", "receivers:", "receivers:\n- :", "receivers:\n-\n-name\n  x_configs:\n", "receivers: []\n"] {
        assert_eq!(integrations(junk), Integrations::new(), "{junk}");
    }
}

#[test]
fn what_other_receivers_were_told_is_not_counted() {
    let known = integrations(WRITTEN);
    let by_kind = "\
alertmanager_notification_requests_total{integration=\"webhook\"} 3
alertmanager_notification_requests_total{integration=\"email\"} 40
alertmanager_notification_requests_failed_total{integration=\"webhook\"} 1
alertmanager_notification_requests_failed_total{integration=\"email\"} 9
alertmanager_notifications_total{integration=\"webhook\"} 7
";
    assert_eq!(of(&["pager"], &known, by_kind), (3.0, 1.0));
    assert_eq!(of(&["pager", "mail of nights"], &known, by_kind), (43.0, 10.0));
    assert_eq!(of(&["unheard of"], &known, by_kind), (43.0, 10.0), "what is not known stands for all");
    // An Alertmanager that was told to counts by receiver as well.
    let by_name = "\
alertmanager_notification_requests_total{integration=\"webhook\",receiver_name=\"pager\"} 2
alertmanager_notification_requests_total{integration=\"webhook\",receiver_name=\"other\"} 50
alertmanager_notification_requests_failed_total{integration=\"webhook\",receiver_name=\"other\"} 5
";
    assert_eq!(of(&["pager"], &known, by_name), (2.0, 0.0));
}
