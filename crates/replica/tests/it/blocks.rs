//! The life of a block over several heights.

use std::sync::Arc;

use primitives::{Height, Outcome, merkle};
use replica::{Application, ReplicaEvent};
use storage::{FaultyDisk, Store, StoreConfig};
use testkit::Seed;

use crate::net::{Net, address, amount, genesis, open};

#[test]
fn empty_heights_are_finalized_and_all_nodes_agree() {
    let mut net = Net::new();
    for height in 1..=5 {
        let block = net.step();
        assert_eq!(block.header.height, Height(height));
        assert_eq!(block.last_commit.is_some(), height > 1);
        let heads: Vec<_> = net.nodes.iter().map(|node| node.replica.head().hash).collect();
        assert!(heads.iter().all(|hash| *hash == block.hash()));
    }
}

#[test]
fn a_payment_is_included_recorded_and_provable() {
    let mut net = Net::new();
    let payment = net.pay(1, 0, address(2), 1_000_000);
    net.admit_everywhere(&payment);
    let block = net.step();
    assert_eq!(block.transaction_ids(), vec![payment.id()]);
    for node in &net.nodes {
        let (_, paid) = node.replica.account(&address(2)).unwrap().unwrap();
        assert_eq!(paid.balance, amount(51_000_000));
        let receipts = node.replica.receipts(Height(1)).unwrap().unwrap();
        assert_eq!(receipts[0].outcome, Outcome::Success);
        assert_eq!(node.replica.mempool().len(), 0, "what was included has left the mempool");
        let place = node.replica.place(&payment.id()).unwrap().unwrap();
        assert_eq!((place.height, place.index), (Height(1), 0));
        let (slot, content) = node.replica.account(&address(2)).unwrap().unwrap();
        let proof = node.replica.prove_slot(slot);
        assert!(proof.verify(&block.header.ledger_root));
        assert_eq!(proof.content, Some(content));
        let (key, proof) = node.replica.prove_account(&address(2)).unwrap();
        assert!(proof.verify(&block.header.state_root, &key, Some(&primitives::encode(&slot))));
        let (key, absent) = node.replica.prove_account(&address(77)).unwrap();
        assert!(absent.verify(&block.header.state_root, &key, None));
    }
    let leaves = block.transaction_leaves();
    let proof = merkle::prove(&leaves, 0).unwrap();
    assert!(merkle::verify(&proof, &leaves[0], &block.header.transactions_root));
}

#[test]
fn every_event_of_a_payment_is_reported_in_order() {
    let mut net = Net::new();
    let payment = net.pay(1, 0, address(2), 7);
    net.admit_everywhere(&payment);
    net.step();
    let events = net.nodes[0].events.lock().unwrap();
    let names: Vec<&str> = events
        .iter()
        .map(|event| match event {
            ReplicaEvent::Proposed(ids) if ids.contains(&payment.id()) => "proposed",
            ReplicaEvent::Decided(ids) if ids.contains(&payment.id()) => "decided",
            ReplicaEvent::Finalized(block) if block.transactions.contains(&payment.id()) => "finalized",
            _ => "other",
        })
        .collect();
    assert_eq!(names, ["proposed", "decided", "finalized"]);
}

#[test]
fn random_payments_keep_supply_and_agreement() {
    let mut seed = Seed::new();
    let mut net = Net::new();
    let mut nonces = [0_u64; 6];
    for _ in 0..25 {
        for _ in 0..seed.below(20) {
            let from = 1 + u8::try_from(seed.below(5)).unwrap();
            let to = address(1 + u8::try_from(seed.below(30)).unwrap());
            let nonce = &mut nonces[usize::from(from)];
            let payment = net.pay(from, *nonce, to, 1 + seed.below(300_000));
            net.admit_everywhere(&payment);
            *nonce += 1;
        }
        let block = net.step();
        let (supply, _) = net.nodes[0].replica.supply();
        assert_eq!(supply, block.header.supply);
    }
    assert!(net.nodes.iter().all(|node| node.replica.head().hash == net.nodes[0].replica.head().hash));
    let issued = 25 * genesis().params.rewards.issuance_per_block.micro();
    let unburned = amount(250_000_000 + 40_000_000 + issued);
    assert!(net.nodes[0].replica.head().header.as_ref().unwrap().supply < unburned, "fees were burned");
}

#[test]
fn the_electorate_of_past_heights_is_known_and_of_later_ones_is_not() {
    let mut net = Net::new();
    net.step();
    net.step();
    let replica = &net.nodes[0].replica;
    for height in 1..=3 {
        assert!(replica.electorate(Height(height)).is_some());
    }
    assert!(replica.electorate(Height(4)).is_none());
    assert!(replica.electorate(Height(0)).is_none());
    let first = replica.electorate(Height(1)).unwrap();
    assert_eq!(first.beacon, primitives::block::genesis_beacon(&genesis().hash()));
}

#[test]
fn decided_blocks_can_be_served() {
    let mut net = Net::new();
    let block = net.step();
    let (bytes, certificate) = net.nodes[3].replica.decided(Height(1)).unwrap().unwrap();
    assert_eq!(bytes, primitives::encode(&block));
    assert_eq!(certificate.block, block.hash());
    assert_eq!(net.nodes[3].replica.decided(Height(2)).unwrap(), None);
}

#[test]
fn a_block_that_rotted_is_no_reason_to_stop_when_a_peer_asks_for_it() {
    let mut seed = Seed::new();
    let (mut net, disk) = (Net::new(), FaultyDisk::new());
    let store = Store::open(&StoreConfig::Faulty(disk.clone()), &net.genesis.hash()).unwrap();
    net.nodes[3] = open(Arc::new(store), 103);
    (0..4).for_each(|_| drop(net.step()));
    let replica = &net.nodes[3].replica;
    for height in [Height(2), Height(4)] {
        // Number 0 is the block itself.
        assert!(disk.rot(height, 0, seed.below(1_000)));
        assert_eq!(replica.decided(height).unwrap(), None, "{height}");
        assert_eq!(replica.decided(height).unwrap(), None, "{height}, asked for again");
    }
    let quarantined: Vec<Height> = net.nodes[3].store.quarantined().into_iter().map(|one| one.height).collect();
    assert_eq!(quarantined, [Height(2)], "the last block is left to the next start");
    assert!(replica.decided(Height(3)).unwrap().is_some());
    let block = net.step();
    assert_eq!(block.header.height, Height(5), "it goes on");
}

#[test]
fn a_block_takes_the_heads_of_the_queues_up_to_its_caps_and_the_rest_keeps_its_order() {
    let (_oldest_first, _cap) = (testkit::contract!("S000-034"), testkit::contract!("S000-035"));
    let mut chain = genesis();
    chain.params.block_transactions_max = 3;
    chain.params.identity.max_block_identity_registrations = 1;
    let mut net = Net::of(chain);
    let waiting = [
        net.pay(1, 0, address(9), 1),
        net.register(2),
        net.register(3),
        net.pay(4, 0, address(9), 2),
        net.pay(5, 0, address(9), 3),
        net.pay(1, 1, address(9), 4),
        net.pay(4, 1, address(9), 5),
    ];
    for transaction in &waiting {
        net.now = net.now.plus(1_000);
        net.admit_everywhere(transaction);
    }
    let ids = waiting.each_ref().map(primitives::Transaction::id);
    // One registration a block, three transactions a block, each time the oldest that may go.
    assert_eq!(net.step().transaction_ids(), [ids[0], ids[1], ids[3]]);
    assert_eq!(net.nodes[0].replica.mempool().len(), 4, "the rest waits");
    assert_eq!(net.step().transaction_ids(), [ids[2], ids[4], ids[5]]);
    assert_eq!(net.step().transaction_ids(), [ids[6]]);
    assert!(net.step().transaction_ids().is_empty());
}
