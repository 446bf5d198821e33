//! The modes of the process: which services each has, when it is ready, and what a wallet gets from each.

use std::path::Path;

use cli::devnet::layout::Ports;
use futures::StreamExt;
use primitives::Engine;
use rpc::types::{Ready, Stage};
use rpc::{Client, ClientConfig};
use serde_json::Value;

use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME, free_base, until};
use crate::command::{run, run_in, tb};
use crate::join::{connected, start};
use crate::pay::Payer;

/// A new home of this mode on this chain; it has free ports.
fn home(cluster: &Cluster, mode: &str, genesis: &Path) -> Node {
    let home = cluster.folder().join(format!("{mode}-{}", free_base(1)));
    let words = ["init", "--mode", mode, "--moniker", mode, "--genesis", genesis.to_str().expect("text")];
    let made = run_in(&home, &words).ok();
    assert_eq!((&made["mode"], &made["validator"]), (&mode.into(), &Value::Null), "{made}");
    Node::new(home, Ports::of(free_base(1), 0).expect("free ports"))
}

/// A wallet runtime that asks `upstream`.
fn wallet(cluster: &Cluster, genesis: &Path, upstream: &str) -> Node {
    let mut node = home(cluster, "wallet", genesis);
    let listen = format!("wallet.listen=127.0.0.1:{}", node.ports.rpc);
    node.start_with(&["--set", &listen, "--set", &format!("wallet.upstream={upstream}")], &[]);
    node
}

/// Waits until it is not ready for exactly this reason.
async fn waits_for(node: &Node, code: &str) -> Ready {
    until(code, START_TIME, async || {
        let ready = node.client().health_ready().await.ok()?;
        let codes: Vec<&str> = ready.reasons.iter().map(|reason| reason.code.as_str()).collect();
        (codes == [code]).then_some(ready)
    })
    .await
}

async fn status(url: &str) -> u16 {
    reqwest::get(url).await.expect("an answer").status().as_u16()
}

/// The routes beside those of wallets are of nobody at this address, and no path leads to them.
async fn nothing_else_is_served(base: &str) {
    for path in ["/staking/validators", "/validator/status", "/blocks/latest", "/rpc", "/snapshots"] {
        let answer = reqwest::get(format!("{base}{path}")).await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 404, "{path}");
        let refusal: Value = answer.json().await.expect("JSON");
        assert!(refusal["hint"].is_string(), "{path}: {refusal}");
    }
    assert_eq!(reqwest::Client::new().post(format!("{base}/rpc")).send().await.expect("an answer").status(), 404);
}

/// Pays through `client` and follows the payment there, as wallets do.
async fn a_wallet_pays(client: &Client, payer: &mut Payer, to: &Payer) {
    let before = client.account(&to.address).await.expect("an account").balance;
    let transaction = payer.pay(to.address, 7);
    let mut stages = client.account_stream(&to.address).await.expect("a stream");
    client.submit(&payer.request(&transaction)).await.expect("admitted");
    let wait = rpc::types::WaitQuery { stage: Some(Stage::Finalized), timeout_ms: Some(20_000) };
    let reached = client.transaction_wait(transaction.id(), wait).await.expect("finalized");
    assert_eq!(reached.stage, Stage::Finalized, "{reached:?}");
    let payment = tokio::time::timeout(START_TIME, stages.next()).await.expect("in time").expect("an event");
    assert_eq!(payment.expect("a payment").transaction, transaction.id());
    let after = client.account(&to.address).await.expect("an account").balance;
    assert_eq!(after.micro(), before.micro() + 7);
    // A refusal of the node is the node's, word for word.
    let again = client.submit(&payer.request(&transaction)).await.expect_err("it is in a block");
    assert!(matches!(again, rpc::ClientError::Api(_)), "{again:?}");
    let told = client.pipeline_telemetry().await.expect("the pipeline");
    assert!(told.stages.iter().any(|stage| stage.count > 0), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wallet_runtime_answers_from_its_node_and_a_hybrid_is_both() {
    let _modes = testkit::contract!("S000-080");
    let _ready = testkit::contract!("S000-092");
    let mut cluster = Cluster::new(Engine::Bft, 1, INTERVAL_MS);
    let genesis = cluster.network.root.join("genesis.json");
    let mut hybrid = home(&cluster, "hybrid", &genesis);

    // Before there is a node the wallet runtime is alive, says what it waits for, and makes nothing up.
    let mut lone = wallet(&cluster, &genesis, &hybrid.ports.rpc_url());
    let ready = waits_for(&lone, "upstream_silent").await;
    assert_eq!((ready.ready, ready.mode.as_str()), (false, "wallet"));
    assert_eq!(status(&format!("{}/health/ready", lone.ports.rpc_url())).await, 503);
    assert_eq!(lone.client().health().await.expect("a report").role, "wallet");
    let refused = lone.client().node_status().await.expect_err("nobody knows").to_string();
    assert!(refused.contains("the upstream node does not answer"), "{refused}");

    cluster.start_all();
    let side = free_base(1);
    let mut words = connected(&cluster, hybrid.ports);
    words.extend(["--set".to_owned(), format!("wallet.listen=127.0.0.1:{side}")]);
    start(&mut hybrid, &words);
    hybrid.ready(START_TIME).await;
    assert_eq!(hybrid.client().health_ready().await.expect("ready").mode, "orchestrator");
    cluster.nodes[0].ready(START_TIME).await;
    assert_eq!(cluster.nodes[0].client().health_ready().await.expect("ready").mode, "node");
    lone.ready(START_TIME).await;
    assert!(lone.height().await.expect("it is alive") > 0);

    let (mut payer, to) = (Payer::funded(&cluster.network, 1), Payer::funded(&cluster.network, 2));
    let side = Client::new(&ClientConfig::new(format!("http://127.0.0.1:{side}"))).expect("a URL");
    for client in [lone.client(), side.clone()] {
        a_wallet_pays(&client, &mut payer, &to).await;
        assert_eq!(client.genesis().await.expect("the genesis").hash(), cluster.network.genesis.hash());
        nothing_else_is_served(client.base_url()).await;
    }
    // A path that would be shortened on its way is refused here; it never leaves.
    for path in ["/accounts/../history", "/accounts/%2e%2e/history"] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let answer = raw(lone.ports.rpc, &request);
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("leads elsewhere"), "{path}: {answer}");
    }
    let metrics = lone.client().metrics().await.expect("metrics");
    assert!(metrics.contains("role=\"wallet\"") && metrics.contains("\nnode_ready 1\n"), "{metrics}");
    assert!(!metrics.contains("consensus_") && metrics.ends_with("# EOF\n"), "{metrics}");
    assert!(!lone.home.join("data").exists(), "a wallet runtime keeps no chain");
    let refused = lone.start_refused(&["--state-sync", "--peer-url", "http://127.0.0.1:1"], &[]).refused();
    assert_eq!(refused.code, "no_chain", "{refused:?}");

    says_what_it_has_not(&lone, &hybrid);
    says_what_is_next(cluster.folder(), &genesis);
    takes_changes(&lone).await;
    of_another_chain(&cluster, &hybrid).await;

    // Without its node it says so again, and goes on living.
    hybrid.stop();
    waits_for(&lone, "upstream_silent").await;
    assert!(lone.client().health_live().await.expect("alive").live);
    lone.stop();
    cluster.check_no_panic();
}

/// Commands that ask for what a wallet runtime has not say so by name, and its clock is compared with the node behind it.
fn says_what_it_has_not(lone: &Node, hybrid: &Node) {
    let url = lone.ports.rpc_url();
    for words in [&["top", "--once"][..], &["rollout", "smoke", "--timeout", "1s"], &["status"]] {
        let refused = run(tb().args(words).args(["--rpc", &url])).refused();
        assert_eq!((refused.exit, refused.code.as_str()), (5, "wallet_routes_only"), "{refused:?}");
        assert!(refused.error.contains("wallet runtime") && refused.hint.contains("wallet.upstream"), "{refused:?}");
    }
    let upstream = format!("wallet.upstream={}", hybrid.ports.rpc_url());
    let listen = format!("wallet.listen=127.0.0.1:{}", lone.ports.rpc);
    let words = ["doctor", "--set", &listen, "--set", &upstream, "--rpc", "http://127.0.0.1:1"];
    let report = run_in(&lone.home, &words).ok();
    let clock = report["checks"].as_array().and_then(|checks| checks.iter().find(|check| check["check"] == "clock"));
    let found = clock.and_then(|clock| clock["found"].as_str()).unwrap_or_default();
    assert!(found.contains(&hybrid.ports.rpc_url()) && found.contains("ms old"), "{report}");
}

/// A home made in two steps is told what its mode needs: peers, or the node that answers.
fn says_what_is_next(folder: &Path, genesis: &Path) {
    for (mode, next) in [("wallet", "set wallet.upstream in node.toml"), ("node", "set the peers in node.toml")] {
        let home = folder.join(format!("next-{mode}"));
        run_in(&home, &["init", "--mode", mode]).ok();
        let joined = tb().args(["init", "--genesis"]).arg(genesis).arg("--home").arg(&home).output().expect("it runs");
        let said = String::from_utf8_lossy(&joined.stdout);
        assert!(joined.status.success() && said.contains(next) && said.contains(mode), "{joined:?}");
    }
}

/// Rates of a wallet runtime change while it runs, and a bad file changes nothing.
async fn takes_changes(node: &Node) {
    let url = format!("{}/status/limits", node.ports.rpc_url());
    let limited = async || {
        for _ in 0..6 {
            if status(&url).await == 429 {
                return true;
            }
        }
        false
    };
    let logged = async |words: &'static str, times: usize| {
        until(words, START_TIME, async || (node.log().matches(words).count() >= times).then_some(())).await;
    };
    assert!(!limited().await, "callers on this machine are not limited");
    let set = |loopback: &str| {
        let words = ["config", "set", "rpc.rate_limit.read_burst", "2", "rpc.rate_limit.loopback", loopback];
        run_in(&node.home, &words).ok();
    };
    set("true");
    logged("changes of the configuration are in force", 1).await;
    assert!(limited().await, "two requests at once, and then one a second");
    let path = node.home.join("node.toml");
    let good = std::fs::read_to_string(&path).expect("the file");
    std::fs::write(&path, format!("{good}\nsurprise = 1\n")).expect("written");
    logged("the old values stay", 1).await;
    assert!(limited().await, "what was in force still is");
    std::fs::write(&path, good).expect("written");
    set("false");
    logged("changes of the configuration are in force", 2).await;
    assert!(!limited().await);
    let reloads = node.metric("config_reloads_total").await;
    assert!(reloads >= 2.0, "{reloads}");
}

/// A wallet runtime with the genesis of another chain asks the node nothing for its callers.
async fn of_another_chain(cluster: &Cluster, node: &Node) {
    let other = cluster.folder().join("other.json");
    let public = cluster.nodes[0].home.join("validator_public.json");
    let words = ["genesis", "new", "--chain-id", "devnet", "--validator", public.to_str().expect("text"), "--out"];
    run_in(cluster.folder(), &[&words[..], &[other.to_str().expect("text")]].concat()).ok();
    let mut stranger = wallet(cluster, &other, &node.ports.rpc_url());
    waits_for(&stranger, "upstream_other_chain").await;
    let refused = stranger.client().node_status().await.expect_err("of another chain").to_string();
    assert!(refused.contains("another chain"), "{refused}");
    stranger.stop();
}

/// What a server answers to these bytes.
fn raw(port: u16, request: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}
