//! A node takes a snapshot from a peer piece by piece, and gives one.

use p2p::{
    AskError, DropReason, P2pEvent, PeerKey, QuestionId, SNAPSHOT_BYTES_MAX, SnapshotAnswer, SnapshotBytes,
    SnapshotRequest,
};
use primitives::{Hash, Height};
use testkit::Seed;

use crate::harness::{Node, QUIC, TCP, config, eventually, points, start, two};
use crate::raw::{Protocol, Raw};

/// Answers of every kind, as they travel.
const BUSY_1: [u8; 5] = [1, 1, 0, 0, 0];
/// Altered messages of each kind.
const MUTATIONS: usize = 300;

fn dropped(node: &Node, reason: DropReason) -> u64 {
    node.handle.counters().dropped(reason).get()
}

fn piece(bytes: Vec<u8>) -> SnapshotAnswer {
    SnapshotAnswer::Piece(SnapshotBytes::new(bytes).expect("it is within the bound"))
}

/// The next request for a piece.
async fn request(node: &mut Node) -> (PeerKey, QuestionId, SnapshotRequest) {
    let pick = |event| match event {
        P2pEvent::SnapshotAsked { peer, question, request } => Some((peer, question, request)),
        _ => None,
    };
    node.wait("request for a piece", pick).await
}

#[tokio::test]
async fn every_piece_arrives_as_it_was_given_up_to_the_longest() {
    let mut seed = Seed::new();
    for (listen, asked, length) in [
        (QUIC, SnapshotRequest::Manifest, SNAPSHOT_BYTES_MAX),
        (TCP, SnapshotRequest::Chunk(Hash([9; 32])), 4_000_000),
        (QUIC, SnapshotRequest::Header(Height(77)), 700),
    ] {
        let [asker, mut holder] = two(listen).await;
        let (bytes, key) = (seed.bytes(length), holder.key());
        let give = async {
            let (from, question, request) = request(&mut holder).await;
            assert!(from == asker.key() && request == asked);
            assert!(holder.handle.answer_snapshot(question, piece(bytes.clone())));
        };
        let (told, ()) = tokio::join!(asker.handle.ask_snapshot(key, asked), give);
        assert!(told.expect("an answer") == piece(bytes));
        assert_eq!(points(&asker, holder.key()), Some(0), "what is in it is for the node to say");
    }
}

#[tokio::test]
async fn one_request_at_a_time_is_open_and_a_peer_that_goes_away_ends_it() {
    let [asker, mut holder] = two(QUIC).await;
    let (first, key) = (asker.handle.clone(), holder.key());
    let first = tokio::spawn(async move { first.ask_snapshot(key, SnapshotRequest::Manifest).await });
    let (_, question, _) = request(&mut holder).await;
    let second = asker.handle.ask_snapshot(key, SnapshotRequest::Manifest).await;
    assert_eq!(second, Err(AskError::Asked));
    assert!(holder.handle.answer_snapshot(question, SnapshotAnswer::Nothing));
    assert_eq!(first.await.expect("it ends"), Ok(SnapshotAnswer::Nothing));
    // One that is given up leaves its place.
    let third = asker.handle.clone();
    let third = tokio::spawn(async move { third.ask_snapshot(key, SnapshotRequest::Manifest).await });
    request(&mut holder).await;
    third.abort();
    assert!(third.await.is_err());
    let fourth = asker.handle.clone();
    let fourth = tokio::spawn(async move { fourth.ask_snapshot(key, SnapshotRequest::Manifest).await });
    request(&mut holder).await;
    holder.handle.shutdown().await;
    let ended = fourth.await.expect("it ends");
    assert!(matches!(ended, Err(AskError::Gone | AskError::Silent)), "{ended:?}");
    let stranger = start(9, config(QUIC, &[])).await;
    assert_eq!(asker.handle.ask_snapshot(stranger.key(), SnapshotRequest::Manifest).await, Err(AskError::Gone));
}

#[tokio::test]
async fn a_peer_whose_pieces_are_wrong_is_banned_at_the_second_one() {
    let [asker, holder] = two(TCP).await;
    assert!(asker.handle.report_snapshot(holder.key()));
    eventually("points", || points(&asker, holder.key()).is_some_and(|points| points < 0)).await;
    assert!(asker.handle.report_snapshot(holder.key()));
    eventually("banned", || asker.handle.counters().bans.get() == 1).await;
    assert_eq!(dropped(&asker, DropReason::Invalid), 2);
    eventually("gone", || asker.handle.peers().is_empty()).await;
}

#[tokio::test]
async fn altered_requests_reach_nobody_and_panic_nobody() {
    let mut seed = Seed::new();
    let mut node = start(1, config(QUIC, &[])).await;
    let mut raw = Raw::dial(70, &node.address()).await.unwrap();
    assert!(raw.ask(Protocol::Snapshots, vec![0]).await.is_err(), "before the handshake");
    assert_eq!(dropped(&node, DropReason::BeforeHandshake), 1);
    // Each is malformed, so five of them are the end of a peer.
    let bad =
        [vec![], vec![4], vec![0, 0], vec![3, 0], [vec![1], vec![7; 7]].concat(), [vec![2], vec![7; 33]].concat()];
    for (secret, bytes) in (71..).zip(bad) {
        let mut raw = Raw::admitted(secret, &node.address()).await;
        node.connected().await;
        let count = dropped(&node, DropReason::Malformed);
        assert!(raw.ask(Protocol::Snapshots, bytes.clone()).await.is_err(), "{bytes:?}");
        assert_eq!(dropped(&node, DropReason::Malformed), count + 1, "{bytes:?}");
    }
    let mut raw = Raw::admitted(90, &node.address()).await;
    node.connected().await;
    let long = seed.bytes(20_000);
    assert!(raw.ask(Protocol::Snapshots, long).await.is_err(), "over the bound");
    while let Ok(event) = node.events.try_recv() {
        assert!(!matches!(event, P2pEvent::SnapshotAsked { .. }), "{event:?}");
    }
}

/// Reading is exact: what is no canonical encoding of a message is refused, whatever was altered.
#[test]
fn altered_messages_are_another_message_or_none() {
    let mut seed = Seed::new();
    let requests = [
        SnapshotRequest::Manifest,
        SnapshotRequest::Header(Height(u64::MAX)),
        SnapshotRequest::Chunk(Hash([0x5a; 32])),
        SnapshotRequest::ChainProof,
    ];
    let answers = [SnapshotAnswer::Nothing, SnapshotAnswer::Busy(70_000), piece(vec![3; 40])];
    let requests = requests.map(|request| primitives::encode(&request));
    let answers = answers.map(|answer| primitives::encode(&answer));
    for bytes in requests.iter().chain(&answers) {
        for _ in 0..MUTATIONS {
            let mut altered = bytes.clone();
            match seed.below(3) {
                0 => altered.truncate(usize::try_from(seed.below(u64::try_from(altered.len()).unwrap())).unwrap()),
                1 => altered.extend(seed.bytes(1)),
                _ => {
                    let at = usize::try_from(seed.below(u64::try_from(altered.len()).unwrap())).unwrap();
                    altered[at] ^= 1 << seed.below(8);
                }
            }
            if let Ok(read) = primitives::decode::<SnapshotRequest>(&altered) {
                assert_eq!(primitives::encode(&read), altered);
            }
            if let Ok(read) = primitives::decode::<SnapshotAnswer>(&altered) {
                assert_eq!(primitives::encode(&read), altered);
            }
        }
    }
    // A length beyond the bound is refused before anything of it is kept.
    let too_long = [vec![2], u32::try_from(SNAPSHOT_BYTES_MAX + 1).unwrap().to_le_bytes().to_vec()].concat();
    assert!(primitives::decode::<SnapshotAnswer>(&too_long).is_err());
}

#[tokio::test]
async fn an_answer_that_is_none_costs_points_and_ends_the_wait() {
    let mut node = start(1, config(QUIC, &[])).await;
    let mut raw = Raw::admitted(63, &node.address()).await;
    let key = node.connected().await;
    let handle = node.handle.clone();
    let ask = async |raw: &mut Raw, bytes: Vec<u8>| {
        let (told, asked) = tokio::join!(handle.ask_snapshot(key, SnapshotRequest::Manifest), raw.answers(bytes));
        assert_eq!(asked, [0]);
        told
    };
    assert_eq!(ask(&mut raw, BUSY_1.to_vec()).await, Ok(SnapshotAnswer::Busy(1)));
    for (number, bad) in (1..).zip([vec![9], vec![2, 255, 255, 255, 255], vec![1, 0]]) {
        assert_eq!(ask(&mut raw, bad).await, Err(AskError::Malformed));
        assert_eq!(dropped(&node, DropReason::Malformed), number);
    }
    assert!(points(&node, key).is_some_and(|points| points < 0));
}

#[tokio::test]
async fn a_peer_over_its_budget_is_told_to_wait_and_loses_nothing() {
    let mut limited = config(QUIC, &[]);
    limited.limits.max_per_sec = 1;
    limited.limits.rate_window_secs = 4;
    let mut node = start(1, limited).await;
    let mut raw = Raw::admitted(64, &node.address()).await;
    let key = node.connected().await;
    // The handshake and the first heights took two of four.
    for _ in 0..2 {
        let told = async {
            let (_, question, _) = request(&mut node).await;
            assert!(node.handle.answer_snapshot(question, SnapshotAnswer::Nothing));
        };
        let (reply, ()) = tokio::join!(raw.ask(Protocol::Snapshots, vec![0]), told);
        assert_eq!(reply.unwrap(), [0]);
    }
    assert_eq!(raw.ask(Protocol::Snapshots, vec![0]).await.unwrap()[0], 1, "busy");
    assert_eq!(dropped(&node, DropReason::RateLimited), 1);
    assert_eq!(points(&node, key), Some(0));
}

/// Requests that a node looks at, of all peers at once.
const LOOKED_AT: usize = 16;
/// Half a second: what a peer is told to wait for when there is no room.
const BUSY_500: [u8; 5] = [1, 0xf4, 1, 0, 0];

#[tokio::test]
async fn one_request_more_than_a_node_looks_at_is_told_to_wait_and_costs_nothing() {
    let mut node = start(1, config(QUIC, &[])).await;
    let (mut open, mut questions) = (Vec::new(), Vec::new());
    for secret in (100..).take(LOOKED_AT) {
        let mut raw = Raw::admitted(secret, &node.address()).await;
        node.connected().await;
        open.push(tokio::spawn(async move { raw.ask(Protocol::Snapshots, vec![0]).await }));
        questions.push(request(&mut node).await.1);
    }
    let mut late = Raw::admitted(130, &node.address()).await;
    let key = node.connected().await;
    assert_eq!(late.ask(Protocol::Snapshots, vec![0]).await.unwrap(), BUSY_500);
    assert_eq!(dropped(&node, DropReason::NodeQueueFull), 1);
    assert_eq!(points(&node, key), Some(0), "it is no offence");
    // One that is answered makes room.
    assert!(node.handle.answer_snapshot(questions.remove(0), SnapshotAnswer::Nothing));
    assert_eq!(open.remove(0).await.expect("it ends").unwrap(), [0]);
    let told = async {
        let (from, question, _) = request(&mut node).await;
        assert!(from == key && node.handle.answer_snapshot(question, SnapshotAnswer::Nothing));
    };
    let (reply, ()) = tokio::join!(late.ask(Protocol::Snapshots, vec![0]), told);
    assert_eq!(reply.unwrap(), [0]);
}
