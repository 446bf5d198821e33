//! Changes of `node.toml` while the node runs.

use std::time::{Duration, Instant};

use primitives::Engine;

use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME, until};
use crate::command::run_in;

const PATIENCE: Duration = Duration::from_secs(10);

async fn counted(node: &Node, name: &str, wanted: f64) {
    until(&format!("{name} {wanted}"), PATIENCE, async || (node.metric(name).await >= wanted).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_node_takes_what_is_live_and_refuses_a_bad_file_as_a_whole() {
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    cluster.nodes[0].start_with(&["--pruning-emergency-pause"], &[]);
    let node = &cluster.nodes[0];
    node.ready(START_TIME).await;
    let url = node.ports.rpc_url();
    let limits = async || node.client().limits().await.expect("limits");
    assert_eq!(limits().await.read_burst, Some(120));

    // The command writes the file; the node takes what the table marks as live, and names the rest.
    let settings = [
        ("rpc.rate_limit.read_burst", "7"),
        ("log.level", "debug"),
        ("mempool_limit", "99"),
        ("queue_weights.priority", "0.6"),
        ("queue_weights.fee", "0.4"),
        ("rollout.telemetry.sample_interval_ms", "100"),
        ("rollout.telemetry.trace_sample_ratio", "0.25"),
        ("moniker", "renamed"),
    ];
    let words: Vec<&str> =
        ["config", "set"].into_iter().chain(settings.iter().flat_map(|(key, value)| [*key, *value])).collect();
    let written = run_in(&node.home, &words).ok();
    let live: Vec<bool> =
        written["changes"].as_array().expect("changes").iter().map(|change| change["live"] == true).collect();
    assert_eq!(live, [true, true, true, true, true, true, true, false], "{written}");
    counted(node, "config_reloads_total", 1.0).await;
    let taken = limits().await;
    assert_eq!((taken.read_burst, taken.mempool_limit), (Some(7), 99));
    let mempool = node.client().mempool_status().await.expect("a status");
    assert_eq!((mempool.queue_weights.priority_ppm, mempool.transactions.limit), (600_000, 99));
    let telemetry = node.client().rollout_status().await.expect("a status").telemetry;
    assert_eq!((telemetry.sample_interval_ms, telemetry.trace_sample_ppm), (100, 250_000));
    drifts(node);
    let log = node.log();
    let line = |words: &[&str]| log.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(
        line(&["in force", "log.level", "rpc.rate_limit.read_burst", "mempool_limit", "queue_weights.fee"]),
        "{log}"
    );
    assert!(line(&["counts at the next start", "moniker"]), "{log}");
    until("a line of the new level", PATIENCE, async || node.log().contains(" DEBUG ").then_some(())).await;

    // A flag is stronger than the file: what it hides is named, and the pause stays until the node is started without it.
    assert!(!node.log().contains("stronger"), "nothing is hidden yet");
    run_in(&node.home, &["config", "set", "pruning.emergency_pause", "false"]).ok();
    until("the key that a flag hides", PATIENCE, async || {
        let log = node.log();
        let is_named =
            |line: &str| ["pruning.emergency_pause", "flag", "stronger"].iter().all(|word| line.contains(word));
        log.lines().any(is_named).then_some(())
    })
    .await;
    assert!(node.client().pruning_status().await.expect("a status").emergency_pause, "it stays");

    // One bad value: nothing of the file is taken, and the key is named.
    let path = node.home.join("node.toml");
    let good = std::fs::read_to_string(&path).expect("the file");
    let bad = good.replace("read_burst = 7", "read_burst = \"many\"").replace("level = \"debug\"", "level = \"error\"");
    assert_ne!(bad, good);
    std::fs::write(&path, bad).expect("written");
    counted(node, "config_reload_failures_total", 1.0).await;
    assert_eq!(limits().await.read_burst, Some(7), "the old values stay");
    assert!(node.log().lines().any(|line| line.contains("old values stay") && line.contains("read_burst")));

    // Right again, with writes switched off, by a file that takes the place of the old one.
    let beside = node.home.join("beside");
    std::fs::write(&beside, good.replace("read_burst = 7", "read_burst = 8\nwrite_burst = 0")).expect("written");
    std::fs::rename(&beside, &path).expect("in place");
    counted(node, "config_reloads_total", 3.0).await;
    let taken = limits().await;
    assert_eq!((taken.read_burst, taken.write_burst), (Some(8), None));
    assert!(reqwest::get(format!("{url}/health/ready")).await.expect("an answer").status().is_success());

    // A file that is moved away is no wish for defaults.
    let failures = node.metric("config_reload_failures_total").await;
    std::fs::rename(&path, &beside).expect("moved away");
    counted(node, "config_reload_failures_total", failures + 1.0).await;
    let kept = limits().await;
    assert_eq!((kept.read_burst, kept.write_burst, kept.mempool_limit), (Some(8), None, 99), "the old values stay");
    assert!(node.log().lines().any(|line| line.contains("old values stay") && line.contains("does not exist")));
    std::fs::rename(&beside, &path).expect("moved back");
    counted(node, "config_reloads_total", 4.0).await;
    cluster.check_no_panic();
}

/// What a running node took is compared with the reference of its stage, and not what its file said at the start.
fn drifts(node: &Node) {
    let words = ["rollout", "check", "--stage", "development", "--rpc", &node.ports.rpc_url()];
    let report = run_in(&node.home, &words).json();
    let drift: Vec<&str> =
        report["drift"].as_array().expect("drift").iter().filter_map(|one| one["key"].as_str()).collect();
    assert_eq!(drift, ["mempool_limit", "queue_weights.fee", "queue_weights.priority"], "{report}");
}

/// A pause between two looks that is longer than any test.
const HOUR: &str = "config_poll_ms=3600000";
/// One that a test can wait for, milliseconds.
const POLL_MS: u64 = 2_000;
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_told_by_the_system_and_else_seen_within_one_poll_interval() {
    let _reload = testkit::contract!("S004-077");
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let elsewhere = cluster.folder().join("elsewhere.toml");
    let node = &mut cluster.nodes[0];
    let limit = async |node: &Node| node.client().limits().await.expect("limits").mempool_limit;

    // The next look is an hour away: what is taken now, the system has told of.
    node.start_with(&["--set", HOUR], &[]);
    node.ready(START_TIME).await;
    run_in(&node.home, &["config", "set", "mempool_limit", "99"]).ok();
    counted(node, "config_reloads_total", 1.0).await;
    assert_eq!(limit(node).await, 99);
    node.stop();

    // A link whose target lies in another folder: of a change there nobody tells.
    let file = node.home.join("node.toml");
    std::fs::rename(&file, &elsewhere).expect("moved");
    std::os::unix::fs::symlink(&elsewhere, &file).expect("a link");
    let write = |before: u64, after: u64| {
        let text = std::fs::read_to_string(&elsewhere).expect("the file");
        let changed = text.replace(&format!("mempool_limit = {before}"), &format!("mempool_limit = {after}"));
        assert_ne!(text, changed);
        std::fs::write(&elsewhere, changed).expect("written");
    };
    node.start_with(&["--set", HOUR], &[]);
    node.ready(START_TIME).await;
    write(99, 98);
    tokio::time::sleep(Duration::from_millis(POLL_MS)).await;
    assert_eq!(limit(node).await, 99, "nobody told, and the next look is an hour away");
    node.stop();

    // Polling alone sees it, within the interval that was chosen.
    let poll = format!("config_poll_ms={POLL_MS}");
    node.start_with(&["--set", &poll], &[]);
    node.ready(START_TIME).await;
    assert_eq!(limit(node).await, 98);
    write(98, 97);
    let changed = Instant::now();
    counted(node, "config_reloads_total", 1.0).await;
    assert!(changed.elapsed() < Duration::from_millis(POLL_MS) + SLACK, "{:?}", changed.elapsed());
    assert_eq!(limit(node).await, 97);
    cluster.check_no_panic();
}
