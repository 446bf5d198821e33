//! A stop at any point between heights: the same state, the same candidates, the same offers.

use std::sync::Arc;

use mempool::MempoolConfig;
use primitives::{Genesis, Height, Round};
use replica::{Application, Replica, Verdict};
use storage::Store;

use crate::net::{Net, address, genesis, open};

fn restart(net: &mut Net, index: usize) {
    let node = net.nodes.remove(index);
    let store: Arc<Store> = node.store;
    drop(node.replica);
    net.nodes.insert(index, open(store, 100 + u8::try_from(index).unwrap()));
}

#[test]
fn a_restarted_replica_has_the_same_head_and_goes_on() {
    let mut net = Net::new();
    for nonce in 0..3 {
        let payment = net.pay(1, nonce, address(2), 10);
        net.admit_everywhere(&payment);
        net.step();
    }
    let before = net.nodes[2].replica.head().hash;
    restart(&mut net, 2);
    assert_eq!(net.nodes[2].replica.head().hash, before);
    assert_eq!(net.nodes[2].replica.mempool().len(), 0, "queues start empty");
    let payment = net.pay(1, 3, address(2), 10);
    net.admit_everywhere(&payment);
    net.step();
    assert_eq!(net.height(), Height(4));
}

#[test]
fn a_built_block_is_offered_again_after_a_restart() {
    let mut net = Net::new();
    net.step();
    let payment = net.pay(1, 0, address(2), 10);
    net.admit_everywhere(&payment);
    let proposer = net.proposer();
    let first = net.build();
    restart(&mut net, proposer);
    net.now = net.now.plus(5_000);
    assert_eq!(net.nodes[proposer].replica.build(Round(0), net.now).unwrap(), first);
    assert_eq!(net.nodes[proposer].replica.candidate(&first.hash), Some(first.clone()));
    let later = net.nodes[proposer].replica.build(Round(4), net.now).unwrap();
    assert_ne!(later.hash, first.hash, "another round is another offer");
}

#[test]
fn a_verified_block_of_another_validator_survives_a_restart_and_can_be_committed() {
    let mut net = Net::new();
    let candidate = net.build();
    let other = (net.proposer() + 1) % 4;
    let live = net.live();
    assert!(matches!(net.nodes[other].replica.verify(&candidate.bytes, live).unwrap(), Verdict::Valid(_)));
    restart(&mut net, other);
    let certificate = net.certificate(candidate.hash, &[0, 1, 2, 3]);
    net.nodes[other].replica.commit(certificate).unwrap();
    assert_eq!(net.nodes[other].replica.finalized(), Height(1));
}

#[test]
fn a_store_of_another_genesis_is_refused() {
    let mut net = Net::new();
    net.step();
    let other = Genesis { chain_id: "other".to_owned(), ..genesis() };
    let store = Arc::clone(&net.nodes[0].store);
    let opened = Replica::open(other, store, MempoolConfig::default(), None, Arc::new(|_| {}));
    assert!(opened.is_err());
}
