//! The text that `/metrics` answers with.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::Metrics;
use crate::catalogue::metrics;
use crate::metric::Kind;

/// The lines of one family's samples.
fn samples<'t>(text: &'t str, start: &str) -> Vec<&'t str> {
    text.lines().filter(|line| line.starts_with(start)).collect()
}

#[test]
fn a_cell_appears_under_its_name_and_every_alias() {
    let metrics = Metrics::new();
    metrics.consensus.finalized_height.set(42);
    let text = metrics.render();
    assert_eq!(samples(&text, "consensus_finalized_height "), ["consensus_finalized_height 42"]);
    assert_eq!(samples(&text, "block_height_total "), ["block_height_total 42"]);
    assert!(text.contains("# TYPE block_height_total gauge\n"), "{text}");
    assert!(text.contains("# HELP consensus_finalized_height The last finalized height.\n"), "{text}");
}

#[test]
fn counters_end_in_total_once_and_carry_their_labels() {
    let metrics = Metrics::new();
    metrics.p2p.handshake_attempts.with(["tcp"]).inc();
    metrics.p2p.handshake_attempts.with(["tcp"]).add(2);
    metrics.p2p.handshake_attempts.with(["quic"]).set_total(7);
    metrics.p2p.handshake_attempts.with(["quic"]).set_total(5);
    metrics.rpc.requests.with(["/blocks/{height}", "200"]).inc();
    metrics.mempool.replaced.inc();
    assert_eq!(metrics.p2p.handshake_attempts.with(["tcp"]).get(), 3);
    let text = metrics.render();
    let mut attempts = samples(&text, "transport_handshake_attempt_total");
    attempts.sort_unstable();
    assert_eq!(
        attempts,
        [
            "transport_handshake_attempt_total{provider=\"quic\"} 7",
            "transport_handshake_attempt_total{provider=\"tcp\"} 3"
        ]
    );
    assert!(text.contains("rpc_requests_total{route=\"/blocks/{height}\",status=\"200\"} 1\n"), "{text}");
    assert!(text.contains("\nmempool_replaced_total 1\n") && !text.contains("_total_total"), "{text}");
}

#[test]
fn a_clock_that_is_behind_shows_below_zero() {
    let metrics = Metrics::new();
    let offset = &metrics.consensus.clock_offset;
    for (own, block, shown) in [(9_500, 9_000, "0.5"), (6_000, 9_000, "-3.0"), (9_000, 9_000, "0.0")] {
        offset.set_ahead(Duration::from_millis(own), Duration::from_millis(block));
        let line = format!("consensus_clock_offset_seconds {shown}");
        assert_eq!(samples(&metrics.render(), "consensus_clock_offset_seconds "), [line.as_str()]);
    }
}

#[test]
fn gauges_histograms_and_infos_have_the_shape_of_their_kind() {
    let metrics = Metrics::new();
    metrics.mempool.lane_depth.with(["consumer", "pending"]).set_len(9);
    metrics.mempool.oldest_age.with(["consumer"]).set(Duration::from_millis(1_500));
    metrics.consensus.block_interval.observe(Duration::from_millis(950));
    metrics.consensus.block_transactions.observe_count(3);
    metrics.node.info.set(["0.1.0", "full", "old", "ab"].map(str::to_owned));
    metrics.node.info.set(["0.1.0", "full", "dev \"a\\b\"\n", "ab"].map(str::to_owned));
    metrics.node.ready.set_bool(true);
    metrics.rpc.in_flight.inc();
    metrics.rpc.in_flight.inc();
    metrics.rpc.in_flight.dec();
    metrics.storage.size.set(u64::MAX);
    let text = metrics.render();
    for line in [
        "mempool_lane_depth{lane=\"consumer\",state=\"pending\"} 9",
        "mempool_oldest_age_seconds{lane=\"consumer\"} 1.5",
        "consensus_block_interval_seconds_bucket{le=\"0.75\"} 0",
        "consensus_block_interval_seconds_bucket{le=\"1.0\"} 1",
        "consensus_block_interval_seconds_sum 0.95",
        "consensus_block_interval_seconds_count 1",
        "consensus_block_transactions_bucket{le=\"10.0\"} 1",
        "node_info{version=\"0.1.0\",role=\"full\",chain=\"dev \\\"a\\\\b\\\"\\n\",genesis=\"ab\"} 1",
        "node_ready 1",
        "rpc_in_flight 1",
        "storage_size_bytes 9223372036854775807",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
    assert_eq!(samples(&text, "node_info").len(), 1);
}

#[test]
fn float_counters_take_over_a_growing_total() {
    let metrics = Metrics::new();
    metrics.node.cpu.set_total(Duration::from_millis(250));
    metrics.node.cpu.set_total(Duration::from_millis(200));
    assert!((metrics.node.cpu.get() - 0.25).abs() < 1e-9);
    metrics.node.uptime.set(Duration::from_secs(3));
    assert!((metrics.node.uptime.get() - 3.0).abs() < 1e-9);
}

#[test]
fn every_metric_without_labels_is_in_the_text_from_the_start() {
    let text = Metrics::default().render();
    let announced: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    for metric in metrics().filter(|metric| metric.labels.is_empty()) {
        for name in metric.names() {
            let bare = if metric.kind == Kind::Counter { name.strip_suffix("_total").unwrap_or(name) } else { name };
            assert!(announced.contains(bare), "{name} is not announced");
        }
    }
}

#[test]
fn counters_of_a_closed_list_are_zero_before_the_first_event() {
    let metrics = Metrics::new();
    let before = metrics.render();
    for line in [
        "consensus_equivocations_total{kind=\"vote\"} 0",
        "consensus_equivocations_total{kind=\"proposal\"} 0",
        "consensus_proposals_total{verdict=\"invalid\"} 0",
        "p2p_handshakes_total{result=\"refused\"} 0",
    ] {
        assert!(before.lines().any(|found| found == line), "{line} is missing in\n{before}");
    }
    metrics.consensus.equivocations.with(["vote"]).inc();
    assert_eq!(samples(&metrics.render(), "consensus_equivocations_total{kind=\"vote\"}").len(), 1);
    // A family whose values are no closed list has no cell yet.
    assert_eq!(samples(&before, "rpc_requests_total"), [""; 0]);
}

#[test]
fn every_alias_shows_the_value_of_its_metric() {
    let metrics = Metrics::new();
    metrics.consensus.round.set(2);
    metrics.consensus.round_duration.observe(Duration::from_secs(4));
    metrics.p2p.peers.set(7);
    let text = metrics.render();
    for metric in crate::catalogue::metrics() {
        let of = |name: &str| -> Vec<String> {
            let series = ["", "_total", "_bucket", "_sum", "_count"].map(|part| format!("{name}{part}"));
            text.lines()
                .filter(|line| series.iter().any(|series| line.split(['{', ' ']).next() == Some(series)))
                .map(|line| line.replacen(name, "", 1))
                .collect()
        };
        for alias in metric.aliases {
            assert_eq!(of(alias), of(metric.name), "{alias}");
        }
    }
    assert_eq!(samples(&text, "cometbft_consensus_rounds "), ["cometbft_consensus_rounds 2"]);
    assert_eq!(samples(&text, "cometbft_p2p_peers "), ["cometbft_p2p_peers 7"]);
}

#[test]
fn other_registries_follow_and_the_end_is_marked_once() {
    let metrics = Metrics::new();
    let others =
        ["# TYPE other_height gauge\nother_height 3\n# EOF\n".to_owned(), String::new(), "no_line_end 1".to_owned()];
    let text = metrics.render_with(&others);
    assert!(text.ends_with("other_height 3\nno_line_end 1\n# EOF\n"), "{text}");
    assert_eq!(text.matches("# EOF").count(), 1);
    assert!(metrics.render().ends_with("\n# EOF\n"));
}
