//! Nodes that behave: batches, relaying, handshakes, heights, restarts.

use std::time::Duration;

use p2p::{
    ChainIdentity, DropReason, HandshakeFailure, P2p, P2pConfig, P2pEvent, PeerKey, Provider, Refusal, StartError,
    StorePaths, Verdict,
};
use primitives::{Hash, Height};
use tokio::sync::mpsc;

use crate::harness::{Node, QUIC, SILENCE, TCP, chain, config, eventually, start, start_on};

async fn pair(listen: &str) -> (Node, Node) {
    let mut a = start(1, config(listen, &[])).await;
    let mut b = start(2, config(listen, &[&a])).await;
    assert_eq!(a.connected().await, b.key());
    assert_eq!(b.connected().await, a.key());
    (a, b)
}

#[tokio::test]
async fn a_batch_arrives_over_each_transport() {
    for (listen, used, unused) in [(QUIC, Provider::Quic, Provider::Tcp), (TCP, Provider::Tcp, Provider::Quic)] {
        let (mut a, mut b) = pair(listen).await;
        a.publish(b"first");
        a.publish(b"second");
        let (from, batch, transactions) = b.batch().await;
        assert_eq!(from, a.key());
        assert_eq!(transactions, [b"first".to_vec(), b"second".to_vec()], "in the order of publication");
        assert!(b.handle.report(batch, Verdict::Accept));
        b.publish(b"back");
        assert_eq!(a.batch().await.2, [b"back".to_vec()]);
        a.no_batch().await;
        for node in [&a, &b] {
            let counters = node.handle.counters();
            assert_eq!((counters.connects(used).get(), counters.connects(unused).get()), (1, 0));
            assert_eq!(counters.handshake_attempts(used).get(), 1);
            assert_eq!((counters.handshakes_completed.get(), counters.handshakes_refused.get()), (1, 0));
            assert_eq!(counters.peers.get(), 1);
        }
        assert_eq!(a.handle.counters().transactions_out.get(), 2);
        assert_eq!(b.handle.counters().transactions_in.get(), 2);
        let view = &b.handle.peers()[0];
        assert_eq!((view.peer, view.inbound, view.provider), (a.key(), false, used));
    }
}

/// The next message of a topic: who sent it, its name, its bytes.
async fn topic(node: &mut Node) -> (PeerKey, p2p::BatchId, Vec<u8>) {
    node.wait("message of a topic", |event| match event {
        P2pEvent::TopicReceived { peer, batch, message } => Some((peer, batch, message)),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_message_of_a_topic_is_relayed_only_after_the_node_accepts_it() {
    let mut b = start(2, config(QUIC, &[])).await;
    let mut a = start(1, config(QUIC, &[&b])).await;
    let mut c = start(3, config(QUIC, &[&b])).await;
    a.connected().await;
    c.connected().await;
    b.connected().await;
    b.connected().await;
    let publish = |bytes: &[u8]| a.handle.publish_topic(std::sync::Arc::from(bytes));
    assert!(publish(b"ignored"));
    let (from, batch, message) = topic(&mut b).await;
    assert_eq!((from, message.as_slice()), (a.key(), b"ignored".as_slice()));
    assert!(b.handle.report(batch, Verdict::Ignore));
    assert!(publish(b"accepted"));
    let (_, batch, _) = topic(&mut b).await;
    assert!(b.handle.report(batch, Verdict::Accept));
    // The first that reaches the third node is the one that was accepted, and it comes through the second.
    let (from, _, message) = topic(&mut c).await;
    assert_eq!((from, message.as_slice()), (b.key(), b"accepted".as_slice()));
    assert!(!a.handle.publish_topic(std::sync::Arc::from(vec![0; p2p::TOPIC_BYTES_MAX + 1])), "over the bound");
    assert_eq!(a.handle.counters().transactions_out.get(), 0, "no transaction was sent");
}

#[tokio::test]
async fn identity_is_the_node_key() {
    let _shown = testkit::contract!("S003-007");
    for listen in [QUIC, TCP] {
        let (a, b) = pair(listen).await;
        // No certificate was configured: the remote knows us by the key of our secret alone.
        let key = primitives::SecretKey::from_seed([1; 32]).public_key();
        assert_eq!(a.key(), PeerKey::of_secret(&[1; 32]).unwrap());
        assert_eq!(b.handle.peers()[0].peer.as_bytes(), key.as_bytes());
        // Whoever does not hold the key of the dialled id is not connected.
        let wrong = a.address().replace(&a.key().to_string(), &PeerKey::of_secret(&[9; 32]).unwrap().to_string());
        let c = start(3, P2pConfig { bootstrap: vec![wrong], ..config(listen, &[]) }).await;
        tokio::time::sleep(SILENCE).await;
        assert!(c.handle.peers().is_empty() && a.handle.peers().len() == 1);
        // On QUIC the key is judged while the connection is made, so nobody answered as the one that was dialled.
        let failed = [HandshakeFailure::WrongKey, HandshakeFailure::Unreachable];
        assert!(failed.map(|reason| c.handle.counters().handshake_failures(reason).get()).iter().sum::<u64>() >= 1);
    }
}

#[tokio::test]
async fn a_batch_is_relayed_only_after_it_was_accepted() {
    let mut a = start(1, config(TCP, &[])).await;
    let mut b = start(2, config(QUIC, &[&a])).await;
    let mut c = start(3, config(QUIC, &[&b])).await;
    c.connected().await;
    a.connected().await;
    b.connected().await;
    b.connected().await;

    a.publish(b"good");
    let (_, batch, _) = b.batch().await;
    c.no_batch().await;
    b.handle.report(batch, Verdict::Accept);
    let (from, _, transactions) = c.batch().await;
    assert_eq!((from, transactions), (b.key(), vec![b"good".to_vec()]));

    let points = |node: &Node, peer: PeerKey| node.handle.peers().iter().find(|view| view.peer == peer).unwrap().points;
    eventually("a good batch earns a point", || points(&b, a.key()) == 1).await;
    for (transaction, verdict) in [(&b"stale"[..], Verdict::Ignore), (b"invalid", Verdict::Reject)] {
        a.publish(transaction);
        let (_, batch, _) = b.batch().await;
        b.handle.report(batch, verdict);
        c.no_batch().await;
    }
    eventually("an invalid batch costs points", || points(&b, a.key()) == 1 - 34).await;
    assert_eq!(b.handle.counters().dropped(DropReason::Invalid).get(), 1);
    assert_eq!(a.handle.counters().messages_in.get(), 0, "nothing comes back to its origin");
}

#[tokio::test]
async fn a_full_mesh_carries_each_batch_once_per_node() {
    let mut a = start(1, config(QUIC, &[])).await;
    let mut b = start(2, config(QUIC, &[&a])).await;
    let mut c = start(3, config(QUIC, &[&a, &b])).await;
    for node in [&mut a, &mut b, &mut c] {
        node.connected().await;
        node.connected().await;
    }
    let transaction = vec![9_u8; 10_000];
    a.publish(&transaction);
    for node in [&mut b, &mut c] {
        let (from, batch, _) = node.batch().await;
        assert_eq!(from, a.key());
        node.handle.report(batch, Verdict::Accept);
    }
    tokio::time::sleep(SILENCE).await;
    for node in [&a, &b, &c] {
        let sent = node.handle.counters().bytes_out.get();
        let limit = if node.key() == a.key() { 21_000 } else { 200 };
        assert!(sent < limit, "{sent} bytes sent");
    }
}

#[tokio::test]
async fn another_chain_is_refused_by_name() {
    let base = chain();
    let other_genesis = ChainIdentity { genesis: Hash([8; 32]), ..base.clone() };
    let other_name = ChainIdentity { chain_id: "elsewhere".to_owned(), ..base };
    for (identity, reason) in [(other_genesis, Refusal::WrongGenesis), (other_name, Refusal::WrongChainId)] {
        let mut a = start(1, config(QUIC, &[])).await;
        let mut b = start_on(2, config(QUIC, &[&a]), identity).await;
        let (key_a, key_b) = (a.key(), b.key());
        for (node, remote) in [(&mut a, key_b), (&mut b, key_a)] {
            let (peer, why) = node
                .wait("refusal", |event| match event {
                    P2pEvent::PeerRefused { peer, reason } => Some((peer, reason)),
                    _ => None,
                })
                .await;
            assert_eq!((peer, why), (Some(remote), reason));
        }
        b.publish(b"foreign");
        a.no_batch().await;
        assert!(a.handle.peers().is_empty() && b.handle.peers().is_empty());
        assert_eq!(a.handle.counters().handshakes_completed.get(), 0);
        assert_eq!(a.handle.counters().handshakes_refused.get(), 1);
        assert_eq!(a.handle.counters().handshake_failures(HandshakeFailure::Refused(reason)).get(), 1);
        assert!(reason.to_string().starts_with(if reason == Refusal::WrongGenesis {
            "wrong_genesis"
        } else {
            "wrong_chain_id"
        }));
    }
}

#[tokio::test]
async fn heights_are_pulled_unless_turned_off() {
    let _shown = testkit::contract!("S004-075");
    assert_eq!(p2p::LimitsConfig::default().chain_sync_interval_ms, 500);
    let (a, b) = pair(TCP).await;
    a.handle.set_height(Height(41));
    eventually("b learns a's height", || b.handle.best_peer_height() == Some(Height(41))).await;

    let off = |mut config: P2pConfig| {
        config.limits.chain_sync_interval_ms = 0;
        config
    };
    let mut c = start(3, off(config(TCP, &[]))).await;
    let d = start(4, off(config(TCP, &[&c]))).await;
    c.connected().await;
    eventually("connected", || d.handle.best_peer_height() == Some(Height(0))).await;
    c.handle.set_height(Height(41));
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(d.handle.best_peer_height(), Some(Height(0)), "isolated");
}

#[tokio::test]
async fn a_peer_that_stops_is_dropped_and_dialled_again() {
    let a = start(1, config(TCP, &[])).await;
    let address = a.address();
    let mut b = start(2, config(TCP, &[&a])).await;
    b.connected().await;
    let key = a.key();
    a.handle.shutdown().await;
    b.wait("disconnection", |event| (event == P2pEvent::PeerDisconnected { peer: key }).then_some(())).await;
    assert!(b.handle.peers().is_empty());
    drop(a);
    let listen = address.split("/p2p/").next().unwrap();
    let mut a = start(1, config(listen, &[])).await;
    assert_eq!(b.connected().await, key);
    a.connected().await;
    b.publish(b"hello again");
    assert_eq!(a.batch().await.2, [b"hello again".to_vec()]);
}

#[tokio::test]
async fn remembered_peers_are_found_without_a_bootstrap_list() {
    let folder = tempfile::tempdir().unwrap();
    let store = Some(StorePaths::below(folder.path()));
    let mut a = start(1, config(QUIC, &[])).await;
    let mut b = start(2, P2pConfig { store: store.clone(), ..config(QUIC, &[&a]) }).await;
    b.connected().await;
    b.handle.shutdown().await;
    assert!(b.handle.counters().overlay_persist_success.get() >= 1);
    assert!(!b.handle.publish(b"late".as_slice().into()), "a stopped network takes nothing");
    let key = a.key();
    a.connected().await;
    let mut b = start(2, P2pConfig { store, ..config(QUIC, &[]) }).await;
    assert_eq!(b.connected().await, key);
}

#[tokio::test]
async fn a_handshake_that_is_started_is_counted_also_when_nobody_answers() {
    for (listen, used, unused) in [(QUIC, Provider::Quic, Provider::Tcp), (TCP, Provider::Tcp, Provider::Quic)] {
        let gone = start(2, config(listen, &[])).await;
        let address = gone.address();
        gone.handle.shutdown().await;
        let node = start(1, P2pConfig { bootstrap: vec![address], ..config(listen, &[]) }).await;
        let counters = node.handle.counters();
        eventually("a start of a handshake", || counters.handshake_attempts(used).get() >= 1).await;
        assert_eq!((counters.connects(used).get(), counters.handshake_attempts(unused).get()), (0, 0));
        // Over TCP the system says at once that nobody is there.
        if used == Provider::Tcp {
            let failed = counters.handshake_failures(HandshakeFailure::Unreachable);
            eventually("the failure of that start", || failed.get() >= 1).await;
        }
    }
    // Whoever comes and then says nothing has started one too.
    let node = start(1, config(TCP, &[])).await;
    let place = node.address().split('/').nth(4).and_then(|port| port.parse::<u16>().ok()).expect("a port");
    let silent = std::net::TcpStream::connect(("127.0.0.1", place)).expect("it listens");
    let counters = node.handle.counters();
    eventually("the start of the stranger", || counters.handshake_attempts(Provider::Tcp).get() == 1).await;
    assert_eq!(counters.connects(Provider::Tcp).get(), 0);
    let left = counters.handshake_failures(HandshakeFailure::Incoming);
    assert_eq!(left.get(), 0);
    drop(silent);
    eventually("the failure of the stranger", || left.get() == 1).await;
}

#[tokio::test]
async fn a_start_that_cannot_work_says_what_to_change() {
    let a = start(1, config(TCP, &[])).await;
    let taken = a.address().split("/p2p/").next().unwrap().to_owned();
    let (events, _receiver) = mpsc::channel(1);
    let attempt =
        |config: P2pConfig, chain: ChainIdentity| P2p::start(config, chain, [5; 32], events.clone()).unwrap_err();
    let error = attempt(config(&taken, &[]), chain());
    assert!(matches!(&error, StartError::Listen { address, .. } if *address == taken), "{error}");
    let error = attempt(config("127.0.0.1:26657", &[]), chain());
    assert!(matches!(&error, StartError::Address { .. }) && error.to_string().contains("quic-v1"), "{error}");
    let error = attempt(config(TCP, &[]), ChainIdentity { chain_id: String::new(), ..chain() });
    assert!(matches!(&error, StartError::ChainId(_)), "{error}");
}

#[tokio::test]
async fn transactions_of_the_largest_size_are_batched() {
    let (a, mut b) = pair(QUIC).await;
    // The largest ones fill several batches, none of which is too long for a message.
    for number in 0..20_u8 {
        a.publish(&vec![number; 16_384]);
    }
    let mut received = 0;
    while received < 20 {
        received += b.batch().await.2.len();
    }
    assert_eq!(b.handle.counters().dropped(DropReason::Malformed).get(), 0);
}
