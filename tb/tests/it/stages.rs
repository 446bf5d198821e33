//! Following one transaction by its id: waiting where it has not arrived yet, and the stream of its stages.

use std::time::{Duration, Instant};

use futures::StreamExt;
use primitives::{Engine, TransactionId};
use rpc::types::{Stage, WaitQuery};
use rpc::{Client, ClientError};
use tokio::time::timeout;

use crate::cluster::{Cluster, INTERVAL_MS, START_TIME, until};
use crate::pay::Payer;

/// Most waits for transactions that a node has not seen (`node::rpc::server`).
const UNSEEN_WAITS_MAX: usize = 128;

async fn wait(client: &Client, id: TransactionId, timeout_ms: u64) -> Result<Stage, String> {
    let query = WaitQuery { stage: Some(Stage::Finalized), timeout_ms: Some(timeout_ms) };
    match client.transaction_wait(id, query).await {
        Ok(status) => Ok(status.stage),
        Err(ClientError::Api(refusal)) => Err(refusal.code),
        Err(other) => panic!("no answer: {other}"),
    }
}

/// Waits for longer than the test asks. A question about the bound takes a place for a moment too: who finds it gone tries again.
async fn waits_in_place(client: Client, id: TransactionId) -> Result<Stage, String> {
    loop {
        match wait(&client, id, 30_000).await {
            Err(code) if code == "overloaded" => tokio::time::sleep(Duration::from_millis(10)).await,
            answer => return answer,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_begins_before_the_transaction_is_there() {
    let mut cluster = Cluster::new(Engine::Bft, 4, INTERVAL_MS);
    for node in &mut cluster.nodes {
        // All waits of this test come from one address.
        node.start_with(&["--set", "rpc.connections_per_address_max=1024"], &[]);
    }
    cluster.all_ready().await;
    let mut payer = Payer::funded(&cluster.network, 1);
    let to = Payer::funded(&cluster.network, 2).address;
    let transaction = payer.pay(to, 5);
    let id = transaction.id();

    // Nobody has it: the answer comes when the time is up, and not before.
    let asked = Instant::now();
    assert_eq!(wait(&cluster.nodes[3].client(), id, 400).await, Err("not_found".to_owned()));
    assert!(asked.elapsed() >= Duration::from_millis(400), "after {:?}", asked.elapsed());

    let waits: Vec<_> = cluster
        .nodes
        .iter()
        .map(|node| {
            let client = node.client();
            tokio::spawn(async move { wait(&client, id, 20_000).await })
        })
        .collect();
    // All four are waiting by now, and the transaction exists nowhere.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(waits.iter().all(|wait| !wait.is_finished()));
    cluster.nodes[0].client().submit(&payer.request(&transaction)).await.expect("admitted");
    for wait in waits {
        assert_eq!(wait.await.expect("it does not panic"), Ok(Stage::Finalized));
    }
    // Made-up ids find a bound of their own and leave the others alone.
    let client = cluster.nodes[1].client();
    let made_up: Vec<_> = (0..UNSEEN_WAITS_MAX)
        .map(|number| {
            let mut bytes = [0xee; 32];
            bytes[..8].copy_from_slice(&u64::try_from(number).expect("small").to_be_bytes());
            tokio::spawn(waits_in_place(client.clone(), TransactionId(primitives::Hash(bytes))))
        })
        .collect();
    let other = TransactionId(primitives::Hash([0xdd; 32]));
    until("the bound", START_TIME, async || {
        (wait(&client, other, 1).await == Err("overloaded".to_owned())).then_some(())
    })
    .await;
    assert_eq!(wait(&client, id, 1_000).await, Ok(Stage::Finalized), "one that is known still has its place");
    assert!(made_up.iter().filter(|wait| !wait.is_finished()).count() >= UNSEEN_WAITS_MAX - 1, "they still wait");
    made_up.into_iter().for_each(|wait| wait.abort());
    cluster.check_one_history().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stream_of_a_transaction_tells_its_stages_in_order() {
    let cluster = Cluster::of_four().await;
    let node = &cluster.nodes[2];
    let mut payer = Payer::funded(&cluster.network, 3);
    let transaction = payer.pay(Payer::funded(&cluster.network, 2).address, 5);
    node.client().submit(&payer.request(&transaction)).await.expect("admitted");
    let mut events = node.client().transaction_stream(transaction.id()).await.expect("a stream");
    let mut last = None;
    loop {
        let event = timeout(Duration::from_secs(20), events.next()).await.expect("an event in time");
        let status = event.expect("the stream goes on to the end").expect("a status");
        assert_eq!(status.id, transaction.id());
        let times: Vec<_> = status.reached.iter().map(|stage| stage.time_ms).collect();
        assert!(last.is_none_or(|last| last <= status.stage), "{last:?} and then {:?}", status.stage);
        assert!(times.first() <= times.last(), "{status:?}");
        last = Some(status.stage);
        if status.stage == Stage::Finalized {
            let names: Vec<Stage> = status.reached.iter().map(|stage| stage.stage).collect();
            for stage in [Stage::Received, Stage::Admitted, Stage::Decided, Stage::Finalized] {
                assert!(names.contains(&stage), "{stage:?} is missing in {names:?}");
            }
            assert!(status.receipt.is_some());
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_transaction_can_be_followed_through_the_logs_by_its_id() {
    let mut cluster = Cluster::new(Engine::Bft, 4, INTERVAL_MS);
    for node in &mut cluster.nodes {
        node.start_with(&["--set", "log.level=warn,node::stages=debug"], &[]);
    }
    cluster.all_ready().await;
    let mut payer = Payer::funded(&cluster.network, 1);
    let transaction = payer.pay(Payer::funded(&cluster.network, 2).address, 5);
    let id = transaction.id().to_string();
    cluster.nodes[0].client().submit(&payer.request(&transaction)).await.expect("admitted");
    for node in &cluster.nodes {
        node.finalized(transaction.id()).await;
    }
    // Refused with its id as well: the nonce is used.
    let mut late = payer.body(payer.address, 6);
    late.nonce = transaction.body.nonce;
    let late = payer.sign(late);
    cluster.nodes[0].client().submit(&payer.request(&late)).await.expect_err("the nonce is used");
    for (index, node) in cluster.nodes.iter().enumerate() {
        let log = node.log();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(&id)).collect();
        // The others may learn of it by the block alone.
        let all = ["received", "admitted", "gossiped", "proposed", "decided", "finalized"];
        for stage in &all[if index == 0 { 0 } else { 4 }..] {
            assert!(lines.iter().any(|line| line.contains(stage)), "{stage} on node {index}: {lines:?}");
        }
    }
    let (log, late) = (cluster.nodes[0].log(), late.id().to_string());
    let refused = log.lines().find(|line| line.contains(&late) && line.contains("rejected"));
    assert!(refused.is_some_and(|line| line.contains("nonce_too_low")), "{refused:?}");
}
