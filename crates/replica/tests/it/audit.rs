//! The independent ledger model: it agrees with honest blocks and names every dishonest result.

use primitives::{Amount, Block, Outcome, Receipt};
use replica::Application;
use replica::model::{Bounds, Model};

use crate::net::{Net, address, amount, genesis};

struct Case {
    model: Model,
    block: Block,
    receipts: Vec<Receipt>,
    changed: Vec<primitives::LedgerSlot>,
}

impl Case {
    fn slot(&mut self, tag: u8) -> &mut primitives::LedgerSlot {
        self.changed.iter_mut().find(|slot| slot.address == address(tag)).unwrap()
    }
}

/// One honest block with two payments, and the slots it changed.
fn honest() -> Case {
    let mut net = Net::new();
    let slots = |net: &Net| -> Vec<primitives::LedgerSlot> {
        let (_, next) = net.nodes[0].replica.supply();
        (0..next)
            .map(|index| {
                let slot = primitives::SlotIndex::new(index).unwrap();
                net.nodes[0].replica.prove_slot(slot).content.unwrap()
            })
            .collect()
    };
    let before = slots(&net);
    for payment in [net.pay(1, 0, address(2), 10), net.pay(2, 0, address(60), 11)] {
        net.admit_everywhere(&payment);
    }
    let block = net.step();
    let after = slots(&net);
    let changed = after.into_iter().filter(|slot| !before.contains(slot)).collect();
    let receipts = net.nodes[0].replica.receipts(block.header.height).unwrap().unwrap();
    let _ = net.nodes[0].replica.finalized();
    Case { model: Model::new(Bounds::of(&genesis().params), &before), block, receipts, changed }
}

#[test]
fn an_honest_block_is_predicted() {
    let case = honest();
    let prediction = case.model.check(&case.block, &case.receipts, &[], &case.changed).unwrap();
    let mut model = case.model;
    model.commit(prediction);
    assert_eq!(model.supply(), case.block.header.supply.micro());
}

type Edit = fn(&mut Case);

#[test]
fn dishonest_results_are_named() {
    let cases: [(&str, Edit, &str); 11] = [
        ("credit from nowhere", |c| c.slot(2).balance = c.slot(2).balance.checked_add(amount(1)).unwrap(), "holds"),
        ("nonce kept", |c| c.slot(1).nonce = primitives::Nonce::default(), "holds"),
        ("account left alone", |c| c.changed.truncate(1), "left alone"),
        ("supply grown", |c| c.block.header.supply = Amount::from_blocks(1_000), "supply"),
        ("supply shrunk", |c| c.block.header.supply = Amount::from_blocks(1), "holds"),
        (
            "issuance outside its pot",
            |c| c.block.header.supply = c.block.header.supply.checked_add(amount(1)).unwrap(),
            "holds",
        ),
        ("receipt missing", |c| drop(c.receipts.pop()), "number"),
        ("fee not charged", |c| c.receipts[0].fee_burned = Amount::ZERO, "holds"),
        ("fee above max", |c| c.receipts[0].fee_burned = Amount::from_blocks(40), "max_fee"),
        ("another tip", |c| c.receipts[0].tip = Amount::ZERO, "tip"),
        ("failed payment that paid", |c| c.receipts[0].outcome = Outcome::InsufficientBalance, "holds"),
    ];
    for (name, edit, expected) in cases {
        let mut case = honest();
        edit(&mut case);
        let error = case.model.check(&case.block, &case.receipts, &[], &case.changed).unwrap_err();
        assert!(error.0.contains(expected) || error.0.contains("left alone"), "{name}: {error}");
    }
}
