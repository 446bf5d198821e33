//! Offences that pass by are found and brought onto the chain, and honest identities are never accused.

use primitives::actions::identity::{PeerBinding, Register, VrfBinding};
use primitives::actions::timetoke::Heartbeat;
use primitives::*;
use replica::offences::turn;
use replica::{Offences, Reports};
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

/// What validator 100 reports of `evidence` is in the next block, and ends the identity.
fn is_punished(net: &mut Net, evidence: Evidence) {
    let offender = evidence.offender();
    evidence.check_form(&net.genesis.hash()).unwrap();
    let mut reports = Reports::new(secret(100));
    assert!(reports.found(evidence));
    let due = reports.due(&net.nodes[0].replica);
    assert_eq!(due.len(), 1);
    net.admit_everywhere(&due[0].1);
    net.step_signed(&ALL);
    let ended = identity::get(net.nodes[0].replica.state(), &offender).unwrap().unwrap();
    assert!(ended.tombstoned);
    assert!(reports.due(&net.nodes[0].replica).is_empty(), "what is punished is not reported again");
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
