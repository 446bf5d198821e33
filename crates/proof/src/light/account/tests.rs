//! Three accounts and a stranger, and every way in which an account or its absence must not be believed.

use primitives::{Address, Amount, Hash, Header, LedgerDigest, LedgerSlot, Nonce, SlotIndex, encode};
use testkit::Seed;
use tree::{LedgerProof, LedgerTree, MemoryNodes, StateProof, StateTree};

use super::{AccountError, AccountWitness, SlotOf, account_key, check_account, check_place, check_slot};
use crate::light::tests::header;

fn address(name: &str) -> Address {
    Address::of_module(name)
}

fn index(number: u32) -> SlotIndex {
    SlotIndex::new(number).expect("small")
}

/// The header of a state in which three addresses have accounts, and what a node shows for any address.
struct World {
    header: Header,
    ledger: LedgerTree,
    nodes: MemoryNodes,
}

const OWNERS: [&str; 3] = ["a", "b", "c"];

impl World {
    fn new() -> Self {
        Self::with(|number| encode(&index(number)))
    }

    /// Whose module state has this value for the account with this number.
    fn with(value: impl Fn(u32) -> Vec<u8>) -> Self {
        let slot = |(number, name): (u32, &str)| LedgerSlot {
            address: address(name),
            nonce: Nonce::new(u64::from(number)).expect("small"),
            balance: Amount::from_blocks(number + 1),
        };
        let ledger = LedgerTree::new((0..).zip(OWNERS).map(slot).collect()).expect("three accounts");
        let mut writes: Vec<_> =
            (0..).zip(OWNERS).map(|(number, name)| (account_key(&address(name)), Some(value(number)))).collect();
        writes.sort();
        let mut nodes = MemoryNodes::default();
        let update = StateTree::update(&nodes, 0, &writes).expect("a first version");
        nodes.apply(&update);
        let state_root = StateTree::root(&nodes, 0).expect("a root");
        let header = Header { ledger_root: ledger.root(), state_root, ..header(4, Hash::default()) };
        Self { header, ledger, nodes }
    }

    fn place(&self, address: &Address) -> StateProof {
        StateTree::prove(&self.nodes, 0, &account_key(address)).expect("a proof")
    }

    /// What an honest node shows.
    fn shown(&self, name: &str) -> AccountWitness {
        let slot = (0..).zip(OWNERS).find(|(_, owner)| *owner == name).map(|(number, _)| index(number));
        AccountWitness {
            value: slot.map(|slot| encode(&slot)),
            place: self.place(&address(name)),
            content: slot.map(|slot| self.ledger.prove(slot)),
        }
    }

    fn check(&self, name: &str, shown: &AccountWitness) -> Result<Option<LedgerSlot>, AccountError> {
        check_account(&self.header, &address(name), shown)
    }
}

#[test]
fn the_key_is_the_one_that_the_state_writes() {
    let mut seed = Seed::new();
    for _ in 0..100 {
        let bytes = seed.bytes(30);
        let address = Address(bytes.try_into().expect("30 bytes"));
        assert_eq!(account_key(&address), state::columns::account(&address));
    }
}

#[test]
fn accounts_and_their_absence_are_shown() {
    let world = World::new();
    for (number, name) in (0..).zip(OWNERS) {
        let slot = world.check(name, &world.shown(name)).expect("an honest node").expect("an account");
        assert_eq!((slot.address, slot.balance), (address(name), Amount::from_blocks(number + 1)));
        assert_eq!(check_slot(&world.header.ledger_root, &address(name), &world.ledger.prove(index(number))), Ok(slot));
    }
    for name in ["stranger", "d", "e", "f", "g"] {
        assert_eq!(world.check(name, &world.shown(name)), Ok(None), "{name}");
    }
    let (root, stranger) = (&world.header.state_root, address("stranger"));
    assert_eq!(check_place(root, &stranger, None, &world.place(&stranger)), Ok(None));
}

#[test]
fn an_account_is_not_hidden() {
    let world = World::new();
    let honest = world.shown("b");
    let hidden = AccountWitness { value: None, content: None, ..honest.clone() };
    assert_eq!(world.check("b", &hidden), Err(AccountError::OtherState), "its own proof shows that it is there");
    for other in ["stranger", "a", "c"] {
        let place = world.place(&address(other));
        let hidden = AccountWitness { value: None, content: None, place };
        assert_eq!(world.check("b", &hidden), Err(AccountError::OtherState), "the proof of {other}");
    }
    let earlier = World::with(|number| encode(&index(number + 7)));
    let hidden = AccountWitness { value: None, content: None, place: earlier.place(&address("stranger")) };
    assert_eq!(world.check("b", &hidden), Err(AccountError::OtherState), "another state");
    let bare = AccountWitness { content: None, ..honest };
    assert_eq!(world.check("b", &bare), Err(AccountError::NoContent { slot: 1 }));
}

#[test]
fn no_account_is_made_up() {
    let world = World::new();
    let honest = world.shown("stranger");
    for value in [encode(&index(0)), encode(&index(3)), Vec::new(), vec![0; 100]] {
        let made_up = AccountWitness { value: Some(value), ..honest.clone() };
        assert_eq!(world.check("stranger", &made_up), Err(AccountError::OtherState));
    }
    let lent = AccountWitness { content: Some(world.ledger.prove(index(0))), ..honest };
    assert_eq!(world.check("stranger", &lent), Err(AccountError::OtherSlot { shown: 0, has: SlotOf(None) }));
    assert_eq!(world.check("stranger", &world.shown("a")), Err(AccountError::OtherState));
}

#[test]
fn no_other_slot_and_no_other_content_is_believed() {
    let world = World::new();
    let honest = world.shown("b");
    let content = honest.content.clone().expect("it has one");
    let lent = AccountWitness { content: Some(world.ledger.prove(index(2))), ..honest.clone() };
    let refused = world.check("b", &lent).expect_err("the slot of another");
    assert_eq!(refused, AccountError::OtherSlot { shown: 2, has: SlotOf(Some(index(1))) });
    assert_eq!(refused.to_string(), "the ledger proof is of slot 2, the address has slot 1");
    let told = AccountWitness { value: Some(encode(&index(2))), ..honest.clone() };
    assert_eq!(world.check("b", &told), Err(AccountError::OtherState));

    let rich = content.content.map(|slot| LedgerSlot { balance: Amount::from_blocks(9), ..slot });
    for content in [rich, None] {
        let forged = LedgerProof { content, ..honest.content.clone().expect("it has one") };
        assert_eq!(check_slot(&world.header.ledger_root, &address("b"), &forged), Err(AccountError::OtherLedger));
        let forged = AccountWitness { content: Some(forged), ..honest.clone() };
        assert_eq!(world.check("b", &forged), Err(AccountError::OtherLedger));
    }
    assert_eq!(check_slot(&LedgerDigest::default(), &address("b"), &content), Err(AccountError::OtherLedger));
    let empty = world.ledger.prove(index(5));
    assert_eq!(
        check_slot(&world.header.ledger_root, &address("b"), &empty),
        Err(AccountError::Empty { slot: 5 }),
        "a slot that nobody has opened"
    );
    assert_eq!(
        check_slot(&world.header.ledger_root, &address("a"), &content),
        Err(AccountError::OtherOwner { owner: address("b") })
    );

    // Two places for one slot, and values that are no slots: the ledger decides whose it is.
    let shared = World::with(|_| encode(&index(0)));
    let shown = AccountWitness {
        value: Some(encode(&index(0))),
        place: shared.place(&address("b")),
        content: Some(shared.ledger.prove(index(0))),
    };
    assert_eq!(shared.check("b", &shown), Err(AccountError::OtherOwner { owner: address("a") }));
    let broken = World::with(|_| vec![255; 3]);
    let shown = AccountWitness { value: Some(vec![255; 3]), place: broken.place(&address("b")), content: None };
    assert_eq!(broken.check("b", &shown), Err(AccountError::NoSlot));
}

#[test]
fn every_byte_of_a_proof_of_absence_counts() {
    let world = World::new();
    let honest = world.shown("stranger");
    let bytes = honest.place.to_bytes();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut altered = bytes.clone();
            altered[at] ^= 1 << bit;
            let Ok(place) = StateProof::from_bytes(&altered) else { continue };
            let shown = AccountWitness { place, ..honest.clone() };
            assert_eq!(world.check("stranger", &shown), Err(AccountError::OtherState), "bit {bit} of byte {at}");
        }
    }
}
