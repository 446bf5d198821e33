//! What a genesis file fixes: whoever has another one verifies no proof of the chain and takes no block, and who names another proof
//! system is told so.

use std::path::PathBuf;

use cli::devnet::layout::Ports;
use primitives::actions::proving::{EndRecord, ProofSubmission, ProofSystemKind};
use primitives::{
    Action, Address, Amount, BoundedBytes, Genesis, Height, LedgerDigest, ProvingAction, SecretKey, TransactionBody,
};
use proof::light::{ChainRules, SealedChain, check_chain};
use proof::{LedgerPoint, fold_key};
use rpc::Client;
use rpc::types::BlockId;

use crate::cluster::{Cluster, Node, START_TIME, free_base, until};
use crate::command::{run, run_in, tb};
use crate::join::connected_to;
use crate::pay::Payer;

/// The genesis of the network with one thing changed, under names.
fn others(genesis: &Genesis) -> [(&'static str, Genesis); 3] {
    let one = Amount::new(1).expect("in range");
    let mut account = genesis.clone();
    account.accounts[0].address = Address::of_key(&SecretKey::from_seed([214; 32]).public_key());
    let mut balance = genesis.clone();
    let less = balance.accounts[0].balance.checked_sub(one).expect("it has something");
    balance.accounts[0].balance = less;
    let mut stake = genesis.clone();
    stake.validators[0].power += 1;
    [("account", account), ("balance", balance), ("stake", stake)]
}

/// Writes a genesis file.
fn written(cluster: &Cluster, name: &str, genesis: &Genesis) -> PathBuf {
    let path = cluster.folder().join(format!("genesis-{name}.json"));
    std::fs::write(&path, serde_json::to_vec(genesis).expect("JSON")).expect("written");
    path
}

/// A program with another genesis refuses the chain proof, and a node with it takes no block and says why.
pub async fn verifies_no_proof_and_takes_no_block(cluster: &Cluster, client: &Client, height: Height) {
    let _shown = testkit::contract!("S000-019");
    let sealed = SealedChain::from_bytes(&client.chain_proof().await.expect("it is there")).expect("a proof");
    let end = client.certified_block(BlockId::Height(height)).await.expect("it is there").decode();
    let end = LedgerPoint::from(&end.expect("a header").0);
    let key = fold_key().expect("the pinned key");
    let holds = |genesis: &Genesis| {
        let rules = ChainRules::of(genesis).expect("it starts a chain");
        check_chain(key, &rules.origin(), end, &sealed).is_ok()
    };
    assert!(holds(&cluster.network.genesis), "it shows this chain");
    let mut strangers = Vec::new();
    for (name, genesis) in others(&cluster.network.genesis) {
        assert!(!holds(&genesis), "{name}: the proof does not hold under another genesis");
        let path = written(cluster, name, &genesis);
        let path = path.to_str().expect("text");
        let mut command = tb();
        command.args(["light", "verify", "--rpc", client.base_url(), "--genesis", path, "--home"]);
        let refused = run(command.arg(&cluster.network.root)).refused();
        assert_eq!(refused.code, "not_proven", "{name}: {refused:?}");
        assert!(refused.error.contains("is of another chain"), "{name}: {refused:?}");

        let home = cluster.folder().join(format!("stranger-{name}"));
        run_in(&home, &["init", "--genesis", path]).ok();
        let ports = Ports::of(free_base(1), 0).expect("free ports");
        let peers: Vec<Ports> = cluster.nodes.iter().map(|node| node.ports).collect();
        let words = connected_to(ports, &peers, &peers);
        let mut stranger = Node::new(home, ports);
        stranger.start_with(&words.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        strangers.push((name, stranger));
    }
    for (name, stranger) in &mut strangers {
        until("the refusal in the stranger's log", START_TIME, async || {
            stranger.log().contains("wrong_genesis").then_some(())
        })
        .await;
        assert_eq!(stranger.height().await, Some(0), "{name}: no block of another chain is taken");
        assert_eq!(stranger.client().proof_status().await.expect("it answers").chain, None, "{name}: nor a proof");
        stranger.stop();
    }
}

/// Node and wallet say which proof system they use; another one is refused by name, in a transaction and in a genesis file.
pub async fn another_proof_system_is_refused(cluster: &Cluster, client: &Client) {
    assert_eq!(client.node_status().await.expect("it answers").proof_system, "plonky3");
    let built = run(tb().args(["release", "info"])).ok();
    assert_eq!(built["features"], serde_json::json!(["backend-plonky3"]), "what the wallet's program verifies");
    let payer = Payer::funded(&cluster.network, 5);
    let zero = LedgerDigest::default();
    let end = EndRecord { height: Height(1), ledger_root: zero, ops_digest: zero, supply: Amount::ZERO, next_slot: 1 };
    let proof = BoundedBytes::new(vec![7; 64]).expect("a short proof");
    let submission = ProofSubmission { system: ProofSystemKind::Stwo, end, payout: payer.address, proof };
    let action = Action::Proving(ProvingAction::Submit(submission));
    let body = TransactionBody { lane: action.lane(), action, ..payer.body(payer.address, 1) };
    let refused = client.submit(&payer.request(&payer.sign(body))).await.expect_err("no such system");
    assert_eq!(refused.code(), "wrong_proof_system", "{refused}");

    let foreign = Genesis { proof_system: ProofSystemKind::Stwo, ..cluster.network.genesis.clone() };
    let path = written(cluster, "stwo", &foreign);
    let home = cluster.folder().join("stwo");
    let refused = run_in(&home, &["init", "--genesis", path.to_str().expect("text")]).refused();
    assert!(refused.error.contains("stwo"), "{refused:?}");
}
