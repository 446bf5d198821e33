//! A validator whose key is with a remote signer: it votes, abstains while the signer is away, and never signs twice.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cli::devnet::layout::{Wanted, prepare};
use primitives::{Address, Engine, Hash, Height, Params, PublicKey, Vote, VoteKind};
use rpc::tls::ClientFiles;
use rpc::types::BlockId;
use serde_json::json;
use signer::message::Step;
use signer::{Client, ClientError, ClientSettings, RefusalCode, Request};

use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME, free_base, until};
use crate::command::{Running, run, tb};

/// Longest time for a program to start or to end.
const LIMIT: Duration = Duration::from_secs(20);
/// Longest time for a few heights.
const HEIGHTS: Duration = Duration::from_secs(40);

/// The signer of a node: its home, its address and its process.
struct Signer {
    home: PathBuf,
    address: SocketAddr,
    running: Option<Running>,
}

impl Signer {
    /// Takes the key of this stopped node.
    fn of(node: &Path, home: PathBuf) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_base(1)));
        let signer = Self { home, address, running: None };
        let made = run(&mut signer.init(node)).ok();
        assert_eq!((&made["address"], made["home"].as_str()), (&json!(address), signer.home.to_str()), "{made}");
        signer
    }

    fn init(&self, node: &Path) -> std::process::Command {
        let mut command = tb();
        command.args(["signer", "init", "--home"]).arg(&self.home).arg("--from").arg(node);
        command.args(["--address", &self.address.to_string()]);
        command
    }

    fn serve(&self, words: &[&str]) -> std::process::Command {
        let mut command = tb();
        command.args(["signer", "serve", "--home"]).arg(&self.home).args(words);
        command.args(["--listen", &self.address.to_string()]);
        command
    }

    /// Starts it, and gives what it said first.
    fn start(&mut self, words: &[&str]) -> serde_json::Value {
        let mut running = Running::start(self.serve(words).arg("--json"));
        let started = running.event("signer.listening", LIMIT);
        self.running = Some(running);
        started
    }

    fn kill(&mut self) {
        self.running.take().expect("it runs").kill();
    }

    fn stop(&mut self) {
        assert_eq!(self.running.take().expect("it runs").interrupt(LIMIT), Some(0));
    }

    /// How a program with these files speaks to it.
    fn client(&self, genesis: Hash, files: &ClientFiles) -> Client {
        let mut tls = rpc::tls::client(files).expect("the files of the node");
        tls.alpn_protocols = vec![signer::PROTOCOL.to_vec()];
        let (address, tls) = (self.address, Arc::new(tls));
        Client::new(ClientSettings { address, tls, genesis, key: None, timeout: Duration::from_secs(5) })
    }
}

/// The certificate of this node.
fn files(node: &Node) -> ClientFiles {
    let folder = node.home.join("signer");
    let identity = Some((folder.join("node.pem"), folder.join("node.key")));
    ClientFiles { ca: Some(folder.join("authority.pem")), identity }
}

/// Requests to the remote signer, and those that it answered with what was asked for.
async fn asked(node: &Node) -> (f64, f64) {
    (node.metric("remote_signer_request_total").await, node.metric("remote_signer_success_total").await)
}

/// Waits until a newer certificate carries the validator's signature, as another node has it.
async fn votes_again(witness: &Node, validator: &Address) {
    let client = witness.client();
    let before = witness.height().await;
    until("its signature in a certificate", HEIGHTS, async || {
        let height = witness.height().await.filter(|height| Some(*height) > before)?;
        let block = client.certified_block(BlockId::Height(Height(height))).await.ok()?;
        let (_, certificate, _) = block.decode().expect("a block of an honest node");
        certificate.signatures.iter().any(|one| one.address == *validator).then_some(())
    })
    .await;
}

/// Asks as a second node would that came to another vote at the highest place.
fn second_vote(signer: &Signer, genesis: Hash, files: &ClientFiles) {
    let mut client = signer.client(genesis, files);
    let welcome = client.connect().expect("a node with the certificate");
    let place = welcome.highest.expect("it has signed");
    let kind = if place.step == Step::Precommit { VoteKind::Precommit } else { VoteKind::Prevote };
    let voter = Address::of_key(&welcome.key);
    for value in [Hash([1; 32]), Hash([2; 32])] {
        let vote = Vote { kind, height: place.height, round: place.round, value: Some(value), voter };
        match client.sign(&Request::Vote(vote)) {
            Err(ClientError::Refused(refusal)) => {
                assert!(matches!(refusal.code, RefusalCode::Conflict | RefusalCode::Below), "{refusal}");
            }
            other => testkit::safety!(false, "a second vote at {place}: {other:?}"),
        }
    }
}

fn nobody_gets_in(signer: &Signer, genesis: Hash, node: &Node) {
    let refused = signer.client(genesis, &ClientFiles { identity: None, ..files(node) }).connect();
    assert!(matches!(&refused, Err(ClientError::Unreachable { cause, .. }) if cause.contains("alert")), "{refused:?}");
}

/// Finds the signer, and shows that the node counts it.
async fn discovery(signer: &Signer, node: &Node) {
    let home = node.home.to_str().expect("our own folder");
    let address = signer.address.to_string();
    let words = ["wallet", "discover-signers", "--home", home, "--json"];
    let start = Instant::now();
    let found = tb().args(words).args(["--candidate", &address]).output().expect("it runs");
    let text = String::from_utf8(found.stdout).expect("text");
    assert_eq!(text, format!("{{\"timeout_ms\":500,\"signers\":[\"https://{address}\"]}}\n"));
    assert!(found.status.success() && start.elapsed() >= Duration::from_millis(500), "500 ms where nothing is said");
    let nobody = free_base(1);
    let candidate = format!("127.0.0.1:{nobody}");
    let found = tb().args(words).args(["--timeout", "50", "--candidate", &candidate]).output().expect("it runs");
    assert_eq!(String::from_utf8(found.stdout).expect("text"), "{\"timeout_ms\":50,\"signers\":[]}\n");
    assert!(found.status.success(), "finding nobody is an answer");
    until("the node shows both runs", LIMIT, async || {
        let runs = node.metric("remote_signer_discovery_total").await;
        (runs > 1.5).then_some(())
    })
    .await;
    let found = node.metric("remote_signer_discovery_success_total").await;
    let ratio = node.metric("remote_signer_discovery_success_ratio").await;
    assert!((found - 1.0).abs() < 1e-9 && (ratio - 0.5).abs() < 1e-9, "{found} {ratio}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_validator_with_a_remote_signer_votes_abstains_while_it_is_away_and_never_signs_twice() {
    // Short rounds: without its signer the validator offers nothing, and the others wait for it every fourth height.
    let params = Params { timeout_propose_ms: 600, timeout_vote_ms: 300, timeout_delta_ms: 200, ..Params::default() };
    let mut cluster = Cluster::with_params(Engine::Bft, 4, INTERVAL_MS, Some(params));
    let genesis = cluster.network.genesis.hash();
    let mut signer = Signer::of(&cluster.nodes[0].home, cluster.folder().join("signer"));
    let home = |name: &str| cluster.nodes[0].home.join(name);
    assert!(!home("validator_key.json").exists() && !home("guard/guard.log").exists() && home("vrf_key.json").exists());
    // Typed again it has nothing to do.
    run(&mut signer.init(&cluster.nodes[0].home)).ok();
    let started = signer.start(&["--announce"]);
    let key: PublicKey = started["key"].as_str().expect("a key").parse().expect("a key");
    let validator = Address::of_key(&key);
    cluster.start_all();
    cluster.all_ready().await;
    votes_again(&cluster.nodes[1], &validator).await;
    let (requests, successes) = asked(&cluster.nodes[0]).await;
    assert!(requests > 0.0 && successes > 0.0, "{requests} {successes}");
    let timed = cluster.nodes[0].metric("remote_signer_latency_seconds_count").await;
    assert!(timed >= successes, "every success has its time: {timed} of {successes}");
    second_vote(&signer, genesis, &files(&cluster.nodes[0]));
    nobody_gets_in(&signer, genesis, &cluster.nodes[0]);
    discovery(&signer, &cluster.nodes[0]).await;

    // Without the signer the validator abstains, and its node follows the chain that the three others make.
    signer.kill();
    let (requests, _) = asked(&cluster.nodes[0]).await;
    let height = cluster.highest().await;
    cluster.nodes[0].reaches(height + 2, HEIGHTS).await;
    let (more, successes) = asked(&cluster.nodes[0]).await;
    assert!(more > requests, "it asked and got nothing");
    signer.start(&[]);
    votes_again(&cluster.nodes[1], &validator).await;
    assert!(asked(&cluster.nodes[0]).await.1 > successes);

    // A power cut after the record is durable and before the signature leaves.
    signer.stop();
    let mut dying = Running::start(signer.serve(&["--crash-at", "guard_after_sync"]).arg("--json"));
    dying.event("signer.listening", LIMIT);
    assert_ne!(dying.ended(LIMIT), Some(0), "it aborts at its first signature");
    signer.start(&[]);
    votes_again(&cluster.nodes[1], &validator).await;
    second_vote(&signer, genesis, &files(&cluster.nodes[0]));
    cluster.level(HEIGHTS).await;
    cluster.check_one_history().await;
    let _requests = (testkit::contract!("S004-061"), testkit::contract!("S004-062"), testkit::contract!("S004-063"));
    let _discovery = (testkit::contract!("S004-059"), testkit::contract!("S004-060"));
    let _command = testkit::contract!("S004-065");
}

/// The code of a start that is refused.
fn refusal(node: &Node, environment: &[(&str, &str)]) -> (i32, String) {
    let refused = node.start_refused(&[], environment).refused();
    (refused.exit, refused.code)
}

fn copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).expect("our own folder");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_refuses_a_signer_that_is_away_or_of_another_chain_or_key_or_whose_guard_is_old() {
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let mut signer = Signer::of(&cluster.nodes[0].home, cluster.folder().join("signer"));
    let unreachable = (4, "signer_unreachable".to_owned());
    assert_eq!(refusal(&cluster.nodes[0], &[]), unreachable, "nobody listens");
    let guard = signer.home.join("guard/guard.log");
    let old = signer.home.join("old_guard");
    copy(&guard, &old);
    signer.start(&[]);
    let (key, own) = (signer.home.join("validator_key.json"), cluster.nodes[0].home.join("validator_key.json"));
    copy(&key, &own);
    assert_eq!(refusal(&cluster.nodes[0], &[]), (4, "key".to_owned()), "the key is in two places");
    std::fs::remove_file(&own).expect("our own folder");
    let wrong = [
        ("TB_SIGNER_CERT", signer.home.join("signer/signer.pem")),
        ("TB_SIGNER_KEY", signer.home.join("signer/signer.key")),
    ];
    let wrong = wrong.each_ref().map(|(name, path)| (*name, path.to_str().expect("our own folder")));
    assert_eq!(refusal(&cluster.nodes[0], &wrong), unreachable, "a certificate that is not the node's");

    cluster.nodes[0].start();
    cluster.nodes[0].reaches(3, START_TIME).await;
    assert!(asked(&cluster.nodes[0]).await.1 > 2.0, "every block needs its signature");
    cluster.nodes[0].stop();
    signer.stop();

    // The signer of another chain at the same place, which even has the right certificate.
    let base_port = Some(free_base(1));
    let (engine, nodes, block_interval_ms) = (Engine::Solo, Some(1), Some(INTERVAL_MS));
    let wanted = Wanted { engine, nodes, base_port, block_interval_ms, params: None, gates: Vec::new() };
    let other = prepare(&cluster.folder().join("other"), &wanted, false).expect("a network");
    let home = cluster.folder().join("other_signer");
    let mut elsewhere = Signer { home, address: signer.address, running: None };
    run(&mut elsewhere.init(other.nodes[0].home.root())).ok();
    for name in ["signer.pem", "signer.key", "authority.pem"] {
        copy(&signer.home.join("signer").join(name), &elsewhere.home.join("signer").join(name));
    }
    elsewhere.start(&[]);
    assert_eq!(refusal(&cluster.nodes[0], &[]), (4, "signer_other_chain".to_owned()));
    elsewhere.stop();

    // A guard that was brought back from an old copy, and one that is lost.
    copy(&old, &guard);
    signer.start(&[]);
    let refused = cluster.nodes[0].start_refused(&[], &[]).refused();
    assert_eq!((refused.exit, refused.code.as_str()), (4, "signer_refused"), "{refused:?}");
    assert!(refused.error.contains("an old copy was restored"), "{refused:?}");
    signer.stop();
    for name in ["guard/guard.log", "guard/heartbeats.json"] {
        let (lost, aside) = (signer.home.join(name), signer.home.join("aside"));
        std::fs::rename(&lost, &aside).expect("our own folder");
        let refused = run(&mut signer.serve(&[])).refused();
        assert_eq!((refused.exit, refused.code.as_str()), (4, "guard"), "{name}: {refused:?}");
        std::fs::rename(&aside, &lost).expect("our own folder");
    }
    cluster.check_no_panic();
}
