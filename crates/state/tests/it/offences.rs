//! Offences of identities in a block: what they cost, who may not be accused, and when it is too late.

use primitives::actions::identity::{KeyKindProven, KeyProof, PeerBinding};
use primitives::actions::{FalseKeyProof, IdentityEvent, PossessionProof};
use primitives::{
    Action, BoundedBytes, Event, Evidence, Height, IdentityAction, Outcome, Rejection, SecretKey, StakeAction,
    Transaction, TransactionBody, encode,
};
use state::{BlockInvalid, identity, reputation, staking};

use crate::chain::{address, key};
use crate::people::{VALIDATOR, World, short};

const BLOCK: u64 = 1_000_000;

fn two_heartbeats(world: &World, who: u8) -> Evidence {
    let one = world.heartbeat(who, |_| {});
    let two = world.heartbeat(who, |beat| beat.value = primitives::Hash([9; 32]));
    Evidence::of_heartbeats(one, two)
}

fn carry(world: &World, payer: u8, evidence: Evidence) -> Transaction {
    let transaction = world.transaction(payer, Action::Evidence(evidence));
    transaction.check(&world.chain.genesis).unwrap();
    transaction
}

fn refused(world: &mut World, transaction: Transaction) -> Rejection {
    let context = world.context();
    match world.chain.block_in(context, &[transaction]) {
        Err(BlockInvalid::Transaction { rejection, .. }) => rejection,
        other => unreachable!("{other:?}"),
    }
}

/// `who` claims a node key that says, at the same heights, that it belongs to `other`.
fn two_owners(world: &World, who: u8, other: u8) -> Evidence {
    let (chain, node) = (world.chain.genesis, SecretKey::from_seed([222; 32]));
    let peer = Some(PeerBinding::sign(&node, address(who), world.chain.height, &chain));
    let body = world.chain.body(who, Action::Identity(IdentityAction::RotatePeer { peer }));
    false_key_proof(world, who, body, &node, other)
}

fn false_key_proof(world: &World, who: u8, body: TransactionBody, node: &SecretKey, other: u8) -> Evidence {
    let (chain, valid_from) = (world.chain.genesis, world.chain.height);
    let other = KeyProof { kind: KeyKindProven::Peer, identity: address(other), key: node.public_key(), valid_from };
    Evidence::FalseKeyProof(Box::new(FalseKeyProof {
        key: key(who).public_key(),
        signature: key(who).sign(&body.signing_bytes(&chain)),
        body: BoundedBytes::new(encode(&body)).unwrap(),
        proof: PossessionProof::Peer(node.sign(&other.signing_bytes(&chain))),
        other,
    }))
}

#[test]
fn conflicting_heartbeats_cost_a_quarter_of_stake_and_bond_and_all_standing() {
    let mut world = World::new(short(), 3);
    world.activate(0);
    assert_eq!(world.bond(0, 40), Outcome::Success);
    for _ in 0..6 {
        world.next_beat(0, true);
    }
    assert!(world.hours(0) > 0 && world.explain(0).score_ppm > 0);
    let supply = world.chain.supply.micro();
    let transaction = carry(&world, 5, two_heartbeats(&world, 0));
    let executed = world.block(&[transaction]);
    let events = &executed.receipts[0].events;
    assert!(matches!(events[..], [Event::Slashed { .. }, Event::Jailed { .. }, Event::Identity(_)]), "{events:?}");
    let burned = 40 * BLOCK / 4 + 10 * BLOCK / 4;
    assert_eq!(world.chain.supply.micro(), supply - burned + 100_000);
    let found = staking::candidate(&world.chain, &address(0)).unwrap().unwrap();
    assert_eq!(found.bonded.tokens.micro(), 30 * BLOCK);
    assert!(found.jailed_until.is_some());
    assert_eq!(staking::tombstone(&world.chain, &address(0)).unwrap(), None, "only equivocation removes forever");
    let ended = identity::get(&world.chain, &address(0)).unwrap().unwrap();
    assert!(ended.tombstoned && ended.bond.micro() == 10 * BLOCK * 3 / 4);
    assert_eq!(world.hours(0), 0);
    assert_eq!(reputation::counters(&world.chain, &address(0)).unwrap(), reputation::Counters::default());
    let again = carry(&world, 6, two_heartbeats(&world, 0));
    assert_eq!(refused(&mut world, again), Rejection::EvidenceDuplicate);
    let unbond = StakeAction::Unbond { validator: address(0), amount: crate::chain::amount(30 * BLOCK) };
    assert_eq!(world.act(0, Action::Stake(unbond)).0, Outcome::Success, "what is left can leave");
}

#[test]
fn a_key_of_two_identities_costs_half() {
    let mut world = World::new(short(), 3);
    world.activate(0);
    assert_eq!(world.bond(0, 40), Outcome::Success);
    let transaction = carry(&world, 5, two_owners(&world, 0, 1));
    let executed = world.block(&[transaction]);
    assert!(
        matches!(executed.receipts[0].events[..], [Event::Slashed { amount, .. }, ..] if amount.micro() == 20 * BLOCK)
    );
    let ended = identity::get(&world.chain, &address(0)).unwrap().unwrap();
    assert_eq!((ended.tombstoned, ended.bond.micro()), (true, 5 * BLOCK));
    let again = carry(&world, 6, two_owners(&world, 0, 2));
    assert_eq!(refused(&mut world, again), Rejection::EvidenceDuplicate);
}

#[test]
fn an_identity_without_stake_loses_its_bond_only() {
    let mut world = World::new(short(), 3);
    world.activate(0);
    let transaction = carry(&world, 5, two_heartbeats(&world, 0));
    let executed = world.block(&[transaction]);
    let punished = IdentityEvent::Punished { identity: address(0), burned: crate::chain::amount(10 * BLOCK / 4) };
    assert_eq!(executed.receipts[0].events[..], [Event::Identity(punished)]);
}

#[test]
fn a_validator_that_conflicts_is_jailed_and_leaves_with_the_epoch() {
    let mut world = World::new(short(), 4);
    world.run_to(3);
    let transaction = carry(&world, 5, two_heartbeats(&world, VALIDATOR + 3));
    world.block(&[transaction]);
    world.finish_epoch();
    assert!(state::view::validators(&world.chain).unwrap().get(&address(VALIDATOR + 3)).is_none());
}

#[test]
fn stake_that_left_is_slashable_for_heartbeats_too() {
    let mut world = World::new(short(), 3);
    world.activate(0);
    assert_eq!(world.bond(0, 40), Outcome::Success);
    let delegate = StakeAction::Delegate { validator: address(0), amount: crate::chain::amount(20 * BLOCK) };
    assert_eq!(world.act(7, Action::Stake(delegate)).0, Outcome::Success);
    let moved =
        StakeAction::Redelegate { from: address(0), to: address(VALIDATOR), amount: crate::chain::amount(8 * BLOCK) };
    assert_eq!(world.act(7, Action::Stake(moved)).0, Outcome::Success);
    let unbond = StakeAction::Unbond { validator: address(0), amount: crate::chain::amount(4 * BLOCK) };
    assert_eq!(world.act(7, Action::Stake(unbond)).0, Outcome::Success);
    let transaction = carry(&world, 5, two_heartbeats(&world, 0));
    let executed = world.block(&[transaction]);
    let burned = (48 + 8 + 4) * BLOCK / 4;
    assert!(matches!(executed.receipts[0].events[..], [Event::Slashed { amount, .. }, ..] if amount.micro() == burned));
}

#[test]
fn nobody_without_an_identity_is_accused_and_old_challenges_are_stale() {
    let mut world = World::new(short(), 3);
    world.run_to(4);
    let stranger = carry(&world, 5, two_heartbeats(&world, 9));
    assert_eq!(refused(&mut world, stranger), Rejection::EvidenceNoIdentity);
    let stranger = carry(&world, 5, two_owners(&world, 9, 1));
    assert_eq!(refused(&mut world, stranger), Rejection::EvidenceNoIdentity);
    world.activate(0);
    let future = Evidence::of_heartbeats(
        world.heartbeat(0, |beat| beat.challenge += 1),
        world.heartbeat(0, |beat| {
            beat.challenge += 1;
            beat.value = primitives::Hash([9; 32]);
        }),
    );
    let future = carry(&world, 5, future);
    assert_eq!(refused(&mut world, future), Rejection::EvidenceStale);
    let (late, stale_key) = (two_heartbeats(&world, 0), two_owners(&world, 0, 1));
    // Evidence counts for 2 epochs of 4 blocks, in which one challenge of 5 s passes.
    world.run_to(world.chain.height.0 + 13);
    let late = carry(&world, 5, late);
    assert_eq!(refused(&mut world, late), Rejection::EvidenceStale);
    let stale_key = carry(&world, 5, stale_key);
    assert_eq!(refused(&mut world, stale_key), Rejection::EvidenceStale);
    assert!(!identity::get(&world.chain, &address(0)).unwrap().unwrap().tombstoned);
}

#[test]
fn an_expired_registration_is_not_accused() {
    let mut world = World::new(short(), 3);
    assert_eq!(world.register(0), Outcome::Success);
    world.run_to(world.chain.height.0 + world.params.identity.attestation_window_blocks + 2);
    let evidence = two_owners(&world, 0, 1);
    let transaction = carry(&world, 5, evidence);
    assert_eq!(refused(&mut world, transaction), Rejection::EvidenceNoIdentity);
    assert!(world.chain.height > Height(10));
}
