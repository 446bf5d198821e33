//! Every rule of the ledger as a table: operations that must be refused, and with which error.

use primitives::ledger::{FEE_POT, ISSUANCE_POT};
use primitives::{Address, Height, LedgerOp, Nonce};

use super::{ISSUANCE_MAX, account, amount, bounds, seal, slot};
use crate::{LedgerBounds, LedgerError, LedgerTree, OpError};

const HEIGHT: u64 = 7;

/// The two pots and three accounts; account 4 cannot be charged any more.
fn ledger() -> LedgerTree {
    let last_nonce = Nonce::MAX.get();
    LedgerTree::new(vec![
        account(1, 0, 0),
        account(2, 0, 0),
        account(3, 5, 1_000),
        account(4, 0, 50),
        account(5, last_nonce, 500),
    ])
    .expect("a small ledger")
}

fn transfer(from: u32, to: u32, micro: u64) -> LedgerOp {
    LedgerOp::Transfer { from: slot(from), to: slot(to), amount: amount(micro) }
}

fn charge(from: u32, micro: u64) -> LedgerOp {
    LedgerOp::Charge { slot: slot(from), fee: amount(micro) }
}

fn burn(from: u32, micro: u64) -> LedgerOp {
    LedgerOp::Burn { slot: slot(from), amount: amount(micro) }
}

fn open(index: u32) -> LedgerOp {
    LedgerOp::Open { slot: slot(index), address: Address([9; 30]) }
}

fn overdraft(op: usize, from: u32, balance: u64, wanted: u64) -> OpError {
    OpError::Overdraft { op, slot: slot(from), balance: amount(balance), amount: amount(wanted) }
}

#[test]
fn every_broken_rule_is_refused_by_name() {
    let ok = seal(HEIGHT, 0);
    let unknown = |op, index| OpError::UnknownSlot { op, slot: slot(index) };
    let table: Vec<(&str, Vec<LedgerOp>, OpError)> = vec![
        ("no operations", vec![], OpError::SealMissing { count: 0 }),
        ("no seal", vec![transfer(2, 3, 1)], OpError::SealMissing { count: 1 }),
        ("seal first", vec![ok, transfer(2, 3, 1)], OpError::SealNotLast { op: 0 }),
        ("two seals", vec![ok, ok], OpError::SealNotLast { op: 0 }),
        ("height below", vec![seal(6, 0)], OpError::WrongHeight { op: 0, found: Height(6), expected: Height(7) }),
        ("height above", vec![seal(8, 0)], OpError::WrongHeight { op: 0, found: Height(8), expected: Height(7) }),
        (
            "too much issuance",
            vec![seal(HEIGHT, ISSUANCE_MAX + 1)],
            OpError::IssuanceAboveBound { op: 0, issuance: amount(ISSUANCE_MAX + 1), bound: amount(ISSUANCE_MAX) },
        ),
        ("open a used slot", vec![open(4), ok], OpError::NotNextSlot { op: 0, slot: slot(4), next: 5 }),
        ("open beyond the next", vec![open(6), ok], OpError::NotNextSlot { op: 0, slot: slot(6), next: 5 }),
        ("open twice", vec![open(5), open(5), ok], OpError::NotNextSlot { op: 1, slot: slot(5), next: 6 }),
        ("transfer from nobody", vec![transfer(5, 2, 0), ok], unknown(0, 5)),
        ("transfer to nobody", vec![transfer(2, 5, 1), ok], unknown(0, 5)),
        ("transfer to a slot opened later", vec![transfer(2, 5, 1), open(5), ok], unknown(0, 5)),
        ("charge nobody", vec![charge(9, 1), ok], unknown(0, 9)),
        ("burn of nobody", vec![burn(5, 1), ok], unknown(0, 5)),
        ("transfer of too much", vec![transfer(3, 2, 51), ok], overdraft(0, 3, 50, 51)),
        ("transfer to itself of too much", vec![transfer(3, 3, 51), ok], overdraft(0, 3, 50, 51)),
        ("charge of too much", vec![charge(3, 51), ok], overdraft(0, 3, 50, 51)),
        ("burn of too much", vec![burn(3, 51), ok], overdraft(0, 3, 50, 51)),
        ("spent twice", vec![transfer(3, 2, 30), transfer(3, 2, 30), ok], overdraft(1, 3, 20, 30)),
        ("issued money spent before the seal", vec![transfer(1, 2, 1), seal(HEIGHT, 5)], overdraft(0, 1, 0, 1)),
        ("nonce at its end", vec![charge(4, 1), ok], OpError::NonceExhausted { op: 0, slot: slot(4) }),
    ];
    let tree = ledger();
    for (what, ops, expected) in table {
        assert_eq!(tree.apply(&bounds(HEIGHT), &ops).expect_err(what), expected, "{what}");
    }
}

#[test]
fn the_supply_stops_at_the_cap() {
    let tree = ledger();
    let supply = tree.supply();
    let with_cap = |cap: u64| LedgerBounds { supply_cap: amount(cap), ..bounds(HEIGHT) };
    let exact = tree.apply(&with_cap(supply.micro() + 10), &[seal(HEIGHT, 10)]).expect("exactly at the cap");
    assert_eq!(exact.supply, amount(supply.micro() + 10));

    let refused = |ops: &[LedgerOp]| tree.apply(&with_cap(supply.micro() + 10), ops).expect_err("above the cap");
    let expected = |op, supply| OpError::SupplyAboveCap {
        op,
        issuance: amount(11),
        supply,
        cap: amount(tree.supply().micro() + 10),
    };
    assert_eq!(refused(&[seal(HEIGHT, 11)]), expected(0, supply));
    tree.apply(&with_cap(supply.micro() + 10), &[burn(2, 1), seal(HEIGHT, 11)]).expect("a burn makes room");
}

#[test]
fn issuance_never_overflows() {
    let full =
        LedgerTree::new(vec![account(1, 0, 0), account(2, 0, 0), account(3, 0, (1 << 63) - 1)]).expect("2^63 - 1");
    let loose = LedgerBounds { supply_cap: amount((1 << 63) - 1), issuance_max: amount(1), height: Height(1) };
    assert!(matches!(full.apply(&loose, &[seal(1, 1)]), Err(OpError::SupplyAboveCap { op: 0, .. })));
    full.apply(&loose, &[transfer(2, 1, (1 << 63) - 1), transfer(1, 0, (1 << 63) - 1), seal(1, 0)])
        .expect("all the money fits into any slot");
}

#[test]
fn a_ledger_without_pots_refuses_fees_and_issuance() {
    let bare = LedgerTree::new(vec![]).expect("an empty ledger");
    assert_eq!(
        bare.apply(&bounds(HEIGHT), &[seal(HEIGHT, 0)]).expect_err("no issuance pot"),
        OpError::UnknownSlot { op: 0, slot: ISSUANCE_POT }
    );
    assert_eq!(
        bare.apply(&bounds(HEIGHT), &[open(0), charge(0, 0), seal(HEIGHT, 0)]).expect_err("no issuance pot"),
        OpError::UnknownSlot { op: 2, slot: ISSUANCE_POT }
    );
}

#[test]
fn operations_do_what_the_table_says() {
    let tree = ledger();
    let ops = [
        open(5),
        transfer(2, 5, 100),
        charge(2, 30),
        burn(0, 20),
        transfer(3, 3, 50),
        transfer(5, 5, 0),
        seal(HEIGHT, 7),
    ];
    let update = tree.apply(&bounds(HEIGHT), &ops).expect("a good block");
    let held = |index| update.slots.get(&slot(index)).map(|content| (content.nonce.get(), content.balance.micro()));
    assert_eq!(held(2), Some((6, 870)), "payer");
    assert_eq!(held(5), Some((0, 100)), "newcomer");
    assert_eq!(held(FEE_POT.get()), Some((0, 10)), "fee less burn");
    assert_eq!(held(ISSUANCE_POT.get()), Some((0, 7)), "issuance");
    assert_eq!(held(3), Some((0, 50)), "a transfer to itself moves nothing");
    assert_eq!(held(4), None, "not touched");
    assert_eq!(update.supply, amount(1_550 - 20 + 7));
    assert_eq!(update.next_slot, 6);
    assert_eq!(update.slots[&slot(5)].address, Address([9; 30]));
}

#[test]
fn slots_that_add_up_to_too_much_are_no_ledger() {
    let half = account(1, 0, 1 << 62);
    assert_eq!(LedgerTree::new(vec![half, half]).expect_err("2^63"), LedgerError::SupplyOverflow { slot: 1 });
    let most = LedgerTree::new(vec![half, account(2, 0, (1 << 62) - 1)]).expect("2^63 - 1");
    assert_eq!(most.supply(), amount((1 << 63) - 1));
}
