//! Telemetry of real nodes at a collector that decodes what is on the wire.

use std::time::Duration;

use primitives::{Engine, Height};
use rpc::types::Stage;
use rpc::{Client, ClientConfig};
use testkit::certificates::{Authority, Use};
use testkit::collector::{Collector, Manner, Span, text};

use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME, Turn, free_base, until};
use crate::command::{Running, run, run_in, tb};

const PATIENCE: Duration = Duration::from_secs(15);

/// Waits for a span of this name.
async fn span(collector: &Collector, name: &str) -> Span {
    let what = format!("a span {name}");
    until(&what, PATIENCE, async || collector.spans().into_iter().find(|span| span.name == name)).await
}

async fn pay(node: &Node, home: &std::path::Path) -> String {
    let words = ["tx", "transfer", "--from", "account-1", "--to", "account-2", "--amount", "1", "--rpc"];
    let url = node.ports.rpc_url();
    let paid = run_in(home, &[&words[..], &[url.as_str()]].concat()).ok();
    paid["id"].as_str().unwrap_or_else(|| panic!("an id: {paid}")).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_gets_a_trace_of_each_transaction_and_height_and_of_gossip_and_proofs() {
    let _endpoint = testkit::contract!("S000-053");
    let _flag = testkit::contract!("S000-067");
    let _paths = testkit::contract!("S000-072");
    let _init = testkit::contract!("S000-078");
    let collector = Collector::grpc(None, Manner::Takes).await;
    let mut cluster = Cluster::new(Engine::Bft, 2, INTERVAL_MS);
    let named = ["--telemetry-endpoint", collector.url.as_str(), "--telemetry"];
    let token = [("RPP_NODE_OTLP_AUTH_TOKEN", "s3cret-of-the-collector")];
    cluster.nodes.iter_mut().for_each(|node| node.start_with(&named, &token));
    cluster.all_ready().await;
    let home = cluster.network.root.clone();
    let node = &cluster.nodes[0];
    let id = pay(node, &home).await;

    let init = span(&collector, "node.telemetry.init").await;
    assert_eq!(text(&init.attributes, "mode").as_deref(), Some("validator"));
    assert_eq!(text(&init.attributes, "release_channel").as_deref(), Some("development"));
    assert_eq!(collector.resource("service.name").as_deref(), Some("the-block"));
    // One trace per transaction: both nodes write into the trace that its id names.
    let of_both = until("the transaction at both nodes", PATIENCE, async || {
        let spans = collector.spans();
        let roots: Vec<_> = spans.into_iter().filter(|span| span.name == "transaction").collect();
        let ours = roots.into_iter().filter(|span| text(&span.attributes, "transaction").as_deref() == Some(&id));
        Some(ours.collect::<Vec<_>>()).filter(|roots| roots.len() >= 2)
    })
    .await;
    assert_eq!(of_both[0].trace_id, of_both[1].trace_id);
    assert_eq!(hex::encode(&of_both[0].trace_id), id[..32]);
    let stages: Vec<String> = collector
        .spans()
        .into_iter()
        .filter(|span| span.trace_id == of_both[0].trace_id && !span.parent_span_id.is_empty())
        .inspect(|span| assert!(span.end_time_unix_nano >= span.start_time_unix_nano))
        .map(|span| span.name)
        .collect();
    for stage in [Stage::Admitted, Stage::Proposed, Stage::Decided, Stage::Finalized] {
        assert!(stages.contains(&format!("transaction.{}", stage.name())), "{stage:?}: {stages:?}");
    }
    // One trace per height, with its rounds.
    let height = span(&collector, "consensus.height").await;
    let round = until("a round of it", PATIENCE, async || {
        collector.spans().into_iter().find(|span| span.name == "consensus.round" && span.trace_id == height.trace_id)
    })
    .await;
    assert!(!round.parent_span_id.is_empty() && text(&round.attributes, "proposer").is_some(), "{round:?}");
    span(&collector, "gossip.transactions").await;
    // A proof that is none takes the same path as a good one.
    let junk = reqwest::Client::new().post(format!("{}/proofs/windows", node.ports.rpc_url()));
    let junk = junk.header("content-type", "application/octet-stream").body(vec![7; 100]);
    let refused = junk.send().await.expect("an answer").status();
    assert!(refused.is_client_error(), "{refused}");
    let proof = span(&collector, "proof.verify").await;
    assert!(text(&proof.attributes, "refused").is_some(), "{proof:?}");

    let tokens = collector.received().tokens.clone();
    assert!(tokens.iter().all(|token| token.as_deref() == Some("Bearer s3cret-of-the-collector")), "{tokens:?}");
    let exporters = node.client().rollout_status().await.expect("a status").telemetry.exporters;
    let signals: Vec<_> = exporters.iter().map(|one| (one.signal.as_str(), one.protocol.as_str())).collect();
    assert_eq!(signals, [("traces", "grpc"), ("metrics", "grpc")]);
    assert!(exporters[0].exported > 0 && exporters[0].dropped == 0, "{exporters:?}");
    // Without a collector over HTTP the metrics travel the same way.
    until("metrics over gRPC", PATIENCE, async || {
        collector.metrics().into_iter().find(|metric| metric.name == "consensus_finalized_height")
    })
    .await;
    assert!(node.metric("telemetry_spans_exported_total").await > 0.0);
    for node in &cluster.nodes {
        assert!(!node.log().contains("s3cret"), "the token is in the log");
    }
    cluster.check_no_panic();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_and_spans_travel_over_http_and_a_collector_that_is_gone_stops_nobody() {
    let _shown = testkit::contract!("S000-054");
    let _flag = testkit::contract!("S003-032");
    let _variable = testkit::contract!("S003-033");
    let collector = Collector::http(Manner::Takes).await;
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let endpoint = format!("rollout.telemetry.http_endpoint={}", collector.url);
    let said = ["--set", "log.format=json", "--set", "log.level=info"];
    let words = [&["--set", &endpoint, "--set", "rollout.telemetry.sample_interval_ms=200"][..], &said].concat();
    let foreign = cluster.nodes[0]
        .start_refused(&["--set", "rollout.telemetry.http_tls.ca_file=missing.pem", "--set", &endpoint], &[]);
    assert!(foreign.code.is_some_and(|code| code == 8) && foreign.stdout.contains("missing.pem"), "{foreign:?}");
    // The file says no; the variable is stronger.
    run_in(&cluster.nodes[0].home, &["config", "set", "rollout.telemetry.enabled", "false"]).ok();
    cluster.nodes[0].start_with(&words, &[("TB_ENABLE_TELEMETRY", "1")]);
    let node = &mut cluster.nodes[0];
    node.ready(START_TIME).await;
    span(&collector, "node.telemetry.init").await;
    let heights = until("metrics", PATIENCE, async || {
        let metrics = collector.metrics();
        metrics.into_iter().find(|metric| metric.name == "consensus_finalized_height")
    })
    .await;
    assert!(heights.data.is_some(), "{heights:?}");
    can_be_observed(node);
    node.stop();

    // Nobody listens there: the chain goes on, and the failures are counted. The flag is stronger than the variable.
    let nowhere =
        ["--set", "rollout.telemetry.endpoint=http://127.0.0.1:1", "--set", "rollout.telemetry.timeout_ms=100"];
    node.start_with(&[&nowhere[..], &["--telemetry"]].concat(), &[("TB_ENABLE_TELEMETRY", "0")]);
    node.ready(START_TIME).await;
    let height = node.height().await.expect("it answers");
    node.reaches(height + 3, PATIENCE).await;
    until("a failure", PATIENCE, async || {
        let exporters = node.client().rollout_status().await.ok()?.telemetry.exporters;
        exporters.first().filter(|exporter| exporter.failures > 0 && exporter.last_failure.is_some()).cloned()
    })
    .await;
    assert!(node.client().block_at(Height(1)).await.is_ok());
    node.stop();
    over_https(node).await;
    cluster.check_no_panic();
}

/// A collector whose certificate is of the named authority gets the spans; one of another authority gets nothing.
async fn over_https(node: &mut Node) {
    let _authority = testkit::contract!("S000-056");
    let folder = tempfile::tempdir().expect("a folder");
    let [ours, foreign] = ["ours", "foreign"].map(|name| Authority::new(folder.path(), name));
    let collector = Collector::https(&ours.issue("collector", Use::Server), Manner::Takes).await;
    let endpoint = format!("rollout.telemetry.http_endpoint={}", collector.url);
    let ca = |authority: &Authority| format!("rollout.telemetry.http_tls.ca_file={}", authority.ca.display());
    node.start_with(&["--telemetry", "--set", &endpoint, "--set", &ca(&foreign)], &[]);
    node.ready(START_TIME).await;
    let refused = until("a failure", PATIENCE, async || {
        let exporters = node.client().rollout_status().await.ok()?.telemetry.exporters;
        exporters.into_iter().find_map(|exporter| exporter.last_failure)
    })
    .await;
    assert!(refused.contains("certificate") || refused.contains("UnknownIssuer"), "{refused}");
    node.stop();
    assert!(collector.spans().is_empty() && collector.received().tokens.is_empty(), "nothing was told to it");
    let rarely = "rollout.telemetry.sample_interval_ms=3600000";
    node.start_with(&["--telemetry", "--set", &endpoint, "--set", &ca(&ours), "--set", rarely], &[]);
    node.ready(START_TIME).await;
    span(&collector, "node.telemetry.init").await;
    assert!(collector.metrics().is_empty(), "the first hour is not over");
    node.stop();
    let metrics = collector.metrics();
    let size =
        metrics.iter().find(|metric| metric.name == "consensus_block_size_bytes").expect("the export of the stop");
    assert_eq!(size.unit, "By");
}

/// The suite for deployed nodes passes here, and fails by name where a part is missing.
fn can_be_observed(node: &Node) {
    let _suite = testkit::contract!("S001-024");
    let suite = |rpc: &str, log: &std::path::Path| {
        let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/observability/run.sh");
        let mut command = std::process::Command::new("bash");
        crate::command::without_ours(&mut command);
        command.arg(script).args(["--rpc", rpc, "--log"]).arg(log).env("SUITE_SECONDS", "10");
        let ended = command.output().expect("bash is there");
        let said = [ended.stdout, ended.stderr].concat();
        (ended.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let (url, log) = (node.ports.rpc_url(), node.home.join("node.log"));
    let (code, said) = suite(&url, &log);
    assert!(code == Some(0) && said.contains("can be observed") && said.contains("3. spans:"), "{code:?} {said}");
    let (code, said) = suite("http://127.0.0.1:1", &log);
    assert!(code == Some(1) && said.contains("does not answer"), "{code:?} {said}");
    let (code, said) = suite(&url, &node.home.join("nowhere.log"));
    assert!(code == Some(1) && said.contains("the log cannot be read"), "{code:?} {said}");
}

/// Runs the smoke script with these words and `seconds` of patience; gives its exit number and what it said.
fn smoke(words: &[&str], seconds: &str) -> (Option<i32>, String) {
    smoke_with(words, seconds, &[])
}

/// The same with variables.
fn smoke_with(words: &[&str], seconds: &str, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies below the root");
    let mut command = std::process::Command::new("bash");
    crate::command::without_ours(&mut command);
    command.arg(root.join("scripts/smoke_otlp_export.sh")).args(words).env("SMOKE_SECONDS", seconds);
    command.envs(variables.iter().copied());
    let ended = command.output().expect("bash is there");
    (
        ended.status.code(),
        format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr)),
    )
}

#[test]
fn the_smoke_script_sees_the_span_that_it_expects_and_no_other() {
    let _validator = testkit::contract!("S000-074");
    let _expect = testkit::contract!("S000-077");
    let _script = testkit::contract!("S000-073");
    let _config = testkit::contract!("S000-079");
    let _turn = crate::cluster::Turn::take();
    let binary = env!("CARGO_BIN_EXE_tb");
    let (code, said) = smoke(&["--mode", "validator", "--binary", binary], "40");
    assert!(code == Some(0) && said.contains("OK: node.telemetry.init arrived from validator"), "{code:?} {said}");
    let (code, said) = smoke(&["--binary", binary, "--expect", "consensus.height"], "40");
    assert!(code == Some(0) && said.contains("OK: consensus.height"), "{code:?} {said}");
    let (code, said) = smoke(&["--binary", binary, "--expect", "no.such.span"], "3");
    assert!(code == Some(1) && said.contains("no span no.such.span within 3 s"), "{code:?} {said}");
    for words in [&["--binary"][..], &["--mode", "validator"], &["--mode", "miner", "--binary", binary]] {
        assert_eq!(smoke(words, "1").0, Some(2), "{words:?}");
    }
    // Without a place for the spans the collector does not run, and nothing is taken for an arrival.
    let folder = tempfile::tempdir().expect("a folder");
    let nowhere = folder.path().join("collector.yaml");
    let text = include_str!("../../../scripts/otel-collector-config.yaml");
    std::fs::write(&nowhere, text.replace("    path:", "    # path:")).expect("written");
    let (code, said) =
        smoke_with(&["--binary", binary], "20", &[("COLLECTOR_CONFIG", nowhere.to_str().expect("text"))]);
    assert!(code == Some(1) && said.contains("has no exporters.file.path"), "{code:?} {said}");
}

#[test]
fn the_smoke_script_sees_the_spans_of_a_hybrid_and_of_a_wallet_runtime() {
    let _hybrid = testkit::contract!("S000-075");
    let _wallet = testkit::contract!("S000-076");
    let _turn = crate::cluster::Turn::take();
    for mode in ["hybrid", "wallet"] {
        let (code, said) = smoke(&["--mode", mode, "--binary", env!("CARGO_BIN_EXE_tb")], "40");
        let wanted = format!("OK: node.telemetry.init arrived from {mode}");
        assert!(code == Some(0) && said.contains(&wanted), "{code:?} {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fresh_nodes_have_the_gates_of_development_and_reach_their_collector() {
    let _automation = testkit::contract!("S001-021");
    let _turn = Turn::take();
    let folder = tempfile::tempdir().expect("a folder");
    let mut chains = Vec::new();
    for name in ["one", "two"] {
        let collector = Collector::grpc(None, Manner::Takes).await;
        let base = free_base(1).to_string();
        let mut command = tb();
        command.args(["dev", "--json", "--base-port", &base, "--home"]).arg(folder.path().join(name));
        let mut fresh = Running::start(command.env("RPP_NODE_OTLP_ENDPOINT", &collector.url));
        let url = fresh.event("started", START_TIME)["rpc"].as_str().expect("a URL").to_owned();
        let client = Client::new(&ClientConfig::new(url.clone())).expect("a good URL");
        let status = client.rollout_status().await.expect("a status");
        assert!(status.gates.len() == 7 && status.gates.iter().all(|gate| !gate.active), "{:?}", status.gates);
        let report = run(tb().args(["rollout", "check", "--stage", "development", "--rpc", &url])).json();
        let checks = report["checks"].as_array().expect("checks");
        assert!(checks.iter().any(|one| one["check"] == "config" && one["verdict"] == "ok"), "{report}");
        span(&collector, "node.telemetry.init").await;
        until("spans to be taken", PATIENCE, async || {
            let exporters = client.rollout_status().await.ok()?.telemetry.exporters;
            exporters.iter().any(|one| one.exported > 0 && one.failures == 0).then_some(())
        })
        .await;
        chains.push(status.genesis_hash);
        assert_eq!(fresh.interrupt(PATIENCE), Some(0));
    }
    assert_ne!(chains[0], chains[1], "each is a chain of its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_of_a_devnet_tells_the_collector_of_the_environment_and_takes_nothing_else_from_there() {
    let _turn = Turn::take();
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::http(Manner::Takes).await;
    let base = free_base(1).to_string();
    let mut command = tb();
    command
        .args(["devnet", "--json", "--nodes", "1", "--no-prover", "--base-port", &base, "--home"])
        .arg(folder.path());
    command.env("TB_ROLLOUT_TELEMETRY_HTTP_ENDPOINT", &collector.url).env("TB_RPC_LISTEN", "127.0.0.1:1");
    let mut devnet = Running::start(&mut command);
    let started = devnet.event("started", START_TIME);
    let url = started["nodes"][0]["rpc"].as_str().expect("a URL").to_owned();
    assert_eq!(text(&span(&collector, "node.telemetry.init").await.attributes, "mode").as_deref(), Some("validator"));
    // The only validator of a chain needs no peers.
    let client = Client::new(&ClientConfig::new(url)).expect("a good URL");
    until("the only validator is ready", PATIENCE, async || {
        client.health_ready().await.ok().filter(|ready| ready.ready)
    })
    .await;
    assert_eq!(devnet.interrupt(PATIENCE), Some(0));
}
