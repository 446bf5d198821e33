//! What operators read and set on a single node: probes, channel, files of configuration, names of the program.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cli::devnet::layout::Ports;
use primitives::{Engine, Height};
use rpc::limits::{REQUEST_BYTES_MAX, SUBMISSION_BYTES_MAX};
use rpc::types::GateKind;
use serde_json::Value;

use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME, free_base, until};
use crate::command::{Ended, run, run_in, tb, tb_as};
use crate::faults::legacy_health;
use crate::pay::Payer;

/// Longest time until a chain that stands still is called stalled (`telemetry::health`), and some time to see it.
const STALL: Duration = Duration::from_secs(14);

/// Status and body of a route.
async fn get(node: &Node, path: &str) -> Option<(u16, Value)> {
    let answer = reqwest::get(format!("{}{path}", node.ports.rpc_url())).await.ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.json().await.ok()?))
}

/// The first answer of a node that was just started.
async fn first_answer(node: &Node, path: &str) -> (u16, Value) {
    until(&format!("an answer to {path}"), START_TIME, async || get(node, path).await).await
}

/// The settings that give a node these ports, as words of a command.
fn port_words(ports: Ports) -> Vec<String> {
    let settings = [
        format!("rpc.listen=127.0.0.1:{}", ports.rpc),
        format!("consensus.listen=/ip4/127.0.0.1/tcp/{}", ports.consensus),
        format!("p2p.listen=/ip4/127.0.0.1/udp/{}/quic-v1", ports.p2p),
    ];
    settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]).collect()
}

fn words(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_tell_the_start_a_standstill_and_the_end() {
    let _live = testkit::contract!("S000-091");
    let _start_and_stop = testkit::contract!("S000-094");
    let _consensus = testkit::contract!("S004-293");
    let mut cluster = Cluster::new(Engine::Bft, 4, INTERVAL_MS);
    cluster.nodes[0].start();
    let node = &cluster.nodes[0];
    let url = node.ports.rpc_url();
    // One of four: its runtime runs and it cannot serve.
    assert_eq!(first_answer(node, "/health/live").await.0, 200);
    let (status, ready) = get(node, "/health/ready").await.expect("it answers");
    assert_eq!((status, &ready["ready"], &ready["mode"]), (503, &false.into(), &"node".into()), "{ready}");
    legacy_health(&url, "validator").await;
    let consensus = || {
        let status =
            run(tb_as("contract-cli", cluster.folder()).args(["node", "consensus", "--status", "--rpc", &url]));
        status.ok()
    };
    let status = consensus();
    assert_eq!((&status["height"], &status["stalled"]), (&1.into(), &false.into()), "{status}");
    let status = until("the standstill", STALL, async || Some(consensus()).filter(|now| now["stalled"] == true)).await;
    assert!(status["round"].is_u64() && status["since_last_block_ms"].as_u64() > Some(10_000), "{status}");

    cluster.start_all();
    cluster.all_ready().await;
    let node = &cluster.nodes[0];
    assert_eq!(get(node, "/health/ready").await.expect("it answers").0, 200);
    let status =
        run(tb_as("contract-cli", cluster.folder()).args(["node", "consensus", "--status", "--rpc", &url])).ok();
    assert!(status["stalled"] == false && status["height"].as_u64() > Some(1), "{status}");

    node.ask_to_stop();
    let (_, told) = until("liveness to fail", Duration::from_secs(5), async || {
        get(node, "/health/live").await.filter(|(status, _)| *status == 503)
    })
    .await;
    assert!(told["error"].as_str().is_some_and(|error| error.contains("shutting down")), "{told}");
    legacy_health(&url, "validator").await;
    assert!(cluster.nodes[0].ended(Duration::from_secs(15)).success());
    cluster.check_no_panic();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_cannot_catch_up_is_not_ready_and_says_why() {
    let cluster = Cluster::of_four().await;
    let genesis = cluster.network.root.join("genesis.json");
    let home = cluster.folder().join("cut-off");
    run_in(&home, &["init", "--genesis", genesis.to_str().expect("text")]).ok();
    let ports = Ports::of(free_base(1), 0).expect("free ports");
    let mut settings = port_words(ports);
    // It hears of heights by gossip and can fetch no block: nobody of the consensus network knows it.
    settings.extend(["--set".to_owned(), "consensus.peers=".to_owned()]);
    let known = format!("p2p.peers=/ip4/127.0.0.1/udp/{}/quic-v1", cluster.nodes[0].ports.p2p);
    settings.extend(["--set".to_owned(), known]);
    let mut node = Node::new(home, ports);
    node.start_with(&words(&settings), &[]);
    let (_, ready) = until("the reason", START_TIME, async || {
        get(&node, "/health/ready").await.filter(|(_, ready)| ready["reasons"].to_string().contains("\"syncing\""))
    })
    .await;
    let (status, _) = get(&node, "/health/ready").await.expect("it answers");
    assert_eq!((status, &ready["ready"]), (503, &false.into()), "{ready}");
    let reasons = ready["reasons"].as_array().expect("a list");
    let long = |value: &Value| value.as_str().is_some_and(|text| text.len() > 10);
    assert!(reasons.iter().all(|reason| long(&reason["message"]) && long(&reason["hint"])), "{ready}");
    assert!(node.client().node_status().await.expect("a status").syncing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_resumes_from_its_data_directory_and_says_its_channel() {
    let _data = testkit::contract!("S000-014");
    let _channel = testkit::contract!("S000-005");
    let _height = testkit::contract!("S004-348");
    let _series = testkit::contract!("S004-349");
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let data = cluster.folder().join("volume");
    let setting = format!("data_dir={}", data.display());
    let folder = cluster.folder().to_owned();
    let settings = ["--set", &setting, "--set", "release_channel=canary", "--set", "log.level=info"];
    cluster.nodes[0].start_with(&settings, &[]);
    let node = &mut cluster.nodes[0];
    node.reaches(3, START_TIME).await;
    assert!(data.exists() && !node.home.join("data").exists(), "the data lies where it was told to");
    let log = node.log();
    let line = log.lines().find(|line| line.contains("node starts")).expect("the first line of a node");
    assert!(line.contains("canary"), "{line}");
    let status = run(tb_as("contract-cli", &folder).args(["node", "status", "--rpc", &node.ports.rpc_url()])).ok();
    assert_eq!(status["release_channel"], "canary", "{status}");
    assert!(status["current_block_height"].as_u64() >= Some(3), "{status}");
    let before = node.metric("block_height_total").await;
    let height = node.reaches(5, START_TIME).await;
    assert!(node.metric("block_height_total").await > before.max(4.0));
    let third = node.client().block_at(Height(3)).await.expect("a block").hash;

    node.stop();
    node.start_with(&settings, &[]);
    let (_, first) = first_answer(node, "/health/live").await;
    assert!(first["finalized_height"].as_u64() >= Some(height), "it goes on from where it was: {first}");
    assert_eq!(node.client().block_at(Height(3)).await.expect("the same block").hash, third);
    node.reaches(height + 2, START_TIME).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_pruned_while_the_gate_is_off() {
    let _shown = testkit::contract!("S000-008");
    let cluster = Cluster::solo().await;
    let node = &cluster.nodes[0];
    node.reaches(12, START_TIME).await;
    let status = node.client().node_status().await.expect("a status");
    let gate = status.gates.iter().find(|gate| gate.name == "pruning").expect("the gate is shown");
    assert_eq!((gate.active, gate.kind), (false, GateKind::Local));
    assert_eq!(status.oldest_height, Height(1));
    let blocks = node.blocks().await;
    assert!(blocks.contains_key(&Height(1)) && blocks.len() >= 12, "every block is still there: {blocks:?}");
    node.client().block_at(Height(1)).await.expect("with its content");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_configuration_are_read_from_where_operators_put_them() {
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the root");
    let folder = cluster.folder().to_owned();
    let node = &mut cluster.nodes[0];
    let limit = async |node: &Node| {
        let status = until("the queues", START_TIME, async || node.client().mempool_status().await.ok()).await;
        status.transactions.limit
    };
    {
        let _template = testkit::contract!("S003-009");
        std::fs::copy(root.join(".env.example"), node.home.join(".env")).expect("copied");
        node.start_with(&[], &[]);
        node.ready(START_TIME).await;
        assert_eq!(limit(node).await, 8_192);
        node.stop();
    }
    {
        let _environment = testkit::contract!("S003-014");
        std::fs::write(node.home.join(".env"), "TB_MEMPOOL_LIMIT=77\n").expect("written");
        node.start();
        assert_eq!(limit(node).await, 77);
        node.stop();
        std::fs::remove_file(node.home.join(".env")).expect("removed");
    }
    {
        let _file = testkit::contract!("S003-025");
        let text = std::fs::read_to_string(root.join("config/node.toml")).expect("the shipped file");
        let changed = text.replace("# mempool_limit = 8192", "mempool_limit = 78");
        assert_ne!(text, changed, "the shipped file shows the key");
        let file = folder.join("config/node.toml");
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(&file, changed).expect("written");
        let mut settings = port_words(node.ports);
        settings.extend(["--config".to_owned(), file.to_str().expect("text").to_owned()]);
        let _flag = testkit::contract!("S003-064");
        let all: Vec<&str> = words(&settings).into_iter().chain(["--validator"]).collect();
        node.start_with(&all, &[]);
        assert_eq!(limit(node).await, 78);
        assert!(node.client().node_status().await.expect("a status").validator.is_some(), "it runs as a validator");
        node.stop();
        // Changed by the command, kept in the file, in force at the next start; what a start would refuse is not taken.
        let set = |value: &str| {
            run(tb()
                .args(["config", "set", "mempool_limit", value, "--home"])
                .arg(&node.home)
                .arg("--config")
                .arg(&file))
        };
        assert_eq!(set("79").ok()["changes"][0]["before"], "78");
        assert_eq!(set("0").refused().code, "config");
        node.start_with(&all, &[]);
        assert_eq!(limit(node).await, 79);
        let refused = run(tb().args(["node", "start", "--validator", "--mode", "node", "--home"]).arg(&node.home));
        assert_eq!(refused.refused().exit, 2, "one mode only");
    }
    cluster.check_no_panic();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_at_its_limit_stops_the_node_by_name_and_goes_on_with_more_room() {
    let _shown = testkit::contract!("S003-147");
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let node = &mut cluster.nodes[0];
    node.start();
    node.reaches(2, START_TIME).await;
    node.stop();
    let words = port_words(node.ports);
    let mut limited = tb();
    limited.args(["node", "start", "--validator", "--home"]).arg(&node.home).args(&words);
    let said = format!("{:?}", run(limited.env("TB_SIMPLE_DB_LIMIT_BYTES", "1000")).refused());
    for part in ["the limit is 1000", "nothing was written", "TB_SIMPLE_DB_LIMIT_BYTES"] {
        assert!(said.contains(part), "{said}");
    }
    // Nothing that was finalized is lost, and with room the chain goes on.
    node.start_with(&[], &[("TB_SIMPLE_DB_LIMIT_BYTES", "1073741824")]);
    node.reaches(4, START_TIME).await;
    node.client().block_at(Height(1)).await.expect("the first block");
    cluster.check_no_panic();
}

#[test]
fn the_names_of_the_command_line_are_one_program() {
    let _shown = testkit::contract!("S004-001");
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    run_in(&home, &["init"]).ok();
    let lines = [
        "--help",
        "--version",
        "tx transfer --help",
        "config show",
        "config check --dry-run",
        "keys list",
        "keys show nobody",
        "status --rpc http://127.0.0.1:1",
        "block show minus-one",
        "nonsense",
    ];
    let mut exits = Vec::new();
    for line in lines {
        let call = |name: &str| -> Ended {
            run(tb_as(name, folder.path()).args(line.split_whitespace()).arg("--home").arg(&home))
        };
        let (one, other) = (call("tb-cli"), call("contract-cli"));
        assert_eq!((one.code, &one.stdout, &one.stderr), (other.code, &other.stdout, &other.stderr), "{line}");
        exits.push(one.code);
    }
    exits.sort_unstable();
    exits.dedup();
    assert!(exits.len() >= 4, "success and several kinds of failure: {exits:?}");
}

/// Every file below `folder` with its length.
fn listing(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a type").is_dir() {
            found.extend(listing(&entry.path()));
        }
        found.push((entry.path(), entry.metadata().expect("its facts").len()));
    }
    found.sort();
    found
}

#[test]
fn a_dry_run_passes_every_validator_and_fails_for_any_problem() {
    let _shown = testkit::contract!("S001-035");
    let cluster = Cluster::new(Engine::Bft, 4, INTERVAL_MS);
    let before = listing(&cluster.network.root);
    for node in &cluster.nodes {
        let report = run_in(&node.home, &["config", "check", "--dry-run"]).ok();
        assert!(!report.is_null());
        for wrong in [
            "mempool_limit=0",
            "mempool_limt=5",
            "queue_weights.fee=0.9",
            "rpc.listen=somewhere",
            "rollout.feature_gates.malachite_consensus=false",
            "telemetry_token=words",
        ] {
            let refusal = run_in(&node.home, &["config", "check", "--dry-run", "--set", wrong]);
            assert_eq!(refusal.code, Some(8), "{wrong}: {refusal:?}");
            let name = wrong.split('=').next().unwrap_or_default().rsplit('.').next().unwrap_or_default();
            assert!(refusal.stdout.contains(name), "{wrong}: {refusal:?}");
        }
    }
    assert_eq!(listing(&cluster.network.root), before, "nothing was started or written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_is_bounded_by_the_configuration_and_never_beyond_the_api() {
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let beyond = format!("rpc.body_bytes_max={}", REQUEST_BYTES_MAX + 1);
    let refusal = cluster.nodes[0].start_refused(&["--set", &beyond], &[]).refused();
    assert!(refusal.error.contains("rpc.body_bytes_max"), "{refusal:?}");
    for bound in [REQUEST_BYTES_MAX, 40_000] {
        let setting = format!("rpc.body_bytes_max={bound}");
        cluster.nodes[0].start_with(&["--set", &setting], &[]);
        let node = &cluster.nodes[0];
        let (_, limits) = first_answer(node, "/status/limits").await;
        assert_eq!(limits["request_bytes_max"], u64::try_from(bound).expect("small"));
        let post = async |path: &str, bytes: usize| {
            let request = reqwest::Client::new().post(format!("{}{path}", node.ports.rpc_url()));
            let request = request.header("content-type", "application/json").body(vec![b' '; bytes]);
            let body: Value = request.send().await.expect("an answer").json().await.expect("JSON");
            body["code"].as_str().unwrap_or_default().to_owned()
        };
        assert_eq!(post("/proofs/claims", bound).await, "parse_error");
        assert_eq!(post("/proofs/claims", bound + 1).await, "body_too_large");
        // The one route that takes proofs in transactions has a bound of its own.
        assert_eq!(limits["submission_bytes_max"], u64::try_from(SUBMISSION_BYTES_MAX).expect("small"));
        assert_eq!(post("/transactions", SUBMISSION_BYTES_MAX).await, "parse_error");
        assert_eq!(post("/transactions", SUBMISSION_BYTES_MAX + 1).await, "body_too_large");
        cluster.nodes[0].stop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_index_is_made_again_from_the_blocks() {
    let mut cluster = Cluster::solo().await;
    let mut payer = Payer::funded(&cluster.network, 1);
    let to = Payer::funded(&cluster.network, 2).address;
    let history = async |node: &Node| {
        let page = node.client().account_history(&to, Default::default()).await.expect("a page");
        page.entries
    };
    for amount in 1..=3 {
        let transaction = payer.pay(to, amount);
        cluster.nodes[0].client().submit(&payer.request(&transaction)).await.expect("admitted");
        cluster.nodes[0].finalized(transaction.id()).await;
    }
    let before = history(&cluster.nodes[0]).await;
    assert_eq!(before.len(), 3);
    let home = cluster.nodes[0].home.clone();
    let refusal = run_in(&home, &["node", "rebuild-history"]).refused();
    assert!(refusal.error.contains("in use by another process"), "not while the node runs: {refusal:?}");
    let height = cluster.nodes[0].height().await.expect("it answers");
    cluster.nodes[0].stop();
    let rebuilt = run_in(&home, &["node", "rebuild-history"]).ok();
    assert!(rebuilt["indexed_height"].as_u64() >= Some(height), "{rebuilt}");
    assert_eq!(rebuilt["oldest_height"], 1, "{rebuilt}");
    cluster.nodes[0].start();
    cluster.nodes[0].ready(START_TIME).await;
    assert_eq!(history(&cluster.nodes[0]).await, before);
    // A home without a store stays without one.
    let empty = cluster.folder().join("empty");
    let genesis = cluster.network.root.join("genesis.json");
    run_in(&empty, &["init", "--genesis", genesis.to_str().expect("text")]).ok();
    let refusal = run_in(&empty, &["node", "rebuild-history"]).refused();
    assert!(refusal.error.contains("no genesis state"), "{refusal:?}");
    assert!(!empty.join("data").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_hold_every_name_of_the_catalogue_and_those_of_the_engine() {
    let _registry = testkit::contract!("S003-034");
    let _latency = testkit::contract!("S001-027");
    let mut cluster = Cluster::new(Engine::Bft, 1, INTERVAL_MS);
    cluster.nodes[0].start();
    cluster.nodes[0].reaches(3, START_TIME).await;
    let histograms = [
        "consensus_round_seconds",
        "consensus_finality_seconds",
        "consensus_block_interval_seconds",
        "consensus_quorum_delay_seconds",
    ];
    for histogram in histograms {
        assert!(cluster.nodes[0].metric(&format!("{histogram}_count")).await >= 2.0, "{histogram}");
        assert!(cluster.nodes[0].metric(&format!("{histogram}_sum")).await > 0.0, "{histogram}");
    }
    let text = cluster.nodes[0].client().metrics().await.expect("metrics");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').expect("a series and its value");
        assert!(!series.is_empty() && value.parse::<f64>().is_ok(), "no Prometheus text: {line}");
    }
    // One with labels has no line before its first series.
    let plain = telemetry::catalogue::metrics().filter(|metric| metric.labels.is_empty());
    for name in plain.flat_map(telemetry::Metric::names) {
        // A family of counters or of facts is named without the ending of its series.
        let families = [Some(name), name.strip_suffix("_total"), name.strip_suffix("_info")];
        let is_there = |family: &str| text.lines().any(|line| line.starts_with(&format!("# TYPE {family} ")));
        assert!(families.into_iter().flatten().any(is_there), "{name} is missing");
    }
    let engine: Vec<&str> = text.lines().filter(|line| line.contains("malachite")).collect();
    assert!(engine.len() > 10, "the engine's own metrics are joined: {engine:?}");
    let counted = engine.iter().filter(|line| !line.starts_with('#'));
    assert!(counted.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).any(|value| value > 0.0));
}
