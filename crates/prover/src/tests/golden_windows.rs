//! The windows of the golden folds, made again bit for bit but for the grinding.

use primitives::{Address, Amount, Hash, Height, LedgerOp, LedgerSlot, Nonce, SlotIndex};
use prover::{ChainConstants, WindowWitness};
use tree::{LedgerBounds, LedgerTree, ops_digest};

/// Neighbouring windows of one block from genesis on, each with a payment, a fee and a burn, one with a new account.
pub fn witnesses(windows: u64) -> Vec<WindowWitness> {
    let micro = |value: u64| Amount::new(value).expect("below 2^63");
    let slot = |index: u32| SlotIndex::new(index).expect("below 2^30");
    let accounts = (0..5_u32).map(|index| LedgerSlot {
        address: Address::of_module(&index.to_string()),
        nonce: Nonce::default(),
        balance: micro(u64::from(index) * 3_000_000_000),
    });
    let genesis = Hash([0x42; 32]);
    let chain = ChainConstants { genesis, issuance_max: micro(1_000_000), supply_cap: micro(40_000_000_000_000) };
    let mut ledger = LedgerTree::new(accounts.collect()).expect("a small supply");
    let mut digest = ops_digest::start(&genesis);
    let mut witnesses = Vec::new();
    for height in 1..=windows {
        let mut ops = vec![
            LedgerOp::Charge { slot: slot(2), fee: micro(1_200) },
            LedgerOp::Transfer { from: slot(2), to: slot(3), amount: micro(1_000_000 * height) },
            LedgerOp::Burn { slot: slot(0), amount: micro(1_000) },
        ];
        if height == 2 {
            ops.push(LedgerOp::Open { slot: slot(5), address: Address::of_module("5") });
        }
        ops.push(LedgerOp::Seal { height: Height(height), issuance: micro(500) });
        let payout = Address::of_module(&format!("prover {height}"));
        let blocks = vec![(Height(height), ops.clone())];
        witnesses.push(WindowWitness::of_ledger(&ledger, chain, Height(height - 1), digest, payout, blocks));
        let bounds =
            LedgerBounds { supply_cap: chain.supply_cap, issuance_max: chain.issuance_max, height: Height(height) };
        let update = ledger.apply(&bounds, &ops).expect("the operations obey the rules");
        ledger.commit(update);
        digest = ops_digest::absorb(digest, &ops);
    }
    witnesses
}
