//! What validators of the dishonest build would do; this build does not.

use primitives::ledger::{FEE_POT, ISSUANCE_POT};
use primitives::{Address, Amount, Height, LedgerOp, LedgerSlot, Nonce, SlotIndex};
use replica::dishonest::{AT, forged, has_lied, instead};
use tree::{LedgerBounds, LedgerTree};

use crate::net::amount;

/// A ledger of the modules' accounts and two others, with this much in the pot of issuance.
fn ledger(pot: u64) -> LedgerTree {
    let balance = |index: u32| if index == ISSUANCE_POT.get() { pot } else { u64::from(index) * 1_000 };
    let slots = (0..12).map(|index| LedgerSlot {
        address: Address::of_module(&index.to_string()),
        nonce: Nonce::default(),
        balance: amount(balance(index)),
    });
    LedgerTree::new(slots.collect()).unwrap()
}

fn honest() -> Vec<LedgerOp> {
    vec![
        LedgerOp::Burn { slot: FEE_POT, amount: Amount::ZERO },
        LedgerOp::Seal { height: Height(33), issuance: amount(500) },
    ]
}

#[test]
fn this_build_does_not_lie_at_any_height() {
    assert_eq!(AT, None);
    for height in [1, 33, 34, u64::MAX].map(Height) {
        assert!(!has_lied(height) && instead(&ledger(700), height, &honest()).is_none());
    }
}

#[test]
fn the_lie_credits_the_newest_account_and_changes_no_other() {
    let ledger = ledger(700);
    let bounds = LedgerBounds { supply_cap: amount(1 << 50), issuance_max: amount(1 << 40), height: Height(33) };
    let honest_update = ledger.apply(&bounds, &honest()).unwrap();
    let lie = forged(&ledger, &honest()).unwrap();
    let update = ledger.apply(&bounds, &lie).unwrap();
    let after = |update: tree::LedgerUpdate| {
        let mut ledger = ledger.clone();
        ledger.commit(update);
        ledger
    };
    assert_eq!(update.supply, honest_update.supply.checked_add(amount(700)).unwrap());
    let (honest_after, after) = (after(honest_update), after(update));
    for index in 0..12 {
        let slot = SlotIndex::new(index).unwrap();
        let more = if index == 11 { 700 } else { 0 };
        let balance = honest_after.slot(slot).unwrap().balance.checked_add(amount(more)).unwrap();
        assert_eq!(after.slot(slot).unwrap().balance, balance, "slot {index}");
    }
    assert_ne!(after.root(), honest_after.root());
    assert_eq!(forged(&self::ledger(0), &honest()), None, "there is nothing to make more of");
    assert_eq!(forged(&ledger, &honest()[..1]), None, "and no block without a seal");
}
