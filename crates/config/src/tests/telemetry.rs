//! Keys of samples and exporters: from where they come, and what they refuse.

use std::time::Duration;

use super::Place;
use crate::show;

const TOKEN: &str = "correct-horse-battery-staple";

#[test]
fn the_promised_variables_and_keys_set_the_exporters() {
    let _token = testkit::contract!("S000-069");
    let _timeout = testkit::contract!("S000-070");
    let _endpoint = testkit::contract!("S000-071");
    let place = Place::new();
    place.write(
        "node.toml",
        "telemetry_auth_token = \"from-the-file\"\n[rollout.telemetry]\nendpoint = \"http://file:1\"\ntimeout_ms = 900\n",
    );
    let file = place.load(&[], &[]).unwrap().config.telemetry;
    assert_eq!((file.endpoint.as_deref(), file.timeout), (Some("http://file:1"), Duration::from_millis(900)));
    assert_eq!(file.auth_token.map(|token| token.expose().to_owned()).as_deref(), Some("from-the-file"));
    let environment = [
        ("RPP_NODE_OTLP_AUTH_TOKEN", TOKEN),
        ("RPP_NODE_OTLP_TIMEOUT_MS", "1234"),
        ("RPP_NODE_OTLP_ENDPOINT", "http://environment:2"),
    ];
    let loaded = place.load(&[], &environment).unwrap();
    let telemetry = &loaded.config.telemetry;
    assert_eq!(telemetry.endpoint.as_deref(), Some("http://environment:2"));
    assert_eq!(telemetry.timeout, Duration::from_millis(1_234));
    assert_eq!(telemetry.auth_token.as_ref().map(|token| token.expose()), Some(TOKEN));
    // The token is in no output, and in the environment it is warned of.
    let shown = format!("{loaded:?}{}{}", show(&loaded, false), show(&loaded, true));
    assert!(!shown.contains(TOKEN) && shown.contains("(set)"), "{shown}");
    assert!(
        loaded.warnings.iter().any(|warning| warning.contains("RPP_NODE_OTLP_AUTH_TOKEN")),
        "{:?}",
        loaded.warnings
    );
    assert!(loaded.warnings.iter().any(|warning| warning.contains("unencrypted to http://environment:2")));
}

#[test]
fn values_of_exporters_that_cannot_be_are_refused() {
    let place = Place::new();
    for (line, said) in [
        ("endpoint = \"collector:4317\"", "starts with neither http:// nor https://"),
        ("endpoint = \"http://user:pass@host\"", "names a user"),
        ("endpoint = \"http://user:pa/ss@host\"", "names a user"),
        ("http_endpoint = \"https://\"", "has no host"),
        ("http_endpoint = \"http://a b\"", "has no host, or signs"),
        ("trace_sample_ratio = 1.5", "is above 1"),
        ("trace_sample_ratio = \"all\"", "wrong type"),
        ("sample_interval_ms = 0", "out of range"),
        ("timeout_ms = 99", "out of range"),
        ("queue_size = 0", "out of range"),
        ("batch_size = 8193", "out of range"),
        ("queue_size = 100\nbatch_size = 101", "`rollout.telemetry.batch_size` = 101 is larger"),
        ("enabled = 1", "wrong type"),
        ("exporter = true", "unknown key `rollout.telemetry.exporter`"),
    ] {
        let refused = place.refusal(&format!("[rollout.telemetry]\n{line}\n"));
        assert!(refused.contains(said), "{line}: {refused}");
    }
    let off = place.load(&[], &[("TB_ENABLE_TELEMETRY", "0")]);
    assert!(off.is_err(), "the file is still wrong");
    place.write("node.toml", "[rollout.telemetry]\nhttp_endpoint = \"http://127.0.0.1:4318/\"\n");
    let off = place.load(&[], &[("TB_ENABLE_TELEMETRY", "0")]).unwrap();
    assert!(!off.config.telemetry.enabled && off.warnings[0].contains("is off"), "{:?}", off.warnings);
    assert_eq!(off.config.telemetry.http_endpoint.as_deref(), Some("http://127.0.0.1:4318"));
    assert!(place.load(&[], &[("TB_ENABLE_TELEMETRY", "1")]).unwrap().config.telemetry.enabled);
}
