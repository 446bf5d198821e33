//! A node asks a peer for the body of a height that it has lost, and answers such questions.

use p2p::{BODY_BYTES_MAX, DropReason, P2pEvent, PeerKey, QuestionId};
use primitives::Height;
use testkit::Seed;

use crate::harness::{Node, QUIC, TCP, config, eventually, start, two};

/// The next question for a body.
async fn question(node: &mut Node) -> (PeerKey, QuestionId, Height) {
    let pick = |event| match event {
        P2pEvent::BodyAsked { peer, question, height } => Some((peer, question, height)),
        _ => None,
    };
    node.wait("question for a body", pick).await
}

#[tokio::test]
async fn a_body_of_any_length_is_told_to_who_asks_and_to_nobody_else() {
    let mut seed = Seed::new();
    for (listen, length) in [(QUIC, 10), (TCP, 2_000_000), (TCP, BODY_BYTES_MAX)] {
        let [asker, mut holder] = two(listen).await;
        let bytes = seed.bytes(length);
        let (told, ()) = tokio::join!(asker.handle.ask_body(holder.key(), Height(7)), async {
            let (from, id, height) = question(&mut holder).await;
            assert!(from == asker.key() && height == Height(7));
            assert!(holder.handle.answer_body(id, Some(bytes.clone())));
        });
        assert!(told == Some(bytes), "{length} bytes over {listen}");
    }
}

#[tokio::test]
async fn who_has_nothing_says_so_and_who_is_blamed_feels_it() {
    let [asker, mut holder] = two(QUIC).await;
    let (told, ()) = tokio::join!(asker.handle.ask_body(holder.key(), Height(1)), async {
        let (_, id, _) = question(&mut holder).await;
        assert_eq!(asker.handle.ask_body(holder.key(), Height(2)).await, None, "one question at a time is open");
        assert!(holder.handle.answer_body(id, Some(vec![0; BODY_BYTES_MAX + 1])));
        assert!(holder.handle.answer_body(id, None), "a second answer goes nowhere");
    });
    assert_eq!(told, None, "what is too long to travel counts as nothing");
    // Sooner than the pause: nothing, and no offence.
    assert_eq!(asker.handle.ask_body(holder.key(), Height(3)).await, None);
    assert_eq!(holder.handle.counters().dropped(DropReason::RateLimited).get(), 1);
    let stranger = start(9, config(QUIC, &[])).await;
    assert_eq!(asker.handle.ask_body(stranger.key(), Height(1)).await, None, "who is no peer is not asked");
    let points = || asker.handle.peers().iter().find(|view| view.peer == holder.key()).map(|view| view.points);
    assert_eq!(points(), Some(0));
    assert!(asker.handle.blame(holder.key()));
    eventually("points", || points().is_some_and(|points| points < 0)).await;
    for _ in 0..2 {
        assert!(asker.handle.blame(holder.key()));
    }
    eventually("a peer that goes on is dropped", || points().is_none()).await;
}
