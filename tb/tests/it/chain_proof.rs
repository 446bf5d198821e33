//! The prover folds what it has proven, nodes and the chain take it, a light client needs nothing else, and no lie passes.
//!
//! Both gates of proofs are on, and proofs that lag make blocks lighter. One network for everything, because folding takes its time: two validators, windows of sixteen heights, one prover.
//! While it works one of the validators is down, so that there are two windows and no more.
//! What folds refuse by themselves is shown with golden folds in the `proof` crate, what a node may lie about in `chain_lies.rs`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cli::devnet::layout::{PROVER_POOL_BALANCE, Ports, account_name};
use primitives::params::ProvingParams;
use primitives::{Address, Amount, Engine, Height, Params};
use proof::light::SealedChain;
use rpc::Client;
use rpc::types::{BlockId, CertifiedBlock, ClaimRequest};
use serde_json::Value;

use crate::chain_lies::Lies;
use crate::cluster::{Cluster, Node, START_TIME, free_base, until};
use crate::command::{Running, run_in, tb, without_ours};
use crate::join::connected_to;
use crate::pay::Payer;
use crate::proofs::{code, verify_with};
use crate::proxy::Proxy;
use crate::{absence, other_genesis, state_at, synced_proof};

/// Heights of one window.
pub const WINDOW: u64 = 16;
/// Target time between blocks, milliseconds.
const INTERVAL_MS: u64 = 400;
/// Longest time for windows to be proven and folded on a busy machine.
const FOLD_TIME: Duration = Duration::from_secs(600);
/// Most bytes that a light client may have to fetch.
const DOWNLOAD_MAX: u64 = 500_000;
/// Bytes of a chain proof with its head, at any height (`docs/performance.md`).
const CHAIN_BYTES: u64 = 264_420;
/// Who brings the chain proof onto the chain.
const SUBMITTER: u16 = 3;
/// Who pays for the transaction and the identity of the script.
const SMOKER: u16 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_proof_covers_the_chain_and_no_lie_passes() {
    let proving = ProvingParams { lag_free_windows: 1, lag_floor_windows: 2, ..ProvingParams::default() };
    let params = Params { window_blocks: WINDOW, proving, ..Params::default() };
    let gates = ["recursive_proofs", "consensus_enforcement"];
    let mut cluster = Cluster::with_gates(Engine::Bft, 2, INTERVAL_MS, Some(params), &gates);
    // The first node looks where the prover of its machine keeps the circuits.
    let shared = format!("proof_cache_dir={}", cluster.network.root.join("proof_cache").display());
    cluster.nodes[0].start_with(&["--set", &shared], &[]);
    cluster.start_all();
    cluster.all_ready().await;
    let early = cluster.nodes[1].client().make_snapshot().await.expect("a snapshot").height;
    assert!(early.0 < 2 * WINDOW, "the chain proof will end above it: {early}");
    let client = cluster.nodes[0].client();
    let mut payer = Payer::funded(&cluster.network, 1);
    let payee = Payer::funded(&cluster.network, 2).address;
    let payment = payer.pay(payee, 1_250_000);
    let id = client.submit(&payer.request(&payment)).await.expect("it is admitted").id;
    cluster.nodes[0].finalized(id).await;
    refuses_what_is_not_there(&cluster, &client).await;
    let smoke = Smoke::start(&cluster).await;
    cluster.nodes[0].reaches(2 * WINDOW + 1, START_TIME).await;
    cluster.nodes[1].kill();
    lags(&client).await;

    let height = folds(&mut cluster, &client).await;
    smoke.passes().await;
    shows_and_refuses(&client, height).await;
    keeps_it(&mut cluster, height).await;
    reuses_it(&cluster, height).await;
    let client = cluster.nodes[0].client();
    other_genesis::verifies_no_proof_and_takes_no_block(&cluster, &client, height).await;
    other_genesis::another_proof_system_is_refused(&cluster, &client).await;
    let honest = checks_the_chain(&cluster, &client, payee, height).await;
    let proxy = Proxy::start(client.base_url().to_owned()).await;
    synced_proof::is_verified_before_a_snapshot_is_taken(&cluster, &proxy, height).await;
    let lies = Lies { cluster: &cluster, proxy: &proxy, payee: payee.to_string(), honest: &honest, height };
    lies.chain_proofs().await;
    lies.headers(&client).await;
    lies.certificates(&client).await;
    lies.heads();
    lies.checkpoints(&client).await;
    lies.below_a_checkpoint(&client).await;
    lies.accounts();
    absence::is_shown_and_no_lie_passes(&cluster, &client, &proxy, payee).await;
    lies.numbers();
    cluster.check_no_panic();
}

/// The script that follows a rollout, on a chain whose proofs are recursive: it ends when the proven height has moved.
struct Smoke {
    script: Child,
    said: PathBuf,
}

impl Smoke {
    /// Starts it, and waits until its transaction and its identity are there.
    async fn start(cluster: &Cluster) -> Self {
        let said = cluster.folder().join("smoke");
        let file = std::fs::File::create(&said).expect("a file");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/smoke_rollout.sh");
        let mut command = Command::new("bash");
        without_ours(&mut command);
        command.arg(path).env("TB", env!("CARGO_BIN_EXE_tb")).args(["--rpc", &cluster.nodes[0].ports.rpc_url()]);
        command.args(["--from", &account_name(SMOKER).to_string(), "--home"]).arg(&cluster.network.root);
        command.stdin(Stdio::null()).stderr(file.try_clone().expect("a second handle")).stdout(file);
        let mut smoke = Self { script: command.spawn().expect("bash"), said };
        until("the identity of the script", START_TIME, async || {
            assert_eq!(smoke.script.try_wait().expect("ours"), None, "{}", smoke.said());
            smoke.said().contains("3. the commitment moves on").then_some(())
        })
        .await;
        smoke
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap_or_default()
    }

    /// It has seen the recursive proof of a later height.
    async fn passes(mut self) {
        let _shown = testkit::contract!("S000-106");
        let ended = until("the end of the script", START_TIME, async || self.script.try_wait().expect("ours")).await;
        let said = self.said();
        assert!(ended.success() && said.contains("OK: transaction, identity and commitment"), "{said}");
        assert!(said.contains("   proven height "), "{said}");
    }
}

impl Drop for Smoke {
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

async fn refuses_what_is_not_there(cluster: &Cluster, client: &Client) {
    assert_eq!(client.proof_status().await.expect("it answers").chain, None);
    assert_eq!(code(client.chain_proof().await), "proof_unavailable");
    let refused = verify_with(cluster, client.base_url(), &[]).refused();
    assert_eq!(refused.code, "nothing_proven");
}

/// Two windows wait, one more than is free, so blocks are as light as they get.
async fn lags(client: &Client) {
    let status = client.provers().await.expect("it answers");
    assert!(status.taken && status.enforced);
    assert_eq!((status.proven_height, status.last.is_none()), (Height::GENESIS, true));
    assert_eq!(u64::try_from(status.waiting.len()).expect("few"), status.lag_windows);
    assert_eq!((status.lag_windows, status.block_weight_bps), (2, 500), "{status:?}");
    assert_eq!(status.pool, PROVER_POOL_BALANCE);
}

/// The chain takes the proof: the same height on both nodes, the bond held, the prover paid, and blocks as heavy as ever.
async fn is_taken(cluster: &Cluster, height: Height) {
    let submitter = Payer::funded(&cluster.network, SUBMITTER).address;
    for node in &cluster.nodes {
        let client = node.client();
        let status = until("the chain to take the proof", START_TIME, async || {
            client.provers().await.ok().filter(|status| status.proven_height >= height)
        })
        .await;
        let last = status.last.clone().expect("it was taken");
        assert_eq!((status.proven_height, last.prover, last.payout), (height, submitter, submitter));
        assert_eq!(last.reward.micro(), status.reward_per_height.micro() * height.0);
        assert_eq!(status.pool.micro(), PROVER_POOL_BALANCE.micro() - last.reward.micro());
        let bonds: Vec<_> = status.provers.iter().map(|one| (one.address, one.bond)).collect();
        assert_eq!(bonds, [(submitter, Amount::from_blocks(20))]);
        assert!(status.waiting.iter().all(|one| one.end_height > height) && status.lag_windows <= 1, "{status:?}");
        assert_eq!(status.block_weight_bps, 10_000);
        assert_eq!(client.node_status().await.expect("it answers").chain_proven_height, Some(height));
        let id = BlockId::Height(last.accepted_at);
        let (header, ..) = client.certified_block(id).await.expect("it is there").decode().expect("a header");
        let in_header = header.last_proof.expect("the header names it");
        assert_eq!((in_header.height, in_header.proof), (height, last.proof));
    }
    let url = cluster.nodes[1].ports.rpc_url();
    let words = ["prover", "status", "--rpc", url.as_str()];
    let shown = run_in(&cluster.network.root, &words).ok();
    assert_eq!((&shown["proven_height"], &shown["taken"]), (&height.0.into(), &true.into()));
}

/// Windows are proven and folded, both nodes take the chain proof, and the chain does.
async fn folds(cluster: &mut Cluster, client: &Client) -> Height {
    let health = async || client.node_status().await.expect("it answers").backend_health.plonky3;
    let before = health().await;
    assert_eq!((before.cached_circuits.len(), before.circuit_cache_bytes, before.cache_size), (0, 0, 0), "no preload");
    let home = cluster.network.root.clone();
    let urls = [0, 1].map(|node: usize| cluster.nodes[node].ports.rpc_url());
    let mut command = tb();
    command.args(["prover", "--json", "--nice", "0", "--node", &urls[0], "--node", &urls[1], "--genesis"]);
    command.arg(cluster.nodes[0].home.join("genesis.json")).arg("--home").arg(&home);
    command.args(["--submit", &account_name(SUBMITTER).to_string(), "--bond", "20"]);
    let mut prover = Running::start(&mut command);
    let folding = prover.event("folding", FOLD_TIME);
    let claim = ClaimRequest { prover: "stranger".to_owned(), chain: true, ..ClaimRequest::default() };
    let claimed = client.claim_window(&claim).await.expect("it answers");
    assert_eq!(claimed.window, None, "one prover extends the chain proof at a time");
    let folded = prover.event("folded", FOLD_TIME);
    assert_eq!(folded["last_height"], folding["last_height"]);
    println!("chain proof of {} windows: {} ms, {} bytes", folding["windows"], folded["elapsed_ms"], folded["bytes"]);
    cluster.nodes[1].start();
    cluster.all_ready().await;
    let delivered = prover.event("chain_delivered", START_TIME);
    assert_eq!(delivered["chain_height"], folded["last_height"]);
    let height = Height(folded["last_height"].as_u64().expect("a height"));
    // The other node has it from the prover or from the first one, whoever is quicker.
    for node in &cluster.nodes {
        has_chain_proof(node, height).await;
    }
    is_taken(cluster, height).await;
    let after = health().await;
    assert_eq!(after.cached_circuits, ["application", "internal", "leaf"]);
    assert!(
        after.healthy && after.cache_size > 0 && after.circuit_cache_bytes > 0 && !after.active_circuits.is_empty()
    );
    assert_eq!(prover.interrupt(Duration::from_secs(10)), Some(0));
    let files = run_in(&home, &["validator", "proofs", "cache", "check"]).ok();
    let names = files.as_array().expect("a list of files").iter().filter_map(|file| file["path"].as_str());
    assert_eq!(names.filter(|path| path.ends_with("/chain")).count(), 1, "{files}");
    height
}

/// Waits until a node has the chain proof.
async fn has_chain_proof(node: &Node, height: Height) {
    let client = node.client();
    until("the chain proof", START_TIME, async || {
        let chain = client.proof_status().await.ok()?.chain?;
        (chain.last_height == height).then_some(())
    })
    .await;
}

async fn shows_and_refuses(client: &Client, height: Height) {
    let status = client.proof_status().await.expect("it answers");
    let chain = status.chain.expect("it was taken");
    assert_eq!((chain.first_height, chain.last_height, chain.windows), (Height(1), height, height.0 / WINDOW));
    assert_eq!(chain.bytes, CHAIN_BYTES);
    assert!(status.chain_security_bits >= 100 && status.proven_height >= height);
    let good = client.chain_proof().await.expect("it was taken");
    let sealed = SealedChain::from_bytes(&good).expect("it is one");
    assert_eq!((sealed.height, sealed.payout), (height, chain.payout));
    let block = client.block_proof(Height(3)).await.expect("it is proven");
    assert_eq!((block.path.as_str(), block.last_height), ("/proofs/chain", height));
    assert_eq!(code(client.window_proof(0).await), "not_found", "its own proof went with the chain proof");

    assert_eq!(code(client.submit_chain(good.clone(), None).await), "proof_exists");
    let to = |height: u64| SealedChain { height: Height(height), ..sealed.clone() }.to_bytes();
    assert_eq!(code(client.submit_chain(to(height.0 + 1), None).await), "bad_request", "within a window");
    assert_eq!(code(client.submit_chain(to(1_000 * WINDOW), None).await), "proof_not_next", "above the chain");
    assert_eq!(code(client.submit_chain(vec![1; 20], None).await), "bad_request");
    assert_eq!(code(client.submit_chain(vec![0; 4 * 1024 * 1024 + 1], None).await), "body_too_large");
    let next = height.0 + WINDOW;
    until("the next window's end", START_TIME, async || {
        let live = client.health_live().await.ok()?;
        (live.finalized_height >= Height(next)).then_some(())
    })
    .await;
    assert_eq!(code(client.submit_chain(to(next), None).await), "proof_rejected", "it does not reach that far");
    let after = client.proof_status().await.expect("it answers").chain;
    assert_eq!(after.map(|chain| chain.last_height), Some(height), "nothing was taken");
    let metrics = client.metrics().await.expect("metrics");
    for sample in [
        format!("proof_chain_height {height}"),
        // Once handed in, once in a block.
        "proof_size_bytes_count{proof=\"chain\"} 2".to_owned(),
        "rpp_runtime_proof_generation_latency_ms_count{backend=\"plonky3\",proof=\"chain\"} 1".to_owned(),
        "proof_refused_total{reason=\"malformed\"} 2".to_owned(),
        "proof_refused_total{reason=\"exists\"} 1".to_owned(),
        "proof_refused_total{reason=\"not_closed\"} 1".to_owned(),
    ] {
        assert!(metrics.contains(&sample), "{sample} is missing");
    }
}

/// A node that is killed has it again, and tells that its program has other keys than before, if it has.
async fn keeps_it(cluster: &mut Cluster, height: Height) {
    let _status = testkit::contract!("S002-022");
    let _rotation = testkit::contract!("S002-024");
    let status = cluster.nodes[0].client().node_status().await.expect("it answers");
    assert_eq!(status.backend_health.plonky3.last_key_rotation_ms, None);
    let verdicts = status.verifier_metrics.per_backend.get("plonky3").expect("one proof system");
    assert!(verdicts.accepted >= 1, "{verdicts:?}");
    assert_eq!(status.vrf_metrics.submissions, 0, "nobody takes part in a lottery here");
    let started = cluster.network.genesis.genesis_time;
    let (home, cache) = (cluster.nodes[0].home.clone(), cluster.network.root.clone());
    let url = cluster.nodes[0].ports.rpc_url();
    let made = run_in(&home, &["snapshots", "create", "--live", "--rpc", &url]).ok();
    let kept = kept_proofs(cluster, &cache).await;
    cluster.nodes[0].kill();
    state_at::is_made_again_below_a_proof(&home, &cache, height);
    // As if the last start had been with an older release.
    let noted = cluster.nodes[0].home.join("data/proof_keys.json");
    let text = std::fs::read_to_string(&noted).expect("it is noted at the start");
    std::fs::write(&noted, text.replacen("\"keys\":\"", "\"keys\":\"older ", 1)).expect("written");
    cluster.nodes[0].start();
    cluster.nodes[0].ready(START_TIME).await;
    let client = cluster.nodes[0].client();
    let chain = client.proof_status().await.expect("it answers").chain;
    assert_eq!(chain.map(|chain| chain.last_height), Some(height));
    let rotated = client.node_status().await.expect("it answers").backend_health.plonky3.last_key_rotation_ms;
    assert!(rotated.is_some_and(|at| at > started), "{rotated:?}");
    // What was there is listed and serves: the snapshot is whole, the proof is given out and verifies, and so do the prover's own files.
    let _kept = testkit::contract!("S000-017");
    let listed = client.snapshots().await.expect("a list").snapshots;
    assert_eq!(listed.first().map(|one| one.height.0), made["height"].as_u64());
    let whole = run_in(&home, &["snapshots", "verify"]).ok();
    assert_eq!((&whole["whole"], &whole["block"]), (&true.into(), &made["block"]), "{whole}");
    assert_eq!(kept_proofs(cluster, &cache).await, kept);
    verify_with(cluster, client.base_url(), &[]).ok();
}

/// The chain proof as the first node gives it out, and the files of the prover, none of them torn.
async fn kept_proofs(cluster: &Cluster, cache: &Path) -> (Vec<u8>, Value) {
    let files = run_in(cache, &["validator", "proofs", "cache", "check"]).ok();
    assert!(files.as_array().is_some_and(|files| !files.is_empty()), "{files}");
    (cluster.nodes[0].client().chain_proof().await.expect("it is there"), files)
}

/// A node of the chain that knows these peers, of consensus and of gossip, and asks nobody for more.
async fn beside(cluster: &Cluster, name: &str, consensus: &[Ports], gossip: &[Ports]) -> Node {
    let home = cluster.folder().join(name);
    let genesis = cluster.network.root.join("genesis.json");
    run_in(&home, &["init", "--genesis", genesis.to_str().expect("text")]).ok();
    let ports = Ports::of(free_base(1), 0).expect("free ports");
    let mut words = connected_to(ports, consensus, gossip);
    words.extend(["--set", "p2p.exchange_peers=false"].map(str::to_owned));
    let mut node = Node::new(home, ports);
    node.start_with(&words.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    node
}

/// A prover that starts again hands a node without proofs what lies in its cache, and proves and folds nothing for it. From there the
/// proof goes on to a node that knows nobody else: it verifies it, and passes on what it has verified.
async fn reuses_it(cluster: &Cluster, height: Height) {
    let _cache = testkit::contract!("S000-016");
    let validators: Vec<Ports> = cluster.nodes.iter().map(|node| node.ports).collect();
    let mut newcomer = beside(cluster, "newcomer", &validators, &[]).await;
    newcomer.reaches(height.0, START_TIME).await;
    assert_eq!(newcomer.client().proof_status().await.expect("it answers").chain, None);
    let cache = cluster.network.root.join("proof_cache");
    assert!(cache.is_dir(), "{} is where the configuration says", cache.display());
    let mut command = tb();
    command.args(["prover", "--json", "--node", &newcomer.ports.rpc_url(), "--home"]).arg(&cluster.network.root);
    command.arg("--genesis").arg(cluster.nodes[0].home.join("genesis.json"));
    let mut again = Running::start(&mut command);
    let told = again.events_until("chain_delivered", START_TIME);
    let names: Vec<&str> = told.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(names, ["started", "chain_delivered"]);
    assert_eq!(told[1]["chain_height"], height.0);
    assert_eq!(again.interrupt(Duration::from_secs(10)), Some(0));

    // No prover knows the second and the third; each knows the one before, so it is two hops to the third.
    let mut second = beside(cluster, "second", &validators, &[newcomer.ports]).await;
    second.reaches(height.0, START_TIME).await;
    has_chain_proof(&second, height).await;
    let mut third = beside(cluster, "third", &validators, &[second.ports]).await;
    third.reaches(height.0, START_TIME).await;
    has_chain_proof(&third, height).await;
    let good = cluster.nodes[0].client().chain_proof().await.expect("it is there");
    for node in [&second, &third] {
        assert_eq!(node.client().chain_proof().await.expect("it is there"), good);
        assert!(node.metric("proof_gossip_total{proof=\"chain\",verdict=\"accepted\"}").await > 0.5);
        assert!(node.metric("rpp_runtime_proof_verification_latency_ms_count").await > 0.5, "it verified it");
        verify_with(cluster, &node.ports.rpc_url(), &[]).ok();
    }
    for node in [&mut third, &mut second, &mut newcomer] {
        node.stop();
    }
    // A stopped node's store holds the proof, which is checked with everything else.
    let verified = run_in(&third.home, &["storage", "verify"]).ok();
    assert_eq!((&verified["whole"], &verified["covered_to"]), (&true.into(), &height.0.into()), "{verified}");
    assert_eq!((&verified["pruned_to"], &verified["pruned_is_covered"]), (&Value::Null, &Value::Null), "{verified}");
}

/// One proof and a few headers show the chain, the same from every checkpoint.
async fn checks_the_chain(cluster: &Cluster, client: &Client, payee: Address, height: Height) -> Value {
    let url = client.base_url();
    let shown = verify_with(cluster, url, &["--account", &payee.to_string()]).ok();
    assert_eq!((shown["proven_height"].as_u64(), shown["chain_height"].as_u64()), (Some(height.0), Some(height.0)));
    assert!(shown["attested_height"].as_u64() >= Some(height.0));
    let (header, ..) = certified(client, height).await.decode().expect("a header");
    assert_eq!(shown["ledger_root"], header.ledger_root.to_string());
    assert_eq!(shown["supply"], header.supply.micro());
    assert_eq!(shown["account"]["balance"], 1_000_001_250_000_u64, "{shown}");
    assert_eq!((&shown["account"]["height"], &shown["windows"]), (&height.0.into(), &(height.0 / WINDOW).into()));
    assert_eq!(shown["chain_bytes"], CHAIN_BYTES);
    assert!(shown["downloaded_bytes"].as_u64().is_some_and(|bytes| bytes < DOWNLOAD_MAX), "{shown}");
    println!("light verify: {} ms, {} bytes", shown["verify_ms"], shown["downloaded_bytes"]);
    let proven = client.proof_status().await.expect("it answers").proven_height;
    let more = verify_with(cluster, url, &["--windows", "1"]).ok();
    let reached = proven.0.min(height.0 + WINDOW);
    assert_eq!((more["proven_height"].as_u64(), more["chain_height"].as_u64()), (Some(reached), Some(height.0)));
    // The last one is the usual case: a checkpoint of today, above what is proven.
    let newest = client.node_status().await.expect("it answers").finalized_height.0;
    assert!(newest > height.0 + 1, "the chain goes on above its proof");
    for at in [3, height.0 - 1, height.0, height.0 + 1, newest] {
        let (header, ..) = certified(client, Height(at)).await.decode().expect("a header");
        let again = verify_with(cluster, url, &["--trust", &format!("{at}:{}", header.hash())]).ok();
        assert_eq!((&again["proven_height"], &again["ledger_root"]), (&shown["proven_height"], &shown["ledger_root"]));
        assert!(again["downloaded_bytes"].as_u64().is_some_and(|bytes| bytes < DOWNLOAD_MAX), "from {at}: {again}");
        let other = verify_with(cluster, url, &["--trust", &format!("{at}:{}", header.parent)]).refused();
        assert_eq!(other.code, "not_proven");
    }
    shown
}

/// The block of a height with what certifies it.
pub async fn certified(client: &Client, height: Height) -> CertifiedBlock {
    client.certified_block(BlockId::Height(height)).await.expect("it is there")
}
