//! Transactions with a proof: too large for a gossip message, so they are announced, asked for and delivered.

use p2p::{DropReason, MESSAGE_BYTES_MAX, PROOF_MESSAGE_BYTES_MAX, ProofKind, Verdict};
use primitives::Hash;
use primitives::actions::proving::PROOF_BYTES_MAX;
use primitives::transaction::{PROOF_TRANSACTION_BYTES_MAX, TRANSACTION_BYTES_MAX};
use testkit::Seed;

use crate::harness::{Node, QUIC, TCP, config, eventually, start};
use crate::raw::{Protocol, Raw, announce, batch, name, proof_message};

const RECEIVED: [u8; 1] = [0];
const REFUSED: [u8; 1] = [2];

fn dropped(node: &Node, reason: DropReason) -> u64 {
    node.handle.counters().dropped(reason).get()
}

/// The answer that asks for these messages.
fn wanted(messages: &[&[u8]]) -> Vec<u8> {
    let digests: Vec<Hash> = messages.iter().map(|message| name(message)).collect();
    borsh::to_vec(&(1_u8, digests)).unwrap()
}

/// A line of three nodes: the outer ones know the middle one only.
async fn line(listen: &str) -> [Node; 3] {
    let mut middle = start(2, config(listen, &[])).await;
    let mut first = start(1, config(listen, &[&middle])).await;
    let mut last = start(3, config(listen, &[&middle])).await;
    first.connected().await;
    last.connected().await;
    middle.connected().await;
    middle.connected().await;
    [first, middle, last]
}

#[tokio::test]
async fn a_large_transaction_reaches_the_peer_of_a_peer_once_it_is_accepted() {
    let mut seed = Seed::new();
    for listen in [QUIC, TCP] {
        let [first, mut middle, mut last] = line(listen).await;
        // The size of a submission today, one that would fit a gossip message, and the largest.
        for length in [264_900, TRANSACTION_BYTES_MAX + 1, PROOF_TRANSACTION_BYTES_MAX] {
            let large = seed.bytes(length);
            first.publish(&large);
            let (from, id, transactions) = middle.batch().await;
            assert!(from == first.key() && transactions == [large.clone()]);
            last.no_batch().await;
            assert!(middle.handle.report(id, Verdict::Accept));
            let (from, id, transactions) = last.batch().await;
            assert!(from == middle.key() && transactions == [large.clone()]);
            assert!(last.handle.report(id, Verdict::Accept));
            // Published again, as to a new peer, it goes to nobody who has it.
            first.publish(&large);
        }
        middle.no_batch().await;
        last.no_batch().await;
        let sent = first.handle.counters().bytes_out.get();
        assert!(sent < 5_000_000, "each went over the wire once, but {sent} bytes were sent");
    }
}

#[tokio::test]
async fn a_proof_beside_the_chain_reaches_the_peer_of_a_peer_once_it_is_verified() {
    let mut seed = Seed::new();
    let [first, mut middle, mut last] = line(QUIC).await;
    for (kind, length) in
        [(ProofKind::Window, 310_000), (ProofKind::Chain, 264_420), (ProofKind::Chain, PROOF_BYTES_MAX)]
    {
        let bytes = seed.bytes(length);
        assert!(first.handle.publish_proof(kind, &bytes));
        let (from, id, told, received) = middle.proof().await;
        assert!(from == first.key() && told == kind && received == bytes);
        last.no_batch().await;
        assert!(middle.handle.report(id, Verdict::Accept));
        let (from, id, told, received) = last.proof().await;
        assert!(from == middle.key() && told == kind && received == bytes);
        assert!(last.handle.report(id, Verdict::Accept));
        // Told again, as to a new peer, it goes to nobody who has it.
        assert!(first.handle.publish_proof(kind, &bytes));
    }
    middle.no_batch().await;
    assert_eq!(middle.handle.counters().transactions_in.get(), 0, "a proof is no transaction");
    assert!(!first.handle.publish_proof(ProofKind::Window, &vec![0; PROOF_BYTES_MAX + 1]));
    // One that does not verify ends here, and its sender feels it.
    assert!(first.handle.publish_proof(ProofKind::Window, &seed.bytes(310_000)));
    let (from, id, ..) = middle.proof().await;
    assert!(middle.handle.report(id, Verdict::Reject));
    last.no_batch().await;
    let points = || middle.handle.peers().iter().find(|view| view.peer == from).map(|view| view.points);
    eventually("points", || points().is_some_and(|points| points < 0)).await;
}

#[tokio::test]
async fn a_peer_that_comes_later_gets_what_is_published_again() {
    let mut seed = Seed::new();
    let mut first = start(1, config(QUIC, &[])).await;
    let large = seed.bytes(264_900);
    first.publish(&large);
    let mut second = start(2, config(QUIC, &[&first])).await;
    first.connected().await;
    second.connected().await;
    // What the node does when a peer connects.
    first.publish(&large);
    assert_eq!(second.batch().await.2, [large]);
}

#[tokio::test]
async fn a_large_transaction_that_is_rejected_is_not_relayed_and_costs_its_sender() {
    let mut seed = Seed::new();
    let [first, mut middle, mut last] = line(QUIC).await;
    first.publish(&seed.bytes(300_000));
    let (from, id, _) = middle.batch().await;
    assert!(middle.handle.report(id, Verdict::Reject));
    last.no_batch().await;
    let points = || middle.handle.peers().iter().find(|view| view.peer == from).map(|view| view.points);
    eventually("points", || points() == Some(-34)).await;
    assert_eq!(dropped(&middle, DropReason::Invalid), 1);
}

#[tokio::test]
async fn what_is_over_the_bound_is_not_queued() {
    let node = start(1, config(QUIC, &[])).await;
    assert!(!node.handle.publish(vec![0; PROOF_TRANSACTION_BYTES_MAX + 1].into()));
}

#[tokio::test]
async fn deliveries_that_do_not_fit_reach_nobody() {
    let mut seed = Seed::new();
    let mut node = start(1, config(QUIC, &[])).await;
    let mut raw = Raw::dial(60, &node.address()).await.unwrap();
    let large = proof_message(&seed.bytes(300_000));
    assert_eq!(raw.ask(Protocol::Proofs, large.clone()).await.unwrap(), REFUSED);
    assert_eq!(dropped(&node, DropReason::BeforeHandshake), 1);
    let mut raw = Raw::admitted(61, &node.address()).await;
    node.connected().await;
    // Nobody asked.
    assert_eq!(raw.ask(Protocol::Proofs, large.clone()).await.unwrap(), REFUSED);
    assert_eq!(dropped(&node, DropReason::Unasked), 1);
    // It has no place in a gossip message.
    assert!(large.len() > MESSAGE_BYTES_MAX);
    // Asked for, and something else comes: too short for a proof, trailing bytes, a length that lies, too long.
    let small = proof_message(&seed.bytes(TRANSACTION_BYTES_MAX));
    let trailing = [&large[..], &[0]].concat();
    let short = large[..large.len() - 1].to_vec();
    let mut raw = Raw::admitted(62, &node.address()).await;
    for (number, bad) in (1..).zip([&small, &trailing, &short]) {
        assert_eq!(raw.ask(Protocol::Gossip, announce(&[name(bad)])).await.unwrap(), wanted(&[bad]));
        assert_eq!(raw.ask(Protocol::Proofs, bad.clone()).await.unwrap(), REFUSED);
        assert_eq!(dropped(&node, DropReason::Malformed), number);
    }
    let mut raw = Raw::admitted(63, &node.address()).await;
    let reply = raw.ask(Protocol::Proofs, vec![0; PROOF_MESSAGE_BYTES_MAX + 1]).await;
    // The answer may not get through to a sender that is still writing.
    assert!(reply.map_or(true, |reply| reply == REFUSED));
    eventually("counted", || dropped(&node, DropReason::Malformed) == 4).await;
    node.no_batch().await;
    // The honest one still gets through, once.
    let mut raw = Raw::admitted(64, &node.address()).await;
    assert_eq!(raw.ask(Protocol::Gossip, announce(&[name(&large)])).await.unwrap(), wanted(&[&large]));
    assert_eq!(raw.ask(Protocol::Proofs, large.clone()).await.unwrap(), RECEIVED);
    assert_eq!(proof_message(&node.batch().await.2[0]), large);
    assert_eq!(raw.ask(Protocol::Proofs, large).await.unwrap(), REFUSED, "it was asked for once");
    node.no_batch().await;
}

#[tokio::test]
async fn the_byte_limit_of_a_peer_holds_for_large_transactions() {
    let mut seed = Seed::new();
    let mut limited = config(QUIC, &[]);
    limited.limits.max_bytes_per_sec = 262_144;
    let mut node = start(1, limited).await;
    let mut raw = Raw::admitted(65, &node.address()).await;
    let key = node.connected().await;
    // Over the budget of any second.
    let large = proof_message(&seed.bytes(300_000));
    assert_eq!(raw.ask(Protocol::Gossip, announce(&[name(&large)])).await.unwrap(), wanted(&[&large]));
    assert_eq!(raw.ask(Protocol::Proofs, large.clone()).await.unwrap(), REFUSED);
    assert_eq!(dropped(&node, DropReason::ByteLimited), 1);
    let points = |node: &Node| node.handle.peers().iter().find(|view| view.peer == key).map(|view| view.points);
    assert_eq!(points(&node), Some(0), "it was asked for, so it is no offence");
    // Nobody asked for it again.
    assert_eq!(raw.ask(Protocol::Proofs, large).await.unwrap(), REFUSED);
    eventually("points", || points(&node) == Some(-1)).await;
    // Other messages have room.
    assert_eq!(raw.ask(Protocol::Gossip, batch(&[b"small"])).await.unwrap(), RECEIVED);
    assert_eq!(node.batch().await.2, [b"small"]);
}

#[tokio::test]
async fn few_large_transactions_wait_for_a_verdict_at_once() {
    let mut seed = Seed::new();
    let mut node = start(1, config(QUIC, &[])).await;
    let mut raw = Raw::admitted(67, &node.address()).await;
    let mut replies = Vec::new();
    for _ in 0..9 {
        let message = proof_message(&seed.bytes(20_000));
        raw.ask(Protocol::Gossip, announce(&[name(&message)])).await.unwrap();
        replies.push(raw.ask(Protocol::Proofs, message).await.unwrap());
    }
    assert_eq!(replies[..8], [RECEIVED; 8].map(Vec::from));
    assert_eq!(replies[8], REFUSED);
    assert_eq!(dropped(&node, DropReason::NodeQueueFull), 1);
    // Batches are not held up by them, and a verdict makes room.
    assert_eq!(raw.ask(Protocol::Gossip, batch(&[b"small"])).await.unwrap(), RECEIVED);
    let (_, id, _) = node.batch().await;
    assert!(node.handle.report(id, Verdict::Ignore));
    let message = proof_message(&seed.bytes(20_000));
    raw.ask(Protocol::Gossip, announce(&[name(&message)])).await.unwrap();
    assert_eq!(raw.ask(Protocol::Proofs, message).await.unwrap(), RECEIVED);
}
