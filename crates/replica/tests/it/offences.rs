//! Offences that pass by are found and brought onto the chain, and honest identities are never accused.

use std::sync::Arc;

use primitives::actions::evidence::SignedVote;
use primitives::actions::identity::{PeerBinding, Register, VrfBinding};
use primitives::actions::timetoke::Heartbeat;
use primitives::*;
use replica::reports::{Report, turn};
use replica::{OffenceLimits, Offences, Reports};
use state::{identity, timetoke};

use crate::net::{Net, address, genesis, secret};

const ALL: [u8; 4] = [0, 1, 2, 3];

/// A challenge every two seconds, and epochs of four heights.
fn chain() -> Net {
    let mut genesis = genesis();
    genesis.params.epoch_blocks = 4;
    genesis.params.timetoke.hour_seconds = 2;
    genesis.params.timetoke.window_seconds = 2;
    genesis.params.timetoke.challenges_per_window = 1;
    genesis.params.timetoke.answer_seconds = 2;
    let mut net = Net::of(genesis);
    net.step_signed(&ALL);
    net
}

fn signed(net: &Net, who: u8, more: u64, action: Action) -> Transaction {
    let nonce = net.nodes[0].replica.account(&address(who)).unwrap().unwrap().1.nonce.get();
    let body = TransactionBody {
        version: FormatVersion,
        payer: address(who),
        nonce: Nonce::new(nonce + more).unwrap(),
        lane: action.lane(),
        tip: Amount::ZERO,
        max_fee: Amount::from_blocks(1),
        valid_until: Height(net.height().0 + 50),
        action,
    };
    body.sign(&secret(who), &net.genesis.hash())
}

/// A registration that claims the node key `node`.
fn register(net: &Net, who: u8, node: u8) -> Transaction {
    let (chain, height) = (net.genesis.hash(), net.height());
    let vrf = VrfBinding::prove(&VrfSecretKey::from_seed([who; 32]), address(who), height, &chain).unwrap();
    let peer = Some(PeerBinding::sign(&secret(node), address(who), height, &chain));
    let register = Register { bond: net.genesis.params.identity.bond, vrf, peer };
    signed(net, who, 0, Action::Identity(IdentityAction::Register(Box::new(register))))
}

/// The answer of `who` to the open challenge, carried by `payer`.
fn heartbeat(net: &Net, payer: u8, who: u8, change: impl FnOnce(&mut Heartbeat)) -> Transaction {
    let open = timetoke::challenge(net.nodes[0].replica.state()).unwrap().unwrap();
    let mut beat = Heartbeat { identity: address(who), challenge: open.number, seed: open.seed, value: open.value };
    change(&mut beat);
    let list = BoundedVec::new(vec![beat.sign(&secret(who), &net.genesis.hash())]).unwrap();
    signed(net, payer, 0, Action::Timetoke(TimetokeAction::Heartbeats { list }))
}

fn saw(offences: &mut Offences, net: &Net, transaction: &Transaction) -> Vec<Evidence> {
    transaction.check(&net.genesis.hash()).unwrap();
    assert!(Offences::concerns(transaction));
    offences.saw(net.nodes[0].replica.state(), net.height(), transaction)
}

/// One height with these transactions.
fn step(net: &mut Net, offences: &mut Offences, transactions: &[Transaction]) -> Vec<Evidence> {
    for transaction in transactions {
        net.admit_everywhere(transaction);
    }
    let block = net.step_signed(&ALL);
    assert_eq!(block.transactions.len(), transactions.len());
    let replica = &net.nodes[0].replica;
    let receipts = replica.receipts(block.header.height).unwrap().unwrap();
    offences.finalized(replica.state(), &block, &receipts)
}

/// The node whose validator reports this offender first.
fn first(net: &Net, offender: &Address) -> usize {
    let set = net.nodes[0].replica.validators().unwrap();
    (0..4).find(|node| turn(&set, &address(100 + node), offender) == 0).unwrap().into()
}

fn reports(net: &Net, node: usize) -> Reports {
    Reports::open(secret(100 + u8::try_from(node).unwrap()), Arc::clone(&net.nodes[node].store)).unwrap()
}

fn due(net: &Net, reports: &mut Reports, node: usize) -> Vec<Report> {
    reports.due(&net.nodes[node].replica).unwrap()
}

/// What the first validator reports of `evidence` is in the next block, and ends the identity.
fn is_punished(net: &mut Net, evidence: Evidence) {
    let offender = evidence.offender();
    evidence.check_form(&net.genesis.hash()).unwrap();
    let node = first(net, &offender);
    let mut reports = reports(net, node);
    assert!(reports.found(evidence).unwrap());
    let made = due(net, &mut reports, node);
    assert_eq!(made.len(), 1);
    net.admit_everywhere(&made[0].transaction);
    net.step_signed(&ALL);
    let ended = identity::get(net.nodes[0].replica.state(), &offender).unwrap().unwrap();
    assert!(ended.tombstoned);
    assert!(due(net, &mut reports, node).is_empty(), "what is punished is not reported again");
    let kept = Reports::open(secret(100), Arc::clone(&net.nodes[node].store)).unwrap();
    assert_eq!(kept.offenders().count(), 0, "nor remembered");
}

/// Two votes of validator 103 for one place.
fn two_votes(net: &Net) -> Evidence {
    let vote =
        |value| Vote { kind: VoteKind::Precommit, height: net.height(), round: Round(0), value, voter: address(103) };
    let chain = net.genesis.hash();
    let sign = |vote: Vote| SignedVote { vote, signature: secret(103).sign(&vote.signing_bytes(&chain)) };
    Evidence::of_votes(secret(103).public_key(), sign(vote(None)), sign(vote(Some(Hash([7; 32])))))
}

#[test]
fn two_answers_to_one_challenge_are_found_and_punished() {
    let (mut net, mut offences) = (chain(), Offences::default());
    let first = register(&net, 1, 50);
    assert!(step(&mut net, &mut offences, &[first]).is_empty());
    let stranger = heartbeat(&net, 2, 9, |_| {});
    assert!(saw(&mut offences, &net, &stranger).is_empty());
    let stranger = heartbeat(&net, 2, 9, |beat| beat.value = Hash([7; 32]));
    assert!(saw(&mut offences, &net, &stranger).is_empty(), "nobody without an identity is accused");
    let one = heartbeat(&net, 2, 1, |_| {});
    assert!(saw(&mut offences, &net, &one).is_empty());
    let again = heartbeat(&net, 3, 1, |_| {});
    assert!(saw(&mut offences, &net, &again).is_empty(), "the same answer twice is no offence");
    let far = heartbeat(&net, 3, 1, |beat| beat.challenge += 1);
    assert!(saw(&mut offences, &net, &far).is_empty(), "no challenge of this number is open yet");
    let two = heartbeat(&net, 3, 1, |beat| beat.value = Hash([7; 32]));
    let mut found = saw(&mut offences, &net, &two);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].name(), found[0].offender()), ("evidence_conflicting_heartbeats", address(1)));
    is_punished(&mut net, found.remove(0));
}

#[test]
fn a_second_answer_that_a_block_brings_is_found_too() {
    let (mut net, mut offences) = (chain(), Offences::default());
    let first = register(&net, 1, 50);
    step(&mut net, &mut offences, &[first]);
    let (one, two) = (heartbeat(&net, 2, 1, |_| {}), heartbeat(&net, 3, 1, |beat| beat.seed = Hash([7; 32])));
    let mut found = step(&mut net, &mut offences, &[one, two]);
    assert_eq!(found.len(), 1);
    is_punished(&mut net, found.remove(0));
}

#[test]
fn who_claims_the_key_of_another_identity_is_found_and_punished() {
    let (mut net, mut offences) = (chain(), Offences::default());
    let (holder, other) = (register(&net, 1, 50), register(&net, 2, 50));
    assert!(saw(&mut offences, &net, &holder).is_empty());
    assert!(saw(&mut offences, &net, &other).is_empty(), "the chain gave the key to nobody yet");
    assert!(step(&mut net, &mut offences, std::slice::from_ref(&holder)).is_empty());
    assert!(saw(&mut offences, &net, &holder).is_empty(), "the holder itself is not accused");
    let alone = register(&net, 3, 51);
    assert!(saw(&mut offences, &net, &alone).is_empty());
    let mut found = saw(&mut offences, &net, &other);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].name(), found[0].offender()), ("evidence_false_key_proof", address(2)));
    // An identity that the chain does not have loses nothing, so its report is refused until it has one.
    let mine = register(&net, 2, 52);
    assert!(step(&mut net, &mut offences, &[mine]).is_empty());
    is_punished(&mut net, found.remove(0));
    let spared = identity::get(net.nodes[0].replica.state(), &address(1)).unwrap().unwrap();
    assert!(!spared.tombstoned);
}

#[test]
fn honest_answers_and_rotations_accuse_nobody() {
    let (mut net, mut offences) = (chain(), Offences::default());
    let all: Vec<Transaction> = (1..=3).map(|who| register(&net, who, 50 + who)).collect();
    assert!(step(&mut net, &mut offences, &all).is_empty());
    for _ in 0..12 {
        // Each answers, and its neighbour carries the answer a second time.
        let beats: Vec<Transaction> = (1..=3).map(|who| heartbeat(&net, who, who, |_| {})).collect();
        for who in 1..=3_u8 {
            let copy = heartbeat(&net, 4, who, |_| {});
            assert!(saw(&mut offences, &net, &copy).is_empty());
        }
        assert!(step(&mut net, &mut offences, &beats).is_empty());
    }
}

#[test]
fn each_validator_has_its_own_turn_to_report_an_offender() {
    let net = chain();
    let set = net.nodes[0].replica.validators().unwrap();
    let mut first = std::collections::BTreeSet::new();
    for offender in 1..=40 {
        let mut turns: Vec<u64> = (100..104).map(|who| turn(&set, &address(who), &address(offender))).collect();
        first.insert(turns.iter().position(|turn| *turn == 0));
        turns.sort_unstable();
        assert_eq!(turns, [0, 1, 2, 3]);
        assert_eq!(turn(&set, &address(9), &address(offender)), 4, "a stranger comes last");
    }
    assert_eq!(first.len(), 4, "no validator is first every time");
}

#[test]
fn one_validator_reports_and_the_others_wait_for_it() {
    let mut net = chain();
    let evidence = two_votes(&net);
    let offender = evidence.offender();
    let asked = first(&net, &offender);
    assert_ne!(asked, 3, "an offender is not asked to report itself");
    let mut all: Vec<Reports> = (0..4).map(|node| reports(&net, node)).collect();
    for one in &mut all {
        assert!(one.found(evidence.clone()).unwrap());
    }
    let mut made = Vec::new();
    for (node, one) in all.iter_mut().enumerate() {
        let now = due(&net, one, node);
        assert_eq!(now.len(), usize::from(node == asked), "validator {node}");
        made.extend(now);
    }
    assert!(!made[0].is_repeated && made[0].offender == offender);
    net.admit_everywhere(&made[0].transaction);
    for (node, one) in all.iter_mut().enumerate() {
        assert!(due(&net, one, node).is_empty(), "validator {node} makes no second report");
    }
    let block = net.step_signed(&ALL);
    assert_eq!(block.transactions.len(), 1, "the evidence is in the next block, alone");
    for (node, one) in all.iter_mut().enumerate() {
        assert!(due(&net, one, node).is_empty() && one.offenders().count() == 0, "validator {node}");
    }
}

#[test]
fn the_others_report_when_the_first_does_not_or_only_promises_to() {
    for promises in [false, true] {
        let mut net = chain();
        let evidence = two_votes(&net);
        let asked = first(&net, &evidence.offender());
        let others: Vec<usize> = (0..3).filter(|node| *node != asked).collect();
        let mut all: Vec<Reports> = others.iter().map(|node| reports(&net, *node)).collect();
        for (one, node) in all.iter_mut().zip(&others) {
            one.found(evidence.clone()).unwrap();
            assert!(due(&net, one, *node).is_empty());
        }
        if promises {
            // It is in every mempool and can be in no block: the nonce before it is missing.
            let held = TransactionBody {
                payer: address(5),
                lane: Lane::Reserved,
                ..signed(&net, 5, 1, Action::Evidence(evidence.clone())).body
            };
            net.admit_everywhere(&held.sign(&secret(5), &net.genesis.hash()));
        }
        let waits = if promises { 2 } else { 1 };
        for waited in 1..=waits {
            assert!(net.step_signed(&ALL).transactions.is_empty());
            let made: Vec<Vec<Report>> = all.iter_mut().zip(&others).map(|(one, node)| due(&net, one, *node)).collect();
            let expected = usize::from(waited == waits);
            assert!(made.iter().all(|made| made.len() == expected), "after {waited} heights: {made:?}");
            if let Some(report) = made[0].first() {
                net.admit_everywhere(&report.transaction);
            }
        }
        assert_eq!(net.step_signed(&ALL).transactions.len(), 1, "three blocks after it was seen at most");
    }
}

#[test]
fn an_offence_that_was_seen_before_a_restart_is_reported_after_it() {
    let mut net = chain();
    let evidence = two_votes(&net);
    let node = first(&net, &evidence.offender());
    let mut before = reports(&net, node);
    assert!(before.found(evidence.clone()).unwrap());
    assert_eq!(due(&net, &mut before, node).len(), 1, "made, and lost with the process");
    drop(before);
    net.step_signed(&ALL);
    let mut after = reports(&net, node);
    assert_eq!(after.offenders().collect::<Vec<_>>(), [&evidence.offender()]);
    let made = due(&net, &mut after, node);
    net.admit_everywhere(&made[0].transaction);
    let block = net.step_signed(&ALL);
    assert_eq!(block.transactions[0].body.action, Action::Evidence(evidence));
}

#[test]
fn what_waits_is_bounded_and_one_for_each_offender() {
    let net = chain();
    let mut reports = reports(&net, 0);
    let votes = |key: &SecretKey, round: u32| {
        let voter = Address::of_key(&key.public_key());
        let sign = |value| {
            let vote = Vote { kind: VoteKind::Prevote, height: Height(1), round: Round(round), value, voter };
            SignedVote { vote, signature: key.sign(&vote.signing_bytes(&net.genesis.hash())) }
        };
        Evidence::of_votes(key.public_key(), sign(None), sign(Some(Hash([7; 32]))))
    };
    let keys: Vec<SecretKey> = (0..=128).map(secret).collect();
    for key in &keys[..128] {
        assert!(reports.found(votes(key, 0)).unwrap());
        assert!(reports.found(votes(key, 1)).unwrap(), "a second offence of one offender adds nothing");
    }
    assert!(!reports.found(votes(&keys[128], 0)).unwrap());
    assert_eq!(reports.offenders().count(), replica::reports::WAITING_MAX);
    let again = Reports::open(secret(100), Arc::clone(&net.nodes[0].store)).unwrap();
    assert_eq!(again.offenders().count(), replica::reports::WAITING_MAX);
}

#[test]
fn a_restarted_node_remembers_what_the_newest_blocks_hold() {
    let (mut net, mut offences) = (chain(), Offences::default());
    let holder = register(&net, 1, 50);
    step(&mut net, &mut offences, &[holder]);
    let answer = heartbeat(&net, 2, 1, |_| {});
    step(&mut net, &mut offences, &[answer]);

    let (mut memory, found) = Offences::of_chain(&net.nodes[0].replica, OffenceLimits::default()).unwrap();
    assert!(found.is_empty(), "one answer is no offence");
    let other = register(&net, 3, 50);
    let claimed = saw(&mut memory, &net, &other);
    assert_eq!(claimed.len(), 1, "the key that a block gave away before the restart is claimed by another");
    assert_eq!(claimed[0].offender(), address(3));
    let second = heartbeat(&net, 3, 1, |beat| beat.value = Hash([7; 32]));
    let answered = saw(&mut memory, &net, &second);
    assert_eq!(answered.len(), 1, "the first answer was in a block before the restart");
    assert_eq!(answered[0].offender(), address(1));

    // Both answers in blocks, and nobody looked.
    step(&mut net, &mut offences, &[second]);
    let (_, mut found) = Offences::of_chain(&net.nodes[0].replica, OffenceLimits::default()).unwrap();
    assert_eq!(found.len(), 1);
    is_punished(&mut net, found.remove(0));
}
