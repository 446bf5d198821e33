//! The pipeline view: four series, the snapshot, the list of transactions, the stream and the script of deployments.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use primitives::{Engine, Params};
use rpc::types::{PipelineTelemetry, Stage};
use serde_json::{Value, json};

use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME, until};
use crate::command::without_ours;
use crate::pay::Payer;
use crate::proofs::prover_in;

/// Payments of the test.
const PAYMENTS: u64 = 30;

fn script(rpc: &str) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/ci/pipeline_observability.sh");
    let mut command = Command::new("bash");
    without_ours(&mut command);
    command.arg(script).args(["--rpc", rpc]).output().expect("bash")
}

/// The script that judges the proofs of a node, while it runs.
pub struct ProofWatch(Child);

impl ProofWatch {
    /// Starts it, and waits until it has seen the node as it is now.
    pub fn start(rpc: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/ci/proof_pipeline.py");
        let mut command = Command::new("python3");
        without_ours(&mut command);
        command.arg(script).args(["--rpc", rpc, "--patience", "60"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut watch = Self(command.spawn().expect("python3"));
        let mut first = [0; 16];
        watch.0.stdout.as_mut().expect("a pipe").read_exact(&mut first).expect("its first line");
        assert_eq!(&first, b"   proven height");
        watch
    }

    /// It ends with 1 and these words.
    pub fn fails(mut self, words: &str) {
        let mut said = String::new();
        self.0.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        let ended = self.0.wait().expect("ours");
        assert!(ended.code() == Some(1) && said.starts_with("FAILED: proofs: ") && said.contains(words), "{said}");
    }
}

impl Drop for ProofWatch {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Finalized transactions that the snapshot counts, and the refused ones.
fn counts(told: &PipelineTelemetry) -> (u64, u64) {
    let finalized = told.stages.iter().find(|stage| stage.stage == Stage::Finalized).expect("the stage");
    let refused = told.errors.iter().find(|errors| errors.stage == Stage::Received).expect("the stage");
    (finalized.count, refused.count)
}

async fn post_wait(node: &Node, body: &Value) -> (u16, Value) {
    let url = format!("{}/wallet/pipeline/wait", node.ports.rpc_url());
    let answer = reqwest::Client::new().post(url).json(body).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

/// The suite for deployed nodes, which awaits a proof for so many seconds; `account` of the cluster pays.
fn suite(cluster: &Cluster, account: &str, patience: &str) -> (Option<i32>, String) {
    let mut command = Command::new("bash");
    without_ours(&mut command);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/pipeline/run.sh"));
    command.env("TB", env!("CARGO_BIN_EXE_tb")).args(["--rpc", &cluster.nodes[0].ports.rpc_url()]);
    command.args(["--proof-patience", patience, "--from", account, "--home"]).arg(&cluster.network.root);
    let ended = command.output().expect("bash");
    (ended.status.code(), String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_for_deployed_nodes_judges_blocks_and_proofs() {
    let _suite = testkit::contract!("S001-023");
    let params = Params { window_blocks: 8, ..Params::default() };
    let mut cluster = Cluster::with_gates(Engine::Bft, 1, INTERVAL_MS, Some(params), &["recursive_proofs"]);
    cluster.nodes[0].start_with(&["--set", "rollout.telemetry.sample_interval_ms=200"], &[]);
    cluster.nodes[0].ready(START_TIME).await;
    // Nobody proves: the blocks are good, and it fails with the name of what stands still.
    let (code, said) = suite(&cluster, "account-4", "1");
    assert!(code == Some(1) && said.contains("3. the commitment moves on") && !said.contains("OK: "), "{said}");
    assert!(said.contains("FAILED: proofs: none of a later height than 0 within 1 s; is a prover running"), "{said}");
    let mut prover = prover_in(&cluster, "prover");
    let (code, said) = suite(&cluster, "account-5", "120");
    assert!(code == Some(0) && said.contains("OK: transaction, identity and commitment"), "{said}");
    assert!(said.contains("   proven height ") && said.contains("OK: tests/pipeline at"), "{said}");
    let proven = cluster.nodes[0].client().proof_status().await.expect("it answers");
    assert!(proven.next_window > 0, "a real proof was taken: {proven:?}");
    assert_eq!(prover.interrupt(Duration::from_secs(20)), Some(0));
    cluster.check_no_panic();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pipeline_is_counted_told_listed_and_streamed() {
    let _latency = testkit::contract!("S000-085");
    let _errors = testkit::contract!("S000-086");
    let _gossip = testkit::contract!("S000-087");
    let _rotations = testkit::contract!("S000-088");
    let _snapshot = testkit::contract!("S000-089");
    let _script = testkit::contract!("S000-090");
    let mut cluster = Cluster::new(Engine::Bft, 4, INTERVAL_MS);
    cluster.start_all();
    cluster.all_ready().await;
    let node = &cluster.nodes[0];
    let early = script(&node.ports.rpc_url());
    assert_eq!(early.status.code(), Some(1), "nothing was finalized yet");
    assert!(String::from_utf8_lossy(&early.stderr).contains("no transaction was finalized"), "{early:?}");

    let (mut payer, to) = (Payer::funded(&cluster.network, 1), Payer::funded(&cluster.network, 2).address);
    let mut last = None;
    for _ in 0..PAYMENTS {
        let transaction = payer.pay(to, 5);
        node.client().submit(&payer.request(&transaction)).await.expect("admitted");
        last = Some(transaction.id());
    }
    let last = last.expect("several payments");
    let (status, answer) = post_wait(node, &json!({"id": last, "timeout_ms": 20_000})).await;
    assert_eq!((status, answer["stage"].as_str()), (200, Some("finalized")), "{answer}");
    // A body that is none, one with a typing error, and a transaction that nobody knows.
    let wrong = [(json!({"id": last, "stages": "finalized"}), 400), (json!([1]), 400), (json!({"id": "00"}), 400)];
    for (body, expected) in wrong {
        let (status, answer) = post_wait(node, &body).await;
        assert_eq!(status, expected, "{answer}");
        assert!(answer["hint"].is_string(), "{answer}");
    }
    let unknown = json!({"id": "ee".repeat(32), "timeout_ms": 10});
    assert_eq!(post_wait(node, &unknown).await.0, 404);

    // The nonce is used: refused at the door.
    let mut again = payer.body(to, 6);
    again.nonce = primitives::Nonce::new(0).expect("zero");
    let again = payer.sign(again);
    node.client().submit(&payer.request(&again)).await.expect_err("the nonce is used");

    let told = until("the counts", START_TIME, async || {
        let told = node.client().pipeline_telemetry().await.ok()?;
        (counts(&told) == (PAYMENTS, 1)).then_some(told)
    })
    .await;
    for stage in told.stages.iter().filter(|stage| matches!(stage.stage, Stage::Admitted | Stage::Finalized)) {
        assert!(stage.p50_ms <= stage.p95_ms && stage.p95_ms <= stage.p99_ms && stage.p99_ms.is_some(), "{stage:?}");
    }
    // The lottery of turns may give one validator several heights in a row.
    until("another proposer", START_TIME, async || {
        (node.client().pipeline_telemetry().await.ok()?.proposer_changes > 0).then_some(())
    })
    .await;
    assert!((node.metric("pipeline_stage_latency_ms_count{stage=\"finalized\"}").await - 30.0).abs() < 0.5);
    assert!((node.metric("pipeline_errors_total{stage=\"received\"}").await - 1.0).abs() < 0.5);
    assert!(node.metric("pipeline_leader_rotations_total").await > 0.5);
    let other = &cluster.nodes[1];
    until("a batch from a peer", START_TIME, async || {
        let accepted = other.metric("pipeline_gossip_events_total{verdict=\"accepted\"}").await;
        (accepted > 0.5).then_some(())
    })
    .await;

    let board = node.client().pipeline_dashboard().await.expect("the dashboard");
    let newest = board.flows.first().expect("the refused one");
    assert_eq!((newest.id, newest.stage, newest.height), (again.id(), Stage::Rejected, None));
    assert_eq!(newest.reason.as_deref(), Some("nonce_too_low"));
    let paid = board.flows.iter().find(|flow| flow.id == last).expect("the last payment");
    assert!(paid.height.is_some() && paid.reached.len() >= 4, "{paid:?}");

    let done = script(&node.ports.rpc_url());
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && out.contains("OK: the pipeline of"), "{out}{err}");
    let nowhere = script("http://127.0.0.1:1");
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("does not answer"));
    cluster.check_no_panic();
}
