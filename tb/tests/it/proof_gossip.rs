//! Proofs on their way into blocks: a node passes on what it has verified, takes nothing above its own limit, and what lies costs a bond.
//!
//! Three validators and a follower with a low limit. One validator is down while the forged proof travels, so that no block takes it
//! away; when it is back, the proof gets into a block.

use std::time::Duration;

use primitives::actions::identity::{Register, VrfBinding};
use primitives::actions::{EndRecord, ProofSubmission, ProofSystemKind};
use primitives::{
    Action, Amount, BoundedBytes, Engine, Height, IdentityAction, Outcome, Params, ProvingAction, Transaction,
    TransactionBody, VrfSecretKey,
};
use rpc::routes::Operation;
use rpc::types::BlockId;
use serde_json::Value;

use crate::cluster::{Cluster, Node, START_TIME, free_base, until};
use crate::command::run_in;
use crate::join::connected;
use crate::pay::Payer;
use crate::proofs::code;
use cli::devnet::layout::Ports;

/// Heights of a window.
const WINDOW: u64 = 4;
/// Target time between blocks, milliseconds.
const INTERVAL_MS: u64 = 150;
/// Bytes of the forged proof: far too long for a gossip message.
const FORGED: usize = 300_000;
/// The follower looks at nothing longer.
const LIMIT: &str = "262144";
/// Longest wait for something to travel.
const PATIENCE: Duration = Duration::from_secs(30);

/// A transaction of `payer` with its next nonce.
fn signed(payer: &mut Payer, action: Action) -> Transaction {
    let body = TransactionBody { lane: action.lane(), action, ..payer.body(payer.address, 1) };
    let max_fee = if body.action.is_free() { Amount::ZERO } else { body.max_fee };
    payer.pay_body(TransactionBody { max_fee, ..body })
}

async fn done(node: &Node, payer: &mut Payer, action: Action) {
    let transaction = signed(payer, action);
    node.client().submit(&payer.request(&transaction)).await.expect("admitted");
    let receipt = node.finalized(transaction.id()).await.receipt.expect("a receipt");
    assert_eq!(receipt.outcome, Outcome::Success);
}

/// Makes `payer` an identity that a validator has attested, and a prover with a bond.
async fn prepares(cluster: &Cluster, payer: &mut Payer) {
    let node = &cluster.nodes[0];
    let genesis = &cluster.network.genesis;
    let attester = cluster.network.nodes[0].address;
    let fees = payer.pay(attester, 5_000_000);
    node.client().submit(&payer.request(&fees)).await.expect("admitted");
    node.finalized(fees.id()).await;
    let height = Height(node.height().await.expect("a height"));
    let secret = VrfSecretKey::from_seed([77; 32]);
    let vrf = VrfBinding::prove(&secret, payer.address, height, &genesis.hash()).expect("a proof");
    let register = Register { bond: genesis.params.identity.bond, vrf, peer: None };
    done(node, payer, Action::Identity(IdentityAction::Register(Box::new(register)))).await;
    let who = payer.address.to_string();
    run_in(&node.home, &["identity", "attest", &who, "--rpc", &node.ports.rpc_url()]).ok();
    done(node, payer, Action::Proving(ProvingAction::Bond { amount: Amount::from_blocks(20) })).await;
}

/// A submission of the newest recorded window whose turn it is, with these bytes as its proof.
async fn submission(node: &Node, payer: &Payer, proof: Vec<u8>) -> Action {
    let status = node.client().provers().await.expect("it answers");
    let window = status.waiting.last().expect("a window waits");
    let block = node.client().certified_block(BlockId::Height(window.end_height)).await.expect("it is there");
    let (header, ..) = block.decode().expect("a header");
    let end = EndRecord {
        height: header.height,
        ledger_root: header.ledger_root,
        ops_digest: header.ops_digest,
        supply: header.supply,
        next_slot: header.next_slot,
    };
    let proof = BoundedBytes::new(proof).expect("below 4 MiB");
    let (system, payout) = (ProofSystemKind::Plonky3, payer.address);
    Action::Proving(ProvingAction::Submit(ProofSubmission { system, end, payout, proof }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_proof_ends_at_the_next_node_and_burns_its_bond() {
    let _limit = testkit::contract!("S000-012");
    let mut params = Params { window_blocks: WINDOW, ..Params::default() };
    params.identity.attestations_min = 1;
    let mut cluster = Cluster::with_gates(Engine::Bft, 3, INTERVAL_MS, Some(params), &["recursive_proofs"]);
    cluster.start_all();
    cluster.all_ready().await;
    let mut payer = Payer::funded(&cluster.network, 3);
    prepares(&cluster, &mut payer).await;
    let mut follower = follows(&cluster, &[("TB_MAX_PROOF_SIZE_BYTES", LIMIT)]).await;

    // A window that was recorded after the bond, or whose first turn is over: the only prover may prove it.
    let height = cluster.nodes[0].height().await.expect("a height");
    cluster.nodes[0].reaches(height + WINDOW + 1, START_TIME).await;
    follower.reaches(height + WINDOW + 1, START_TIME).await;
    cluster.nodes[2].kill();
    let nodes = [&cluster.nodes[0], &cluster.nodes[1], &follower];
    let [first, second, third] = nodes;
    until("the chain to stand still", PATIENCE, async || {
        let before = [first.height().await?, second.height().await?, third.height().await?];
        tokio::time::sleep(Duration::from_millis(4 * INTERVAL_MS)).await;
        let after = [first.height().await?, second.height().await?, third.height().await?];
        (before == after && after[0] == after[1] && after[1] == after[2]).then_some(())
    })
    .await;

    let action = submission(first, &payer, vec![7; FORGED]).await;
    let forged = signed(&mut payer, action);
    limits(third, &payer, &forged).await;
    let id = first.client().submit(&payer.request(&forged)).await.expect("an own node takes it").id;
    // The second node verifies before it passes on, the third looks at its length only.
    let dropped = "p2p_dropped_total{reason=\"invalid\"}";
    until("the second node to drop it", PATIENCE, async || (second.metric(dropped).await > 0.5).then_some(())).await;
    assert!(second.metric("rpp_runtime_proof_verification_failures_total").await > 0.5);
    let oversize = "mempool_rejected_total{reason=\"proof_oversize\"}";
    until("the third node to drop it", PATIENCE, async || (third.metric(oversize).await > 1.5).then_some(())).await;
    assert!(third.metric("rpp_runtime_proof_verification_latency_ms_count").await < 0.5, "it verified nothing");
    for node in [second, third] {
        assert!(node.client().transaction(id).await.map_or(true, |status| status.stage.is_failure()), "it waits");
    }

    // In a block it costs the bond, and the chain goes on.
    cluster.nodes[2].start();
    let receipt = cluster.nodes[0].finalized(id).await.receipt.expect("a receipt");
    assert_eq!(receipt.outcome, Outcome::ProofInvalid);
    let status = cluster.nodes[1].client().provers().await.expect("it answers");
    assert!(status.provers.is_empty() && status.proven_height == Height::GENESIS);
    let height = cluster.highest().await;
    follower.reaches(height + 2, START_TIME).await;
    follower.stop();
    cluster.check_one_history().await;
}

/// Only the route that takes transactions takes them with proofs, up to the longest that any chain allows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_longest_proofs_are_judged_by_what_they_say_and_longer_ones_by_their_size() {
    let mut params = Params { window_blocks: WINDOW, block_bytes_max: 8 * 1024 * 1024, ..Params::default() };
    params.proving.proof_bytes_max = 4 * 1024 * 1024;
    let mut cluster = Cluster::with_gates(Engine::Solo, 1, INTERVAL_MS, Some(params), &["recursive_proofs"]);
    cluster.start_all();
    cluster.all_ready().await;
    let (node, mut payer) = (&cluster.nodes[0], Payer::funded(&cluster.network, 3));
    node.reaches(WINDOW + 2, START_TIME).await;
    let client = node.client();

    // Three mebibytes arrive, and are refused for what they are: not those of a prover.
    let action = submission(node, &payer, vec![7; 3 * 1024 * 1024]).await;
    let forged = signed(&mut payer, action);
    assert_eq!(code(client.submit(&payer.request(&forged)).await), "no_prover_bond");
    // Bonded, it may hand in as many, and the block judges them.
    payer.nonce = forged.body.nonce.get();
    done(node, &mut payer, Action::Proving(ProvingAction::Bond { amount: Amount::from_blocks(20) })).await;
    let height = node.height().await.expect("a height");
    node.reaches(height + WINDOW + 1, START_TIME).await;
    let action = submission(node, &payer, vec![7; 3 * 1024 * 1024]).await;
    let forged = signed(&mut payer, action);
    client.submit(&payer.request(&forged)).await.expect("it waits");
    let receipt = node.finalized(forged.id()).await.receipt.expect("a receipt");
    assert_eq!(receipt.outcome, Outcome::ProofInvalid);

    // Five are refused before anybody looks at them; so are three on any other route.
    let post = async |path: &str, mebibytes: usize| {
        let body = format!("{{\"transaction\":\"{}\"}}", "07".repeat(mebibytes * 1024 * 1024));
        let request = reqwest::Client::new().post(format!("{}{path}", node.ports.rpc_url()));
        let reply = request.header("content-type", "application/json").body(body).send().await.expect("an answer");
        let status = reply.status().as_u16();
        let refusal: Value = reply.json().await.expect("a refusal");
        (status, refusal["code"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(post("/transactions", 5).await, (413, "body_too_large".to_owned()));
    assert_eq!(post("/transactions", 4).await, (422, "oversize".to_owned()));
    assert_eq!(post("/proofs/claims", 3).await, (413, "body_too_large".to_owned()));
    let call = client.call::<_, Value>(Operation::TransactionSubmit, &payer.request(&forged)).await;
    assert_eq!(code(call), "body_too_large");
    cluster.check_no_panic();
}

/// Over RPC the node refuses what is above its limit, before it looks at anything else of it.
async fn limits(node: &Node, payer: &Payer, forged: &Transaction) {
    let client = node.client();
    assert_eq!(code(client.submit(&payer.request(forged)).await), "proof_oversize");
    assert_eq!(code(client.submit_window(vec![0; 262_145], None).await), "body_too_large");
    assert_eq!(code(client.submit_chain(vec![0; 262_145], None).await), "body_too_large");
    let status = client.proof_status().await.expect("it answers");
    assert_eq!(status.max_proof_size_bytes.to_string(), LIMIT);
}

/// A node that follows the chain, with these variables.
async fn follows(cluster: &Cluster, environment: &[(&str, &str)]) -> Node {
    let home = cluster.folder().join("follower");
    let genesis = cluster.network.root.join("genesis.json");
    run_in(&home, &["init", "--genesis", genesis.to_str().expect("text")]).ok();
    let ports = Ports::of(free_base(1), 0).expect("free ports");
    let mut node = Node::new(home, ports);
    let words = connected(cluster, ports);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    node.start_with(&words, environment);
    node.ready(START_TIME).await;
    node
}
