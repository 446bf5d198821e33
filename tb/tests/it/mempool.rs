//! The queue of one validator that cannot make blocks, and what becomes of it when the others come.

use primitives::actions::identity::{Register, VrfBinding};
use primitives::{Action, Amount, Domain, Engine, Height, IdentityAction, Lane, Transaction, VrfSecretKey};
use rpc::ClientError;
use rpc::types::{MempoolStatus, Stage};

use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME, until};
use crate::pay::{Payer, micro};

/// A limit that a test can fill.
const LIMIT: u64 = 8;

/// The code of the refusal.
async fn refused(node: &Node, payer: &Payer, transaction: &Transaction) -> String {
    match node.client().submit(&payer.request(transaction)).await {
        Err(ClientError::Api(refusal)) => {
            assert!(refusal.hint.len() > 5, "{refusal}");
            refusal.code
        }
        other => panic!("it must be refused: {other:?}"),
    }
}

async fn admitted(node: &Node, payer: &Payer, transaction: &Transaction) {
    node.client().submit(&payer.request(transaction)).await.expect("there is room");
}

async fn status(node: &Node) -> MempoolStatus {
    node.client().mempool_status().await.expect("the queues")
}

/// A payer's registration as an identity with its next nonce; the nonce moves on.
fn registration(cluster: &Cluster, payer: &mut Payer) -> Transaction {
    let seed = primitives::hash(Domain::Identity, &[&primitives::encode(&payer.address)]);
    let secret = VrfSecretKey::from_seed(seed.0);
    let vrf = VrfBinding::prove(&secret, payer.address, Height::GENESIS, &cluster.network.genesis.hash());
    let bond = cluster.network.genesis.params.identity.bond;
    let register = Register { bond, vrf: vrf.expect("a good key"), peer: None };
    let mut body = payer.body(payer.address, 1);
    body.lane = Lane::Industrial;
    body.max_fee = Amount::from_blocks(100);
    body.action = Action::Identity(IdentityAction::Register(Box::new(register)));
    payer.pay_body(body)
}

/// One sample of the metrics.
async fn sample(node: &Node, name: &str) -> f64 {
    let text = node.client().metrics().await.expect("metrics");
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    value.unwrap_or_else(|| panic!("no sample {name}"))
}

async fn alone(node: &Node) {
    until("the node to answer", START_TIME, async || node.client().health_live().await.ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_newcomers_by_name_and_starts_empty_again() {
    let (_queues, _limits) = (testkit::contract!("S000-029"), testkit::contract!("S000-030"));
    let limit = format!("mempool_limit={LIMIT}");
    // Three of four validators stay away, so nothing leaves the queue.
    let mut cluster = Cluster::new(Engine::Bft, 4, INTERVAL_MS);
    cluster.nodes[0].start_with(&["--set", &limit], &[]);
    alone(&cluster.nodes[0]).await;
    let mut payers = Payer::all(&cluster.network);
    let to = payers[0].address;
    let node = &cluster.nodes[0];
    let mut waiting = Vec::new();
    for payer in &mut payers[..8] {
        let transaction = payer.pay(to, 5);
        admitted(node, payer, &transaction).await;
        waiting.push((payer.clone(), transaction));
    }
    let (payer, transaction) = &waiting[3];
    assert_eq!(refused(node, payer, transaction).await, "duplicate");
    let newcomer = payers[8].pay(to, 5);
    assert_eq!(refused(node, &payers[8], &newcomer).await, "queue_full");
    // Paying more does not help: nobody is driven out.
    payers[9].nonce = 0;
    let mut rich = payers[9].body(to, 5);
    rich.tip = micro(500_000);
    let rich = payers[9].sign(rich);
    assert_eq!(refused(node, &payers[9], &rich).await, "queue_full");

    // The queue of identities has room of its own, is filled by others than payments, and refuses in the same way.
    let mut registered = Vec::new();
    for payer in &mut payers[..8] {
        let transaction = registration(&cluster, payer);
        admitted(node, payer, &transaction).await;
        registered.push((payer.clone(), transaction));
    }
    let (payer, transaction) = &registered[2];
    assert_eq!(refused(node, payer, transaction).await, "duplicate");
    let mut ninth = payers[8].clone();
    ninth.nonce = 0;
    let one_more = registration(&cluster, &mut ninth);
    assert_eq!(refused(node, &payers[8], &one_more).await, "queue_full");

    let full = status(node).await;
    let _view = testkit::contract!("S000-044");
    let ids: Vec<String> = waiting.iter().map(|(_, transaction)| transaction.id().to_string()).collect();
    let mut senders: Vec<String> = waiting.iter().map(|(payer, _)| payer.address.to_string()).collect();
    assert_eq!((full.transactions.size, full.transactions.limit), (LIMIT, LIMIT));
    let mut listed = full.transactions.hashes.clone();
    listed.sort();
    let mut expected = ids.clone();
    expected.sort();
    assert_eq!(listed, expected, "the queue keeps what it had");
    let mut told = full.transactions.senders.clone();
    told.sort();
    senders.sort();
    assert_eq!(told, senders);
    assert!(!full.transactions.truncated && full.bytes > 0);
    assert_eq!((full.identities.size, full.identities.limit), (LIMIT, LIMIT));
    let mut listed = full.identities.hashes.clone();
    listed.sort();
    let mut expected: Vec<String> = registered.iter().map(|(_, transaction)| transaction.id().to_string()).collect();
    expected.sort();
    assert_eq!(listed, expected);
    assert_eq!((full.votes.size, full.votes.limit), (0, LIMIT));
    assert_eq!((full.queue_weights.priority_ppm, full.queue_weights.fee_ppm), (700_000, 300_000));
    assert_eq!(node.metric("mempool_queue_limit").await, 8.0);
    let depth = "mempool_queue_depth{queue=\"transactions\"}";
    assert_eq!(sample(node, depth).await, 8.0);
    let _depth = testkit::contract!("S000-047");
    let _full = testkit::contract!("S000-032");

    let depths =
        ["transactions", "identities", "votes"].map(|queue| format!("mempool_queue_depth{{queue=\"{queue}\"}}"));
    assert_eq!(sample(node, &depths[1]).await, 8.0);

    cluster.nodes[0].stop();
    cluster.nodes[0].start();
    alone(&cluster.nodes[0]).await;
    let node = &cluster.nodes[0];
    let empty = status(node).await;
    assert_eq!((empty.transactions.size, empty.identities.size, empty.votes.size, empty.bytes), (0, 0, 0, 0));
    assert_eq!([empty.transactions.limit, empty.identities.limit, empty.votes.limit], [8_192; 3], "the default");
    for depth in &depths {
        assert_eq!(sample(node, depth).await, 0.0, "{depth}");
    }
    // So there is room, also for what waited before.
    admitted(node, &payers[8], &newcomer).await;
    let (payer, transaction) = &waiting[0];
    admitted(node, payer, transaction).await;
    cluster.check_no_panic();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gaps_are_held_and_released_and_a_higher_tip_replaces() {
    let mut cluster = Cluster::new(Engine::Bft, 4, INTERVAL_MS);
    cluster.nodes[0].start();
    alone(&cluster.nodes[0]).await;
    let to = Payer::funded(&cluster.network, 9).address;
    let (mut gap, mut rival) = (Payer::funded(&cluster.network, 1), Payer::funded(&cluster.network, 2));
    let mut late = Payer::funded(&cluster.network, 3);
    let node = &cluster.nodes[0];
    // It waits for a nonce that never comes, and its time ends.
    let _never = late.pay(to, 1);
    let mut short = late.body(to, 2);
    short.valid_until = Height(2);
    let short = late.pay_body(short);
    admitted(node, &late, &short).await;
    assert_eq!(sample(node, "mempool_expired_total").await, 0.0);
    let (first, second, third) = (gap.pay(to, 1), gap.pay(to, 2), gap.pay(to, 3));
    admitted(node, &gap, &third).await;
    admitted(node, &gap, &second).await;
    // One waits that can be included, then one that takes its place.
    let cheap = rival.sign(rival.body(to, 10));
    admitted(node, &rival, &cheap).await;
    let other = rival.sign(rival.body(to, 11));
    assert_eq!(refused(node, &rival, &other).await, "replacement_underpriced");
    let mut better = rival.body(to, 12);
    better.tip = micro(1_000);
    let better = rival.pay_body(better);
    admitted(node, &rival, &better).await;
    let replaced = node.client().transaction(cheap.id()).await.expect("it is remembered");
    assert_eq!((replaced.stage, replaced.reason.as_deref()), (Stage::Dropped, Some("replaced")));
    let held = status(node).await;
    assert_eq!((held.lanes.consumer.queued, held.lanes.consumer.pending, held.transactions.size), (3, 1, 4));

    for index in 1..4 {
        cluster.nodes[index].start();
    }
    cluster.all_ready().await;
    let node = &cluster.nodes[0];
    node.finalized(better.id()).await;
    let expired = until("the end of what expires", START_TIME, async || {
        let known = node.client().transaction(short.id()).await.ok()?;
        (known.stage != Stage::Admitted).then_some(known)
    })
    .await;
    assert_eq!(expired.stage, Stage::Expired);
    assert!(sample(node, "mempool_expired_total").await >= 1.0);
    // What waits for a nonce waits on.
    assert_eq!(node.client().account(&gap.address).await.expect("an account").nonce.get(), 0);
    assert_eq!(status(node).await.lanes.consumer.queued, 2);
    admitted(node, &gap, &first).await;
    for transaction in [&first, &second, &third] {
        node.finalized(transaction.id()).await;
    }
    assert_eq!(status(node).await.transactions.size, 0);
    let cheap = node.client().transaction(cheap.id()).await.expect("it is remembered");
    assert_eq!(cheap.stage, Stage::Dropped, "only one of the two was paid");
    cluster.level(START_TIME).await;
    cluster.check_one_history().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_of_the_environment_holds_from_the_first_answer() {
    let _shown = testkit::contract!("S000-013");
    let mut cluster = Cluster::new(Engine::Bft, 4, INTERVAL_MS);
    for limit in [3, 5] {
        // Another environment, another size; nothing else changes.
        cluster.nodes[0].start_with(&[], &[("TB_MEMPOOL_LIMIT", &limit.to_string())]);
        let node = &cluster.nodes[0];
        let first = until("the first answer", START_TIME, async || node.client().mempool_status().await.ok()).await;
        assert_eq!((first.transactions.limit, first.identities.limit), (limit, limit));
        let mut payers = Payer::all(&cluster.network);
        let to = payers[0].address;
        let places = usize::try_from(limit).expect("small");
        for payer in &mut payers[..places] {
            let transaction = payer.pay(to, 1);
            admitted(node, payer, &transaction).await;
        }
        let beyond = payers[places].pay(to, 1);
        assert_eq!(refused(node, &payers[places], &beyond).await, "queue_full");
        cluster.nodes[0].stop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_weights_of_age_and_fee_decide_the_order() {
    let (_priority, _fee) = (testkit::contract!("S000-040"), testkit::contract!("S000-041"));
    let mut cluster = Cluster::new(Engine::Bft, 4, INTERVAL_MS);
    for outside in ["-0.1", "1.1", "2"] {
        for key in ["queue_weights.priority", "queue_weights.fee"] {
            let refusal = cluster.nodes[0].start_refused(&["--set", &format!("{key}={outside}")], &[]).refused();
            assert!(refusal.code == "config" && refusal.error.contains(key), "{refusal:?}");
        }
    }
    let to = Payer::funded(&cluster.network, 9).address;
    // Whether the newer one with the higher tip goes first.
    for (priority, fee, newer_first) in [("1", "0", false), ("0", "1", true), ("0.0001", "0.9999", true)] {
        let weights = [format!("queue_weights.priority={priority}"), format!("queue_weights.fee={fee}")];
        cluster.nodes[0].start_with(&["--set", &weights[0], "--set", &weights[1]], &[]);
        alone(&cluster.nodes[0]).await;
        let node = &cluster.nodes[0];
        let (mut old, rich) = (Payer::funded(&cluster.network, 1), Payer::funded(&cluster.network, 2));
        let older = old.pay(to, 1);
        admitted(node, &old, &older).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let mut body = rich.body(to, 1);
        body.tip = micro(100_000);
        let newer = rich.sign(body);
        admitted(node, &rich, &newer).await;
        let order: Vec<String> = status(node).await.transactions.hashes;
        let mut expected = vec![older.id().to_string(), newer.id().to_string()];
        if newer_first {
            expected.reverse();
        }
        assert_eq!(order, expected, "weights {priority} and {fee}");
        cluster.nodes[0].stop();
    }
}
