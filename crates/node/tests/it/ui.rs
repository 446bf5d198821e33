//! The page of a node, drawn from made-up answers: nothing said by others becomes markup, what is missing says why, lists
//! are cut.

use node::rpc::ui::markup::Markup;
use node::rpc::ui::page::{FLOWS_MAX, PEERS_MAX, draw};
use node::rpc::ui::view::{Stored, View};
use primitives::{Address, Height, PublicKey, SecretKey, Timestamp};
use rpc::types::{RolloutStatus, ValidatorPeer, ValidatorPeers};
use rpc::{ApiError, ErrorCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use testkit::Seed;

/// What a stranger would like a browser to run.
const HOSTILE: &str = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>&\u{202e}\u{0}";

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("the made-up answer has the shape of the API")
}

fn key(number: u8) -> PublicKey {
    SecretKey::from_seed([number; 32]).public_key()
}

fn address(number: u8) -> Address {
    Address::of_key(&key(number))
}

fn rollout() -> RolloutStatus {
    read(json!({
        "release_channel": "development", "version": "0.1.0", "commit": null, "chain_id": HOSTILE,
        "genesis_hash": "00".repeat(32), "finalized_height": 7, "epoch_blocks": 100, "gates": [],
        "telemetry": { "enabled": true, "sample_interval_ms": 1000, "trace_sample_ppm": 0, "samples": 0,
            "sample_height": null, "sampled_at_ms": null, "encode_failures": 0, "exporters": [] },
    }))
}

/// A page on which nothing is known but the channel.
fn empty() -> View {
    let silent =
        || ApiError::new(ErrorCode::NOT_READY).because("the chain of this node has a fault").with_hint(HOSTILE);
    View {
        now: Timestamp(1_000_000),
        refresh_seconds: None,
        rollout: rollout(),
        node: Err(silent()),
        consensus: Err(silent()),
        mempool: Err(silent()),
        pipeline: Err(silent()),
        blocks: Err(silent()),
        proofs: Err(silent()),
        peers: Err(silent()),
        pruning: Err(silent()),
        stored: Stored { bytes: 0, free: None, newest: Height::GENESIS },
    }
}

fn queue(size: u64) -> Value {
    json!({ "size": size, "limit": 100, "hashes": [], "senders": [], "truncated": false })
}

/// A page of a node that says everything, with hostile names wherever somebody else chooses them.
fn full(flows: usize, peers: usize) -> View {
    let lane = json!({ "pending": 0, "queued": 0, "oldest_age_ms": 0 });
    let flow = json!({
        "id": "ab".repeat(32), "stage": "rejected", "reason": HOSTILE, "height": null, "reached": [],
    });
    let peer = ValidatorPeer {
        node_key: key(9),
        agent: HOSTILE.to_owned(),
        mode: HOSTILE.to_owned(),
        remote: HOSTILE.to_owned(),
        transport: "quic".to_owned(),
        inbound: true,
        height: Height(6),
        points: -3,
        connected_ms: 5,
        identity: None,
        tier: "tl0".to_owned(),
        validator: false,
    };
    View {
        consensus: Ok(read(json!({
            "engine": "bft", "height": 8, "round": 0, "step": "prevote", "proposer": address(1), "last_rounds": 1,
            "last_interval_ms": 1250, "since_last_block_ms": 99_000, "stalled": true, "total_power": 40, "quorum_power": 27,
            "validators": [
                { "address": address(1), "power": 10, "missed_blocks": 0, "last_signed_height": 7 },
                { "address": address(2), "power": 10, "missed_blocks": 5, "last_signed_height": 2 },
                { "address": address(3), "power": 10, "missed_blocks": 7, "last_signed_height": null },
            ],
        }))),
        mempool: Ok(read(json!({
            "transactions": queue(85), "identities": queue(1), "votes": queue(0),
            "lanes": { "consumer": lane, "industrial": lane, "reserved": lane }, "bytes": 2048,
            "queue_weights": { "priority_ppm": 500_000, "fee_ppm": 500_000 },
        }))),
        pipeline: Ok(read(json!({
            "telemetry": { "height": 7, "time_ms": 1, "proposer_changes": 0,
                "stages": [{ "stage": "admitted", "count": 1234, "p50_ms": 3, "p95_ms": 1500, "p99_ms": null }],
                "errors": [{ "stage": "admitted", "count": 17 }],
                "gossip": { "accepted": 0, "ignored": 0, "rejected": 0 } },
            "flows": vec![flow; flows],
        }))),
        blocks: Ok(read(json!({ "blocks": [
            { "height": 7, "hash": "cd".repeat(32), "time_ms": 998_750, "proposer": address(2), "transaction_count": 3,
              "supply": 5 },
        ], "next_before": null }))),
        peers: Ok(ValidatorPeers { height: Height(7), peers: vec![peer; peers] }),
        stored: Stored { bytes: 1_572_864, free: Some(2_147_483_648), newest: Height(7) },
        pruning: Ok(read(json!({
            "active": true, "state": "failed", "failure": HOSTILE, "emergency_pause": false, "retention_depth": 5,
            "oldest_height": 2, "oldest_header": 1, "prunable_to": 2, "held_by": "retention_depth", "lag_blocks": 0,
            "removed_blocks": 1, "checkpoint": null,
        }))),
        ..empty()
    }
}

#[test]
fn nothing_that_others_say_becomes_markup() {
    for page in [draw(&empty()), draw(&full(3, 3))] {
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"), "{page}");
        // The only script and the only image are the page's own.
        assert_eq!(page.matches("<script").count(), 1, "{page}");
        assert!(
            page.contains("<script src=\"/ui/page.js\" defer=\"defer\"></script>") && !page.contains("<img"),
            "{page}"
        );
        for inline in ["<style", " style=", " on", "javascript:", "http://", "https://"] {
            let found = page.match_indices('<').any(|(at, _)| {
                page[at..].split('>').next().is_some_and(|element| element.contains(inline) && element.starts_with('<'))
            });
            assert!(!found, "{inline} stands in an element of\n{page}");
        }
        assert!(!page.contains('\u{202e}') && !page.contains('\u{0}'), "letters that turn or break the text");
    }
}

#[test]
fn any_text_comes_out_as_it_went_in_and_never_as_an_element() {
    let mut seed = Seed::new();
    for _ in 0..200 {
        let letters = ['<', '>', '&', '"', '\'', 'a', 'ß', '/', '=', ' ', ';', '#'];
        let length = seed.below(40);
        let text: String = (0..length).map(|_| letters[seed.index(letters.len())]).collect();
        let mut markup = Markup::default();
        markup.leaf("p", &[("title", &text)], &text);
        let html = markup.finish();
        let (start, rest) = html.split_once("\">").expect("the end of the opening");
        let (value, inside) = (&start["<p title=\"".len()..], rest.strip_suffix("</p>\n").expect("it is closed"));
        assert_eq!(value, inside);
        assert!(!inside.contains(['<', '>', '"', '\'']), "{html}");
        let back = inside.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
        assert_eq!(back.replace("&amp;", "&"), text);
    }
}

#[test]
fn what_is_missing_says_why_and_the_rest_stays() {
    let page = draw(&empty());
    assert_eq!(page.matches("not told: the chain of this node has a fault").count(), 8, "{page}");
    assert!(page.contains("NOT READY") && page.contains("<title>"), "{page}");
    let mut view = full(0, 0);
    view.mempool = Err(ApiError::new(ErrorCode::Overloaded));
    let page = draw(&view);
    // Chain and alerts need the node's own answer, proofs theirs.
    assert_eq!(page.matches("not told: ").count(), 4, "{page}");
    for word in ["made the last block", "nobody is connected", "1.25 s ago", "1.5 MiB", "2.0 GiB free", "2 to 7"] {
        assert!(page.contains(word), "{word} is missing in\n{page}");
    }
}

#[test]
fn presence_and_queues_are_told_in_words_and_lists_are_cut() {
    let page = draw(&full(FLOWS_MAX + 5, PEERS_MAX + 7));
    for word in ["present", "absent since 2", "absent in this epoch", "proposes now", "85 of 100", "1,234", ">17<"] {
        assert!(page.contains(word), "{word} is missing in\n{page}");
    }
    assert!(
        page.contains("<span class=\"bad\">85 of 100</span>") && page.contains("<span class=\"good\">1 of 100</span>")
    );
    assert_eq!(page.matches("/transactions/abab").count(), FLOWS_MAX);
    assert_eq!(page.matches("<span class=\"bad\">-3</span>").count(), PEERS_MAX);
    assert!(page.contains(&format!("{} connected", PEERS_MAX + 7)) && page.contains("and 7 more"), "{page}");
}

#[test]
fn every_panel_is_a_named_region_and_every_table_has_heads() {
    let page = draw(&full(2, 2));
    assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"), "{page}");
    for id in ["chain", "alerts", "transactions", "blocks", "validators", "proofs", "peers", "storage"] {
        assert!(page.contains(&format!("<section id=\"{id}\" data-part=\"\" aria-labelledby=\"{id}-title\">")), "{id}");
        assert_eq!(page.matches(&format!("id=\"{id}-title\"")).count(), 1, "{id}");
    }
    assert_eq!(page.matches("<table").count(), page.matches("<thead>").count());
    assert_eq!(page.matches("<h1").count(), 1);
    // What is opened is closed.
    for name in ["html", "body", "main", "section", "table", "tr", "th", "td", "a", "span", "p", "dl", "dd"] {
        let opened = page.matches(&format!("<{name} ")).count() + page.matches(&format!("<{name}>")).count();
        assert_eq!(opened, page.matches(&format!("</{name}>")).count(), "{name}");
    }
}
