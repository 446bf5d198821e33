//! Windows are proven beside a running network, a light client checks them, and no lie passes.
//!
//! One network for everything, because blocks and proofs take their time: four validators with blocks of 100 ms and
//! windows of eight heights, one prover.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use primitives::{
    Address, Amount, CommitCertificate, CommitSignature, Engine, Header, Height, LedgerSlot, Params, Round, SecretKey,
    TransactionId, ValidatorSet, Vote, VoteKind, decode, encode,
};
use rpc::types::{BlockId, CertifiedBlock, ClaimRequest, FamilyState, ProvenAccount, Stage, WaitQuery};
use rpc::{Client, ClientError};
use serde_json::Value;
use testkit::Seed;
use testkit::collector::{Collector, Manner, text};
use tree::LedgerProof;
use wallet::ValidatorKey;

use crate::cluster::{Cluster, Node, START_TIME, until};
use crate::command::{Ended, Running, run, run_in, tb};
use crate::pay::Payer;
use crate::pipeline::ProofWatch;
use crate::proxy::Proxy;
use crate::{key_cache, postmortem};

/// Heights of one window.
const WINDOW: u64 = 8;
/// Longest time for a window to be proven on a busy machine.
const PROVE_TIME: Duration = Duration::from_secs(60);
/// Random alterations of answers.
const ALTERATIONS: usize = 24;

fn prover(cluster: &Cluster) -> Running {
    prover_in(cluster, "prover")
}

/// A prover of the first node with a folder of its own.
pub fn prover_in(cluster: &Cluster, home: &str) -> Running {
    let home = cluster.folder().join(home);
    let url = cluster.nodes[0].ports.rpc_url();
    let genesis = cluster.nodes[0].home.join("genesis.json");
    let mut command = tb();
    command.args(["prover", "--json", "--windows-only", "--threads", "1", "--nice", "5", "--node", &url, "--genesis"]);
    command.arg(genesis);
    Running::start(command.arg("--home").arg(home))
}

/// Checks the chain window by window, for want of a chain proof.
fn verify(cluster: &Cluster, url: &str, words: &[&str]) -> Ended {
    verify_with(cluster, url, &[words, &["--windows", "1000"]].concat())
}

/// Runs `tb light verify` with the cluster's genesis.
pub fn verify_with(cluster: &Cluster, url: &str, words: &[&str]) -> Ended {
    let genesis = cluster.nodes[0].home.join("genesis.json");
    let mut command = tb();
    command.args(["light", "verify", "--rpc", url, "--genesis"]).arg(genesis).args(words);
    run(command.arg("--home").arg(&cluster.network.root))
}

/// The refusal's name.
pub fn code(refused: Result<impl std::fmt::Debug, ClientError>) -> String {
    match refused {
        Err(ClientError::Api(error)) => error.code,
        other => panic!("a refusal was expected: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_are_proven_beside_the_chain_and_no_lie_passes() {
    let params = Params { window_blocks: WINDOW, ..Params::default() };
    let mut cluster = Cluster::with_params(Engine::Bft, 4, 100, Some(params));
    let collector = Collector::grpc(None, Manner::Takes).await;
    cluster.nodes[0].start_with(&["--telemetry", "--telemetry-endpoint", &collector.url], &[]);
    cluster.start_all();
    cluster.all_ready().await;
    let client = cluster.nodes[0].client();
    let before = client.proof_status().await.expect("it answers");
    assert_eq!((before.proven_height, before.next_window, before.chain), (Height(0), 0, None));
    assert!(before.security_bits >= 100);

    let mut payer = Payer::funded(&cluster.network, 1);
    let payee = Payer::funded(&cluster.network, 2).address;
    let payment = payer.pay(payee, 1_250_000);
    let id = client.submit(&payer.request(&payment)).await.expect("it is admitted").id;
    let paid = cluster.nodes[0].finalized(id).await;
    let paid_at = paid.height.expect("it is in a block");

    // Killed in the middle of a window, the prover makes it again after its restart and hands it in.
    let mut first = prover(&cluster);
    let proving = first.event("proving", PROVE_TIME);
    assert_eq!(proving["window"], 0);
    first.kill();
    let mut second = prover(&cluster);
    let proven = second.event("proven", PROVE_TIME);
    println!("window 0: {} ms, {} bytes", proven["elapsed_ms"], proven["bytes"]);
    until("two windows and the payment's", PROVE_TIME, async || {
        let height = client.proof_status().await.ok()?.proven_height;
        (height >= Height(2 * WINDOW) && height >= paid_at).then_some(())
    })
    .await;
    let wait = WaitQuery { stage: Some(Stage::Proven), timeout_ms: Some(10_000) };
    let status = client.transaction_wait(id, wait).await.expect("its window is proven");
    assert_eq!(status.stage, Stage::Proven);
    shows_the_last_stage(&cluster.nodes[0], id, &collector).await;
    assert_eq!(second.interrupt(Duration::from_secs(10)), Some(0), "Ctrl-C ends it in order");
    shares_windows(&cluster);

    shows_where_the_proofs_are(&client, paid_at).await;
    counts_what_waits(&client).await;
    refuses_by_name(&client).await;
    shows_failures_and_recovery(&cluster).await;
    keeps_them(&mut cluster).await;
    let client = cluster.nodes[0].client();
    names_torn_files(&cluster);
    key_cache::fills_and_heals(&cluster, &client).await;
    checks_the_chain(&cluster, &client, payee).await;
    no_lie_passes(&cluster, &client, payee).await;
    cluster.check_no_panic();
}

/// The pipeline view counts the proof once, its dashboard and its span tell of it.
async fn shows_the_last_stage(node: &Node, id: TransactionId, collector: &Collector) {
    let client = node.client();
    let told = client.pipeline_telemetry().await.expect("it answers");
    let proven = told.stages.iter().find(|stage| stage.stage == Stage::Proven).expect("the stage");
    assert!(proven.count == 1 && proven.p50_ms.is_some() && proven.p50_ms == proven.p99_ms, "{proven:?}");
    assert!((node.metric("pipeline_stage_latency_ms_count{stage=\"proven\"}").await - 1.0).abs() < 0.5);
    let board = client.pipeline_dashboard().await.expect("the dashboard");
    let flow = board.flows.iter().find(|flow| flow.id == id).expect("the payment");
    assert!(flow.stage == Stage::Proven && flow.height.is_some(), "{flow:?}");
    let span = until("the span of the proof", START_TIME, async || {
        collector.spans().into_iter().find(|span| span.name == "transaction.proven")
    })
    .await;
    let root = collector.spans().into_iter().find(|root| root.span_id == span.parent_span_id).expect("its transaction");
    assert_eq!((root.name.as_str(), text(&root.attributes, "transaction")), ("transaction", Some(id.to_string())));
    assert_eq!(root.trace_id, span.trace_id);
    assert!(
        span.start_time_unix_nano >= root.end_time_unix_nano && span.end_time_unix_nano >= span.start_time_unix_nano
    );
}

/// Two provers of one node never work on the same window, and each brings what it has.
fn shares_windows(cluster: &Cluster) {
    let mut provers = ["prover", "prover-2"].map(|home| prover_in(cluster, home));
    let mut worked = Vec::new();
    for prover in &mut provers {
        // Two windows of each, whatever was told in between.
        for _ in 0..2 {
            let told = prover.events_until("proven", PROVE_TIME);
            worked.extend(told.iter().filter(|one| one["event"] == "proving").map(|one| one["window"].as_u64()));
            assert!(told.iter().all(|one| one["event"] != "called_off"), "{told:?}");
        }
    }
    for prover in &mut provers {
        assert_eq!(prover.interrupt(Duration::from_secs(10)), Some(0));
    }
    let count = worked.len();
    worked.sort_unstable();
    worked.dedup();
    assert_eq!(worked.len(), count, "a window was proven twice");
}

async fn shows_where_the_proofs_are(client: &Client, paid_at: Height) {
    let _verdicts = testkit::contract!("S000-098");
    let _cache = testkit::contract!("S002-023");
    let _circuits = testkit::contract!("S002-025");
    let _latency = testkit::contract!("S002-019");
    let _sizes = testkit::contract!("S002-027");
    let node = client.node_status().await.expect("it answers");
    let proofs = client.proof_status().await.expect("it answers");
    assert_eq!(node.proven_height, Some(proofs.proven_height));
    assert_eq!(proofs.proven_height, Height(proofs.next_window * WINDOW));
    let verdicts = node.verifier_metrics.per_backend.get("plonky3").expect("the one backend");
    // One of the two provers may have brought a window above one that nobody has proven yet.
    let brought = proofs.next_window..=proofs.next_window + 2;
    assert!(brought.contains(&verdicts.accepted) && verdicts.rejected == 0, "{verdicts:?}, {proofs:?}");
    assert!(verdicts.verification_ms > 0);
    let health = &node.backend_health.plonky3;
    assert!(health.healthy && brought.contains(&health.cache_size) && health.active_circuits.len() == 9, "{health:?}");
    assert_eq!(node.proof_families, proofs.families);
    let family = |name: &str| node.proof_families.iter().find(|family| family.name == name).map(|family| family.state);
    assert_eq!(family("transaction"), Some(FamilyState::Proven));
    for name in ["state", "pruning", "uptime", "consensus"] {
        assert_eq!(family(name), Some(FamilyState::Attested), "{name} is not proven, and nothing may say so");
    }
    let block = client.block_proof(paid_at).await.expect("it is proven");
    assert!(block.first_height <= paid_at && paid_at <= block.last_height);
    assert_eq!(block.window, (paid_at.0 - 1) / WINDOW);
    let metrics = client.metrics().await.expect("metrics");
    for name in [
        "proven_height",
        "rpp_runtime_proof_generation_latency_ms_count{backend=\"plonky3\",proof=\"window\"}",
        "rpp_runtime_proof_verification_latency_ms_count{backend=\"plonky3\"}",
        "proof_verification_latency_count{backend=\"plonky3\"}",
        "proof_size_bytes_count{proof=\"window\"}",
    ] {
        assert!(metrics.contains(name), "{name} is missing");
    }
}

async fn refuses_by_name(client: &Client) {
    let _failures = testkit::contract!("S002-021");
    let _tampered = testkit::contract!("S002-029");
    let _hits = testkit::contract!("S002-028");
    let next = client.proof_status().await.expect("it answers").next_window;
    let good = client.window_proof(0).await.expect("window 0 is proven");
    assert_eq!(code(client.submit_window(good.clone(), None).await), "proof_exists");
    let renamed = |window: u64| [window.to_le_bytes().as_slice(), &good[8..]].concat();
    assert_eq!(code(client.submit_window(renamed(next + 1), None).await), "proof_not_next");
    // The chain has gone on, so the next window is closed: what is refused is the proof.
    let watch = ProofWatch::start(client.base_url());
    assert_eq!(code(client.submit_window(renamed(next), None).await), "proof_rejected");
    watch.fails("the node rejected 1 of them");
    assert_eq!(code(client.submit_window(vec![1; 20], None).await), "bad_request");
    assert_eq!(code(client.submit_window(vec![0; 4 * 1024 * 1024 + 1], None).await), "body_too_large");
    assert_eq!(code(client.window_proof(next).await), "not_found");
    let chain = reqwest::get(format!("{}/proofs/chain", client.base_url())).await.expect("it answers");
    assert_eq!(chain.status().as_u16(), 409);
    let refusal: Value = chain.json().await.expect("a refusal");
    assert_eq!(refusal["code"], "proof_unavailable");
    assert_eq!(client.proof_status().await.expect("it answers").next_window, next, "nothing was taken");
    let verdicts = client.node_status().await.expect("it answers").verifier_metrics.per_backend["plonky3"];
    assert_eq!(verdicts.rejected, 1);
    let metrics = client.metrics().await.expect("metrics");
    for sample in [
        "rpp_runtime_proof_verification_failures_total{backend=\"plonky3\"} 1",
        "proof_tamper_rejections_total{backend=\"plonky3\"} 1",
        "proof_tampered_accepted_total{backend=\"plonky3\"} 0",
        "proof_cache_hits_total 1",
        "proof_cache_misses_total 2",
        "proof_refused_total{reason=\"exists\"} 1",
        "proof_refused_total{reason=\"not_next\"} 1",
    ] {
        assert!(metrics.contains(sample), "{sample} is missing");
    }
}

/// A failure that a prover reports shows in the status, until a proof is taken: that is the recovery event. All that
/// the prover logs can be told apart.
async fn shows_failures_and_recovery(cluster: &Cluster) {
    let _failures = testkit::contract!("S002-020");
    let _recovery = testkit::contract!("S002-033");
    let _target = testkit::contract!("S002-037");
    let client = cluster.nodes[0].client();
    let stranger = || ClaimRequest { prover: "stranger".to_owned(), ..ClaimRequest::default() };
    let failed = ClaimRequest { failure: Some("no memory".to_owned()), ..stranger() };
    // Who has nothing in hand cannot have failed.
    let passer = ClaimRequest { prover: "passer-by".to_owned(), leaves: true, ..failed.clone() };
    client.claim_window(&passer).await.expect("it is answered");
    let health = client.node_status().await.expect("it answers").backend_health.plonky3;
    assert!(health.healthy && health.last_failure.is_none(), "{health:?}");
    client.claim_window(&ClaimRequest { chain: true, ..stranger() }).await.expect("nobody folds here");
    let watch = ProofWatch::start(client.base_url());
    let claim = client.claim_window(&failed).await.expect("it is noted");
    watch.fails("a prover reports: no memory");
    let health = client.node_status().await.expect("it answers").backend_health.plonky3;
    assert_eq!((health.healthy, health.last_failure.as_deref()), (false, Some("no memory")));
    let metrics = client.metrics().await.expect("metrics");
    assert!(metrics.contains("rpp_runtime_proof_generation_failures_total{backend=\"plonky3\"} 1"));
    // The stranger has claimed a window; another prover takes the next one and then this one, once the claim is over.
    let (home, log) = (cluster.folder().join("prover"), cluster.folder().join("prover.log"));
    let url = cluster.nodes[0].ports.rpc_url();
    let genesis = cluster.nodes[0].home.join("genesis.json");
    let mut command = tb();
    command
        .args(["prover", "--json", "--windows-only", "--node", &url, "--genesis"])
        .arg(genesis)
        .arg("--home")
        .arg(&home);
    let mut working = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log).expect("a log"))
        .spawn()
        .expect("the program was built");
    let next = claim.next_window;
    until("the window after the failure", PROVE_TIME, async || {
        // The stranger gives up what it claimed by asking for a window that is far away.
        let far = ClaimRequest { window: Some(next + 20), ..stranger() };
        let _ = client.claim_window(&far).await;
        client.proof_status().await.ok().filter(|status| status.next_window > next)
    })
    .await;
    working.kill().expect("it is our child");
    working.wait().expect("it is our child");
    let health = client.node_status().await.expect("it answers").backend_health.plonky3;
    assert!(health.healthy && health.recovered_ms.is_some(), "{health:?}");
    let events = cluster.nodes[0].log().matches("backend_health.plonky3.recovered").count();
    assert_eq!(events, 1, "one recovery, one event");
    let said = std::fs::read_to_string(&log).expect("the log");
    assert!(said.lines().count() >= 2 && said.lines().all(|line| line.contains("plonky3")), "{said}");
    postmortem::is_collected(cluster, &log);
}

/// All nodes have the proofs, also one that was killed.
async fn keeps_them(cluster: &mut Cluster) {
    let before = cluster.nodes[0].client().proof_status().await.expect("it answers").next_window;
    // The prover knows one node; the others have its proofs from each other, each verified by itself. A node that dies with
    // a proof that it has not passed on leaves it to the next chain proof, so they travel first.
    for node in &cluster.nodes[1..] {
        let client = node.client();
        until("the proofs to travel", START_TIME, async || {
            (client.proof_status().await.ok()?.next_window >= before).then_some(())
        })
        .await;
        assert!(node.metric("proof_gossip_total{proof=\"window\",verdict=\"accepted\"}").await > 1.5);
        assert!(node.metric("proof_gossip_total{proof=\"window\",verdict=\"rejected\"}").await < 0.5);
    }
    cluster.nodes[0].kill();
    cluster.nodes[0].start();
    cluster.nodes[0].ready(START_TIME).await;
    // One that was being verified when it was counted may have come in addition.
    assert!(cluster.nodes[0].client().proof_status().await.expect("it answers").next_window >= before);
    for node in &cluster.nodes[1..] {
        let (window, theirs) = (node.client().window_proof(0).await, cluster.nodes[0].client().window_proof(0).await);
        assert_eq!(window.expect("it is there"), theirs.expect("it is there"));
    }
}

fn names_torn_files(cluster: &Cluster) {
    let _incomplete = testkit::contract!("S002-039");
    let home = cluster.folder().join("prover");
    let whole = run_in(&home, &["validator", "proofs", "cache", "check"]).ok();
    let files = whole.as_array().expect("a list of files");
    let proof = files.iter().filter_map(|file| file["path"].as_str()).find(|path| path.ends_with("proof-0"));
    let proof = Path::new(proof.expect("window 0 was proven here")).to_owned();
    assert!(files.iter().all(|file| file["incomplete"].is_null() && file["checksum"].is_string()));
    let bytes = std::fs::read(&proof).expect("it is there");
    std::fs::write(&proof, &bytes[..bytes.len() / 2]).expect("it is ours");
    let torn = run_in(&home, &["validator", "proofs", "cache", "check"]);
    assert_eq!(torn.code, Some(9), "{torn:?}");
    assert!(torn.stdout.contains("proof-0") && torn.stdout.contains("its checksum does not hold"), "{torn:?}");
    let cleared = run_in(&home, &["validator", "proofs", "cache", "clear"]).ok();
    assert_eq!(cleared.as_array().map(Vec::len), Some(1), "only the torn one: {cleared}");
    assert!(!proof.exists());
    run_in(&home, &["validator", "proofs", "cache", "check"]).ok();
    // The prover starts cleanly without it and has nothing to make again: the nodes have the window.
    let mut restarted = prover(cluster);
    restarted.event("started", START_TIME);
    assert_eq!(restarted.interrupt(Duration::from_secs(10)), Some(0));
}

/// What held is remembered, and another history is refused the next time.
fn is_remembered(cluster: &Cluster, url: &str, shown: &Value) {
    let _tracker = testkit::contract!("S003-178");
    let status = run_in(&cluster.network.root, &["light", "status"]).ok();
    let path = PathBuf::from(status["path"].as_str().expect("a path"));
    assert_eq!(path, cluster.network.root.join("proof_tracker"));
    let chain = &status["chains"][0];
    for key in ["genesis_hash", "proven_height", "ledger_root", "supply", "attested_height", "attested_hash"] {
        assert_eq!(chain[key], shown[key], "{key}: {status}");
    }
    let again = verify(cluster, url, &[]).ok();
    let before = &again["verified_before"];
    assert_eq!((&before["height"], &before["is_confirmed"]), (&shown["attested_height"], &true.into()), "{again}");
    let text = std::fs::read_to_string(&path).expect("it was written");
    let attested = again["attested_hash"].as_str().expect("a hash");
    std::fs::write(&path, text.replace(attested, &"7".repeat(64))).expect("it is ours");
    let refused = verify(cluster, url, &[]).refused();
    assert_eq!((refused.code.as_str(), refused.exit), ("other_history", 4), "{refused:?}");
    std::fs::write(&path, text).expect("it is ours");
}

async fn checks_the_chain(cluster: &Cluster, client: &Client, payee: Address) {
    let url = client.base_url();
    let shown = verify(cluster, url, &["--account", &payee.to_string()]).ok();
    let proven = shown["proven_height"].as_u64().expect("a height");
    assert!(proven >= 2 * WINDOW && shown["attested_height"].as_u64().is_some_and(|attested| attested >= proven));
    let header = client.certified_block(BlockId::Height(Height(proven))).await.expect("it is there").decode();
    let (header, ..) = header.expect("a header");
    assert_eq!(shown["ledger_root"], header.ledger_root.to_string());
    assert_eq!(shown["supply"], header.supply.micro());
    assert_eq!(shown["account"]["balance"], 1_000_001_250_000_u64, "{shown}");
    assert_eq!(shown["windows"], proven / WINDOW);
    println!(
        "light verify: {} windows, {} ms, {} bytes",
        shown["windows"], shown["verify_ms"], shown["downloaded_bytes"]
    );

    is_remembered(cluster, url, &shown);

    // From checkpoints below and above the proven height.
    for height in [WINDOW, WINDOW + 3, proven + 1] {
        let at = client.certified_block(BlockId::Height(Height(height))).await.expect("it is there");
        let (header, ..) = at.decode().expect("a header");
        let trust = format!("{height}:{}", header.hash());
        let again = verify(cluster, url, &["--trust", &trust]).ok();
        assert_eq!((&again["proven_height"], &again["ledger_root"]), (&shown["proven_height"], &shown["ledger_root"]));
        let other = format!("{height}:{}", header.parent);
        assert_eq!(verify(cluster, url, &["--trust", &other]).refused().code, "not_proven");
    }
}

/// Everything that a signed lie needs.
pub struct Forger {
    keys: Vec<SecretKey>,
    genesis: primitives::Hash,
}

impl Forger {
    /// With the keys of all validators.
    pub fn new(cluster: &Cluster) -> Self {
        let key = |node: &cli::devnet::layout::NodeHome| {
            ValidatorKey::load(&node.home.validator_key(), None).expect("a key of the network").key.consensus
        };
        Self { keys: cluster.network.nodes.iter().map(key).collect(), genesis: cluster.network.genesis.hash() }
    }

    /// The header as all validators would sign it.
    pub fn certify(&self, header: &Header, validators: &ValidatorSet) -> CertifiedBlock {
        let (height, hash) = (header.height, header.hash());
        let sign = |key: &SecretKey| {
            let voter = Address::of_key(&key.public_key());
            let vote = Vote { kind: VoteKind::Precommit, height, round: Round(0), value: Some(hash), voter };
            CommitSignature { address: voter, signature: key.sign(&vote.signing_bytes(&self.genesis)) }
        };
        let signatures = self.keys.iter().map(sign).collect();
        let certificate = CommitCertificate::new(height, Round(0), hash, signatures).expect("four signatures");
        CertifiedBlock::new(header, &certificate, validators)
    }
}

async fn no_lie_passes(cluster: &Cluster, client: &Client, payee: Address) {
    let proxy = Proxy::start(client.base_url().to_owned()).await;
    let honest = verify(cluster, &proxy.url, &["--account", &payee.to_string()]).ok();
    let proven = honest["proven_height"].as_u64().expect("a height");
    a_dishonest_quorum_makes_no_coins(cluster, client, &proxy, proven).await;
    a_forged_balance_is_refused(cluster, &proxy, payee);
    no_alteration_changes_what_is_shown(cluster, &proxy, payee, &honest);
}

/// All four validators sign a header with more money, or another ledger: the proof does not fit.
async fn a_dishonest_quorum_makes_no_coins(cluster: &Cluster, client: &Client, proxy: &Proxy, proven: u64) {
    let forger = Forger::new(cluster);
    let (header, _, validators) = client
        .certified_block(BlockId::Height(Height(proven)))
        .await
        .expect("it is there")
        .decode()
        .expect("it decodes");
    let rich = Amount::new(header.supply.micro() + 1).expect("in range");
    let mut root = *header.ledger_root.elements();
    root[0] ^= 1;
    let other_root = primitives::LedgerDigest::new(root).expect("still below the modulus");
    let forgeries = [
        Header { supply: rich, ..header.clone() },
        Header { ledger_root: other_root, ..header.clone() },
        Header { ops_digest: other_root, ..header.clone() },
        Header { next_slot: header.next_slot + 1, ..header.clone() },
    ];
    for forged in forgeries {
        let block = forger.certify(&forged, &validators);
        let path = format!("/blocks/{proven}/certified");
        let text = serde_json::to_vec(&block).expect("it has a JSON form");
        proxy.lies(Box::new(move |asked, _| (asked == path).then(|| text.clone())));
        let refused = verify(cluster, &proxy.url, &[]).refused();
        assert_eq!(refused.code, "not_proven");
        assert!(refused.error.contains("does not show the statement"), "{refused:?}");
    }
}

fn a_forged_balance_is_refused(cluster: &Cluster, proxy: &Proxy, payee: Address) {
    proxy.lies(Box::new(|asked, body| {
        asked.starts_with("/proofs/accounts/").then(|| {
            let mut account: ProvenAccount = serde_json::from_slice(body).expect("an account");
            let mut proof: LedgerProof = decode(&account.ledger_proof.0).expect("a proof");
            let content = proof.content.expect("it has an account");
            let balance = Amount::new(content.balance.micro() + 1).expect("in range");
            proof.content = Some(LedgerSlot { balance, ..content });
            account.ledger_proof = rpc::types::Hex(encode(&proof));
            serde_json::to_vec(&account).expect("it has a JSON form")
        })
    }));
    let refused = verify(cluster, &proxy.url, &["--account", &payee.to_string()]).refused();
    assert_eq!(refused.code, "not_proven");
    assert!(refused.error.contains("does not lead to the ledger root"), "{refused:?}");
}

/// Each alteration is refused, or it touched what nothing depends on and the answer is the honest one.
fn no_alteration_changes_what_is_shown(cluster: &Cluster, proxy: &Proxy, payee: Address, honest: &Value) {
    let mut seed = Seed::new();
    // Where the alteration goes, and whether it must be refused: numbers of a status only say what to ask for, and
    // the lottery key of a validator is no part of its set's hash.
    let places = [
        ("/certified", "header", true),
        ("/certified", "certificate", true),
        ("/certified", "validators", false),
        ("/proofs/windows/", "", true),
        ("/proofs/accounts/", "ledger_proof", true),
        ("/proofs/accounts/", "height", false),
        ("/proofs/status", "next_window", false),
        ("/status/node", "finalized_height", false),
    ];
    let mut refused = 0;
    for round in 0..ALTERATIONS {
        let (place, field, must) = places[round % places.len()];
        let random = seed.u64();
        proxy.lies(Box::new(move |asked, body| asked.contains(place).then(|| alter(body, field, random))));
        let ended = verify(cluster, &proxy.url, &["--account", &payee.to_string()]);
        assert!(!ended.stderr.contains("panicked"), "{ended:?}");
        if ended.code == Some(0) {
            assert!(!must, "round {round}: {place} {field} was altered with {random:#x} and believed: {ended:?}");
            let shown = ended.json();
            for name in ["proven_height", "ledger_root", "supply", "account"] {
                assert_eq!(shown[name], honest[name], "round {round}: {place} {field} with {random:#x}");
            }
        } else {
            refused += 1;
            ended.refused();
        }
    }
    assert!(refused > ALTERATIONS / 2, "{refused} of {ALTERATIONS}");
}

/// One bit of raw bytes or of a hexadecimal field, or a number, altered.
pub fn alter(body: &[u8], field: &str, random: u64) -> Vec<u8> {
    let flip = |bytes: &mut [u8]| {
        let mut seed = Seed::of(random);
        let at = seed.index(bytes.len());
        bytes[at] ^= 1 << seed.below(8);
    };
    if field.is_empty() {
        let mut bytes = body.to_vec();
        flip(&mut bytes);
        return bytes;
    }
    let mut answer: Value = serde_json::from_slice(body).expect("JSON");
    answer[field] = match &answer[field] {
        Value::Number(number) => (number.as_u64().unwrap_or_default() + 1 + random % 3).into(),
        Value::String(text) => {
            let mut bytes = hex::decode(text).expect("hexadecimal");
            flip(&mut bytes);
            hex::encode(bytes).into()
        }
        other => panic!("{field} is {other}"),
    };
    serde_json::to_vec(&answer).expect("JSON")
}

/// Closed windows without a proof are a gauge, and later stages are compared with it.
async fn counts_what_waits(client: &Client) {
    let _queue = testkit::contract!("S001-026");
    let waiting = async || {
        let status = client.proof_status().await.expect("it answers");
        assert_eq!(status.queue_depth, status.finalized_height.0 / WINDOW - status.next_window, "{status:?}");
        (status.next_window, status.queue_depth)
    };
    let (next, least) =
        until("a window to wait", START_TIME, async || Some(waiting().await).filter(|(_, depth)| *depth > 0)).await;
    let noted = cli::rollout::baseline::take(client, 2, Duration::from_millis(200)).await.expect("blocks are made");
    let (same, most) = waiting().await;
    assert_eq!(next, same, "nobody proves meanwhile");
    assert_eq!(noted.proof_queue_depth.len(), 2);
    assert!(noted.proof_queue_depth.iter().all(|depth| (least..=most).contains(depth)), "{least} {noted:?} {most}");
    let metrics = client.metrics().await.expect("metrics");
    assert!(metrics.contains("# TYPE proof_queue_depth gauge\n"), "{metrics}");
}
