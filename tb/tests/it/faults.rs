//! Validators that die and come back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cli::devnet::layout::Ports;
use primitives::{Address, Engine, Height, TransactionId};
use rpc::types::{Stage, WaitQuery};
use rpc::{Client, ClientConfig, ClientError};
use testkit::Seed;

use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME, free_base, until};
use crate::join::{connected, start};
use crate::pay::Payer;

/// Longest time for a killed validator to be back at the height of the others.
const CATCH_UP: Duration = Duration::from_secs(40);
/// How long a payer waits for one node before it asks another.
const PATIENCE_MS: u64 = 1_500;
/// When a chain with a short interval counts as stalled (`telemetry::health`), and some time to see it.
const STALL: Duration = Duration::from_millis(10_000 + 4_000);

/// Transactions that some node called finalized, with the height it told.
type Acknowledged = Arc<Mutex<BTreeMap<TransactionId, Height>>>;

/// Pays again and again until told to stop; every payment is handed in until some node calls it finalized.
async fn pay_on(
    mut payer: Payer,
    to: Address,
    nodes: Vec<Client>,
    first: usize,
    stop: Arc<AtomicBool>,
    told: Acknowledged,
) {
    let mut turn = first;
    while !stop.load(Ordering::Relaxed) {
        let transaction = payer.pay(to, 1);
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            assert!(Instant::now() < deadline, "{} is never finalized", transaction.id());
            let node = &nodes[turn % nodes.len()];
            turn += 1;
            match node.submit(&payer.request(&transaction)).await {
                Ok(_) => {}
                Err(ClientError::Api(refusal)) if refusal.code == "duplicate" => {}
                Err(ClientError::Api(refusal)) => {
                    let may_wait = ["nonce_too_high", "not_ready", "queue_full", "sender_limit"];
                    assert!(may_wait.contains(&refusal.code.as_str()), "{refusal}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
                // This one is dead at the moment.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            }
            let wait = WaitQuery { stage: Some(Stage::Finalized), timeout_ms: Some(PATIENCE_MS) };
            if let Ok(status) = node.transaction_wait(transaction.id(), wait).await
                && status.stage == Stage::Finalized
            {
                let height = status.height.expect("a finalized transaction has a height");
                told.lock().expect("no payer panics while it holds this").insert(transaction.id(), height);
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_each_validator_in_turn_loses_nothing_and_never_forks() {
    let mut random = Seed::new();
    let mut cluster = Cluster::of_four().await;
    let impatient = |url: String| {
        let times = ClientConfig { request_timeout: Duration::from_secs(3), ..ClientConfig::new(url) };
        Client::new(&times).expect("a good URL")
    };
    let clients: Vec<Client> = cluster.nodes.iter().map(|node| impatient(node.ports.rpc_url())).collect();
    let (stop, told) = (Arc::new(AtomicBool::new(false)), Acknowledged::default());
    let payers = Payer::all(&cluster.network);
    let to = payers[0].address;
    let streams: Vec<_> = payers
        .into_iter()
        .skip(1)
        .enumerate()
        .map(|(first, payer)| {
            tokio::spawn(pay_on(payer, to, clients.clone(), first, Arc::clone(&stop), Arc::clone(&told)))
        })
        .collect();

    let mut order = [0, 1, 2, 3];
    random.shuffle(&mut order);
    for index in order {
        tokio::time::sleep(Duration::from_millis(random.below(1_000))).await;
        let before = cluster.highest().await;
        cluster.nodes[index].kill();
        // Three of four go on.
        let other = (index + 1) % 4;
        cluster.nodes[other].reaches(before + 2, CATCH_UP).await;
        let watching = &cluster.nodes[other];
        until("the dead validator to be missed", CATCH_UP, async || {
            // Three of four must all sign, so that the dead one alone is missing.
            (watching.metric("consensus_missed_validators").await == 1.0).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(random.below(700))).await;
        cluster.nodes[index].start();
        cluster.level(CATCH_UP).await;
    }
    // A power cut of the whole network, and back in another order.
    cluster.nodes.iter_mut().for_each(Node::kill);
    random.shuffle(&mut order);
    for index in order {
        tokio::time::sleep(Duration::from_millis(random.below(300))).await;
        cluster.nodes[index].start();
    }
    let before = cluster.highest().await;
    for node in &cluster.nodes {
        node.reaches(before + 2, CATCH_UP).await;
    }
    stop.store(true, Ordering::Relaxed);
    for stream in streams {
        stream.await.expect("every payment was finalized");
    }
    cluster.level(CATCH_UP).await;
    let told = told.lock().expect("all payers are done").clone();
    assert!(told.len() >= 20, "a steady stream, not {} payments", told.len());
    for node in &cluster.nodes {
        for (id, height) in &told {
            let status = node.client().transaction(*id).await.expect("an acknowledged transaction is known");
            let is_kept = (status.stage, status.height) == (Stage::Finalized, Some(*height));
            testkit::safety!(is_kept, "{id} was final at height {height}, and is {status:?}");
        }
    }
    cluster.check_one_history().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_four_down_halts_the_chain_until_one_returns() {
    let mut cluster = Cluster::of_four().await;
    let mut payer = Payer::funded(&cluster.network, 1);
    let to = Payer::funded(&cluster.network, 2).address;
    cluster.nodes[2].kill();
    cluster.nodes[3].kill();
    let down = Instant::now();
    // What was decided already may still be written.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let halted = cluster.level(Duration::from_secs(5)).await;
    let waiting = payer.pay(to, 5);
    cluster.nodes[0].client().submit(&payer.request(&waiting)).await.expect("it waits");
    for node in &cluster.nodes[..2] {
        let client = node.client();
        let left = STALL.saturating_sub(down.elapsed());
        let ready =
            until("not ready", left, async || client.health_ready().await.ok().filter(|ready| !ready.ready)).await;
        assert!(ready.reasons.iter().any(|reason| reason.code == "stalled"), "{ready:?}");
        assert!(ready.reasons.iter().all(|reason| reason.message.len() > 10 && reason.hint.len() > 10), "{ready:?}");
        let status = reqwest::get(format!("{}/health/ready", node.ports.rpc_url())).await.expect("it answers").status();
        assert_eq!(status.as_u16(), 503);
        assert_eq!(node.height().await, Some(halted), "nobody decides with half of the power");
        legacy_health(&node.ports.rpc_url(), "validator").await;
    }
    cluster.nodes[3].start();
    for index in [0, 1, 3] {
        cluster.nodes[index].reaches(halted + 3, CATCH_UP).await;
        cluster.nodes[index].ready(START_TIME).await;
    }
    // What was admitted while the chain stood still is not lost.
    cluster.nodes[3].reaches(cluster.highest().await, CATCH_UP).await;
    cluster.nodes[0].finalized(waiting.id()).await;
    cluster.nodes[2].start();
    cluster.level(CATCH_UP).await;
    cluster.check_one_history().await;
}

/// `/health` has its two old fields and never a failure.
pub async fn legacy_health(url: &str, role: &str) {
    let _shown = testkit::contract!("S000-093");
    let response = reqwest::get(format!("{url}/health")).await.expect("it answers");
    assert_eq!(response.status().as_u16(), 200);
    let body: serde_json::Value = response.json().await.expect("JSON");
    let address = url.trim_start_matches("http://");
    assert_eq!(body, serde_json::json!({ "role": role, "address": address }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_validator_that_lost_all_its_data_syncs_and_votes_again() {
    let mut random = Seed::new();
    let mut cluster = Cluster::of_four().await;
    let victim = random.index(4);
    tokio::time::sleep(Duration::from_millis(random.below(600))).await;
    cluster.nodes[victim].kill();
    // As an operator is told to: the chain data goes, consensus log included; the guard stays where it is.
    std::fs::remove_dir_all(cluster.nodes[victim].home.join("data")).expect("the chain data");
    cluster.nodes[victim].start();
    cluster.level(CATCH_UP).await;
    // With another one down, a quorum needs the one that lost everything.
    let other = (victim + 1) % 4;
    cluster.nodes[other].kill();
    let halted = cluster.highest().await;
    cluster.nodes[victim].reaches(halted + 3, CATCH_UP).await;
    cluster.nodes[other].start();
    cluster.level(CATCH_UP).await;
    cluster.check_one_history().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_whose_validators_all_lost_their_consensus_logs_goes_on() {
    let mut random = Seed::new();
    let mut cluster = Cluster::of_four().await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(random.below(600))).await;
        cluster.nodes.iter_mut().for_each(Node::kill);
        for node in &mut cluster.nodes {
            std::fs::remove_dir_all(node.home.join("data/wal")).expect("the consensus log");
            node.start();
        }
        let before = cluster.highest().await;
        for node in &cluster.nodes {
            node.reaches(before + 3, CATCH_UP).await;
        }
    }
    cluster.level(CATCH_UP).await;
    cluster.check_one_history().await;
}

/// A second home with the key of the last validator and a guard of its own, made before anything was signed.
pub fn twin_of_last(cluster: &Cluster) -> (Node, Vec<String>) {
    let original = cluster.nodes.last().expect("a validator").home.clone();
    let home = cluster.folder().join("twin");
    std::fs::create_dir_all(home.join("guard")).expect("a folder");
    for file in ["node.toml", "genesis.json", "validator_key.json", "guard/guard.log"] {
        std::fs::copy(original.join(file), home.join(file)).expect("copied");
    }
    // On the network it is another node.
    let identity = primitives::SecretKey::from_seed([7; 32]);
    wallet::NodeKey { identity }.write(&home.join("node_key"), wallet::Protect::Plain).expect("written");
    let ports = Ports::of(free_base(1), 0).expect("free ports");
    (Node::new(home, ports), connected(cluster, ports))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_with_one_key_are_found_out_and_the_chain_goes_on() {
    let mut cluster = Cluster::new(Engine::Bft, 4, INTERVAL_MS);
    let (mut twin, words) = twin_of_last(&cluster);
    cluster.start_all();
    start(&mut twin, &words);
    let honest = &cluster.nodes[..3];
    until("a count of signing twice", START_TIME, async || {
        let mut count = 0.0;
        for node in honest.iter().chain([&twin]) {
            node.height().await?;
        }
        for node in honest {
            count += node.metric("consensus_equivocations_total").await;
        }
        (count > 0.5).then_some(())
    })
    .await;
    let address = cluster.network.nodes[3].address.to_string();
    let is_named = |node: &Node| {
        let log = node.log();
        log.lines().any(|line| line.contains("signed two different messages for one step") && line.contains(&address))
    };
    assert!(honest.iter().any(is_named), "the log names who signed twice");
    let before = cluster.highest().await;
    let mut blocks = Vec::new();
    for node in honest {
        node.reaches(before + 5, CATCH_UP).await;
        blocks.push(node.blocks().await);
    }
    for (height, hash) in &blocks[0] {
        for other in &blocks[1..] {
            testkit::safety!(other.get(height).is_none_or(|found| found == hash), "two blocks at height {height}");
        }
    }
    cluster.check_no_panic();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn validators_finalize_payments_over_quic() {
    let mut cluster = Cluster::new(Engine::Bft, 4, INTERVAL_MS);
    let quic: Vec<String> =
        cluster.nodes.iter().map(|node| format!("/ip4/127.0.0.1/udp/{}/quic-v1", node.ports.consensus)).collect();
    for (index, node) in cluster.nodes.iter_mut().enumerate() {
        let others = quic.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, address)| address.as_str());
        let listen = format!("consensus.listen={}", quic[index]);
        let peers = format!("consensus.peers={}", others.collect::<Vec<_>>().join(","));
        node.start_with(&["--set", &listen, "--set", &peers], &[]);
    }
    cluster.all_ready().await;
    for node in &cluster.nodes {
        let tcp = std::net::TcpListener::bind(("127.0.0.1", node.ports.consensus));
        assert!(tcp.is_ok(), "consensus of {} listens on TCP", node.home.display());
    }
    let mut payer = Payer::funded(&cluster.network, 1);
    let to = Payer::funded(&cluster.network, 2).address;
    for index in 0..4 {
        let transaction = payer.pay(to, 5);
        cluster.nodes[index].client().submit(&payer.request(&transaction)).await.expect("admitted");
        for node in &cluster.nodes {
            node.finalized(transaction.id()).await;
        }
    }
    cluster.check_one_history().await;
}
