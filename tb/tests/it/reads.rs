//! What the chain tells about itself: history, proofs that are checked here, and streams.

use std::time::Duration;

use futures::StreamExt;
use primitives::merkle;
use primitives::{Address, Amount, Height};
use rpc::types::{HistoryEntry, HistoryKind, HistoryQuery};
use tokio::time::timeout;

use crate::cluster::{Cluster, Node, START_TIME};
use crate::command::{run, tb};
use crate::pay::Payer;

/// Longest time to the next event of a stream.
const EVENT_TIME: Duration = Duration::from_secs(10);
/// Payments in each direction.
const PAYMENTS: u64 = 4;

/// The whole history, by pages of three.
async fn history(node: &Node, address: &Address) -> Vec<HistoryEntry> {
    let (mut entries, mut before) = (Vec::new(), None);
    loop {
        let query = HistoryQuery { before, limit: Some(3) };
        let page = node.client().account_history(address, query).await.expect("a page");
        assert!(page.entries.len() <= 3);
        entries.extend(page.entries);
        before = page.next_before;
        if before.is_none() {
            assert!(entries.windows(2).all(|pair| pair[0].cursor > pair[1].cursor), "newest first, none twice");
            return entries;
        }
    }
}

fn sum(entries: &[HistoryEntry], kind: HistoryKind) -> u64 {
    entries.iter().filter(|entry| entry.kind == kind).map(|entry| entry.amount.micro()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_proofs_and_streams_tell_the_same_story() {
    let cluster = Cluster::of_four().await;
    let node = &cluster.nodes[0];
    let (mut one, mut two) = (Payer::funded(&cluster.network, 1), Payer::funded(&cluster.network, 2));
    let mut blocks = node.client().block_stream().await.expect("a stream");
    let mut payments = cluster.nodes[2].client().account_stream(&two.address).await.expect("a stream");

    let mut sent = Vec::new();
    for amount in 1..=PAYMENTS {
        let (there, back) = (one.pay(two.address, amount * 10), two.pay(one.address, amount));
        // Handed in at two nodes, so that gossip has to bring them together.
        cluster.nodes[1].client().submit(&one.request(&there)).await.expect("admitted");
        cluster.nodes[3].client().submit(&two.request(&back)).await.expect("admitted");
        sent.extend([there, back]);
    }
    for transaction in &sent {
        node.finalized(transaction.id()).await;
    }
    cluster.level(START_TIME).await;
    let (paid_out, paid_in) = ((1..=PAYMENTS).sum::<u64>(), (1..=PAYMENTS).map(|amount| amount * 10).sum::<u64>());
    for node in &cluster.nodes {
        let entries = history(node, &two.address).await;
        assert_eq!((sum(&entries, HistoryKind::Incoming), sum(&entries, HistoryKind::Outgoing)), (paid_in, paid_out));
        let fees = sum(&entries, HistoryKind::Fee);
        let account = node.client().account(&two.address).await.expect("an account");
        let genesis = Amount::from_blocks(1_000_000).micro();
        assert_eq!(account.balance.micro(), genesis + paid_in - paid_out - fees);
        let there: Vec<_> = entries.iter().filter(|entry| entry.kind == HistoryKind::Incoming).collect();
        assert!(there.iter().all(|entry| entry.counterparty == Some(one.address)));
    }
    streams(&mut blocks, &mut payments, paid_in).await;

    // Proofs: checked against the genesis file of the network, not against anything that the node says.
    let validators = cluster.network.genesis.validator_set().expect("a set");
    let genesis = cluster.network.genesis.hash();
    for transaction in &sent[..2] {
        let proof = cluster.nodes[3].client().transaction_proof(transaction.id()).await.expect("a proof");
        let (shown, header) = proof.verify_inclusion().expect("it is in the block");
        assert_eq!(&shown, transaction);
        assert!(proof.verify_certificate(&validators, &genesis).expect("decided") * 3 > validators.total_power() * 2);
        let mut forged = proof.clone();
        forged.transaction.0[40] ^= 1;
        assert!(forged.verify_inclusion().is_err());
        let leaf = merkle::leaf(&forged.transaction.0);
        assert!(!merkle::verify(&proof.proof.clone().into(), &leaf, &header.transactions_root));
        let words = ["proof", "transaction", &transaction.id().to_string(), "--rpc", &node.ports.rpc_url()];
        let checked = run(tb().args(words).arg("--home").arg(&cluster.network.root)).ok();
        assert_eq!(checked["genesis_from"], "the home directory");
    }
    let stranger = Address::of_key(&one.stranger(77).key.public_key());
    for (address, has_account) in [(one.address, true), (stranger, false)] {
        let proof = node.client().account_proof(&address).await.expect("a proof");
        assert_eq!(proof.slot.is_some(), has_account);
        proof.verify_certificate(&validators, &genesis).expect("decided");
        let words = ["proof", "account", &address.to_string(), "--rpc", &node.ports.rpc_url()];
        let checked = run(tb().args(words).arg("--home").arg(&cluster.network.root)).ok();
        let what = checked["what"].as_str().expect("what was shown");
        assert_eq!(what.contains("has no account"), !has_account, "{what}");
    }
    cluster.check_one_history().await;
}

/// Reads both streams until they have told everything.
async fn streams(
    blocks: &mut rpc::client::EventStream<rpc::types::BlockSummary>,
    payments: &mut rpc::client::EventStream<HistoryEntry>,
    paid_in: u64,
) {
    let mut last: Option<Height> = None;
    let mut transactions = 0;
    while transactions < 2 * PAYMENTS {
        let event = timeout(EVENT_TIME, blocks.next()).await.expect("a block in time");
        let block = event.expect("the stream goes on").expect("a block");
        assert!(last.is_none_or(|last| block.height == last.next()), "one event a block, in order");
        last = Some(block.height);
        transactions += block.transaction_count;
    }
    let mut incoming = 0;
    while incoming < paid_in {
        let event = timeout(EVENT_TIME, payments.next()).await.expect("a payment in time");
        let payment = event.expect("the stream goes on").expect("a payment");
        if payment.kind == HistoryKind::Incoming {
            incoming += payment.amount.micro();
        }
    }
    assert_eq!(incoming, paid_in);
}
