//! Peers tell each other of further peers: who finds whom, what is not believed, what is not passed on.

use std::time::Duration;

use p2p::{DropReason, P2pConfig, P2pEvent, PeerKey, StorePaths, Verdict};
use primitives::Hash;

use crate::harness::{Node, QUIC, TCP, config, eventually, sociable, start, start_on};
use crate::raw::{Protocol, Raw, hello_from};

/// A question for peers: the format version.
const QUESTION: [u8; 1] = [1];

fn knows(node: &Node, key: PeerKey) -> bool {
    node.handle.peers().iter().any(|peer| peer.peer == key)
}

/// What a node tells a hand-made peer: keys and addresses.
async fn ask(raw: &mut Raw) -> Vec<([u8; 32], Vec<String>)> {
    borsh::from_slice(&raw.ask(Protocol::Peers, QUESTION.to_vec()).await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_late_joiner_that_knows_one_peer_finds_the_others() {
    let hub = start(1, sociable(QUIC, &[])).await;
    let early = [start(2, sociable(QUIC, &[&hub])).await, start(3, sociable(TCP, &[&hub])).await];
    eventually("both are connected", || hub.handle.peers().len() == 2).await;
    let folder = tempfile::tempdir().unwrap();
    let store = Some(StorePaths::below(folder.path()));
    let mut late = start(4, P2pConfig { store: store.clone(), ..sociable(QUIC, &[&hub]) }).await;
    eventually("the late one found everybody", || late.handle.peers().len() == 3).await;
    assert!(early.iter().all(|node| knows(&late, node.key()) && knows(node, late.key())));
    // A real connection: a batch goes straight there, also when the hub is gone.
    hub.handle.shutdown().await;
    eventually("the hub is gone", || !knows(&late, hub.key()) && !knows(&early[0], hub.key())).await;
    early[0].publish(b"without the hub");
    let (from, batch, transactions) = late.batch().await;
    assert_eq!((from, transactions), (early[0].key(), vec![b"without the hub".to_vec()]));
    late.handle.report(batch, Verdict::Accept);
    // Peers that were met are remembered like any other.
    late.handle.shutdown().await;
    let again = start(4, P2pConfig { store, ..config(QUIC, &[]) }).await;
    eventually("found again without any list", || again.handle.peers().len() == 2).await;
}

#[tokio::test]
async fn a_told_address_where_somebody_else_listens_makes_no_peer() {
    let node = start(1, sociable(TCP, &[])).await;
    let chain = p2p::ChainIdentity { genesis: Hash([8; 32]), ..crate::harness::chain() };
    let mut foreign = start_on(2, config(TCP, &[]), chain).await;
    // The liar is admitted and announces the address of the foreign node as its own, and so it is told on.
    let listen = foreign.address().split("/p2p/").next().unwrap().to_owned();
    let mut liar = Raw::dial(60, &node.address()).await.unwrap();
    liar.ask(Protocol::Handshake, hello_from(&[listen])).await.unwrap();
    liar.ask(Protocol::Heights, 9_u64.to_le_bytes().to_vec()).await.unwrap();
    let victim = start(3, sociable(TCP, &[&node])).await;
    eventually("the victim is connected", || victim.handle.peers().len() == 1).await;
    // It dials what it was told, and the transport sees that the key is not the one that was named.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(victim.handle.peers().len(), 1, "only the node that it was configured with");
    assert!(foreign.handle.peers().is_empty());
    while let Ok(event) = foreign.events.try_recv() {
        assert!(!matches!(event, P2pEvent::PeerConnected { .. }), "{event:?}");
    }
}

#[tokio::test]
async fn only_admitted_peers_are_told_and_the_answer_is_bounded() {
    let node = start(1, sociable(TCP, &[])).await;
    let mut stranger = Raw::dial(70, &node.address()).await.unwrap();
    assert!(stranger.ask(Protocol::Peers, QUESTION.to_vec()).await.is_err(), "before the handshake");
    assert_eq!(node.handle.counters().dropped(DropReason::BeforeHandshake).get(), 1);
    // Twenty peers announce six loopback addresses each, one of them no address at all.
    let mut crowd = Vec::new();
    for number in 100..120_u8 {
        let mut raw = Raw::dial(number, &node.address()).await.unwrap();
        let mut listen: Vec<String> = (1..6).map(|port| format!("/ip4/127.0.0.1/tcp/{port}")).collect();
        listen.push("nowhere".to_owned());
        raw.ask(Protocol::Handshake, hello_from(&listen)).await.unwrap();
        raw.ask(Protocol::Heights, 9_u64.to_le_bytes().to_vec()).await.unwrap();
        crowd.push(raw);
    }
    let (first, last) = (ask(&mut crowd[0]).await, ask(&mut crowd[10]).await);
    for told in [&first, &last] {
        assert_eq!(told.len(), 12);
        assert!(told.iter().all(|(_, addresses)| addresses.len() == 4));
    }
    let own = PeerKey::of_secret(&[100; 32]).unwrap();
    assert!(first.iter().all(|(key, _)| key != own.as_bytes()), "nobody is told of itself");
    assert_ne!(first, last, "different askers learn of different peers");
    // Other bytes than a question are an offence and get no answer.
    assert!(crowd[1].ask(Protocol::Peers, vec![1, 2, 3]).await.is_err());
    assert_eq!(node.handle.counters().dropped(DropReason::Malformed).get(), 1);
}

#[tokio::test]
async fn a_node_that_does_not_exchange_neither_asks_nor_tells() {
    let hub = start(1, config(TCP, &[])).await;
    let a = start(2, sociable(TCP, &[&hub])).await;
    let b = start(3, sociable(TCP, &[&hub])).await;
    eventually("both are connected", || hub.handle.peers().len() == 2).await;
    let mut raw = Raw::admitted(61, &hub.address()).await;
    assert!(ask(&mut raw).await.is_empty());
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(!knows(&a, b.key()) && !knows(&b, a.key()));
}
