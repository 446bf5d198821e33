//! Rollout: what a node says of itself, and whether the commands that promote it can be fooled.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use primitives::{Engine, Height, Params};
use serde_json::Value;

use crate::alertmanager;
use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME, until};
use crate::command::{Ended, run, tb};

const PATIENCE: Duration = Duration::from_secs(10);
/// Heights of an epoch, where a test waits for some.
const EPOCH: u64 = 6;

fn rollout(node: &Node, words: &[&str]) -> Ended {
    run(tb().arg("rollout").args(words).args(["--rpc", &node.ports.rpc_url(), "--home"]).arg(&node.home))
}

fn verdict<'r>(report: &'r Value, check: &str) -> &'r str {
    let checks = report["checks"].as_array().expect("checks");
    let found = checks.iter().find(|finding| finding["check"] == check);
    found.and_then(|finding| finding["verdict"].as_str()).unwrap_or_else(|| panic!("{check}: {report}"))
}

/// What the report says of a check.
fn found(report: &Value, check: &str) -> String {
    let checks = report["checks"].as_array().expect("checks");
    let one = checks.iter().find(|finding| finding["check"] == check).expect("it is asked");
    one["found"].as_str().expect("text").to_owned()
}

/// The records of the log target `telemetry`, as a machine reads them.
fn samples(node: &Node) -> Vec<Value> {
    let records = node.log().lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).collect::<Vec<_>>();
    records.into_iter().filter(|record| record["target"] == "telemetry" && record["height"].is_u64()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_tells_channel_gates_and_telemetry_the_same_at_every_place() {
    let _channel = testkit::contract!("S000-006");
    let _gates = testkit::contract!("S000-007");
    let _record = testkit::contract!("S000-058");
    let _interval = testkit::contract!("S000-049");
    let _status = testkit::contract!("S000-095");
    let _board = testkit::contract!("S000-103");
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let fast = ["--set", "rollout.telemetry.sample_interval_ms=200"];
    let words = [&["--set", "log.format=json", "--set", "log.level=info"][..], &fast].concat();
    let wrong = cluster.nodes[0].start_refused(&["--set", "rollout.feature_gates.swarm=true"], &[]).refused();
    assert!(wrong.error.contains("unknown key `rollout.feature_gates.swarm`"), "{wrong:?}");
    let wrong = cluster.nodes[0].start_refused(&["--set", "rollout.telemetry.sample_interval_ms=0"], &[]).refused();
    assert!(wrong.error.contains("sample_interval_ms"), "{wrong:?}");

    cluster.nodes[0].start_with(&words, &[("TB_RELEASE_CHANNEL", "testnet")]);
    let node = &cluster.nodes[0];
    node.ready(START_TIME).await;
    let records = until("three samples", PATIENCE, async || Some(samples(node)).filter(|found| found.len() >= 3)).await;
    let status = node.client().rollout_status().await.expect("a status");
    assert_eq!((status.release_channel.as_str(), status.commit.as_deref()), ("testnet", None));
    assert_eq!(status.gates.len(), 7, "every gate, of the chain and local: {:?}", status.gates);
    assert_eq!(status.epoch_blocks, node.client().node_status().await.expect("a status").epoch_blocks);
    let telemetry = &status.telemetry;
    assert!(telemetry.enabled && telemetry.samples >= 3 && telemetry.encode_failures == 0, "{telemetry:?}");
    assert_eq!((telemetry.sample_interval_ms, telemetry.trace_sample_ppm), (200, 1_000_000));
    assert!(telemetry.sample_height > Some(Height::GENESIS) && telemetry.exporters.is_empty(), "{telemetry:?}");

    let active: Vec<&str> = status.gates.iter().filter(|gate| gate.active).map(|gate| gate.name.as_str()).collect();
    let last = records.last().expect("three");
    assert_eq!(last["release_channel"], "testnet");
    assert_eq!(last["gates"], active.join(","));
    assert_eq!(last["genesis"], status.genesis_hash.to_string());
    let health: Value = serde_json::from_str(last["health"].as_str().expect("text")).expect("one line of JSON");
    assert_eq!(health["role"], "solo");
    assert!(health["ready"].is_boolean() && health["mempool"].is_u64() && health["finalized_age_ms"].is_u64());
    let log = node.log();
    let start = log.lines().find(|line| line.contains("node starts")).expect("the first line of a node");
    let start: Value = serde_json::from_str(start).expect("JSON");
    for (name, value) in [("release_channel", "testnet"), ("gates", &active.join(","))] {
        assert_eq!(start[name], value, "{start}");
    }
    let text = node.client().metrics().await.expect("metrics");
    assert!(text.contains("rollout_channel_info{channel=\"testnet\"} 1"), "{text}");
    assert!(text.contains("rollout_gate_active{gate=\"pruning\"} 0"), "{text}");
    assert!(node.metric("telemetry_samples_total").await >= 3.0);
    // The board shows these very series.
    assert!(text.contains("\ntelemetry_enabled 1\n"), "{text}");
    let board = include_str!("../../../monitoring/grafana/rollout.json");
    for series in ["rollout_channel_info", "rollout_gate_active", "telemetry_enabled", "telemetry_sample_height"] {
        assert!(board.contains(series) && text.contains(series), "{series}");
    }
    let rpc: Value = reqwest::get(format!("{}/status/rollout", node.ports.rpc_url()))
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(rpc["release_channel"], "testnet");
    let refused =
        reqwest::get(format!("{}/status/rollout?stage=canary", node.ports.rpc_url())).await.expect("an answer");
    assert_eq!(refused.status(), 400, "a question that takes no parameters");

    cluster.check_no_panic();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_telemetry_there_are_no_samples_and_a_deployment_fails() {
    let _switch = testkit::contract!("S000-048");
    let params = Params { epoch_blocks: EPOCH, ..Params::default() };
    let mut cluster = Cluster::with_params(Engine::Solo, 1, INTERVAL_MS, Some(params));
    let fast = ["--set", "log.level=info", "--set", "rollout.telemetry.sample_interval_ms=100"];
    let named = ["--set", "rollout.telemetry.endpoint=http://127.0.0.1:1", "--set", "rollout.telemetry.enabled=false"];
    cluster.nodes[0].start_with(&[&fast[..], &named[..]].concat(), &[]);
    let node = &mut cluster.nodes[0];
    node.ready(START_TIME).await;
    let height = node.height().await.expect("it answers");
    node.reaches(height + 10, PATIENCE).await;
    let telemetry = node.client().rollout_status().await.expect("a status").telemetry;
    assert_eq!((telemetry.enabled, telemetry.samples, telemetry.sample_height), (false, 0, None));
    assert!(telemetry.exporters.is_empty(), "{telemetry:?}");
    assert!(!node.log().contains("telemetry sample"));
    let refused = rollout(node, &["smoke", "--timeout", "1s"]).refused();
    assert_eq!((refused.exit, refused.code.as_str()), (6, "not_moving"), "{refused:?}");
    assert!(refused.error.contains("no telemetry samples"), "{refused:?}");
    a_new_process_begins_its_soak_again(node).await;
    node.stop();
}

/// What the chain did before the process started is not counted for it.
async fn a_new_process_begins_its_soak_again(node: &mut Node) {
    let now_ms = || u64::try_from(std::time::UNIX_EPOCH.elapsed().expect("a clock").as_millis()).expect("in range");
    node.reaches(3 * EPOCH + 2, START_TIME).await;
    let first = cli::rollout::gather::soak(&node.client(), now_ms()).await.expect("it answers");
    assert!(first.epochs >= 3, "the chain began with this process: {first:?}");
    node.stop();
    node.start();
    node.ready(START_TIME).await;
    let again = cli::rollout::gather::soak(&node.client(), now_ms()).await.expect("it answers");
    let blocks = again.height.0 - first.height.0;
    assert!(again.height > first.height && again.epochs <= blocks / EPOCH, "{blocks} blocks: {again:?}");
    // A day later the hours are those of the process, too.
    let later = cli::rollout::gather::soak(&node.client(), now_ms() + 86_400_000).await.expect("it answers");
    assert_eq!((again.hours, later.hours), (0, 24));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_before_a_promotion_counts_what_it_cannot_know_as_not_ready() {
    let _order = testkit::contract!("S000-004");
    let _series = testkit::contract!("S001-025");
    let _deployment = testkit::contract!("S000-107");
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    cluster.nodes[0].start_with(&["--set", "rollout.telemetry.sample_interval_ms=200"], &[]);
    let folder = cluster.folder().to_owned();
    let node = &cluster.nodes[0];
    node.ready(START_TIME).await;
    let smoke = rollout(node, &["smoke", "--timeout", "20s"]).ok();
    assert!(smoke["ready"] == true && smoke["sample_height"].as_u64() > Some(0), "{smoke}");

    watches_after_a_step(&cluster.folder().join("watch"), &node.client().rollout_status().await.expect("a status"));
    deployment_fails(&node.client().rollout_status().await.expect("a status"));

    // The development stage asks for the tests of a release, and nobody has given one; a person's word for them is refused.
    let evidence = folder.join("evidence.toml");
    std::fs::write(&evidence, "[tests]\npassed = true\n").expect("written");
    let evidence = evidence.to_str().expect("text");
    let refused = rollout(node, &["check", "--stage", "dev", "--evidence", evidence]).refused();
    assert_eq!((refused.exit, refused.code.as_str()), (8, "evidence"), "{refused:?}");
    let ended = rollout(node, &["check", "--stage", "dev"]);
    let report = ended.json();
    assert_eq!(
        (ended.code, verdict(&report, "tests"), verdict(&report, "config")),
        (Some(10), "unknown", "ok"),
        "{report}"
    );

    // With profiles that do not ask for it the same node is ready.
    let easy = folder.join("profiles.toml");
    let text = include_str!("../../../config/defaults/mainnet.toml");
    std::fs::write(&easy, text.replacen("tests = true", "tests = false", 1)).expect("written");
    let report = rollout(node, &["check", "--stage", "development", "--profiles", easy.to_str().expect("text")]).ok();
    assert_eq!((&report["ready"], verdict(&report, "telemetry")), (&Value::Bool(true), "ok"), "{report}");

    // The next stage: another channel and other gates, and nobody has shown anything.
    let baseline = folder.join("baseline.json");
    let taken =
        rollout(node, &["baseline", "--out", baseline.to_str().expect("text"), "--samples", "3", "--every", "500ms"]);
    let taken = taken.ok();
    assert!(taken["consensus_latency_ms"].as_array().is_some_and(|series| !series.is_empty()), "{taken}");
    assert_eq!(taken["proof_queue_depth"].as_array().map(Vec::len), Some(3), "{taken}");
    next_stage(node, &folder, &baseline);
    what_is_missing_is_named(node, &folder);
    gaps_of_prometheus_are_seen().await;
    alertmanager::tells_its_receiver(&folder, &|url| {
        let ask = ["check", "--stage", "testnet", "--alert-timeout", "3s", "--alertmanager", url];
        let report = rollout(node, &ask).json();
        (verdict(&report, "test_alert").to_owned(), found(&report, "test_alert"))
    })
    .await;
    cluster.check_no_panic();
}

fn next_stage(node: &Node, folder: &Path, baseline: &Path) {
    let _report = testkit::contract!("S001-012");
    let url = node.ports.rpc_url();
    let _routing = testkit::contract!("S001-010");
    let prometheus = Canned::prometheus(3);
    // Somebody is told at the third look.
    let alertmanager = Canned::alertmanager("active", &[(0, 0), (0, 0), (1, 0)]);
    let report_file = folder.join("report.json");
    let text = |path: &Path| path.to_str().expect("text").to_owned();
    let words = [
        "check",
        "--stage",
        "testnet",
        "--soaked",
        &url,
        "--prometheus",
        &prometheus.url,
        "--alertmanager",
        &alertmanager.url,
        "--baseline",
        &text(baseline),
        "--report",
        &text(&report_file),
    ];
    let ended = rollout(node, &words);
    assert_eq!(ended.code, Some(10), "{ended:?}");
    let report = ended.json();
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&report_file).expect("written")).expect("JSON");
    assert_eq!(written, report);
    let expected = [
        ("config", "failed"),
        ("step", "ok"),
        ("release", "unknown"),
        ("sbom", "unknown"),
        ("tests", "unknown"),
        ("alert_rules", "ok"),
        ("dashboards", "failed"),
        ("test_alert", "ok"),
        ("soak", "failed"),
        ("acknowledgements", "unknown"),
        ("rollback", "unknown"),
        ("baseline", "ok"),
        ("epochs", "not_asked"),
    ];
    for (check, wanted) in expected {
        assert_eq!(verdict(&report, check), wanted, "{check}: {report}");
    }
    let drift: Vec<&str> =
        report["drift"].as_array().expect("drift").iter().filter_map(|one| one["key"].as_str()).collect();
    for key in ["release_channel", "rollout.feature_gates.malachite_consensus"] {
        assert!(drift.contains(&key), "{drift:?}");
    }
    assert!(found(&report, "test_alert").starts_with("pager took it after "), "{report}");
    assert!(found(&report, "alert_rules").contains("all of this version among them"), "{report}");
    alerts_that_do_not_arrive(node);
    // Two steps at once are refused, whatever else is shown.
    let leap = rollout(node, &["check", "--stage", "canary", "--soaked", &url]).json();
    assert_eq!(verdict(&leap, "step"), "failed", "{leap}");
    let gone = rollout(node, &["check", "--stage", "testnet", "--soaked", "http://127.0.0.1:1"]).refused();
    assert_eq!(gone.exit, 3, "{gone:?}");
}

/// Folders that do not exist hold no good news.
fn what_is_missing_is_named(node: &Node, folder: &Path) {
    let nowhere = folder.join("nowhere");
    let nowhere = nowhere.to_str().expect("text");
    let refused = rollout(node, &["check", "--stage", "testnet", "--release", nowhere]).refused();
    assert!(refused.error.contains(nowhere), "{refused:?}");
    let check = ["check", "--stage", "testnet", "--incidents"];
    let report = rollout(node, &[&check[..], &[nowhere]].concat()).json();
    assert_eq!(verdict(&report, "incidents"), "unknown", "{report}");
    let check = ["rollout", "check", "--stage", "testnet", "--rpc", &node.ports.rpc_url(), "--home", nowhere];
    let report = run(tb().args(check)).json();
    assert_eq!(verdict(&report, "incidents"), "unknown", "{report}");
    let report = rollout(node, &["check", "--stage", "testnet"]).json();
    assert_eq!(verdict(&report, "incidents"), "ok", "{report}");
}

/// A Prometheus that did not look at each target in each part of the soak knows nothing of the alerts of that time.
async fn gaps_of_prometheus_are_seen() {
    // Looks of the target that was looked at least, each five minutes of 48 hours.
    for (looks, pages) in [("576", Some(0)), ("575", Some(0)), ("570", None), ("12", None)] {
        let prometheus = Canned::start(move |line| {
            if line.contains("/api/v1/rules") {
                return loaded_rules();
            }
            let value = if line.contains("ALERTS") { "0" } else { looks };
            format!(r#"{{"status":"success","data":{{"result":[{{"value":[1.5,"{value}"]}}]}}}}"#)
        });
        let client = rpc::Client::new(&rpc::ClientConfig::new(prometheus.url.clone())).expect("a good URL");
        let facts = cli::rollout::gather::monitoring(&client, 48, 1_767_225_600_000).await.expect("it answers");
        assert_eq!((facts.pages_in_soak, facts.relay_alerts_in_soak), (pages, pages), "{looks} looks");
    }
}

/// Rules of another version, a receiver that refuses, a silence, and an Alertmanager that is not there.
fn alerts_that_do_not_arrive(node: &Node) {
    let other = Canned::start(|_| {
        r#"{"status":"success","data":{"groups":[{"rules":[{"type":"alerting","name":"ChainHalted"}]}],"result":[]}}"#
            .to_owned()
    });
    let refusing = Canned::alertmanager("active", &[(0, 0), (1, 1), (2, 2)]);
    let silenced = Canned::alertmanager("suppressed", &[(0, 0)]);
    // Mail is sent all the time, and nobody tells the pager.
    let idle = Canned::alertmanager("active", &[(0, 0)]);
    let cases = [
        (refusing.url.as_str(), "failed", "2 tries to reach pager failed"),
        (silenced.url.as_str(), "failed", "silenced or inhibited"),
        (idle.url.as_str(), "failed", "0 tries to reach pager failed"),
        ("http://127.0.0.1:1", "unknown", "127.0.0.1:1"),
    ];
    for (url, wanted, words) in cases {
        let ask = ["check", "--stage", "testnet", "--prometheus", &other.url, "--alert-timeout", "1500ms"];
        let report = rollout(node, &[&ask[..], &["--alertmanager", url]].concat()).json();
        assert_eq!(verdict(&report, "test_alert"), wanted, "{report}");
        assert!(found(&report, "test_alert").contains(words), "{report}");
        assert_eq!(verdict(&report, "alert_rules"), "failed", "{report}");
        assert!(found(&report, "alert_rules").contains("RewardsOverdue"), "{report}");
    }
}

/// The first line of a request; its body is read to the end, or closing the connection would lose the answer.
fn request(stream: &mut impl Read) -> String {
    let (mut bytes, mut part) = (Vec::new(), [0; 4_096]);
    loop {
        let length = stream.read(&mut part).unwrap_or(0);
        bytes.extend_from_slice(&part[..length]);
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let body = text.split_once("\r\n\r\n").map(|(head, body)| {
            let announced = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            body.len() >= announced.unwrap_or(0)
        });
        if length == 0 || body == Some(true) {
            return String::from_utf8_lossy(&bytes).lines().next().unwrap_or_default().to_owned();
        }
    }
}

/// Answers every request with what a function makes of its first line.
pub struct Canned {
    /// Where it answers.
    pub url: String,
}

impl Canned {
    /// Starts it.
    pub fn start(answer: impl Fn(&str) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let line = request(&mut stream);
                let body = answer(&line);
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            }
        });
        Self { url }
    }

    /// As a Prometheus does: every rule is loaded, and so many alerts fire.
    fn prometheus(firing: u32) -> Self {
        Self::start(move |line| {
            if line.contains("/api/v1/rules") {
                return loaded_rules();
            }
            let value = if line.contains("ALERTS") { firing } else { 0 };
            format!(r#"{{"status":"success","data":{{"result":[{{"value":[1.5,"{value}"]}}]}}}}"#)
        })
    }

    /// As a Prometheus does that has every rule loaded, and of which these alerts fire.
    pub fn firing(names: &'static [&'static str]) -> Self {
        Self::start(move |line| {
            if line.contains("/api/v1/rules") {
                return loaded_rules();
            }
            let alerts: Vec<_> = names
                .iter()
                .map(|name| serde_json::json!({ "state": "firing", "labels": { "alertname": name } }))
                .collect();
            serde_json::json!({ "status": "success", "data": { "alerts": alerts } }).to_string()
        })
    }

    /// As an Alertmanager does that holds the alert it was sent in this state; at each look at its metrics so many
    /// notifications were tried and have failed, the last pair from then on.
    fn alertmanager(state: &'static str, notifications: &'static [(u32, u32)]) -> Self {
        let (looks, sent) = (AtomicU64::new(0), AtomicU64::new(0));
        Self::start(move |line| {
            if line.starts_with("POST /api/v2/alerts") {
                sent.fetch_add(1, Ordering::Relaxed);
                return String::new();
            }
            if line.starts_with("GET /metrics") {
                let look = usize::try_from(looks.fetch_add(1, Ordering::Relaxed)).expect("few looks");
                let (tried, failed) = notifications[look.min(notifications.len() - 1)];
                return format!(
                    "# TYPE alertmanager_notification_requests_total counter\n\
                     alertmanager_notifications_total{{integration=\"webhook\"}} 7\n\
                     alertmanager_notification_requests_total{{integration=\"webhook\"}} {tried}\n\
                     alertmanager_notification_requests_total{{integration=\"email\"}} {look}\n\
                     alertmanager_notification_requests_failed_total{{integration=\"webhook\"}} {failed}\n\
                     alertmanager_notifications_suppressed_total 9\n"
                );
            }
            if line.starts_with("GET /api/v2/status") {
                let original = "receivers:\n- name: mail\n  email_configs:\n  - to: x\n- name: pager\n  webhook_configs:\n  - url: x\n";
                return serde_json::json!({ "config": { "original": original } }).to_string();
            }
            assert!(line.starts_with("GET /api/v2/alerts?filter=rollout_test"), "{line}");
            if sent.load(Ordering::Relaxed) == 0 {
                return "[]".to_owned();
            }
            serde_json::json!([{ "labels": {}, "receivers": [{ "name": "pager" }], "status": { "state": state } }])
                .to_string()
        })
    }

    /// As a ready node does whose height and samples rise.
    fn moving(status: &rpc::types::RolloutStatus) -> Self {
        let (status, height) = (status.clone(), AtomicU64::new(status.finalized_height.0));
        Self::start(move |line| {
            if line.contains("/health/ready") {
                return r#"{"ready":true,"mode":"node","reasons":[]}"#.to_owned();
            }
            let finalized_height = Height(height.fetch_add(1, Ordering::Relaxed));
            let mut status = rpc::types::RolloutStatus { finalized_height, ..status.clone() };
            status.telemetry.sample_height = Some(finalized_height);
            serde_json::to_string(&status).expect("JSON")
        })
    }

    /// As a ready node does whose height rises, and whose telemetry is as it is told to be.
    fn node(status: &rpc::types::RolloutStatus) -> Self {
        let (status, height) = (status.clone(), AtomicU64::new(status.finalized_height.0));
        Self::start(move |line| {
            if line.contains("/health/ready") {
                return r#"{"ready":true,"mode":"node","reasons":[]}"#.to_owned();
            }
            let finalized_height = Height(height.fetch_add(1, Ordering::Relaxed));
            let status = rpc::types::RolloutStatus { finalized_height, ..status.clone() };
            serde_json::to_string(&status).expect("JSON")
        })
    }
}

/// The answer of a Prometheus that has loaded the rules of this version.
fn loaded_rules() -> String {
    let rules: Vec<Value> = cli::rollout::judge::shipped_alerts()
        .map(|name| serde_json::json!({ "type": "alerting", "name": name, "health": "ok" }))
        .collect();
    serde_json::json!({ "status": "success", "data": { "groups": [{ "rules": rules }] } }).to_string()
}

fn smoke_at(url: &str) -> Ended {
    run(tb().args(["rollout", "smoke", "--timeout", "1s", "--rpc", url]))
}

/// The hours after a step, in seconds: nothing happens; an alert fires; nobody watches; the height stands still.
fn watches_after_a_step(folder: &Path, good: &rpc::types::RolloutStatus) {
    let _testnet = testkit::contract!("S001-031");
    let _mainnet = testkit::contract!("S001-043");
    std::fs::create_dir(folder).expect("a folder");
    let (program, told) = (folder.join("page"), folder.join("told"));
    std::fs::write(&program, format!("#!/bin/sh\ncat \"$1\" >> {}\n", told.display())).expect("written");
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
    let watch_at = |stage: &str, lasting: &str, node: &Canned, prometheus: &str| {
        let words = ["--stage", stage, "--for", lasting, "--every", "100ms", "--patience", "1s"];
        let mut command = tb();
        command.args(["rollout", "watch"]).args(words).args(["--rpc", &node.url, "--prometheus", prometheus]);
        run(command.arg("--notify").arg(&program).arg("--home").arg(folder))
    };
    let watch = |node: &Canned, prometheus: &str| watch_at("testnet", "1500ms", node, prometheus);
    let (calm, gossip) = (Canned::firing(&[]), Canned::firing(&["GossipDropped", "ProveSlow"]));
    let moving = Canned::moving(good);
    let quiet = watch(&moving, &calm.url).ok();
    assert!(quiet["looks"].as_u64() > Some(1) && !told.exists(), "{quiet}");
    let dead = "http://127.0.0.1:1";
    let cases = [
        (watch(&moving, &gossip.url), "alerts fire: GossipDropped, ProveSlow"),
        (watch(&moving, dead), "nobody watches: "),
        (watch(&Canned::node(good), &calm.url), "samples stay at height"),
    ];
    for (number, (ended, why)) in (1..).zip(cases) {
        let refused = ended.refused();
        assert_eq!((refused.exit, refused.code.as_str()), (10, "rollout_anomaly"), "{refused:?}");
        assert!(
            refused.error.contains(why) && refused.error.contains(&format!("incident {number} is in")),
            "{refused:?}"
        );
        let said = std::fs::read_to_string(&told).expect("the program was run");
        assert!(said.contains(why) && said.contains(&format!("\"number\": {number}")), "{said}");
    }
    watches_a_canary(good, &watch_at);
    // The program that tells a person fails: that is said too.
    std::fs::write(&program, "#!/bin/sh\nexit 3\n").expect("written");
    let alone = watch(&moving, &gossip.url).refused();
    assert!(alone.error.contains("tell them yourself"), "{alone:?}");
}

/// Three epochs at least, however short the time is, with votes, rewards and everything else that has an alert.
fn watches_a_canary(good: &rpc::types::RolloutStatus, watch: &dyn Fn(&str, &str, &Canned, &str) -> Ended) {
    let _canary = testkit::contract!("S001-038");
    let moving = Canned::moving(&rpc::types::RolloutStatus { epoch_blocks: 5, ..good.clone() });
    let calm = Canned::firing(&[]);
    let seen = watch("canary", "1ms", &moving, &calm.url).ok();
    assert!(seen["epochs"].as_u64() >= Some(3) && seen["looks"].as_u64() > Some(3), "{seen}");
    let unpaid = Canned::firing(&["RewardsOverdue"]);
    let silent = Canned::firing(&["ConsensusProofsFew", "ValidatorSilent"]);
    let unloaded = Canned::start(|_| r#"{"status":"success","data":{"groups":[],"alerts":[]}}"#.to_owned());
    let cases = [
        (&unpaid, "alerts fire: RewardsOverdue"),
        (&silent, "alerts fire: ConsensusProofsFew, ValidatorSilent"),
        (&unloaded, "nobody watches: alerts are not loaded: "),
    ];
    for (prometheus, why) in cases {
        let refused = watch("canary", "1ms", &moving, &prometheus.url).refused();
        assert_eq!((refused.exit, refused.code.as_str()), (10, "rollout_anomaly"), "{refused:?}");
        assert!(refused.error.contains(why), "{refused:?}");
    }
}

/// The check after a deployment, at a node whose telemetry stands still or cannot be encoded.
fn deployment_fails(good: &rpc::types::RolloutStatus) {
    let still = smoke_at(&Canned::node(good).url).refused();
    assert!(still.exit == 6 && still.error.contains("samples stay at height"), "{still:?}");
    let mut broken = good.clone();
    broken.telemetry.encode_failures = 1;
    let broken = smoke_at(&Canned::node(&broken).url).refused();
    assert_eq!((broken.exit, broken.code.as_str()), (4, "telemetry_encode"), "{broken:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_the_mainnet_is_compared_with_the_shipped_profile_when_it_is_activated() {
    let _mainnet = testkit::contract!("S001-019");
    let all = ["consensus_enforcement", "recursive_proofs", "timetoke_rewards", "witness_network"];
    let keys = |report: &Value| -> Vec<String> {
        let drift = report["drift"].as_array().expect("drift").iter();
        drift.filter_map(|one| one["key"].as_str().map(str::to_owned)).collect()
    };
    for (gates, wanted) in [(&all[..], "ok"), (&all[..3], "failed")] {
        // Two: a validator without peers is not ready.
        let mut cluster = Cluster::with_gates(Engine::Bft, 2, INTERVAL_MS, None, gates);
        cluster.nodes.iter_mut().for_each(|node| node.start_with(&[], &[("TB_RELEASE_CHANNEL", "mainnet")]));
        let node = &cluster.nodes[0];
        node.ready(START_TIME).await;
        // What runs.
        let running = rollout(node, &["check", "--stage", "mainnet"]).json();
        assert_eq!(verdict(&running, "config"), wanted, "{running}");
        let missing: &[&str] = if wanted == "ok" { &[] } else { &["rollout.feature_gates.witness_network"] };
        assert_eq!(keys(&running), missing, "{running}");
        // The file of the stage with the genesis of the chain: every key of [reference], not only the gates.
        let (config, genesis) = (cluster.folder().join("mainnet.toml"), node.home.join("genesis.json"));
        let profile = run(tb().args(["rollout", "profile", "--stage", "mainnet"]));
        assert_eq!(profile.code, Some(0), "{profile:?}");
        let path = |path: &Path| path.to_str().expect("text").to_owned();
        let words = ["check", "--stage", "mainnet", "--config", &path(&config), "--genesis", &path(&genesis)];
        std::fs::write(&config, &profile.stdout).expect("written");
        let report = rollout(node, &words).json();
        assert_eq!(
            (verdict(&report, "config"), keys(&report)),
            (wanted, missing.iter().map(|key| (*key).to_owned()).collect())
        );
        std::fs::write(&config, profile.stdout.replace("mempool_limit = 8192", "mempool_limit = 99")).expect("written");
        let report = rollout(node, &words).json();
        assert!(
            verdict(&report, "config") == "failed" && keys(&report).contains(&"mempool_limit".to_owned()),
            "{report}"
        );
        cluster.check_no_panic();
    }
}
