//! Batched updates against a tree built from scratch, and proofs of slots.

use primitives::codec::{decode, encode};
use primitives::{Address, LedgerOp, LedgerSlot};
use testkit::Seed;

use super::{ISSUANCE_MAX, account, amount, bounds, random_account, seal, slot};
use crate::hash::{empty_slot_digest, node_digest};
use crate::{LedgerProof, LedgerTree, undo};

/// Accounts that the simple model keeps: (address, nonce, balance).
struct Model(Vec<(Address, u64, u64)>);

impl Model {
    fn random_op(&mut self, seed: &mut Seed) -> LedgerOp {
        let (from, to) = (seed.index(self.0.len()), seed.index(self.0.len()));
        let index = |position: usize| slot(u32::try_from(position).expect("small"));
        let money = seed.below(self.0[from].2 + 1);
        match seed.below(8) {
            0 | 1 => {
                let address = Address(seed.array());
                let opened = index(self.0.len());
                self.0.push((address, 0, 0));
                LedgerOp::Open { slot: opened, address }
            }
            2 | 3 => {
                self.0[from].1 += 1;
                self.0[from].2 -= money;
                self.0[0].2 += money;
                LedgerOp::Charge { slot: index(from), fee: amount(money) }
            }
            4 => {
                self.0[from].2 -= money;
                LedgerOp::Burn { slot: index(from), amount: amount(money) }
            }
            _ => {
                self.0[from].2 -= money;
                self.0[to].2 += money;
                LedgerOp::Transfer { from: index(from), to: index(to), amount: amount(money) }
            }
        }
    }

    fn slots(&self) -> Vec<LedgerSlot> {
        self.0
            .iter()
            .map(|(address, nonce, balance)| LedgerSlot { address: *address, ..account(0, *nonce, *balance) })
            .collect()
    }
}

#[test]
fn a_batched_update_equals_a_tree_built_from_scratch() {
    let mut seed = Seed::new();
    for accounts in [2_usize, 3, 5, 8, 17, 64, 131] {
        let mut model = Model((0..accounts).map(|_| (Address(seed.array()), 0, seed.below(1 << 36))).collect());
        let mut tree = LedgerTree::new(model.slots()).expect("small");
        for height in 1..=12 {
            let mut ops: Vec<LedgerOp> = (0..seed.below(40)).map(|_| model.random_op(&mut seed)).collect();
            let issuance = seed.below(ISSUANCE_MAX + 1);
            model.0[1].2 += issuance;
            ops.push(seal(height, issuance));

            let update = tree.apply(&bounds(height), &ops).expect("the model makes good operations");
            let scratch = LedgerTree::new(model.slots()).expect("small");
            assert_eq!(update.root, scratch.root(), "{accounts} accounts, height {height}");
            let before = tree.slots().to_vec();
            tree.commit(update);
            assert_eq!(tree.root(), scratch.root());
            assert_eq!(tree.slots(), scratch.slots());
            let mut undone = tree.slots().to_vec();
            assert_eq!((undo(&mut undone, &ops), undone == before), (Some(()), true), "height {height} is taken back");
            let sum: u64 = model.0.iter().map(|(_, _, balance)| *balance).sum();
            assert_eq!(tree.supply().micro(), sum, "supply is the sum of balances");
            assert_eq!(tree.next_slot(), u32::try_from(model.0.len()).expect("small"));
        }
    }
}

#[test]
fn an_update_changes_nothing_before_it_is_committed() {
    let mut tree = LedgerTree::new(vec![account(1, 0, 5), account(2, 0, 0)]).expect("small");
    let before = tree.root();
    let update = tree.apply(&bounds(1), &[seal(1, 9)]).expect("good");
    assert_eq!((tree.root(), tree.supply()), (before, amount(5)));
    assert_ne!(update.root, before);
    tree.commit(update.clone());
    assert_eq!((tree.root(), tree.supply()), (update.root, amount(14)));
}

#[test]
#[should_panic(expected = "computed from")]
fn an_update_of_another_ledger_is_not_committed() {
    let tree = LedgerTree::new(vec![account(1, 0, 5), account(2, 0, 0)]).expect("small");
    let mut other = LedgerTree::new(vec![account(1, 0, 6), account(2, 0, 0)]).expect("small");
    let update = tree.apply(&bounds(1), &[seal(1, 0)]).expect("good");
    other.commit(update);
}

#[test]
fn the_empty_ledger_has_the_root_of_thirty_empty_levels() {
    let expected = (0..30).fold(empty_slot_digest(), |below, _| node_digest(&below, &below));
    let tree = LedgerTree::new(vec![]).expect("empty");
    assert_eq!(tree.root(), expected);
    assert!(tree.prove(slot(12_345)).verify(&expected));
}

#[test]
fn slots_and_empty_slots_are_proven() {
    let mut seed = Seed::new();
    for accounts in [0_u32, 1, 2, 3, 7, 33] {
        let tree = LedgerTree::new((0..accounts).map(|_| random_account(&mut seed)).collect()).expect("small");
        for index in (0..accounts + 3).chain([1 << 20, (1 << 30) - 1]) {
            let proof = tree.prove(slot(index));
            assert_eq!(proof.content.as_ref(), tree.slot(slot(index)));
            assert!(proof.verify(&tree.root()), "slot {index} of {accounts}");
            assert!(!proof.verify(&empty_slot_digest()));

            let lie = match proof.content {
                Some(_) => None,
                None => Some(account(1, 0, 1)),
            };
            assert!(!LedgerProof { content: lie, ..proof.clone() }.verify(&tree.root()), "a lie about slot {index}");
            let json = serde_json::to_string(&proof).expect("plain data");
            assert_eq!(serde_json::from_str::<LedgerProof>(&json).expect("its own text"), proof);
        }
    }
}

#[test]
fn a_flipped_bit_never_proves_an_untruth() {
    let mut seed = Seed::new();
    let tree = LedgerTree::new((0..21).map(|_| random_account(&mut seed)).collect()).expect("small");
    let (mut refused, mut decoded) = (0, 0);
    for round in 0..800_u32 {
        let good = encode(&tree.prove(slot(round % 23)));
        let mut bytes = good.clone();
        // The first bytes are the slot and its content; lean to them.
        let byte = if seed.chance(30) { seed.index(51) } else { seed.index(bytes.len()) };
        bytes[byte] ^= 1 << seed.below(8);
        match decode::<LedgerProof>(&bytes) {
            Err(_) => refused += 1,
            Ok(proof) => {
                decoded += 1;
                // In the empty part of the tree all paths look alike, so another empty slot can be true.
                let truth = tree.slot(proof.slot).copied() == proof.content && proof.content.is_none();
                assert_eq!(proof.verify(&tree.root()), truth && proof.siblings == tree.prove(proof.slot).siblings);
            }
        }
    }
    assert!(refused > 0 && decoded > 400, "{refused} refused, {decoded} decoded");
}

#[test]
fn proofs_of_another_shape_are_refused() {
    let proof = LedgerTree::new(vec![account(1, 2, 3)]).expect("small").prove(slot(0));
    let bytes = encode(&proof);
    assert!(decode::<LedgerProof>(&bytes[..bytes.len() - 1]).is_err(), "truncated");
    assert!(decode::<LedgerProof>(&[bytes, vec![0]].concat()).is_err(), "tail");

    let mut json = serde_json::to_value(&proof).expect("plain data");
    let refused = |json: &serde_json::Value| {
        serde_json::from_value::<LedgerProof>(json.clone()).expect_err("must be refused").to_string()
    };
    json["slot"] = (1_u32 << 30).into();
    assert!(refused(&json).contains("2^30"));
    json["slot"] = 0.into();
    let siblings = json["siblings"].as_array_mut().expect("a list");
    siblings.pop();
    assert!(refused(&json).contains("30 siblings"));
}
