//! Limits of a block, lending prices, and what an empty block does.

use primitives::{Lane, LedgerOp, Outcome, Params, Rejection, Transaction};
use state::transaction::Refused;
use state::{BlockExecution, BlockInvalid, view};

use crate::chain::{ACCOUNTS, Chain, address, amount, batch, lane_of, stranger, transfer};

#[test]
fn an_empty_block_is_one_seal() {
    let mut chain = Chain::new(Params::default());
    let executed = chain.block(&[]).unwrap();
    let issuance = Params::default().rewards.issuance_per_block;
    assert_eq!(executed.ops, vec![LedgerOp::Seal { height: chain.height, issuance }]);
    assert_eq!(executed.receipts, vec![]);
}

#[test]
fn empty_blocks_bring_both_base_fees_down_to_the_floor() {
    let mut chain = Chain::new(Params::default());
    for _ in 0..20 {
        chain.block(&[]).unwrap();
    }
    for lane in Lane::ALL {
        assert_eq!(view::base_fee(&chain, lane).unwrap(), amount(1));
    }
}

#[test]
fn no_more_transactions_than_the_cap() {
    let chain = Chain::new(Params { block_transactions_max: 2, ..Params::default() });
    let mut execution = BlockExecution::begin(&chain, chain.context(), &state::NoProofSystem).unwrap();
    execution.transaction(&chain.pay(0, address(1), 1), true).unwrap();
    execution.transaction(&chain.pay(1, address(1), 1), true).unwrap();
    let refused = execution.transaction(&chain.pay(2, address(1), 1), true).unwrap_err();
    assert_eq!(refused, Refused::Rejected(Rejection::BlockFull));
}

#[test]
fn no_more_accounts_opened_than_the_cap() {
    let params = Params { block_opens_max: 3, ..Params::default() };
    let chain = Chain::new(params);
    let mut execution = BlockExecution::begin(&chain, chain.context(), &state::NoProofSystem).unwrap();
    let two = batch(&[(stranger(1), 1), (stranger(2), 1)]);
    execution.transaction(&chain.sign(0, chain.body(0, two)), true).unwrap();
    let more = batch(&[(stranger(3), 1), (stranger(4), 1)]);
    let refused = execution.transaction(&chain.sign(1, chain.body(1, more)), true).unwrap_err();
    assert_eq!(refused, Refused::Rejected(Rejection::BlockFull));
    execution.transaction(&chain.sign(1, chain.body(1, transfer(stranger(3), 1))), true).unwrap();
}

#[test]
fn no_more_ledger_operations_than_the_cap() {
    let params = Params { block_ops_max: 1_024, block_weight_max: 1 << 30, ..Params::default() };
    let chain = Chain::new(params);
    let mut execution = BlockExecution::begin(&chain, chain.context(), &state::NoProofSystem).unwrap();
    let payments: Vec<_> = (0..64).map(|_| (address(1), 1)).collect();
    let (mut taken, mut nonce) = (0_usize, 0);
    loop {
        let mut body = chain.body(0, batch(&payments));
        body.nonce = primitives::Nonce::new(nonce).unwrap();
        match execution.transaction(&chain.sign(0, body), true) {
            Ok(receipt) => assert_eq!(receipt.outcome, Outcome::Success),
            Err(refused) => {
                assert_eq!(refused, Refused::Rejected(Rejection::BlockFull));
                break;
            }
        }
        taken += 1;
        nonce += 1;
    }
    assert_eq!(taken, (1_024 - state::block::END_OPS_MAX) / 65);
    assert_eq!(execution.end().unwrap().ops.len(), taken * 65 + 2, "burn and seal at the end");
}

#[test]
fn borrowing_pays_the_higher_base_fee_and_raises_the_lenders() {
    let params = Params { block_weight_max: 10_000, base_fee_initial: amount(1_000), ..Params::default() };
    let mut chain = Chain::new(params);
    // Only the industrial lane is in demand, so the consumer base fee falls below it.
    let full: Vec<(primitives::Address, u64)> = (0..64).map(|_| (address(1), 1)).collect();
    chain.block(&[chain.sign(0, chain.body(0, batch(&full)))]).unwrap();
    let consumer = view::base_fee(&chain, Lane::Consumer).unwrap();
    let industrial = view::base_fee(&chain, Lane::Industrial).unwrap();
    assert!(consumer < industrial, "{consumer:?} {industrial:?}");
    // 55 transfers fill the consumer share of 5,500; the 56th borrows.
    let mut execution = BlockExecution::begin(&chain, chain.context(), &state::NoProofSystem).unwrap();
    let mut fees = Vec::new();
    for count in 0..56_u64 {
        let from = u8::try_from(count % u64::from(ACCOUNTS)).unwrap();
        let mut body = chain.body(from, transfer(address(0), 1));
        body.nonce = primitives::Nonce::new(body.nonce.get() + count / u64::from(ACCOUNTS)).unwrap();
        fees.push(execution.transaction(&chain.sign(from, body), true).unwrap().fee_burned);
    }
    assert_eq!(fees[54], consumer.checked_mul(100).unwrap());
    assert_eq!(fees[55], industrial.checked_mul(100).unwrap());
    let late = chain.sign(3, {
        let mut body = chain.body(3, batch(&[(address(0), 1)]));
        body.nonce = primitives::Nonce::new(14).unwrap();
        body
    });
    assert_eq!(lane_of(&late), Lane::Industrial);
    assert_eq!(execution.transaction(&late, true).unwrap_err(), Refused::Rejected(Rejection::BlockFull));
}

#[test]
fn one_bad_transaction_makes_a_block_invalid_and_is_named() {
    let mut chain = Chain::new(Params::default());
    let transactions: Vec<Transaction> = vec![chain.pay(0, address(1), 1), chain.pay(0, address(2), 1)];
    let refused = chain.block(&transactions).unwrap_err();
    assert_eq!(refused, BlockInvalid::Transaction { index: 1, rejection: Rejection::NonceTooLow });
}
