//! Proofs of accounts, checked as a stranger would: each altered piece is noticed.

use cli::commands::proof::{verify_account, verify_identity};
use primitives::{Address, Amount, Hash, Height, LedgerSlot, Nonce, SlotIndex, encode};
use rpc::types::{AccountProof, Hex, IdentityProof, StateProof};
use tree::{LedgerTree, MemoryNodes, StateTree};

fn slot(name: &str, balance: u32) -> LedgerSlot {
    LedgerSlot {
        address: Address::of_module(name),
        nonce: Nonce::new(3).expect("small"),
        balance: Amount::from_blocks(balance),
    }
}

/// The proof for `wanted` in a chain of three accounts.
fn proof_of(wanted: &str) -> AccountProof {
    let slots = vec![slot("a", 1), slot("b", 2), slot("c", 3)];
    let ledger = LedgerTree::new(slots.clone()).expect("three accounts");
    let mut writes: Vec<(Vec<u8>, Option<Vec<u8>>)> = slots
        .iter()
        .zip(0_u32..)
        .map(|(slot, index)| {
            let index = SlotIndex::new(index).expect("small");
            (state::columns::account(&slot.address), Some(encode(&index)))
        })
        .collect();
    writes.sort();
    let mut nodes = MemoryNodes::default();
    let update = StateTree::update(&nodes, 0, &writes).expect("a first version");
    nodes.apply(&update);
    let address = Address::of_module(wanted);
    let key = state::columns::account(&address);
    let proof = StateTree::prove(&nodes, 0, &key).expect("a proof");
    let index = slots.iter().position(|slot| slot.address == address).and_then(|index| u32::try_from(index).ok());
    let place = index.and_then(SlotIndex::new);
    AccountProof {
        address,
        height: Height(1),
        block: Hash::default(),
        slot: index,
        state: StateProof {
            key: Hex(key),
            value: place.map(|place| Hex(encode(&place))),
            root: StateTree::root(&nodes, 0).expect("a root"),
            proof: Hex(proof.to_bytes()),
        },
        ledger_root: ledger.root(),
        ledger_slot: place.and_then(|place| ledger.slot(place)).map(|slot| Hex(encode(slot))),
        ledger_proof: place.map(|place| Hex(encode(&ledger.prove(place)))),
        header: Hex::default(),
        certificate: None,
    }
}

#[test]
fn an_account_and_its_absence_are_shown() {
    assert_eq!(verify_account(&proof_of("b")).expect("a good proof"), Some(slot("b", 2)));
    assert_eq!(verify_account(&proof_of("stranger")).expect("a good proof"), None);
}

#[test]
fn every_altered_piece_is_noticed() {
    let good = || (proof_of("b"), proof_of("c"));
    let mut cases: Vec<(&str, AccountProof)> = Vec::new();
    let mut alter = |what, change: fn(&mut AccountProof, AccountProof)| {
        let (mut proof, other) = good();
        change(&mut proof, other);
        cases.push((what, proof));
    };
    alter("another address", |proof, other| proof.address = other.address);
    alter("another key", |proof, other| proof.state.key = other.state.key);
    alter("another slot", |proof, other| proof.slot = other.slot);
    alter("no slot", |proof, _| proof.slot = None);
    alter("another value", |proof, other| proof.state.value = other.state.value);
    alter("no value", |proof, _| proof.state.value = None);
    alter("another state root", |proof, _| proof.state.root = Hash([1; 32]));
    alter("another state proof", |proof, other| proof.state.proof = other.state.proof);
    alter("a short state proof", |proof, _| proof.state.proof.0.truncate(10));
    alter("another ledger proof", |proof, other| proof.ledger_proof = other.ledger_proof);
    alter("no ledger proof", |proof, _| proof.ledger_proof = None);
    alter("a ledger proof with a byte too many", |proof, _| {
        proof.ledger_proof.as_mut().expect("there").0.push(0);
    });
    alter("another balance told", |proof, _| proof.ledger_slot = Some(Hex(encode(&slot("b", 9)))));
    alter("no balance told", |proof, _| proof.ledger_slot = None);
    alter("another ledger root", |proof, _| proof.ledger_root = Default::default());
    for (what, proof) in cases {
        let failure = verify_account(&proof).expect_err(what);
        assert_eq!(failure.error.code, "not_proven", "{what}");
    }
}

#[test]
fn an_absent_account_cannot_have_a_slot() {
    let mut proof = proof_of("stranger");
    proof.slot = Some(1);
    assert!(verify_account(&proof).is_err());
}

/// The proof for `wanted` in a state with two identities, `a` and `b`.
fn identity_of(wanted: &str) -> IdentityProof {
    let identity = |number| {
        let key = primitives::VrfSecretKey::from_seed([number; 32]).public_key();
        let vrf =
            state::identity::VrfKey { key, from_epoch: 3, stamped_at: Height(1), stamped_time: Default::default() };
        encode(&state::identity::Identity {
            number: number.into(),
            vrf,
            next_vrf: None,
            peer: None,
            bond: Amount::from_blocks(10),
            registered_at: Height(1),
            attest_until: Height(9),
            attesters: Default::default(),
            active_at: None,
            revoked_at: None,
            tombstoned: false,
        })
    };
    let key = |name| state::identity::keys::identity(&Address::of_module(name));
    let mut writes = vec![(key("a"), Some(identity(1))), (key("b"), Some(identity(2)))];
    writes.sort();
    let mut nodes = MemoryNodes::default();
    let update = StateTree::update(&nodes, 0, &writes).expect("a first version");
    nodes.apply(&update);
    let (key, address) = (key(wanted), Address::of_module(wanted));
    let value = writes.into_iter().find(|(written, _)| *written == key).and_then(|(_, value)| value);
    let proof = StateTree::prove(&nodes, 0, &key).expect("a proof").to_bytes();
    let root = StateTree::root(&nodes, 0).expect("a root");
    IdentityProof {
        address,
        height: Height(1),
        block: Hash::default(),
        vacant: value.is_none(),
        state: StateProof { key: Hex(key), value: value.map(Hex), root, proof: Hex(proof) },
        header: Hex::default(),
        certificate: None,
    }
}

#[test]
fn an_identity_and_a_vacant_place_are_shown_and_nothing_else_passes() {
    let found = verify_identity(&identity_of("b")).expect("a good proof").expect("a record");
    assert_eq!((found.number, found.stage(Height(9))), (2, state::identity::Stage::Pending));
    assert_eq!(verify_identity(&identity_of("stranger")).expect("a good proof"), None);
    let mut cases: Vec<(String, IdentityProof)> = Vec::new();
    for wanted in ["b", "stranger"] {
        let other = identity_of("a");
        let mut alter = |what: &str, change: &dyn Fn(&mut IdentityProof)| {
            let mut proof = identity_of(wanted);
            change(&mut proof);
            cases.push((format!("{wanted}: {what}"), proof));
        };
        alter("another address", &|proof| proof.address = other.address);
        alter("another key", &|proof| proof.state.key = other.state.key.clone());
        alter("another value", &|proof| proof.state.value = other.state.value.clone());
        alter("another state root", &|proof| proof.state.root = Hash([1; 32]));
        alter("a short proof", &|proof| proof.state.proof.0.truncate(10));
        alter("told the other way round", &|proof| proof.vacant = !proof.vacant);
    }
    let mut other = identity_of("b");
    other.state.proof = identity_of("a").state.proof;
    cases.push(("b: the proof of another".to_owned(), other));
    let mut gone = identity_of("b");
    (gone.vacant, gone.state.value) = (true, None);
    cases.push(("b: said to be vacant".to_owned(), gone));
    for (what, proof) in cases {
        let failure = verify_identity(&proof).expect_err(&what);
        assert_eq!(failure.error.code, "not_proven", "{what}");
    }
    // Every byte of the proof counts.
    let good = identity_of("stranger");
    for at in 0..good.state.proof.0.len() {
        let mut proof = good.clone();
        proof.state.proof.0[at] ^= 1;
        assert!(verify_identity(&proof).is_err(), "byte {at}");
    }
}
