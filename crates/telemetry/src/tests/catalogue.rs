//! The rules for names, and that the page in `docs/` is the catalogue.

use std::collections::BTreeMap;
use std::path::Path;

use crate::catalogue::{AREAS, find, find_series, markdown, metrics};
use crate::engine;
use crate::metric::{Kind, Metric, Unit};

/// Contract names that a gauge or a counter of things has without the suffix that the rules ask for, or with one
/// that they keep for another kind.
const CONTRACT_NAMES: &[&str] = &[
    "block_height_total",
    "pipeline_stage_latency_ms",
    "rpp_runtime_proof_generation_latency_ms",
    "rpp_runtime_proof_verification_latency_ms",
    "proof_verification_latency_ms",
    "proof_verification_latency",
];

/// Every breach of the rules by one metric.
fn breaches(metric: &Metric) -> Vec<String> {
    let mut found = Vec::new();
    for name in metric.names() {
        let snake = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && !name.ends_with('_')
            && !name.contains("__");
        if !snake {
            found.push(format!("{name}: not snake_case"));
        }
        if CONTRACT_NAMES.contains(&name) {
            let says = name.ends_with(Unit::Milliseconds.suffix());
            if says && metric.unit != Unit::Milliseconds {
                found.push(format!("{name}: the suffix does not say {}", metric.unit.name()));
            }
            continue;
        }
        let is_counter = metric.kind == Kind::Counter;
        if is_counter != name.ends_with("_total") {
            found.push(format!("{name}: counters and only counters end in _total"));
        }
        let base = name.strip_suffix("_total").unwrap_or(name);
        let says = [Unit::Seconds, Unit::Bytes].into_iter().find(|unit| base.ends_with(unit.suffix()));
        if says.unwrap_or(Unit::Count) != metric.unit {
            found.push(format!("{name}: the suffix does not say {}", metric.unit.name()));
        }
        if ["_ms", "_micros", "_kb", "_mb", "_bucket", "_sum", "_count"].iter().any(|suffix| base.ends_with(suffix)) {
            found.push(format!("{name}: not a base unit, or a suffix of histograms"));
        }
        if (metric.kind == Kind::Info) != name.ends_with("_info") {
            found.push(format!("{name}: infos and only infos end in _info"));
        }
    }
    if metric.help.len() < 10 || metric.help.ends_with('.') || metric.help.contains(['\n', '|', '\\']) {
        found.push(format!("{}: help is one sentence without its full stop", metric.name));
    }
    for label in metric.labels {
        if label.is_empty() || *label == "le" || !label.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            found.push(format!("{}: label {label}", metric.name));
        }
    }
    if let Kind::Histogram(bounds) = metric.kind
        && (bounds.is_empty() || !bounds.windows(2).all(|pair| pair[0] < pair[1]))
    {
        found.push(format!("{}: bounds must ascend", metric.name));
    }
    found
}

#[test]
fn every_metric_keeps_the_rules() {
    let found: Vec<String> = metrics().flat_map(breaches).collect();
    assert!(found.is_empty(), "{found:#?}");
    assert!(metrics().count() > 50);
}

#[test]
fn the_rules_find_what_is_wrong() {
    const GOOD: &str = "Something that is counted";
    let wrong = [
        Metric::counter("some_things").help(GOOD),
        Metric::gauge("some_things_total").help(GOOD),
        Metric::gauge("someThings").help(GOOD),
        Metric::gauge("some__things").help(GOOD),
        Metric::gauge("some_latency_ms").help(GOOD),
        Metric::gauge("some_time_seconds").help(GOOD),
        Metric::gauge("some_time").unit(Unit::Seconds).help(GOOD),
        Metric::gauge("some_size_bytes").unit(Unit::Seconds).help(GOOD),
        Metric::gauge("some_info").help(GOOD),
        Metric::gauge("pipeline_stage_latency_ms").help(GOOD),
        Metric::gauge("some_things").help("Short"),
        Metric::gauge("some_things").help("A sentence with its full stop."),
        Metric::gauge("some_things").help(GOOD).labels(&["Reason"]),
        Metric::histogram("some_things", &[1.0, 1.0]).help(GOOD),
        Metric::gauge("some_things").help(GOOD).aliases(&["otherThings"]),
    ];
    for metric in wrong {
        assert_eq!(breaches(&metric).len(), 1, "{metric:?}");
    }
    assert_eq!(breaches(&Metric::gauge("some_things").help(GOOD)), [""; 0]);
}

#[test]
fn rows_of_the_engine_are_counters_gauges_and_histograms_of_the_engine() {
    for metric in engine::METRICS {
        assert!(metric.name.starts_with("malachitebft_"), "{metric:?}");
        assert_eq!(metric.kind == Kind::Counter, metric.name.ends_with("_total"), "{metric:?}");
        assert!(metric.help.len() > 10 && !metric.help.ends_with('.') && metric.labels.contains(&"moniker"));
        assert_eq!(find(metric.name), None, "{} is registered here", metric.name);
    }
}

#[test]
fn a_series_is_found_by_every_name_it_has_in_a_scrape() {
    let kind = |name: &str| find_series(name).map(|series| (series.metric.name, series.kind.name(), series.has_bound));
    assert_eq!(kind("block_height_total"), Some(("consensus_finalized_height", "gauge", false)));
    assert_eq!(kind("node_info"), Some(("node_info", "info", false)));
    let bucket = kind("cometbft_consensus_block_interval_seconds_bucket");
    assert_eq!(bucket, Some(("consensus_block_interval_seconds", "counter", true)));
    assert_eq!(kind("storage_commit_seconds_count"), Some(("storage_commit_seconds", "counter", false)));
    assert_eq!(
        kind("malachitebft_core_consensus_time_per_step_sum"),
        Some(("malachitebft_core_consensus_time_per_step", "counter", false))
    );
    // A histogram has no series of its own name, and what is no histogram has no parts.
    for name in ["storage_commit_seconds", "p2p_peers_count", "no_such_metric", "consensus_failed_rounds"] {
        assert_eq!(kind(name), None, "{name}");
    }
}

#[test]
fn closed_lists_have_one_list_per_label_and_no_value_twice() {
    for metric in metrics().filter(|metric| !metric.values.is_empty()) {
        assert_eq!(metric.values.len(), metric.labels.len(), "{}", metric.name);
        for list in metric.values {
            let mut values = list.to_vec();
            values.sort_unstable();
            values.dedup();
            assert_eq!(values.len(), list.len(), "{}", metric.name);
            assert!(!values.is_empty(), "{}", metric.name);
        }
    }
}

#[test]
fn names_and_aliases_are_unique_and_so_are_their_series() {
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    for metric in metrics() {
        for name in metric.names() {
            // A histogram also takes the names of its series, a counter the name without `_total`.
            let mut taken = vec![name.to_owned(), name.strip_suffix("_total").unwrap_or(name).to_owned()];
            if matches!(metric.kind, Kind::Histogram(_)) {
                taken.extend(["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}")));
            }
            taken.sort();
            taken.dedup();
            for name in taken {
                let before = owners.insert(name.clone(), metric.name);
                assert_eq!(before, None, "{name} of {} is taken", metric.name);
            }
        }
    }
}

#[test]
fn names_of_the_contract_are_there() {
    let expected = [
        ("block_height_total", "gauge", &[][..]),
        ("transport_handshake_attempt_total", "counter", &["provider"][..]),
        ("transport_provider_connect_total", "counter", &["provider"][..]),
        ("overlay_persist_attempts_total", "counter", &[][..]),
        ("overlay_persist_success_total", "counter", &[][..]),
        ("overlay_persist_failure_total", "counter", &[][..]),
    ];
    for (name, kind, labels) in expected {
        let metric = find(name).unwrap_or_else(|| panic!("{name} is not in the catalogue"));
        assert_eq!((metric.kind.name(), metric.labels), (kind, labels), "{name}");
    }
    assert_eq!(find("no_such_metric"), None);
}

#[test]
fn the_page_in_docs_is_the_catalogue() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == markdown(),
        "docs/metrics.md is not the catalogue; run \
         `cargo run --release -p telemetry --example catalogue > docs/metrics.md`"
    );
    for (area, metrics) in AREAS {
        assert!(page.contains(&format!("\n## {area}\n")));
        assert!(metrics.iter().flat_map(Metric::names).all(|name| page.contains(&format!("`{name}`"))));
    }
}
