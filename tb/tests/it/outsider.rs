//! A peer that publishes what it likes: what the publisher's tier or a node's quarantine does not allow goes no further.
//!
//! Model: the transport is the one that nodes use, without a node behind it that would keep to the rules.

use std::sync::Arc;
use std::time::Duration;

use node::meta::{META_VERSION, MetaKind, MetaTimetoke, seal};
use p2p::{ChainIdentity, P2p, P2pConfig, P2pEvent, P2pHandle};
use primitives::actions::proving::{EndRecord, ProofSubmission, ProofSystemKind};
use primitives::actions::witness::Attestation;
use primitives::{
    Action, Address, Amount, BoundedBytes, BoundedVec, Hash, Height, LedgerDigest, LotteryAction, ProvingAction,
    SecretKey, Transaction, TransactionBody, VrfSecretKey, WitnessAction, encode,
};
use tokio::sync::mpsc;
use wallet::key_file::ValidatorKey;

use crate::cluster::{Cluster, Node, until};
use crate::pay::Payer;

/// Longest wait for a handshake, and for what a node does with one transaction.
const PATIENCE: Duration = Duration::from_secs(20);
/// Events that may wait.
const EVENTS_MAX: usize = 4_096;

/// A peer of one node.
struct Outsider {
    handle: P2pHandle,
}

impl Outsider {
    async fn of(cluster: &Cluster, node: &Node, secret: u8) -> Self {
        let genesis = &cluster.network.genesis;
        let chain = ChainIdentity { chain_id: genesis.chain_id.clone(), genesis: genesis.hash() };
        let bootstrap = vec![format!("/ip4/127.0.0.1/udp/{}/quic-v1", node.ports.p2p)];
        let config = P2pConfig { bootstrap, exchange_peers: false, ..P2pConfig::default() };
        let (sender, mut events) = mpsc::channel(EVENTS_MAX);
        let handle = P2p::start(config, chain, [secret; 32], sender).expect("it only dials");
        let connected = async {
            while let Some(event) = events.recv().await {
                if matches!(event, P2pEvent::PeerConnected { .. }) {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, connected).await.expect("the node takes any peer of its chain");
        tokio::spawn(async move { while events.recv().await.is_some() {} });
        Self { handle }
    }

    fn publish(&self, transaction: &Transaction) {
        assert!(self.handle.publish(Arc::from(encode(transaction))), "the queue has room");
    }
}

/// Publishes to `node` what it must refuse for this reason; nobody may know it afterwards, and the peer stays.
async fn is_refused(cluster: &Cluster, node: &Node, secret: u8, transaction: &Transaction, labels: &str) {
    let series = format!("gossip_topic_refused_total{{{labels}}}");
    let before = node.metric(&series).await;
    let outsider = Outsider::of(cluster, node, secret).await;
    outsider.publish(transaction);
    until(&series, PATIENCE, async || (node.metric(&series).await > before).then_some(())).await;
    for node in &cluster.nodes {
        let unknown = node.client().transaction(transaction.id()).await.expect_err("nobody took it");
        assert_eq!(unknown.code(), "not_found", "{unknown}");
    }
    let peers = node.client().validator_peers().await.expect("a view").peers;
    assert!(peers.iter().all(|peer| peer.points >= 0), "nobody loses points for a tier: {peers:?}");
}

/// A wallet without identity has no tier, whoever brings its ticket or its proof.
pub async fn tiers_hold_against_peers(cluster: &Cluster) {
    let payer = Payer::funded(&cluster.network, 6);
    let proof = VrfSecretKey::from_seed([204; 32]).prove(b"no ticket").expect("a proof");
    let action = Action::Lottery(LotteryAction::Submit { epoch: 9_999, proof });
    let body = TransactionBody { lane: action.lane(), action, ..payer.body(payer.address, 1) };
    let transaction = payer.sign(body);
    is_refused(cluster, &cluster.nodes[1], 91, &transaction, "topic=\"vrf\",reason=\"tier\"").await;

    let (zero, amount) = (LedgerDigest::default(), Amount::from_blocks(1));
    let end = EndRecord { height: Height(1), ledger_root: zero, ops_digest: zero, supply: amount, next_slot: 1 };
    let proof = BoundedBytes::new(vec![7; 64]).expect("a short proof");
    let submission = ProofSubmission { system: ProofSystemKind::default(), end, payout: payer.address, proof };
    let action = Action::Proving(ProvingAction::Submit(submission));
    let body = TransactionBody { lane: action.lane(), action, ..payer.body(payer.address, 1) };
    let transaction = payer.sign(body);
    is_refused(cluster, &cluster.nodes[1], 94, &transaction, "topic=\"proofs\",reason=\"tier\"").await;

    let seen = Hash([5; 32]);
    let attestation = Attestation { identity: payer.address, height: Height(3), seed: seen, value: seen };
    let signed = attestation.sign(&payer.key, &cluster.network.genesis.hash());
    let list = BoundedVec::new(vec![signed]).expect("one attestation");
    let action = Action::Witness(WitnessAction::Attest { list });
    let body = TransactionBody { lane: action.lane(), action, ..payer.body(payer.address, 1) };
    let transaction = payer.sign(body);
    is_refused(cluster, &cluster.nodes[1], 96, &transaction, "topic=\"witness\",reason=\"tier\"").await;
}

/// The last node has the fifth's identity in quarantine: it takes no attestation of it, while others do.
pub async fn a_quarantine_holds_against_peers(cluster: &Cluster, fifth: &Node, address: &Address) {
    let _remedy = testkit::contract!("S002-035");
    let (strict, lenient) = (&cluster.nodes[3], &cluster.nodes[1]);
    let tier = lenient.client().reputation(address).await.expect("a view").tier;
    assert!(
        ["tl2", "tl3", "tl4", "tl5"].contains(&tier.as_str()),
        "its tier {tier} allows what its quarantine does not"
    );
    let key = ValidatorKey::load(&fifth.home.join("validator_key.json"), None).expect("a plain key").key.consensus;
    let genesis = cluster.network.genesis.hash();
    let nonce = lenient.client().account(address).await.expect("an account").nonce;
    let attestation = Attestation { identity: *address, height: Height(3), seed: Hash([5; 32]), value: Hash([6; 32]) };
    let list = BoundedVec::new(vec![attestation.sign(&key, &genesis)]).expect("one attestation");
    let action = Action::Witness(WitnessAction::Attest { list });
    let mut payer = Payer::of_key(key, genesis);
    payer.nonce = nonce.get();
    let body = TransactionBody { lane: action.lane(), action, ..payer.body(payer.address, 1) };
    let transaction = payer.sign(body);
    is_refused(cluster, strict, 92, &transaction, "topic=\"witness\",reason=\"quarantined\"").await;

    // The same bytes from a peer of another node: it takes them, and what is in a block counts everywhere.
    let outsider = Outsider::of(cluster, lenient, 93).await;
    outsider.publish(&transaction);
    let client = lenient.client();
    until("the attestation at a node without quarantine", PATIENCE, async || {
        client.transaction(transaction.id()).await.ok()
    })
    .await;
    strict.finalized(transaction.id()).await;
}

/// A node that tells of another timetoke root is counted and named in the log, and a message that nobody signed so is refused.
pub async fn a_wrong_timetoke_root_is_found(cluster: &Cluster) {
    let node = &cluster.nodes[1];
    let (mismatched, refused) =
        ("meta_timetoke_messages_total{result=\"mismatched\"}", "meta_timetoke_messages_total{result=\"refused\"}");
    let (before, refused_before) = (node.metric(mismatched).await, node.metric(refused).await);
    let outsider = Outsider::of(cluster, node, 95).await;
    let (key, genesis) = (SecretKey::from_seed([95; 32]), cluster.network.genesis.hash());
    let height = Height(node.height().await.expect("a height"));
    let (kind, root) = (MetaKind::MetaTimetoke, Hash([9; 32]));
    let meta = MetaTimetoke { kind, version: META_VERSION, height, root, deltas: Vec::new(), truncated: false };
    let sealed = seal(&meta, &key, &genesis).expect("within the bound");
    assert!(outsider.handle.publish_topic(Arc::from(sealed)), "the queue has room");
    until("the mismatch to be counted", PATIENCE, async || (node.metric(mismatched).await > before).then_some(()))
        .await;
    let (log, named) = (node.log(), key.public_key().to_string());
    let line = log.lines().find(|line| line.contains("timetoke root mismatch")).expect("a line of the log");
    assert!(line.contains(&named) && line.contains(&root.to_string()), "{line}");
    let foreign = seal(&meta, &key, &Hash([1; 32])).expect("within the bound");
    assert!(outsider.handle.publish_topic(Arc::from(foreign)), "the queue has room");
    until("the refusal", PATIENCE, async || (node.metric(refused).await > refused_before).then_some(())).await;
}

/// A peer claims a height that nobody has: validators go on, also one that starts while the peer is there.
pub async fn claims_of_a_peer_silence_nobody(cluster: &mut Cluster) {
    for restarts in [false, true] {
        if restarts {
            cluster.nodes[1].kill();
            cluster.nodes[1].start();
            cluster.nodes[1].reaches(1, PATIENCE).await;
        }
        let node = &cluster.nodes[1];
        let outsider = Outsider::of(cluster, node, 95).await;
        outsider.handle.set_height(Height(u64::MAX));
        let client = node.client();
        until("the claim at the node", PATIENCE, async || {
            let peers = client.validator_peers().await.ok()?.peers;
            peers.iter().any(|peer| peer.height == Height(u64::MAX)).then_some(())
        })
        .await;
        node.ready(PATIENCE).await;
        let height = node.height().await.expect("it answers");
        for next in height + 1..=height + 3 {
            node.reaches(next, PATIENCE).await;
            let ready = client.health_ready().await.expect("an answer");
            assert!(ready.ready, "at height {next}: {:?}", ready.reasons);
        }
        outsider.handle.shutdown().await;
    }
}
