//! A voting set that changes: the header announces it, the next height is decided by it, later nodes and restarts
//! follow it, and the model predicts every transfer that comes with it.

use std::sync::Arc;

use primitives::actions::evidence::{Evidence, SignedVote};
use primitives::actions::stake::{Bond, Candidacy, StakeAction, vrf_possession_input};
use primitives::params::{EvidenceParams, LotteryParams, StakingParams};
use primitives::*;
use replica::Application;

use crate::net::{Net, address, amount, genesis, open_chain, secret};

const BLOCK: u64 = 1_000_000;
const ALL: [u8; 4] = [0, 1, 2, 3];

/// Epochs of four heights; stake alone decides who enters.
fn short() -> Genesis {
    let mut genesis = genesis();
    genesis.params.epoch_blocks = 4;
    genesis.params.staking =
        StakingParams { unbonding_epochs: 3, trusting_epochs: 2, power_cap_bps: 10_000, ..StakingParams::default() };
    genesis.params.evidence =
        EvidenceParams { age_epochs: 1, delay_epochs: 1, together_epochs: 1, ..EvidenceParams::default() };
    genesis.params.lottery = LotteryParams { min_tier: 0, ..LotteryParams::default() };
    genesis.accounts.push(GenesisAccount { address: address(104), balance: amount(50 * BLOCK) });
    genesis
}

pub fn signed(net: &Net, who: u8, nonce: u64, action: Action) -> Transaction {
    let body = TransactionBody {
        version: FormatVersion,
        payer: address(who),
        nonce: Nonce::new(nonce).unwrap(),
        lane: action.lane(),
        tip: Amount::ZERO,
        max_fee: amount(if action.is_free() { 0 } else { 100_000 }),
        valid_until: Height(net.height().0 + 50),
        action,
    };
    body.sign(&secret(who), &net.genesis.hash())
}

fn power(net: &Net, who: u8) -> u64 {
    let set = net.nodes[0].replica.validators().unwrap();
    set.get(&address(who)).map_or(0, |member| member.power)
}

#[test]
fn a_fifth_node_bonds_becomes_a_validator_builds_blocks_and_leaves() {
    let mut net = Net::of(short());
    let vrf = VrfSecretKey::from_seed([104; 32]);
    let proof = vrf.prove(&vrf_possession_input(&net.genesis.hash(), &address(104))).unwrap();
    let candidacy = Candidacy { vrf_key: vrf.public_key(), vrf_proof: proof, commission_bps: 500 };
    let bond = StakeAction::Bond(Bond { amount: amount(8 * BLOCK), candidacy: Some(candidacy) });
    let bond = signed(&net, 104, 0, Action::Stake(bond));
    net.admit_everywhere(&bond);
    let first = net.nodes[0].replica.validators().unwrap();
    for _ in 0..3 {
        net.step_signed(&ALL);
    }
    let last = net.step_signed(&ALL);
    let second = net.nodes[0].replica.validators().unwrap();
    assert_ne!(first, second);
    assert_eq!((last.header.validators, last.header.next_validators), (first.hash(), second.hash()));
    assert_eq!(power(&net, 104), 4, "a tenth of 40");
    // The certificate of the old set is in the first block of the new one.
    net.join();
    let block = net.step_signed(&ALL);
    assert_eq!(block.header.validators, second.hash());
    let mut built = 0;
    for _ in 0..40 {
        built += u32::from(net.step_signed(&[0, 1, 2, 3, 4]).header.proposer == address(104));
    }
    assert_eq!(power(&net, 104), 8);
    assert!(built > 0, "it proposes with its share");
    let replica = &net.nodes[4].replica;
    assert_eq!(replica.electorate(Height(3)).unwrap().validators, first, "past sets are known");
    assert_eq!(replica.electorate(Height(5)).unwrap().validators, second);
    let leave = StakeAction::Unbond { validator: address(104), amount: amount(8 * BLOCK) };
    let leave = signed(&net, 104, 1, Action::Stake(leave));
    net.admit_everywhere(&leave);
    for _ in 0..24 {
        net.step_signed(&ALL);
    }
    assert_eq!(power(&net, 104), 0);
    let (_, account) = net.nodes[0].replica.account(&address(104)).unwrap().unwrap();
    assert!(account.balance > amount(50 * BLOCK - 100_000), "{:?}", account.balance);
    // Everybody agrees, also after a restart.
    let head = net.nodes[0].replica.head().hash;
    assert!(net.nodes.iter().all(|node| node.replica.head().hash == head));
    let again = open_chain(net.genesis.clone(), Arc::clone(&net.nodes[2].store), 102);
    assert_eq!(again.replica.head().hash, head);
    assert_eq!(again.replica.validators().unwrap(), net.nodes[0].replica.validators().unwrap());
}

#[test]
fn evidence_is_free_slashes_within_a_block_and_is_refused_when_it_comes_again() {
    let mut net = Net::of(short());
    net.step_signed(&ALL);
    let vote = |value: u8| {
        let vote = Vote {
            kind: VoteKind::Prevote,
            height: Height(1),
            round: Round(0),
            value: Some(Hash([value; 32])),
            voter: address(103),
        };
        SignedVote { vote, signature: secret(103).sign(&vote.signing_bytes(&net.genesis.hash())) }
    };
    let evidence = Evidence::of_votes(secret(103).public_key(), vote(1), vote(2));
    // Validator 100 owns nothing but its stake.
    let report = signed(&net, 100, 0, Action::Evidence(evidence.clone()));
    net.admit_everywhere(&report);
    let supply = net.nodes[0].replica.supply().0.micro();
    let block = net.step_signed(&ALL);
    assert_eq!(block.transactions.len(), 1);
    let issued = net.genesis.params.rewards.issuance_per_block.micro();
    assert_eq!(net.nodes[0].replica.supply().0.micro(), supply + issued - BLOCK);
    let again = signed(&net, 101, 0, Action::Evidence(evidence));
    let checked = mempool::CheckedTransaction::check(Arc::new(again), &net.genesis.hash()).unwrap();
    assert_eq!(net.nodes[0].replica.admit(checked, net.now), Err(Rejection::EvidenceDuplicate));
    net.step_signed(&ALL);
    net.step_signed(&ALL);
    assert_eq!(power(&net, 103), 0, "it left at the end of the epoch");
    net.step();
}

#[test]
fn a_rotated_vrf_key_proves_beacons_three_epochs_later() {
    use primitives::actions::identity::VrfBinding;
    let mut net = Net::of(short());
    let rich = net.pay(1, 0, address(100), 5 * BLOCK);
    net.admit_everywhere(&rich);
    net.step_signed(&ALL);
    let new = VrfSecretKey::from_seed([211; 32]);
    let binding = VrfBinding::prove(&new, address(100), net.height(), &net.genesis.hash()).unwrap();
    let rotate = signed(&net, 100, 0, Action::Identity(IdentityAction::RotateVrf(binding)));
    net.admit_everywhere(&rotate);
    net.step_signed(&ALL);
    net.nodes[0].replica.hold_vrf_key(new.clone());
    let key = |net: &Net| net.nodes[1].replica.expected_vrf_key(&address(100)).unwrap().unwrap();
    let old = VrfSecretKey::from_seed([100; 32]).public_key();
    let set = net.nodes[0].replica.validators().unwrap().hash();
    // Heights 1 to 4 are epoch 0, so the key is that of epoch 3: from height 13 on.
    let mut built = [0, 0];
    while net.height() < Height(60) {
        assert_eq!(key(&net), if net.height() < Height(12) { old } else { new.public_key() }, "{}", net.height());
        let block = net.step_signed(&ALL);
        if block.header.proposer == address(100) {
            built[usize::from(block.header.height > Height(12))] += 1;
        }
    }
    assert!(built[1] > 0, "its blocks are valid with the new key: {built:?}");
    assert_eq!(net.nodes[0].replica.validators().unwrap().hash(), set, "the set is the same");
}

fn restart(net: &mut Net, index: usize) {
    let store = Arc::clone(&net.nodes[index].store);
    net.nodes[index] = open_chain(net.genesis.clone(), store, 100 + u8::try_from(index).unwrap());
}

/// One height on which node `victim` stops after step `phase`: the block is built, judged, committed.
fn step_with_a_stop(net: &mut Net, victim: usize, phase: u8) {
    net.now = net.now.plus(1_000);
    let candidate = net.build();
    if phase == 0 {
        restart(net, victim);
        assert_eq!(net.build(), candidate, "the offer of before the stop");
    }
    let (live, certificate) = (net.live(), net.certificate(candidate.hash, &[0, 1, 2]));
    for node in &mut net.nodes {
        assert_eq!(node.replica.verify(&candidate.bytes, live).unwrap(), replica::Verdict::Valid(candidate.clone()));
    }
    if phase == 1 {
        restart(net, victim);
    }
    for node in &mut net.nodes {
        node.replica.commit(certificate.clone()).unwrap();
    }
    if phase == 2 {
        restart(net, victim);
    }
    net.history.push((candidate, certificate));
}

#[test]
fn whoever_stops_at_whatever_step_of_an_epochs_last_height_has_the_set_of_the_others() {
    let mut genesis = short();
    genesis.params.staking.churn_bps = 3_333;
    for (victim, phase) in (0..4).flat_map(|victim| (0..3).map(move |phase| (victim, phase))) {
        let mut net = Net::of(genesis.clone());
        let fees = net.pay(1, 0, address(102), BLOCK);
        net.admit_everywhere(&fees);
        while net.height() < Height(4) {
            net.step_signed(&[0, 1, 2]);
        }
        let leave = StakeAction::Unbond { validator: address(102), amount: amount(10 * BLOCK) };
        let leave = signed(&net, 102, 0, Action::Stake(leave));
        net.admit_everywhere(&leave);
        while net.height() < Height(7) {
            net.step_signed(&[0, 1, 2]);
        }
        // 102 has taken its stake away, and 103 has signed nothing in this epoch: both leave now, one without and one with jail.
        step_with_a_stop(&mut net, victim, phase);
        assert_eq!((power(&net, 102), power(&net, 103)), (0, 0), "victim {victim}, step {phase}");
        assert!(
            state::staking::candidate(net.nodes[0].replica.state(), &address(103))
                .unwrap()
                .unwrap()
                .jailed_until
                .is_some()
        );
        while net.height() < Height(13) {
            net.step_signed(&[0, 1]);
        }
        let sets: Vec<_> = net.nodes.iter().map(|node| node.replica.validators().unwrap()).collect();
        assert!(sets.iter().all(|set| *set == sets[0]), "victim {victim}, step {phase}");
        let head = net.nodes[0].replica.head().hash;
        assert!(net.nodes.iter().all(|node| node.replica.head().hash == head));
    }
}
