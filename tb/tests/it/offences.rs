//! Identities that sign what they must not: nodes see it pass by, report it without being told, and the identity ends.

use std::time::Duration;

use primitives::actions::identity::{Register, VrfBinding};
use primitives::actions::timetoke::Heartbeat;
use primitives::{
    Action, BoundedVec, Hash, Height, IdentityAction, LotteryAction, Outcome, TimetokeAction, TransactionBody,
    VrfSecretKey,
};
use rpc::types::{AuditEvidence, AuditQuery, AuditStream, Stage};

use crate::cluster::{Cluster, Node, until};
use crate::pay::Payer;

/// Longest wait for a report to be in a block.
const PATIENCE: Duration = Duration::from_secs(30);

/// A transaction of `payer` with its next nonce, submitted to `node`; waits until it is in a block.
async fn done(node: &Node, payer: &mut Payer, action: Action) {
    let height = node.height().await.expect("a height");
    let body = TransactionBody {
        lane: action.lane(),
        valid_until: Height(height + 500),
        action,
        ..payer.body(payer.address, 1)
    };
    let transaction = payer.pay_body(body);
    node.client().submit(&payer.request(&transaction)).await.expect("admitted");
    node.finalized(transaction.id()).await;
}

/// What `payer`'s identity claims with the VRF key of this seed.
async fn claim(cluster: &Cluster, node: &Node, payer: &Payer, seed: u8) -> VrfBinding {
    let height = Height(node.height().await.expect("a height"));
    let secret = VrfSecretKey::from_seed([seed; 32]);
    VrfBinding::prove(&secret, payer.address, height, &cluster.network.genesis.hash()).expect("a proof")
}

async fn register(cluster: &Cluster, node: &Node, payer: &mut Payer, seed: u8) {
    let bond = cluster.network.genesis.params.identity.bond;
    let vrf = claim(cluster, node, payer, seed).await;
    let register = Register { bond, vrf, peer: None };
    done(node, payer, Action::Identity(IdentityAction::Register(Box::new(register)))).await;
    let record = node.client().identity(&payer.address).await.expect("a view").identity;
    assert!(record.is_some(), "the registration of {}", payer.address);
}

async fn ended(node: &Node, payer: &Payer) {
    let client = node.client();
    until("the offender's identity to end", PATIENCE, async || {
        client.identity(&payer.address).await.ok()?.identity.filter(|record| record.tombstoned)
    })
    .await;
}

/// Funded accounts 3 and 4 offend: one answers a challenge twice, the other claims the first one's key.
pub async fn offenders_are_reported(cluster: &Cluster, fifth: &Node) {
    let (node, genesis) = (&cluster.nodes[1], cluster.network.genesis.hash());
    let mut twice = Payer::funded(&cluster.network, 3);
    register(cluster, node, &mut twice, 201).await;
    let open = node.client().timetoke().await.expect("a view").challenge.expect("a challenge is open");
    for value in [open.value, Hash([7; 32])] {
        let beat = Heartbeat { identity: twice.address, challenge: open.number, seed: open.seed, value };
        let list = BoundedVec::new(vec![beat.sign(&twice.key, &genesis)]).expect("one heartbeat");
        done(node, &mut twice, Action::Timetoke(TimetokeAction::Heartbeats { list })).await;
    }
    ended(node, &twice).await;

    let mut other = Payer::funded(&cluster.network, 4);
    register(cluster, node, &mut other, 202).await;
    let stolen = claim(cluster, node, &other, 201).await;
    done(node, &mut other, Action::Identity(IdentityAction::RotateVrf(stolen))).await;
    ended(node, &other).await;

    // Nobody else loses anything.
    let page = until("both records", PATIENCE, async || {
        let page = node.client().audits(AuditStream::Slashing, AuditQuery { limit: None }).await.ok()?;
        Some(page.records).filter(|records| records.len() >= 2)
    })
    .await;
    let punished: Vec<_> = page
        .iter()
        .map(|record| match &record.evidence {
            AuditEvidence::IdentityPunished { identity, .. } => *identity,
            other => panic!("somebody else was punished: {other:?}"),
        })
        .collect();
    assert!(punished.contains(&twice.address) && punished.contains(&other.address), "{punished:?}");
    let reported: f64 = {
        let mut sum = 0.0;
        for node in cluster.nodes.iter().chain([fifth]) {
            sum += node.metric("evidence_reports_total").await;
        }
        sum
    };
    assert!(reported >= 2.0, "two offences were reported, the metric says {reported}");
}

/// What a wallet without identity sends on a topic that asks for a tier is taken here, and goes to nobody else.
pub async fn strangers_publish_nothing(cluster: &Cluster) {
    let node = &cluster.nodes[2];
    let refusals = "gossip_topic_refused_total{topic=\"vrf\",reason=\"tier\"}";
    let before = node.metric(refusals).await;
    let payer = Payer::funded(&cluster.network, 5);
    let proof = VrfSecretKey::from_seed([203; 32]).prove(b"no ticket").expect("a proof");
    let action = Action::Lottery(LotteryAction::Submit { epoch: 9_999, proof });
    let body = TransactionBody { lane: action.lane(), action, ..payer.body(payer.address, 1) };
    let transaction = payer.sign(body);
    node.client().submit(&payer.request(&transaction)).await.expect("an own node takes it");
    until("the refusal to be counted", PATIENCE, async || (node.metric(refusals).await > before).then_some(())).await;
    let status = node.client().transaction(transaction.id()).await.expect("a status");
    assert!(status.reached.iter().all(|one| one.stage != Stage::Gossiped), "{status:?}");
    // It waits for a turn of its own node to propose, and then earns nothing but its fee.
    let done = node.finalized(transaction.id()).await;
    let outcome = done.receipt.expect("a receipt").outcome;
    assert_eq!(outcome, Outcome::LotteryWrongEpoch);
    // Every node counts what a block refused, by its reason.
    let (told, rejections) = (outcome.name(), "vrf_rejections_total{reason=\"lottery_wrong_epoch\"}");
    until("the rejection to be counted", PATIENCE, async || (node.metric(rejections).await >= 1.0).then_some(())).await;
    let metrics = node.client().node_status().await.expect("a status").vrf_metrics;
    assert!(metrics.rejected >= 1 && metrics.rejected_by_reason.get(told) >= Some(&1), "{metrics:?}");
}
