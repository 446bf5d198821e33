//! Every outcome and every refusal, each from the smallest case that gives it.

use primitives::{Address, Amount, Event, Height, Nonce, Outcome, Params, Rejection, Transaction, TransactionBody};
use state::{BlockExecution, BlockInvalid};

use crate::chain::{Chain, address, amount, batch, key, proposer, stranger, transfer};

const TRANSFER_FEE: u64 = 8 * 100;
const OPEN_FEE: u64 = 1_000;

#[test]
fn a_transfer_moves_the_amount_burns_the_base_fee_and_tips_the_proposer() {
    let mut chain = Chain::new(Params::default());
    let mut body = chain.body(0, transfer(address(1), 2_000_000));
    body.tip = amount(77);
    let executed = chain.block(&[chain.sign(0, body)]).unwrap();
    let receipt = &executed.receipts[0];
    assert_eq!(receipt.outcome, Outcome::Success);
    assert_eq!(receipt.fee_burned, amount(TRANSFER_FEE));
    assert_eq!(receipt.tip, amount(77));
    assert_eq!(chain.balance(&address(0)), 100_000_000 - 2_000_000 - TRANSFER_FEE - 77);
    assert_eq!(chain.balance(&address(1)), 102_000_000);
    assert_eq!(chain.balance(&proposer()), 77);
    let issued = Params::default().rewards.issuance_per_block.micro();
    assert_eq!(chain.supply, amount(400_000_000 + 10_000_000 + issued - TRANSFER_FEE));
    assert_eq!(chain.nonce(&address(0)), 1);
}

#[test]
fn a_payment_to_a_new_address_opens_its_account_for_a_burned_fee() {
    let mut chain = Chain::new(Params::default());
    let executed = chain.block(&[chain.pay(0, stranger(1), 5)]).unwrap();
    assert_eq!(executed.receipts[0].fee_burned, amount(TRANSFER_FEE + OPEN_FEE));
    assert!(matches!(executed.receipts[0].events[0], Event::AccountOpened { address, .. } if address == stranger(1)));
    assert_eq!(chain.balance(&stranger(1)), 5);
}

#[test]
fn a_batch_pays_everyone_and_opens_an_address_once() {
    let mut chain = Chain::new(Params::default());
    let action = batch(&[(stranger(1), 5), (stranger(1), 6), (address(0), 7), (address(2), 8)]);
    let executed = chain.block(&[chain.sign(0, chain.body(0, action))]).unwrap();
    assert_eq!(executed.receipts[0].outcome, Outcome::Success);
    assert_eq!(executed.receipts[0].events.len(), 5);
    assert_eq!(chain.balance(&stranger(1)), 11);
    assert_eq!(chain.balance(&address(2)), 100_000_008);
    assert_eq!(chain.balance(&address(0)), 100_000_000 - 19 - 8 * (60 + 4 * 40) - OPEN_FEE);
}

#[test]
fn outcomes_that_charge_the_fee_and_move_nothing() {
    let cases: [(&str, TransactionEdit, Outcome); 3] = [
        ("overdraft", |body| body.action = transfer(address(1), 100_000_000), Outcome::InsufficientBalance),
        ("fee pot", |body| body.action = transfer(Address::of_module("fee_pot"), 1), Outcome::RecipientReserved),
        (
            "opening not covered",
            |body| {
                body.action = transfer(stranger(9), 1);
                body.max_fee = amount(TRANSFER_FEE);
            },
            Outcome::OpenFeeAboveMax,
        ),
    ];
    for (name, edit, outcome) in cases {
        let mut chain = Chain::new(Params::default());
        let mut body = chain.body(0, transfer(address(1), 1));
        edit(&mut body);
        let executed = chain.block(&[chain.sign(0, body)]).unwrap();
        assert_eq!(executed.receipts[0].outcome, outcome, "{name}");
        assert_eq!(chain.balance(&address(0)), 100_000_000 - TRANSFER_FEE, "{name}");
        assert_eq!(chain.nonce(&address(0)), 1, "{name}");
        assert!(executed.receipts[0].events.is_empty(), "{name}");
    }
}

#[test]
fn the_whole_balance_less_the_fee_can_be_sent_and_one_more_can_not() {
    for (extra, outcome) in [(0, Outcome::Success), (1, Outcome::InsufficientBalance)] {
        let mut chain = Chain::new(Params::default());
        let all = 100_000_000 - TRANSFER_FEE + extra;
        let executed = chain.block(&[chain.pay(0, address(1), all)]).unwrap();
        assert_eq!(executed.receipts[0].outcome, outcome);
    }
}

type TransactionEdit = fn(&mut TransactionBody);

#[test]
fn refusals_keep_a_transaction_out_of_the_block() {
    let cases: [(&str, TransactionEdit, Rejection); 7] = [
        ("expired", |body| body.valid_until = Height(0), Rejection::Expired),
        ("too far", |body| body.valid_until = Height(1_002), Rejection::ValidUntilTooFar),
        ("unknown payer", |body| body.payer = stranger(3), Rejection::UnknownPayer),
        ("gap", |body| body.nonce = Nonce::new(1).unwrap(), Rejection::NonceTooHigh),
        ("low fee", |body| body.max_fee = amount(TRANSFER_FEE - 1), Rejection::FeeTooLow),
        (
            "fee above balance",
            |body| {
                body.tip = amount(100_000_000);
                body.max_fee = Amount::MAX;
            },
            Rejection::BalanceBelowFee,
        ),
        ("tip overflow", |body| body.tip = Amount::MAX, Rejection::FeeTooLow),
    ];
    for (name, edit, rejection) in cases {
        let mut chain = Chain::new(Params::default());
        let mut body = chain.body(0, transfer(address(1), 1));
        edit(&mut body);
        let refused = chain.block(&[chain.sign(0, body)]).unwrap_err();
        assert_eq!(refused, BlockInvalid::Transaction { index: 0, rejection }, "{name}");
        assert_eq!(chain.balance(&address(0)), 100_000_000, "{name}");
    }
}

#[test]
fn valid_until_is_inclusive_and_reaches_a_thousand_heights() {
    for valid_until in [1, 1_001] {
        let mut chain = Chain::new(Params::default());
        let mut body = chain.body(0, transfer(address(1), 1));
        body.valid_until = Height(valid_until);
        chain.block(&[chain.sign(0, body)]).unwrap();
    }
}

#[test]
fn a_used_nonce_is_refused() {
    let mut chain = Chain::new(Params::default());
    let paid = chain.pay(0, address(1), 1);
    chain.block(std::slice::from_ref(&paid)).unwrap();
    let refused = chain.block(&[paid]).unwrap_err();
    assert_eq!(refused, BlockInvalid::Transaction { index: 0, rejection: Rejection::NonceTooLow });
}

#[test]
fn a_refused_transaction_leaves_the_block_in_the_making_unchanged() {
    let chain = Chain::new(Params::default());
    let good: Vec<Transaction> = (1..4).map(|from| chain.pay(from, address(0), 10)).collect();
    let bad = chain.sign(0, TransactionBody { valid_until: Height(0), ..chain.body(0, transfer(address(1), 1)) });
    let mut with = BlockExecution::begin(&chain, chain.context(), &state::NoProofSystem).unwrap();
    let mut without = BlockExecution::begin(&chain, chain.context(), &state::NoProofSystem).unwrap();
    for transaction in &good {
        assert!(with.transaction(&bad, true).is_err());
        with.transaction(transaction, true).unwrap();
        without.transaction(transaction, true).unwrap();
    }
    assert_eq!(with.end().unwrap(), without.end().unwrap());
}

#[test]
fn a_proposer_without_account_cannot_end_a_block() {
    let chain = Chain::new(Params::default());
    let context = state::BlockContext { proposer: stranger(1), ..chain.context() };
    assert_eq!(
        state::execute_block(&chain, context, &[], &state::NoProofSystem),
        Err(BlockInvalid::ProposerWithoutAccount)
    );
    let _ = key(0);
}
