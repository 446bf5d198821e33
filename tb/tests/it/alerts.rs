//! Alerts on a running network, judged by a real Prometheus: a fault makes its own fire and no other critical one, the commands of the runbook clear
//! them, and every expression of a dashboard resolves meanwhile.
//!
//! A few faults run on every change; `cargo xtask nightly alerts` runs all of them, by the ignored test below: a fault for every critical alert.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use monitoring::Severity;
use rpc::types::{Stage, WaitQuery};
use serde_json::Value;

use crate::alert_faults::Fault;
use crate::alert_ground::{Ground, every_expression_resolves};
use crate::alert_remedies::{script, with_a_block};
use crate::cluster::until;
use crate::command::{run, tb};
use crate::failing_disk::FailingDisk;
use crate::pay::Payer;
use crate::prometheus::Prometheus;
use crate::proofs::prover_in;

/// Longest time for a window to be proven on a busy machine.
const PROVE_TIME: Duration = Duration::from_secs(90);
/// Minutes that the check of expressions looks back: the whole of a short drill.
const MINUTES: u64 = 5;
/// Where the ignored test keeps its lines; a fault that has them is not brought again.
const JOURNAL: &str = "ALERTS_JOURNAL";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn every_critical_alert_has_a_fault_and_every_block_of_a_remedy_a_drill() {
    let critical: BTreeSet<&str> =
        monitoring::alerts().filter(|alert| alert.severity == Severity::Critical).map(|alert| alert.name).collect();
    let mut drilled = BTreeSet::new();
    for fault in Fault::ALL {
        for alert in fault.alerts() {
            assert!(drilled.insert(*alert), "{alert} has two faults");
        }
        assert!(
            fault.also().iter().all(|alert| critical.contains(alert)),
            "{fault:?} names an alert that is not critical"
        );
    }
    assert_eq!(with_a_block(), drilled.iter().copied().collect::<Vec<_>>(), "a block `sh fix` is run by a drill");
    for alert in &drilled {
        assert!(script(alert).lines().count() > 0, "{alert}");
    }
    let missing: Vec<_> = critical.difference(&drilled).collect();
    assert!(missing.is_empty(), "{missing:?} have no fault that makes them fire");
}

/// Payments in at every validator, all final, one of them handed in twice; a proof that is there already, and one that is not;
/// a snapshot of the first node.
async fn use_it(ground: &Ground, round: usize) {
    for (index, mut payer) in Payer::all(&ground.cluster.network).into_iter().skip(4 * round).take(4).enumerate() {
        let (node, to) = (&ground.cluster.nodes[index], payer.stranger(7).address);
        for amount in 1..=3 {
            let transaction = payer.pay(to, amount);
            let id = node.client().submit(&payer.request(&transaction)).await.expect("admitted").id;
            let wait = WaitQuery { stage: Some(Stage::Finalized), timeout_ms: Some(30_000) };
            node.client().transaction_wait(id, wait).await.expect("it is final");
            node.client().submit(&payer.request(&transaction)).await.expect_err("it is in a block");
        }
    }
    let client = ground.cluster.nodes[0].client();
    let window = client.window_proof(0).await.expect("it is proven");
    client.submit_window(window, None).await.expect_err("it is there");
    client.window_proof(9_999).await.expect_err("nobody proved it");
    // Its peers hear of it and have none.
    client.make_snapshot().await.expect("there is room for it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_fire_and_clear_on_a_running_network_and_every_panel_has_values() {
    if !Prometheus::is_here() {
        eprintln!("this machine has no prometheus, so no alert was shown; scripts/bootstrap.sh installs it");
        testkit::lacks!("S004-365", "prometheus");
        return;
    }
    let mut ground = Ground::prepare(false).await;
    assert_eq!(ground.prometheus.alert_rules().await, Some(monitoring::alerts().count()), "every rule is loaded");
    rollout_check_sees_the_rules(&ground);
    let mut prover = prover_in(&ground.cluster, "first-prover");
    prover.event("proven", PROVE_TIME);
    use_it(&ground, 0).await;
    let stream = format!("{}/wallet/pipeline/stream", ground.cluster.nodes[0].ports.rpc_url());
    let stream = reqwest::get(stream).await.expect("a stream");
    assert!(stream.status().is_success(), "{stream:?}");
    ground.drill(Fault::Killed).await;
    drop(stream);
    prover.event("proven", PROVE_TIME);
    // It gives back what it has claimed; a killed one would keep it for a while.
    assert_eq!(prover.interrupt(PROVE_TIME), Some(0));
    ground.drill(Fault::ProverFails).await;
    ground.drill(Fault::TamperedProofs).await;
    ground.drill(Fault::Partition).await;
    ground.drill(Fault::DiskFull).await;
    use_it(&ground, 1).await;
    until("a scrape after the last use", PROVE_TIME, async || {
        let moved = ground.prometheus.value("sum(changes(proof_refused_total[5m]))").await?;
        (moved > 0.5).then_some(())
    })
    .await;
    every_expression_resolves(&ground, MINUTES);
    runbook_queries_run(&ground.prometheus.url);
    ground.cluster.check_no_panic();
}

/// `tb rollout check` finds every rule of this version in a real Prometheus.
fn rollout_check_sees_the_rules(ground: &Ground) {
    let url = ground.cluster.nodes[0].ports.rpc_url();
    let words = ["rollout", "check", "--stage", "testnet", "--rpc", &url, "--prometheus", &ground.prometheus.url];
    let report = run(tb().args(words)).json();
    let checks = report["checks"].as_array().expect("checks");
    let rules = checks.iter().find(|one| one["check"] == "alert_rules").expect("it is asked");
    assert_eq!(rules["verdict"], "ok", "{rules}");
}

/// The block of the runbooks that asks Prometheus, line by line as it stands there.
fn runbook_queries_run(url: &str) {
    let _queries = testkit::contract!("S004-365");
    let page = std::fs::read_to_string(root().join("docs/runbooks/README.md")).expect("the page");
    let (_, section) = page.split_once("\n## Ask Prometheus\n").expect("the section");
    let (_, block) = section.split("```").nth(1).and_then(|block| block.split_once('\n')).expect("a block");
    let lines: Vec<String> = block.replace("\\\n", " ").lines().map(str::to_owned).collect();
    assert!(lines.len() > 5 && lines.iter().any(|line| line.contains("/api/v1/query_range")), "{lines:?}");
    for line in lines {
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &line]).current_dir(root()).env("PROMETHEUS_URL", url);
        let output = shell.output().expect("bash");
        let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{line}: {wrong}");
        if line.contains("--raw") || line.starts_with("curl ") {
            let answer: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{line}: {error}: {said}"));
            assert_eq!(answer["status"], "success", "{line}: {said}");
            let is_curve = answer["data"]["result"][0]["values"].as_array().is_some_and(|curve| curve.len() > 2);
            assert!(is_curve || line.contains("--raw"), "{line}: {said}");
        } else {
            assert!(said.trim().parse::<f64>().is_ok(), "{line}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "ten minutes of faults, and small disks that are mounted; cargo xtask nightly alerts runs it"]
async fn every_critical_alert_fires_and_clears() {
    assert!(Prometheus::is_here(), "prometheus is needed: scripts/bootstrap.sh installs it");
    assert!(Ground::can_mount(), "the right to mount small disks is needed");
    assert!(FailingDisk::is_possible(), "strace and the right to use it are needed: scripts/bootstrap.sh installs it");
    let journal = PathBuf::from(std::env::var_os(JOURNAL).expect("where the lines go"));
    let done = std::fs::read_to_string(&journal).unwrap_or_default();
    let is_done = |alert: &str| done.contains(&format!("\"alert\":\"{alert}\""));
    let mut ground = None;
    for fault in Fault::ALL.into_iter().filter(|fault| !fault.alerts().iter().all(|alert| is_done(alert))) {
        if fault == Fault::ProofsLag {
            // Two networks at a time are one too many.
            drop(ground.take());
            ground = Some(Ground::prepare_for_lag().await);
        }
        if ground.is_none() {
            ground = Some(Ground::prepare(true).await);
        }
        let ground = ground.as_mut().expect("it was just made");
        let rows: Vec<Value> = ground.drill(fault).await;
        let mut file = OpenOptions::new().create(true).append(true).open(&journal).expect("the journal");
        for row in rows {
            writeln!(file, "{row}").expect("written");
        }
        ground.cluster.check_no_panic();
    }
}
