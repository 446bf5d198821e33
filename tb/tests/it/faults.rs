//! Validators that die and come back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use primitives::{Address, Height, TransactionId};
use rpc::types::{Stage, WaitQuery};
use rpc::{Client, ClientConfig, ClientError};
use testkit::Seed;

use crate::cluster::{Cluster, Node, START_TIME, until};
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
            assert_eq!((status.stage, status.height), (Stage::Finalized, Some(*height)), "{id}");
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
async fn legacy_health(url: &str, role: &str) {
    let _shown = testkit::contract!("S000-093");
    let response = reqwest::get(format!("{url}/health")).await.expect("it answers");
    assert_eq!(response.status().as_u16(), 200);
    let body: serde_json::Value = response.json().await.expect("JSON");
    let address = url.trim_start_matches("http://");
    assert_eq!(body, serde_json::json!({ "role": role, "address": address }));
}
