//! A node asks a peer for the proof of a window that it misses, and answers such questions.

use p2p::{DropReason, ProofKind, Verdict};
use primitives::actions::proving::PROOF_BYTES_MAX;
use testkit::Seed;

use crate::harness::{Node, QUIC, TCP, config, eventually, points, start, two};
use crate::raw::{Protocol, Raw, question};

/// The answer that has no proof.
const NOTHING: [u8; 1] = [0];

fn dropped(node: &Node, reason: DropReason) -> u64 {
    node.handle.counters().dropped(reason).get()
}

#[tokio::test]
async fn what_a_peer_has_is_told_judged_and_relayed_only_then() {
    let mut seed = Seed::new();
    for (listen, kind, length) in [
        (QUIC, ProofKind::Window, 310_000),
        (TCP, ProofKind::Chain, 264_420),
        (QUIC, ProofKind::Window, PROOF_BYTES_MAX),
    ] {
        let [mut asker, mut holder] = two(listen).await;
        let mut third = start(3, config(listen, &[&asker])).await;
        third.connected().await;
        asker.connected().await;
        let bytes = seed.bytes(length);
        assert!(asker.handle.ask_proof(holder.key(), 7));
        let (from, question, window) = holder.question().await;
        assert!(from == asker.key() && window == 7);
        assert!(holder.handle.answer_proof(question, Some((kind, bytes.clone()))));
        let (from, id, told, received) = asker.proof().await;
        assert!(from == holder.key() && told == kind && received == bytes);
        third.no_batch().await;
        assert!(asker.handle.report(id, Verdict::Accept));
        let (from, _, told, received) = third.proof().await;
        assert!(from == asker.key() && told == kind && received == bytes);
    }
}

/// What was dropped once comes again: that is what asking is for.
#[tokio::test]
async fn a_proof_that_was_dropped_is_told_again() {
    let [mut asker, mut holder] = two(QUIC).await;
    let bytes = Seed::new().bytes(310_000);
    assert!(holder.handle.publish_proof(ProofKind::Window, &bytes));
    let (_, id, ..) = asker.proof().await;
    assert!(asker.handle.report(id, Verdict::Ignore));
    assert!(holder.handle.publish_proof(ProofKind::Window, &bytes), "announced again, and not wanted");
    asker.no_batch().await;
    assert!(asker.handle.ask_proof(holder.key(), 0));
    let (_, question, _) = holder.question().await;
    assert!(holder.handle.answer_proof(question, Some((ProofKind::Window, bytes.clone()))));
    let (_, id, _, received) = asker.proof().await;
    assert_eq!(received, bytes);
    // One that does not verify ends here, and who told it feels it.
    assert!(asker.handle.report(id, Verdict::Reject));
    eventually("points", || points(&asker, holder.key()).is_some_and(|points| points < 0)).await;
    assert_eq!(dropped(&asker, DropReason::Invalid), 1);
}

#[tokio::test]
async fn nothing_costs_nothing_and_one_question_at_a_time_is_open() {
    let [mut asker, mut holder] = two(QUIC).await;
    for window in 0..5 {
        assert!(asker.handle.ask_proof(holder.key(), window));
    }
    let (_, question, window) = holder.question().await;
    assert_eq!(window, 0);
    // Too long to travel counts as nothing.
    assert!(holder.handle.answer_proof(question, Some((ProofKind::Window, vec![0; PROOF_BYTES_MAX + 1]))));
    assert!(holder.handle.answer_proof(question, None), "a second answer goes nowhere");
    asker.no_batch().await;
    assert_eq!(points(&asker, holder.key()), Some(0));
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert!(asker.handle.ask_proof(holder.key(), 9));
    assert_eq!(holder.question().await.2, 9, "the four between were dropped");
    let stranger = start(9, config(QUIC, &[])).await;
    assert!(asker.handle.ask_proof(stranger.key(), 1), "who is no peer is not asked");
    asker.no_batch().await;
}

#[tokio::test]
async fn questions_that_do_not_fit_reach_nobody() {
    let mut node = start(1, config(QUIC, &[])).await;
    let mut raw = Raw::dial(60, &node.address()).await.unwrap();
    assert!(raw.ask(Protocol::Proofs, question(1)).await.is_err(), "before the handshake");
    assert_eq!(dropped(&node, DropReason::BeforeHandshake), 1);
    let mut raw = Raw::admitted(61, &node.address()).await;
    let key = node.connected().await;
    for (number, bad) in (1..).zip([vec![3], [&question(1)[..], &[0]].concat(), question(1)[..8].to_vec()]) {
        assert!(raw.ask(Protocol::Proofs, bad).await.is_err());
        assert_eq!(dropped(&node, DropReason::Malformed), number);
    }
    eventually("points", || points(&node, key).is_some_and(|points| points < 0)).await;
    node.no_batch().await;
}

#[tokio::test]
async fn a_peer_that_asks_too_often_is_told_nothing_and_holds_up_nobody() {
    let mut node = start(1, config(QUIC, &[])).await;
    let mut raw = Raw::admitted(62, &node.address()).await;
    let key = node.connected().await;
    let told = async {
        let (_, id, window) = node.question().await;
        assert_eq!(window, 4);
        assert!(node.handle.answer_proof(id, Some((ProofKind::Window, vec![7; 100]))));
    };
    let (reply, ()) = tokio::join!(raw.ask(Protocol::Proofs, question(4)), told);
    assert_eq!(reply.unwrap(), [&[1, 100, 0, 0, 0][..], &[7; 100]].concat());
    assert_eq!(raw.ask(Protocol::Proofs, question(5)).await.unwrap(), NOTHING);
    assert_eq!(dropped(&node, DropReason::RateLimited), 1);
    assert_eq!(points(&node, key), Some(0), "and it is no offence");
    node.no_batch().await;
}

#[tokio::test]
async fn an_answer_that_is_none_costs_points() {
    let mut node = start(1, config(QUIC, &[])).await;
    let mut raw = Raw::admitted(63, &node.address()).await;
    let key = node.connected().await;
    for (number, bad) in (1..).zip([vec![9], vec![1, 255, 255, 255, 255], vec![2, 4, 0, 0, 0, 1]]) {
        assert!(node.handle.ask_proof(key, number));
        assert_eq!(raw.answers(bad).await, question(number));
        eventually("counted", || dropped(&node, DropReason::Malformed) == number).await;
    }
    assert!(points(&node, key).is_none_or(|points| points < 0));
    node.no_batch().await;
}
