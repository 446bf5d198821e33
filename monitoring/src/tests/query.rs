//! What the reader of expressions refuses.

use crate::query::{QueryError, labels, selectors, series};

fn refused(expr: &str) -> String {
    match labels(expr) {
        Ok(labels) => panic!("{expr} is accepted, with the labels {labels:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_no_node_can_answer_is_refused_by_name() {
    for (expr, why) in [
        ("sum(", "it does not parse"),
        ("{job=\"the-block\"}", "a selector without the name"),
        ("no_such_series", "no node serves `no_such_series`"),
        // A histogram has parts, not a series of its own name; and a counter has its suffix.
        ("storage_commit_seconds", "no node serves `storage_commit_seconds`"),
        ("consensus_failed_rounds", "no node serves"),
        ("instance:no_such:rate5m", "no node serves"),
        ("p2p_dropped_total{cause=\"x\"}", "`p2p_dropped_total` has no label `cause`"),
        ("sum by (provider) (rate(p2p_dropped_total[5m]))", "`by` has no label `provider`"),
        ("sum without (provider) (p2p_peers)", "`without` has no label `provider`"),
        ("p2p_peers / on (chain) node_ready", "`on` has no label `chain`"),
        ("mempool_queue_depth{queue=\"blocks\"}", "is never `blocks`"),
        ("up{job=\"block\"}", "the label `job` of `up` is never `block`"),
        ("rate(p2p_peers[5m])", "`rate` of `p2p_peers`, which is a gauge"),
        ("increase(node_info[5m])", "`increase` of `node_info`, which is a info"),
        ("delta(rpc_unauthorized_total[5m])", "`delta` of `rpc_unauthorized_total`, which is a counter"),
        ("histogram_quantile(0.9, sum by (instance) (rate(storage_commit_seconds_bucket[5m])))", "has no label `le`"),
        ("histogram_quantile(0.9, rate(storage_commit_seconds_sum[5m]))", "has no label `le`"),
        // The fault may sit anywhere.
        ("node_ready == 0 and on (instance) (1 + 2 * -rate(gone_total[1m]))", "no node serves `gone_total`"),
        ("max_over_time(gone[5m:1m])", "no node serves `gone`"),
    ] {
        let error = refused(expr);
        assert!(error.contains(why), "{expr}: {error}");
    }
}

#[test]
fn the_labels_of_a_result_are_known() {
    for (expr, expected) in [
        ("p2p_peers", &["instance", "job"][..]),
        ("block_height_total * 2", &["instance", "job"][..]),
        ("3 < p2p_peers", &["instance", "job"][..]),
        ("rate(p2p_dropped_total[5m])", &["instance", "job", "reason"][..]),
        ("sum by (reason) (rate(p2p_dropped_total[5m]))", &["reason"][..]),
        ("sum without (instance) (p2p_dropped_total)", &["job", "reason"][..]),
        ("sum(p2p_peers)", &[][..]),
        ("max by (job) (p2p_peers) - on (job) group_right () p2p_peers", &["instance", "job"][..]),
        ("mempool_queue_depth / on (instance) group_left () mempool_queue_limit", &["instance", "job", "queue"][..]),
        ("histogram_quantile(0.9, sum by (le, job) (rate(storage_commit_seconds_bucket[5m])))", &["job"][..]),
        ("instance:p2p_dropped:rate5m", &["instance", "job", "reason"][..]),
        ("absent(p2p_peers{job=\"the-block\"})", &["job"][..]),
    ] {
        let found = labels(expr).unwrap_or_else(|error| panic!("{expr}: {error}"));
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{expr}");
    }
}

#[test]
fn all_series_of_an_expression_are_found() {
    let found = series("a + on (x) (rate(b[5m]) > 1) unless -sum(c) or max_over_time(d[1h:5m]) * 2").unwrap();
    assert_eq!(found.iter().map(String::as_str).collect::<String>(), "abcd");
    assert!(matches!(series("a +"), Err(QueryError::Syntax(_))));
}

#[test]
fn selectors_are_told_with_the_labels_that_they_ask_for() {
    let found = selectors(
        "rate(up{job=\"the-block\",instance=~\"a.*\"}[5m]) + x{b=\"2\",a!=\"1\"} / on (c) x{d=~\"5..\",e!~\"\\\\d\"} offset 1h - x",
    );
    let expected = ["up", "x", "x{a!=\"1\",b=\"2\"}", "x{d=~\"5..\",e!~\"\\\\d\"}"];
    assert_eq!(found.unwrap().iter().map(String::as_str).collect::<Vec<_>>(), expected);
}
