//! Identities: every outcome from the smallest case that gives it, the life cycle, and random histories.

use primitives::actions::identity::{KeyKindProven, KeyProof, PeerBinding, Register, VrfBinding};
use primitives::ledger::IDENTITY_BONDS;
use primitives::{
    Action, Address, Amount, Hash, Height, IdentityAction, Outcome, Params, PublicKey, Rejection, VrfProof,
    VrfPublicKey, VrfSecretKey,
};
use state::identity::{self, Stage};
use state::{BlockExecution, StateView};
use testkit::Seed;

use crate::chain::{address, transfer};
use crate::people::{VALIDATOR, World, peer, short, validator, vrf};

fn pot(world: &World) -> Amount {
    world.chain.slot(IDENTITY_BONDS).unwrap().balance
}

fn stage(world: &World, index: u8) -> Option<Stage> {
    identity::get(&world.chain, &address(index)).unwrap().map(|one| one.stage(world.chain.height))
}

#[test]
fn an_identity_is_registered_attested_revoked_and_its_bond_comes_back() {
    let _shown = testkit::contract!("S000-105");
    let mut world = World::new(short(), 3);
    let before = world.chain.balance(&address(0));
    assert_eq!(world.register(0), Outcome::Success);
    let bond = world.params.identity.bond;
    assert_eq!(pot(&world), bond);
    assert_eq!(stage(&world, 0), Some(Stage::Pending));
    assert_eq!(world.attest(0, 0), Outcome::Success);
    assert_eq!(stage(&world, 0), Some(Stage::Pending));
    assert_eq!(world.attest(2, 0), Outcome::Success);
    assert_eq!(stage(&world, 0), Some(Stage::Active));
    assert_eq!(world.outcome(0, IdentityAction::Withdraw), Outcome::NothingToWithdraw);
    assert_eq!(world.outcome(0, IdentityAction::Revoke), Outcome::Success);
    let revoked_at = world.chain.height.0;
    assert_eq!(world.outcome(0, IdentityAction::Withdraw), Outcome::BondLocked);
    world.run_to(revoked_at + world.params.identity.bond_delay_blocks - 2);
    assert_eq!(world.outcome(0, IdentityAction::Withdraw), Outcome::BondLocked);
    assert_eq!(world.outcome(0, IdentityAction::Withdraw), Outcome::Success);
    assert_eq!(pot(&world), Amount::ZERO);
    assert_eq!(stage(&world, 0), None);
    let after = world.chain.balance(&address(0));
    assert!(after < before && before - after < 1_000_000, "only fees are gone");
    assert_eq!(world.register(0), Outcome::Success, "wallet and keys are free again");
    assert_eq!(identity::get(&world.chain, &address(0)).unwrap().unwrap().number, 4, "with a new number");
}

#[test]
fn genesis_validators_start_active_and_a_small_set_needs_only_itself() {
    let mut world = World::new(short(), 1);
    let first = identity::get(&world.chain, &validator(0)).unwrap().unwrap();
    assert_eq!((first.stage(Height(0)), first.bond), (Stage::Active, Amount::ZERO));
    assert_eq!(world.register(0), Outcome::Success);
    assert_eq!(world.attest(0, 0), Outcome::Success);
    assert_eq!(stage(&world, 0), Some(Stage::Active));
}

#[test]
fn without_attestations_a_registration_expires_and_holds_nothing() {
    let mut world = World::new(short(), 3);
    assert_eq!(world.register(0), Outcome::Success);
    let registered_at = world.chain.height.0;
    assert_eq!(world.attest(0, 0), Outcome::Success);
    world.run_to(registered_at + world.params.identity.attestation_window_blocks);
    assert_eq!(stage(&world, 0), Some(Stage::Pending), "the last height of the window");
    let late = IdentityAction::Attest { subject: address(0), registered_at: Height(registered_at) };
    assert_eq!(world.outcome(VALIDATOR + 1, late), Outcome::IdentityNotPending);
    assert_eq!(stage(&world, 0), Some(Stage::Expired));
    // Somebody else takes the keys; the owner of the secret proves them for another wallet.
    let register = Register {
        bond: world.params.identity.bond,
        vrf: world.bind_vrf(1, &vrf(0)),
        peer: Some(world.bind_peer(1, &peer(0))),
    };
    assert_eq!(world.outcome(1, IdentityAction::Register(Box::new(register))), Outcome::Success);
    assert_eq!(world.register(0), Outcome::KeyInUse, "the expired one cannot take them back");
    let fresh = Register { vrf: world.bind_vrf(0, &vrf(9)), peer: None, bond: world.params.identity.bond };
    let (outcome, events) = world.act(0, Action::Identity(IdentityAction::Register(Box::new(fresh))));
    assert_eq!((outcome, events.len()), (Outcome::Success, 2), "the old bond comes back in the same transaction");
    assert_eq!(pot(&world).micro(), 2 * world.params.identity.bond.micro());
    // The word of a validator is for one registration only.
    let old = IdentityAction::Attest { subject: address(0), registered_at: Height(registered_at) };
    assert_eq!(world.outcome(VALIDATOR, old), Outcome::IdentityNotPending);
}

#[test]
fn what_a_registration_is_refused_for() {
    let mut world = World::new(short(), 3);
    world.activate(0);
    let bond = world.params.identity.bond;
    type Edit = fn(&World, &mut Register);
    let cases: [(&str, Edit, Outcome); 6] = [
        ("another bond", |_, register| register.bond = Amount::new(5).unwrap(), Outcome::WrongBond),
        ("the VRF key of another", |world, register| register.vrf = world.bind_vrf(1, &vrf(0)), Outcome::KeyInUse),
        (
            "the VRF key of a genesis validator",
            |world, register| register.vrf = world.bind_vrf(1, &VrfSecretKey::from_seed([VALIDATOR; 32])),
            Outcome::KeyInUse,
        ),
        (
            "the peer key of another",
            |world, register| register.peer = Some(world.bind_peer(1, &peer(0))),
            Outcome::KeyInUse,
        ),
        (
            "a proof from the future",
            |world, register| {
                let at = Height(world.chain.height.0 + 2);
                register.vrf = VrfBinding::prove(&vrf(1), address(1), at, &world.chain.genesis).unwrap();
            },
            Outcome::StaleKeyProof,
        ),
        (
            "a bond above the balance",
            |_, register| register.bond = Amount::from_blocks(1_000),
            Outcome::InsufficientBalance,
        ),
    ];
    for (name, edit, outcome) in cases {
        let mut register = world.registration(1);
        edit(&world, &mut register);
        let before = world.chain.balance(&address(1));
        assert_eq!(world.outcome(1, IdentityAction::Register(Box::new(register))), outcome, "{name}");
        assert!(before - world.chain.balance(&address(1)) < 10_000, "{name}: only the fee");
        assert_eq!((pot(&world), stage(&world, 1)), (bond, None), "{name}");
    }
    assert_eq!(world.register(0), Outcome::IdentityExists, "double registration");
}

#[test]
fn a_key_proof_grows_old() {
    let mut params = short();
    params.valid_until_max = 10;
    let mut world = World::new(params, 3);
    let early = world.registration(0);
    world.run_to(10);
    let transaction = Action::Identity(IdentityAction::Register(Box::new(early)));
    let mut body = world.chain.body(0, transaction);
    body.valid_until = Height(15);
    let signed = world.chain.sign(0, body);
    assert_eq!(world.block(&[signed]).receipts[0].outcome, Outcome::StaleKeyProof);
    assert_eq!(world.register(0), Outcome::Success);
}

#[test]
fn forged_proofs_never_enter_a_block() {
    let world = World::new(short(), 3);
    let genesis = world.chain.genesis;
    let mut identity_point = [0_u8; 32];
    identity_point[0] = 1;
    type Edit = Box<dyn Fn(&mut Register)>;
    let stranger_vrf = world.bind_vrf(5, &vrf(0));
    let other_chain = VrfBinding::prove(&vrf(0), address(0), Height(0), &Hash::default()).unwrap();
    let stranger_peer = world.bind_peer(5, &peer(0));
    let other_chain_peer = PeerBinding::sign(&peer(0), address(0), Height(0), &Hash::default());
    let cases: Vec<(&str, Edit, Rejection)> = vec![
        ("proof for another wallet", Box::new(move |one| one.vrf = stranger_vrf), Rejection::BadPossessionProof),
        ("proof for another chain", Box::new(move |one| one.vrf = other_chain), Rejection::BadPossessionProof),
        ("proof of nothing", Box::new(|one| one.vrf.proof = VrfProof([7; 80])), Rejection::BadPossessionProof),
        ("proof of another height", Box::new(|one| one.vrf.valid_from = Height(1)), Rejection::BadPossessionProof),
        ("small-order VRF key", Box::new(move |one| one.vrf.key = VrfPublicKey(identity_point)), Rejection::WeakKey),
        ("peer of another wallet", Box::new(move |one| one.peer = Some(stranger_peer)), Rejection::BadPossessionProof),
        (
            "peer of another chain",
            Box::new(move |one| one.peer = Some(other_chain_peer)),
            Rejection::BadPossessionProof,
        ),
        (
            "small-order peer key",
            Box::new(move |one| {
                one.peer = one.peer.map(|peer| PeerBinding { key: PublicKey(identity_point), ..peer });
            }),
            Rejection::WeakKey,
        ),
    ];
    for (name, edit, rejection) in cases {
        let mut register = world.registration(0);
        edit(&mut register);
        let transaction = world.transaction(0, Action::Identity(IdentityAction::Register(Box::new(register))));
        assert_eq!(transaction.check(&genesis), Err(rejection), "{name}");
    }
    for action in [
        IdentityAction::Attest { subject: address(VALIDATOR), registered_at: Height(0) },
        IdentityAction::Vouch { subject: address(VALIDATOR) },
    ] {
        let transaction = world.transaction(VALIDATOR, Action::Identity(action));
        assert_eq!(transaction.check(&genesis), Err(Rejection::SelfAttestation));
    }
}

#[test]
fn who_may_attest_and_vouch() {
    let mut world = World::new(short(), 3);
    world.activate(0);
    assert_eq!(world.register(1), Outcome::Success);
    let registered_at = world.chain.height;
    let attest = |subject| IdentityAction::Attest { subject: address(subject), registered_at };
    assert_eq!(world.outcome(0, attest(1)), Outcome::NotAValidator);
    assert_eq!(world.outcome(VALIDATOR, attest(2)), Outcome::IdentityNotPending);
    assert_eq!(world.attest(0, 1), Outcome::Success);
    assert_eq!(world.attest(0, 1), Outcome::AlreadyAttested);
    let vouch = |subject| IdentityAction::Vouch { subject: address(subject) };
    assert_eq!(world.outcome(1, vouch(0)), Outcome::IdentityNotActive);
    assert_eq!(world.outcome(0, vouch(1)), Outcome::SubjectNotActive);
    assert_eq!(world.attest(1, 1), Outcome::Success);
    assert_eq!(world.outcome(0, vouch(1)), Outcome::Success);
    assert_eq!(world.outcome(0, vouch(1)), Outcome::AlreadyAttested);
}

#[test]
fn keys_rotate_three_epochs_later_and_stay_taken() {
    let mut world = World::new(short(), 3);
    world.activate(0);
    let of = |world: &World, epoch| identity::get(&world.chain, &address(0)).unwrap().unwrap().vrf_key(epoch);
    assert_eq!(of(&world, 2), None, "registered in epoch 0");
    assert_eq!(of(&world, 3), Some(vrf(0).public_key()));
    world.run_to(8);
    let rotate = IdentityAction::RotateVrf(world.bind_vrf(0, &vrf(30)));
    assert_eq!(world.outcome(0, rotate), Outcome::Success);
    let stamp = identity::get(&world.chain, &address(0)).unwrap().unwrap().next_vrf.unwrap();
    assert_eq!((stamp.stamped_at, stamp.from_epoch), (Height(9), 5), "block 9 is in epoch 2");
    assert_eq!(stamp.stamped_time, world.time);
    assert_eq!(of(&world, 4), Some(vrf(0).public_key()));
    assert_eq!(of(&world, 5), Some(vrf(30).public_key()));
    let again = IdentityAction::RotateVrf(world.bind_vrf(0, &vrf(31)));
    assert_eq!(world.outcome(0, again), Outcome::RotationPending);
    world.run_to(20);
    let back = IdentityAction::RotateVrf(world.bind_vrf(0, &vrf(0)));
    assert_eq!(world.outcome(0, back), Outcome::KeyInUse, "a replaced key stays held: evidence may name it");
    let next = IdentityAction::RotateVrf(world.bind_vrf(0, &vrf(31)));
    assert_eq!(world.outcome(0, next), Outcome::Success);
    assert_eq!(of(&world, 5), Some(vrf(30).public_key()), "block 22 is in epoch 5");
    assert_eq!(of(&world, 8), Some(vrf(31).public_key()));
    let held = identity::holder(&world.chain, KeyKindProven::Vrf, &vrf(0).public_key().0, world.chain.height);
    assert_eq!(held.unwrap(), Some(address(0)));
    let bound = world.bind_peer(0, &peer(33));
    assert_eq!(world.outcome(0, IdentityAction::RotatePeer { peer: Some(bound) }), Outcome::Success);
    assert_eq!(world.outcome(0, IdentityAction::RotatePeer { peer: None }), Outcome::Success);
    assert_eq!(identity::get(&world.chain, &address(0)).unwrap().unwrap().peer, None);
    assert_eq!(world.outcome(1, IdentityAction::RotatePeer { peer: None }), Outcome::IdentityNotActive);
}

#[test]
fn a_block_takes_thirty_two_registrations_and_payments_do_not_wait_for_them() {
    let _shown = testkit::contract!("S000-036");
    let mut params = short();
    params.identity.max_block_identity_registrations = 3;
    let world = World::new(params, 3);
    assert_eq!(Params::default().identity.max_block_identity_registrations, 32);
    let mut execution = BlockExecution::begin(&world.chain, world.context(), &state::NoProofSystem).unwrap();
    let register = |from| {
        let action = Action::Identity(IdentityAction::Register(Box::new(world.registration(from))));
        world.transaction(from, action)
    };
    for from in 0..3 {
        execution.transaction(&register(from), true).unwrap();
    }
    let refused = execution.transaction(&register(3), true).unwrap_err();
    assert_eq!(refused, state::transaction::Refused::Rejected(Rejection::BlockFull));
    let paid = world.transaction(4, transfer(address(5), 10));
    execution.transaction(&paid, true).unwrap();
    assert_eq!(execution.end().unwrap().receipts.len(), 4);
}

#[test]
fn a_key_proof_names_chain_wallet_kind_key_and_height() {
    let proof = KeyProof {
        kind: KeyKindProven::Peer,
        identity: Address([2; 30]),
        key: PublicKey([3; 32]),
        valid_from: Height(4),
    };
    let bytes = proof.signing_bytes(&Hash([1; 32]));
    let expected =
        [b"the-block/key-proof/v1".as_slice(), &[1; 32], &[1], &[2; 30], &[3; 32], &4_u64.to_le_bytes()].concat();
    assert_eq!(bytes, expected);
}

#[test]
fn random_histories_keep_bonds_and_keys_consistent() {
    let mut seed = Seed::new();
    for _ in 0..8 {
        let mut world = World::new(short(), 3);
        for _ in 0..80 {
            let (from, subject) = (seed.index(6), seed.index(6));
            let (from, subject) = (u8::try_from(from).unwrap(), u8::try_from(subject).unwrap());
            let spare = vrf(u8::try_from(20 + seed.below(8)).unwrap());
            match seed.below(9) {
                0 | 1 => drop(world.register(from)),
                2..=4 => drop(world.attest(u8::try_from(seed.below(3)).unwrap(), subject)),
                5 => drop(world.outcome(from, IdentityAction::RotateVrf(world.bind_vrf(from, &spare)))),
                6 => drop(world.outcome(from, IdentityAction::Revoke)),
                7 => drop(world.outcome(from, IdentityAction::Withdraw)),
                _ => world.block(&[]).receipts.clear(),
            }
            check_all(&world);
        }
    }
}

fn check_all(world: &World) {
    identity::pot_equals_bonds(&world.chain).unwrap();
    let mut seen = std::collections::BTreeMap::new();
    for index in 0..6 {
        let Some(one) = identity::get(&world.chain, &address(index)).unwrap() else { continue };
        if one.stage(world.chain.height) == Stage::Expired {
            continue;
        }
        for held in [Some(one.vrf.key), one.next_vrf.map(|next| next.key)].into_iter().flatten() {
            assert_eq!(seen.insert(held, index).filter(|other| *other != index), None, "a key has one identity");
            let holder = identity::holder(&world.chain, KeyKindProven::Vrf, &held.0, world.chain.height).unwrap();
            assert_eq!(holder, Some(address(index)));
        }
    }
}
