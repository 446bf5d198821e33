//! A peer that does not behave: nothing it does reaches the node or costs another peer anything.

use std::collections::BTreeSet;
use std::time::Duration;

use p2p::{DropReason, Message, P2pConfig, P2pEvent, Refusal, StorePaths};
use primitives::Hash;
use testkit::Seed;

use crate::harness::{Node, QUIC, TCP, config, eventually, start};
use crate::raw::{Protocol, Raw, announce, batch, hello};

const RECEIVED: [u8; 1] = [0];
const REFUSED: [u8; 1] = [2];

fn dropped(node: &Node, reason: DropReason) -> u64 {
    node.handle.counters().dropped(reason).get()
}

/// One change of one frame: a byte, a cut, a longer end, or other bytes altogether.
fn altered(frame: &[u8], random: &mut Seed) -> Vec<u8> {
    let mut bytes = frame.to_vec();
    let at = random.index(bytes.len());
    match random.below(4) {
        0 => bytes[at] = random.bytes(1)[0],
        1 => bytes.truncate(at),
        2 => bytes.extend(random.bytes(at.min(40) + 1)),
        _ => bytes = random.bytes(at + 1),
    }
    bytes
}

#[test]
fn every_message_has_one_encoding_and_no_bytes_of_strangers_panic() {
    let mut random = Seed::new();
    let one = batch(&[b"one", b"two"]);
    let told = [&1_u32.to_le_bytes()[..], &[7; 32], &1_u32.to_le_bytes(), &3_u32.to_le_bytes(), b"abc"].concat();
    let frames = [
        hello(),
        [&[0][..], &hello()].concat(),
        one,
        announce(&[Hash([3; 32])]),
        told,
        vec![1],
        vec![0; 9],
        vec![2; 33],
    ];
    let mut read = BTreeSet::new();
    for message in Message::ALL {
        for frame in &frames {
            for round in 0..200 {
                let bytes = if round == 0 { frame.clone() } else { altered(frame, &mut random) };
                if let Some(again) = message.again(&bytes) {
                    assert_eq!(again, bytes, "{message:?} has two encodings, seed {}", random.value());
                    read.insert(format!("{message:?}"));
                }
            }
        }
    }
    assert_eq!(read.len(), Message::ALL.len(), "some frame is read as each message: {read:?}");
}

#[tokio::test]
async fn nothing_is_accepted_before_the_handshake() {
    let mut node = start(1, config(QUIC, &[])).await;
    let mut raw = Raw::dial(50, &node.address()).await.unwrap();
    assert_eq!(raw.ask(Protocol::Gossip, batch(&[b"early"])).await.unwrap(), REFUSED);
    assert!(raw.ask(Protocol::Heights, 9_u64.to_le_bytes().to_vec()).await.is_err());
    node.no_batch().await;
    assert_eq!(dropped(&node, DropReason::BeforeHandshake), 2);
    assert!(node.handle.peers().is_empty() && node.handle.best_peer_height().is_none());
    // The same batch is welcome once the handshake is done.
    assert_eq!(raw.ask(Protocol::Handshake, hello()).await.unwrap()[0], 0);
    assert_eq!(raw.ask(Protocol::Gossip, batch(&[b"early"])).await.unwrap(), RECEIVED);
    assert_eq!(node.batch().await.2, [b"early".to_vec()]);
    assert_eq!(node.handle.peers()[0].agent, "raw/1");
}

#[tokio::test]
async fn a_silent_peer_is_disconnected_in_bounded_time() {
    let mut node = start(1, config(TCP, &[])).await;
    let mut raw = Raw::dial(51, &node.address()).await.unwrap();
    raw.closed().await;
    let reason = node
        .wait("refusal", |event| match event {
            P2pEvent::PeerRefused { reason, .. } => Some(reason),
            _ => None,
        })
        .await;
    assert_eq!(reason, Refusal::Timeout);
    assert_eq!(node.handle.counters().handshakes_refused.get(), 1);
}

#[tokio::test]
async fn oversized_messages_are_refused_and_lead_to_a_ban_that_ends() {
    let mut node = start(1, P2pConfig { ban_secs: 3, ..config(QUIC, &[]) }).await;
    let mut raw = Raw::admitted(52, &node.address()).await;
    let key = node.connected().await;
    let too_long = batch(&vec![&[0_u8; 16_384][..]; 17]);
    assert!(too_long.len() > p2p::MESSAGE_BYTES_MAX);
    for number in 1..=5_u64 {
        // The answer may not get through to a sender that is still writing.
        let reply = raw.ask(Protocol::Gossip, too_long.clone()).await;
        assert!(reply.map_or(true, |reply| reply == REFUSED));
        eventually("counted", || dropped(&node, DropReason::Malformed) == number).await;
    }
    let banned = node
        .wait("ban", |event| match event {
            P2pEvent::PeerBanned { peer } => Some(peer),
            P2pEvent::TransactionsReceived { .. } => panic!("an oversized batch reached the node"),
            _ => None,
        })
        .await;
    assert_eq!(banned, key);
    assert_eq!(node.handle.counters().bans.get(), 1);
    eventually("disconnected", || node.handle.peers().is_empty()).await;
    let again = match Raw::dial(52, &node.address()).await {
        // QUIC tells the dialler of an open connection before the listener has refused it.
        Ok(mut raw) => raw.ask(Protocol::Handshake, hello()).await.is_err(),
        Err(_) => true,
    };
    assert!(again, "a banned peer does not get in");
    tokio::time::sleep(Duration::from_millis(4_200)).await;
    Raw::admitted(52, &node.address()).await;
}

#[tokio::test]
async fn the_rate_limit_drops_only_the_flooder() {
    let _shown = testkit::contract!("S000-026");
    let mut limited = config(QUIC, &[]);
    limited.limits.gossip_rate_limit_per_sec = 10;
    let mut node = start(1, limited).await;
    let mut flooder = Raw::admitted(53, &node.address()).await;
    let flooder_key = node.connected().await;
    let mut honest = Raw::admitted(54, &node.address()).await;
    let honest_key = node.connected().await;

    // However slow the machine: go on until twenty are over the limit, the last one among them.
    let (mut sent, mut refused) = (0_u32, 0_u64);
    while refused < 20 {
        sent += 1;
        let reply = flooder.ask(Protocol::Gossip, batch(&[&sent.to_le_bytes()])).await.unwrap();
        refused += u64::from(reply == REFUSED);
    }
    assert_eq!(dropped(&node, DropReason::RateLimited), refused);
    // The same bytes from an honest peer are not lost for it.
    for bytes in [batch(&[&sent.to_le_bytes()]), batch(&[b"mine"])] {
        assert_eq!(honest.ask(Protocol::Gossip, bytes).await.unwrap(), RECEIVED);
    }
    let mut received = Vec::new();
    while received.last() != Some(&(honest_key, vec![b"mine".to_vec()])) {
        let (peer, _, transactions) = node.batch().await;
        received.push((peer, transactions));
    }
    assert!(received.contains(&(honest_key, vec![sent.to_le_bytes().to_vec()])));
    assert_eq!(received.len(), usize::try_from(u64::from(sent) - refused).unwrap() + 2);
    let points = |key| node.handle.peers().iter().find(|view| view.peer == key).map(|view| view.points);
    eventually("points", || points(flooder_key) == Some(-i64::try_from(refused).unwrap())).await;
    assert_eq!(points(honest_key), Some(0));
}

#[tokio::test]
async fn a_flooder_is_banned_in_the_end() {
    let mut limited = config(QUIC, &[]);
    limited.limits.gossip_rate_limit_per_sec = 1;
    let mut node = start(1, limited).await;
    let mut flooder = Raw::admitted(55, &node.address()).await;
    let key = node.connected().await;
    for number in 0..200_u32 {
        if flooder.ask(Protocol::Gossip, batch(&[&number.to_le_bytes()])).await.is_err() {
            break;
        }
    }
    let banned = node
        .wait("ban", |event| match event {
            P2pEvent::PeerBanned { peer } => Some(peer),
            _ => None,
        })
        .await;
    assert_eq!(banned, key);
}

#[tokio::test]
async fn replays_are_dropped_and_not_forwarded() {
    let _shown = testkit::contract!("S000-027");
    let mut small = config(QUIC, &[]);
    small.limits.replay_window_size = 2;
    let mut node = start(1, small).await;
    let mut raw = Raw::admitted(56, &node.address()).await;
    let mut next = start(2, config(QUIC, &[&node])).await;
    next.connected().await;
    let send = async |raw: &mut Raw, byte: u8| raw.ask(Protocol::Gossip, batch(&[&[byte]])).await.unwrap();
    let accept = async |node: &mut Node, byte: u8| {
        let (_, id, transactions) = node.batch().await;
        assert_eq!(transactions, [vec![byte]]);
        assert!(node.handle.report(id, p2p::Verdict::Accept));
    };
    for byte in [1, 2] {
        send(&mut raw, byte).await;
        accept(&mut node, byte).await;
        assert_eq!(next.batch().await.2, [vec![byte]]);
    }
    for byte in [1, 2, 1] {
        assert_eq!(send(&mut raw, byte).await, RECEIVED);
    }
    node.no_batch().await;
    next.no_batch().await;
    assert_eq!(dropped(&node, DropReason::Replay), 3);
    // A third digest pushes the first one out of a window of two.
    send(&mut raw, 3).await;
    accept(&mut node, 3).await;
    send(&mut raw, 1).await;
    accept(&mut node, 1).await;
}

#[tokio::test]
async fn a_batch_is_wanted_from_two_announcers_at_most() {
    let node = start(1, config(QUIC, &[])).await;
    let mut raw = Raw::admitted(57, &node.address()).await;
    let digests = [Hash([1; 32]), Hash([2; 32])];
    let mut wanted = vec![1_u8];
    wanted.extend(borsh::to_vec(&digests.to_vec()).unwrap());
    for expected in [&wanted[..], &wanted, &RECEIVED] {
        assert_eq!(raw.ask(Protocol::Gossip, announce(&digests)).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn malformed_bytes_are_counted_and_never_stop_the_node() {
    let mut seed = Seed::new();
    // No bans, so that every message gets its answer.
    let mut node = start(1, P2pConfig { ban_secs: 0, ..config(QUIC, &[]) }).await;
    let good = [(Protocol::Gossip, batch(&[b"x", b"yy"])), (Protocol::Heights, 9_u64.to_le_bytes().to_vec())];
    let mut secret = 60;
    let mut raw = Raw::admitted(secret, &node.address()).await;
    for round in 0..120 {
        let (protocol, mut bytes) = seed.pick(&good).clone();
        match seed.below(4) {
            0 => bytes.truncate(seed.index(bytes.len())),
            1 => bytes.push(0),
            2 => bytes = seed.bytes(40),
            _ => {
                // A length prefix of four billion must not allocate four billion items.
                bytes = vec![u8::try_from(seed.below(2)).unwrap(), 255, 255, 255, 255];
            }
        }
        let banned = raw.ask(protocol, bytes).await.is_err() && node.handle.counters().bans.get() > 0;
        if banned || round % 4 == 3 {
            secret += 1;
            raw = Raw::admitted(secret, &node.address()).await;
        }
    }
    assert!(dropped(&node, DropReason::Malformed) > 60);
    let mut fresh = Raw::admitted(secret + 1, &node.address()).await;
    fresh.ask(Protocol::Gossip, batch(&[b"still here"])).await.unwrap();
    node.wait("good batch", |event| match event {
        P2pEvent::TransactionsReceived { transactions, .. } => (transactions == [b"still here".to_vec()]).then_some(()),
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn malformed_handshakes_are_refused_by_name() {
    let mut node = start(1, config(TCP, &[])).await;
    let mut wrong_version = hello();
    wrong_version[0] = 1;
    let mut trailing = hello();
    trailing.push(0);
    let truncated = hello()[..10].to_vec();
    for (number, bytes) in [wrong_version, trailing, truncated, vec![0; 20_000]].into_iter().enumerate() {
        let secret = 40 + u8::try_from(number).unwrap();
        let mut raw = Raw::dial(secret, &node.address()).await.unwrap();
        let reply = raw.ask(Protocol::Handshake, bytes).await;
        let reason = node
            .wait("refusal", |event| match event {
                P2pEvent::PeerRefused { reason, .. } => Some(reason),
                _ => None,
            })
            .await;
        assert_eq!(reason, Refusal::Malformed, "{number}");
        // Refusal is variant 1 of the answer, malformed is reason 3.
        assert!(reply.map_or(number == 3, |reply| reply == [1, 3]));
    }
    assert!(node.handle.peers().is_empty());
}

#[tokio::test]
async fn requests_over_the_limit_are_dropped_without_a_ban() {
    let _shown = testkit::contract!("S004-071");
    let mut limited = config(QUIC, &[]);
    limited.limits.max_per_sec = 1;
    limited.limits.rate_window_secs = 60;
    let mut node = start(1, limited).await;
    // The handshake and the first heights request use two of the sixty requests of the window.
    let mut raw = Raw::admitted(58, &node.address()).await;
    node.connected().await;
    for _ in 0..58 {
        raw.ask(Protocol::Heights, 9_u64.to_le_bytes().to_vec()).await.unwrap();
    }
    for number in 1..=10 {
        assert!(raw.ask(Protocol::Heights, 9_u64.to_le_bytes().to_vec()).await.is_err());
        assert_eq!(dropped(&node, DropReason::RateLimited), number);
    }
    assert_eq!(raw.ask(Protocol::Gossip, batch(&[b"gossip has its own budget"])).await.unwrap(), RECEIVED);
    node.batch().await;
    assert_eq!((node.handle.peers()[0].points, node.handle.counters().bans.get()), (0, 0));
}

#[tokio::test]
async fn bytes_over_the_limit_are_dropped() {
    let _shown = testkit::contract!("S004-073");
    let mut limited = config(QUIC, &[]);
    // The lowest value: one message of the largest size each second.
    limited.limits.max_bytes_per_sec = 1;
    let mut node = start(1, limited).await;
    assert_eq!(node.handle.limit_warnings()[0].effective, 262_144);
    let mut raw = Raw::admitted(59, &node.address()).await;
    let large = |byte: u8| batch(&vec![&[byte; 16_000][..]; 15]);
    let mut taken = 0;
    while raw.ask(Protocol::Gossip, large(taken)).await.unwrap() == RECEIVED {
        assert_eq!(node.batch().await.2[0][0], taken);
        taken += 1;
    }
    assert!(taken >= 1, "one message a second fits");
    assert_eq!(dropped(&node, DropReason::ByteLimited), 1);
    node.no_batch().await;
}

#[tokio::test]
async fn a_ban_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let stored = || P2pConfig { store: Some(StorePaths::below(folder.path())), ..config(QUIC, &[]) };
    let mut node = start(1, stored()).await;
    let mut raw = Raw::admitted(70, &node.address()).await;
    let key = node.connected().await;
    for _ in 0..5 {
        // The last answer is lost with the connection.
        let _ = raw.ask(Protocol::Gossip, vec![9]).await;
    }
    node.wait("ban", |event| (event == P2pEvent::PeerBanned { peer: key }).then_some(())).await;
    node.handle.shutdown().await;

    let node = start(1, stored()).await;
    let refused = match Raw::dial(70, &node.address()).await {
        Ok(mut raw) => raw.ask(Protocol::Handshake, hello()).await.is_err(),
        Err(_) => true,
    };
    assert!(refused && node.handle.counters().handshakes_completed.get() == 0);
    eventually("the gauge shows the ban", || node.handle.counters().banned_peers.get() == 1).await;
    Raw::admitted(71, &node.address()).await;
}
