//! What cannot be proven is refused by name before anything is hashed or proven.

use primitives::part::{PART_HASHES_MAX, PART_OPS_MAX};
use primitives::{Amount, Height, LedgerDigest, LedgerOp, LedgerSlot, Nonce};
use tree::LedgerTree;

use super::world::{address, chain, ledger, micro, mixed, slot, witness};
use crate::{ProveError, Rule, WindowWitness, replay};

/// The rule that the first block's operations break, and where.
fn broken(ledger: &LedgerTree, ops: Vec<LedgerOp>, issuance: u64) -> (usize, Rule) {
    match replay(&witness(ledger, 0, &[(ops, issuance)])) {
        Err(ProveError::Rule { op, rule, .. }) => (op, rule),
        other => panic!("{:?}", other.map(|(statement, _)| statement)),
    }
}

#[test]
fn operations_that_break_a_rule_are_named() {
    let start = ledger(4);
    let pay =
        |from: u32, to: u32, amount: u64| LedgerOp::Transfer { from: slot(from), to: slot(to), amount: micro(amount) };
    let open = |at: u32| LedgerOp::Open { slot: slot(at), address: address(at) };
    let seal = |height: u64| LedgerOp::Seal { height: Height(height), issuance: micro(0) };
    let cases = [
        (vec![pay(2, 4, 1)], 0, (0, Rule::UnknownSlot)),
        (vec![pay(2, 3, 1), pay(9, 2, 1)], 0, (1, Rule::UnknownSlot)),
        (vec![open(5)], 0, (0, Rule::NotNextSlot)),
        (vec![open(4), open(4)], 0, (1, Rule::NotNextSlot)),
        (vec![open(3)], 0, (0, Rule::NotNextSlot)),
        (vec![open(4), pay(4, 2, 1)], 0, (1, Rule::Overdraft)),
        (vec![LedgerOp::Burn { slot: slot(0), amount: micro(1) }], 0, (0, Rule::Overdraft)),
        (vec![seal(1)], 0, (0, Rule::Seal)),
        (vec![], 1_000_001, (0, Rule::IssuanceAboveBound)),
    ];
    for (ops, issuance, expected) in cases {
        assert_eq!(broken(&start, ops.clone(), issuance), expected, "{ops:?}");
    }
}

#[test]
fn heights_and_ends_of_blocks_are_checked() {
    let seal = |height: u64| LedgerOp::Seal { height: Height(height), issuance: micro(0) };
    let refused = |blocks: Vec<(Height, Vec<LedgerOp>)>| {
        let digest = LedgerDigest::default();
        let witness = WindowWitness::of_ledger(&ledger(4), chain(), Height(5), digest, address(1), blocks);
        match replay(&witness) {
            Err(ProveError::Rule { height, op, rule: Rule::Seal }) => (height, op),
            other => panic!("{:?}", other.map(|(statement, _)| statement)),
        }
    };
    assert_eq!(refused(vec![(Height(7), vec![seal(7)])]), (Height(7), 0), "a height is left out");
    assert_eq!(refused(vec![(Height(6), vec![seal(7)])]), (Height(6), 0), "another height is sealed");
    assert_eq!(refused(vec![(Height(6), vec![])]), (Height(6), 0), "no seal");
    assert_eq!(refused(vec![(Height(6), vec![seal(6)]), (Height(6), vec![seal(6)])]), (Height(6), 0), "twice");
}

#[test]
fn numbers_at_their_ends_are_refused() {
    let account = |nonce: u64, balance: u64| LedgerSlot {
        address: address(0),
        nonce: Nonce::new(nonce).expect("below 2^63"),
        balance: micro(balance),
    };
    let end = LedgerTree::new(vec![account(0, 0), account(0, 0), account(Nonce::MAX.get(), 5)]).expect("small");
    let charge = LedgerOp::Charge { slot: slot(2), fee: micro(1) };
    assert_eq!(broken(&end, vec![charge], 0), (0, Rule::NonceExhausted));

    let full = LedgerTree::new(vec![account(0, 0), account(0, chain().supply_cap.micro())]).expect("at the cap");
    assert_eq!(broken(&full, vec![], 1), (0, Rule::SupplyRange));

    // A ledger that holds more than its header says: a burn below nothing, and a balance past the end.
    let mut rich = witness(&ledger(4), 0, &[(vec![LedgerOp::Burn { slot: slot(2), amount: micro(9) }], 0)]);
    rich.before.supply = micro(8);
    assert!(matches!(replay(&rich), Err(ProveError::Rule { rule: Rule::SupplyRange, .. })));
    let mut rich =
        witness(&ledger(4), 0, &[(vec![LedgerOp::Transfer { from: slot(2), to: slot(3), amount: micro(9) }], 0)]);
    rich.slots.insert(slot(3), Some(account(0, Amount::MAX.micro())));
    assert!(matches!(replay(&rich), Err(ProveError::Rule { rule: Rule::BalanceRange, .. })));
}

#[test]
fn an_incomplete_or_foreign_witness_is_named() {
    let (_, honest) = mixed();
    let mut lacking = honest.clone();
    lacking.slots.remove(&slot(3));
    assert!(matches!(replay(&lacking), Err(ProveError::SlotMissing { slot }) if slot.get() == 3));

    let sibling = *honest.siblings.keys().next().expect("a node beside a path");
    let mut lacking = honest.clone();
    lacking.siblings.remove(&sibling);
    assert!(matches!(replay(&lacking), Err(ProveError::SiblingMissing { level, index }) if (level, index) == sibling));

    let mut foreign = honest.clone();
    foreign.siblings.insert(sibling, LedgerDigest::new([9; 8]).expect("small"));
    assert!(matches!(replay(&foreign), Err(ProveError::OtherLedger { .. })));

    let mut foreign = honest;
    if let Some(Some(content)) = foreign.slots.get_mut(&slot(3)) {
        content.balance = Amount::MAX;
    }
    assert!(replay(&foreign).is_err());
}

#[test]
fn a_window_that_is_too_large_or_empty_is_refused() {
    let start = ledger(4);
    let burn = |at: u32| LedgerOp::Burn { slot: slot(at), amount: micro(0) };
    let ops = vec![burn(2); PART_OPS_MAX];
    let refused = replay(&witness(&start, 0, &[(ops, 0)])).map(|(statement, _)| statement);
    assert!(matches!(refused, Err(ProveError::TooLarge { operations, .. }) if operations == PART_OPS_MAX + 1));
    let mut deep = witness(&start, 0, &[((2..40_000).map(burn).collect(), 0)]);
    deep.before.next_slot = 1 << 30;
    let refused = replay(&deep).map(|(statement, _)| statement);
    assert!(matches!(refused, Err(ProveError::TooLarge { hashes, .. }) if hashes > PART_HASHES_MAX), "{refused:?}");
    assert!(matches!(replay(&witness(&start, 0, &[])), Err(ProveError::NothingTouched)));
}
