//! A ledger and lists of operations for the tests.

use primitives::{Address, Amount, Hash, Height, LedgerOp, LedgerSlot, Nonce, SlotIndex};
use testkit::Seed;
use tree::{LedgerBounds, LedgerTree, ops_digest};

use crate::{ChainConstants, WindowWitness};

/// The amount of so many µBLOCK.
pub fn micro(value: u64) -> Amount {
    Amount::new(value).expect("below 2^63")
}

/// The slot with this index.
pub fn slot(index: u32) -> SlotIndex {
    SlotIndex::new(index).expect("below 2^30")
}

/// An address that depends on `tag` alone.
pub fn address(tag: u32) -> Address {
    Address::of_module(&format!("test {tag}"))
}

/// The constants of the test chain.
pub fn chain() -> ChainConstants {
    ChainConstants { genesis: Hash([7; 32]), issuance_max: micro(1_000_000), supply_cap: micro(40_000_000_000_000) }
}

/// A ledger of so many accounts with money and nonces.
pub fn ledger(accounts: u32) -> LedgerTree {
    let slots = (0..accounts)
        .map(|index| LedgerSlot {
            address: address(index),
            nonce: Nonce::new(u64::from(index) * 65_535).expect("below 2^63"),
            balance: micro(if index == 0 { 0 } else { 5_000_000_000 + u64::from(index) * 77_777 }),
        })
        .collect();
    LedgerTree::new(slots).expect("the supply is below 2^63")
}

/// The witness of `blocks` of operations after `height`; each block gets its seal.
pub fn witness(ledger: &LedgerTree, height: u64, blocks: &[(Vec<LedgerOp>, u64)]) -> WindowWitness {
    let mut next = height;
    let blocks = blocks
        .iter()
        .map(|(ops, issuance)| {
            next += 1;
            let mut ops = ops.clone();
            ops.push(LedgerOp::Seal { height: Height(next), issuance: micro(*issuance) });
            (Height(next), ops)
        })
        .collect();
    let digest = ops_digest::start(&chain().genesis);
    WindowWitness::of_ledger(ledger, chain(), Height(height), digest, address(99), blocks)
}

/// A window with every kind of operation, across limbs, with a self-transfer and several accesses of one slot.
pub fn mixed() -> (LedgerTree, WindowWitness) {
    let ledger = ledger(9);
    let first = vec![
        LedgerOp::Charge { slot: slot(3), fee: micro(70_000) },
        LedgerOp::Transfer { from: slot(3), to: slot(4), amount: micro(4_000_000_000) },
        LedgerOp::Open { slot: slot(9), address: address(500) },
        LedgerOp::Transfer { from: slot(4), to: slot(9), amount: micro(65_536) },
        LedgerOp::Transfer { from: slot(9), to: slot(9), amount: micro(65_536) },
        LedgerOp::Burn { slot: slot(0), amount: micro(60_000) },
        LedgerOp::Transfer { from: slot(0), to: slot(5), amount: micro(10_000) },
    ];
    let third = vec![
        LedgerOp::Open { slot: slot(10), address: address(501) },
        LedgerOp::Charge { slot: slot(9), fee: micro(1) },
        LedgerOp::Charge { slot: slot(9), fee: micro(0) },
        LedgerOp::Transfer { from: slot(1), to: slot(2), amount: micro(900_000) },
    ];
    let witness = witness(&ledger, 65_534, &[(first, 1_000_000), (Vec::new(), 0), (third, 250)]);
    (ledger, witness)
}

/// The ledger after the window, by the rules of the tree.
pub fn applied(ledger: &LedgerTree, witness: &WindowWitness) -> LedgerTree {
    let mut ledger = ledger.clone();
    for (height, ops) in &witness.blocks {
        let bounds = LedgerBounds {
            supply_cap: witness.chain.supply_cap,
            issuance_max: witness.chain.issuance_max,
            height: *height,
        };
        let update = ledger.apply(&bounds, ops).expect("the operations obey the rules");
        ledger.commit(update);
    }
    ledger
}

/// A window of random valid operations.
pub fn random(seed: &mut Seed, accounts: u32, blocks: usize, ops: usize) -> (LedgerTree, WindowWitness) {
    let start = ledger(accounts);
    let mut balances: Vec<u64> = start.slots().iter().map(|slot| slot.balance.micro()).collect();
    let mut lists = Vec::new();
    for _ in 0..blocks {
        let mut list = Vec::new();
        for _ in 0..seed.index(ops + 1) {
            let count = balances.len();
            let (from, to) = (seed.index(count), seed.index(count));
            let amount = seed.below(balances[from].max(1)) >> seed.below(48);
            let at = |index: usize| slot(u32::try_from(index).expect("few slots"));
            match seed.below(4) {
                0 => {
                    balances.push(0);
                    list.push(LedgerOp::Open { slot: at(count), address: Address(seed.array()) });
                }
                1 => {
                    balances[from] -= amount;
                    balances[0] += amount;
                    list.push(LedgerOp::Charge { slot: at(from), fee: micro(amount) });
                }
                2 => {
                    balances[from] -= amount;
                    list.push(LedgerOp::Burn { slot: at(from), amount: micro(amount) });
                }
                _ => {
                    balances[from] -= amount;
                    balances[to] += amount;
                    list.push(LedgerOp::Transfer { from: at(from), to: at(to), amount: micro(amount) });
                }
            }
        }
        let issuance = seed.below(1_000_001);
        balances[1] += issuance;
        lists.push((list, issuance));
    }
    let witness = witness(&start, seed.below(1 << 40), &lists);
    (start, witness)
}
