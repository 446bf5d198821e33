//! What is counted of lotteries and rewards: submissions with their outcomes, admissions, seats that tickets had left, payments.

use std::collections::BTreeMap;

use node::elections::{ElectionCounts, Elections, ProofCounts, proofs};
use primitives::actions::{LotteryEvent, TimetokeEvent};
use primitives::{
    Action, Address, Amount, Block, BoundedBytes, BoundedVec, Event, FormatVersion, Hash, Header, Height, Lane,
    LedgerDigest, LotteryAction, Nonce, Outcome, Receipt, Round, SecretKey, Timestamp, Transaction, TransactionBody,
    Transfer, VrfProof,
};
use replica::FinalizedBlock;
use telemetry::Metrics;

pub fn header() -> Header {
    let (zero, digest) = (Hash::default(), LedgerDigest::default());
    Header {
        version: FormatVersion,
        genesis: zero,
        height: Height(1),
        time: Timestamp(1),
        parent: zero,
        proposer: Address::of_module("builder"),
        transactions_root: zero,
        last_commit: zero,
        ledger_root: digest,
        ops_digest: digest,
        supply: Amount::ZERO,
        next_slot: 0,
        state_root: zero,
        receipts_root: zero,
        validators: zero,
        next_validators: zero,
        params: zero,
        beacon: zero,
        beacon_proof: VrfProof([0; 80]),
        gates: zero,
        last_proof: None,
    }
}

fn transaction(nonce: u64, action: Action) -> Transaction {
    let key = SecretKey::from_seed([1; 32]);
    let body = TransactionBody {
        version: FormatVersion,
        payer: Address::of_key(&key.public_key()),
        nonce: Nonce::new(nonce).unwrap(),
        lane: Lane::Industrial,
        tip: Amount::ZERO,
        max_fee: Amount::ZERO,
        valid_until: Height(9),
        action,
    };
    body.sign(&key, &Hash::default())
}

fn block(done: Vec<(Action, Outcome, Vec<Event>)>, events: Vec<Event>) -> FinalizedBlock {
    let (mut transactions, mut receipts) = (Vec::new(), Vec::new());
    for (index, (action, outcome, events)) in (0_u64..).zip(done) {
        let transaction = transaction(index, action);
        receipts.push(Receipt {
            version: FormatVersion,
            transaction: transaction.id(),
            outcome,
            weight: 1,
            fee_burned: Amount::ZERO,
            tip: Amount::ZERO,
            events: BoundedVec::new(events).unwrap(),
        });
        transactions.push(transaction);
    }
    FinalizedBlock {
        hash: Hash::default(),
        round: Round(0),
        transactions: transactions.iter().map(Transaction::id).collect(),
        receipts,
        events,
        reputation: Vec::new(),
        bytes: 0,
        block: Block { header: header(), transactions: BoundedVec::new(transactions).unwrap(), last_commit: None },
    }
}

#[test]
fn outcomes_admissions_and_seats_that_were_left_are_counted_apart() {
    let who = |tag: u8| Address::of_module(&format!("candidate {tag}"));
    let submit = || Action::Lottery(LotteryAction::Submit { epoch: 4, proof: VrfProof([0; 80]) });
    let pay = Action::Transfer(Transfer {
        to: who(0),
        amount: Amount::from_blocks(1),
        memo: BoundedBytes::new(Vec::new()).unwrap(),
    });
    let ticket = Event::Lottery(LotteryEvent::Submitted { candidate: who(1), epoch: 4, ticket: 7 });
    let heartbeat = Event::Timetoke(TimetokeEvent::HeartbeatAccepted { identity: who(2), challenge: 3, right: true });
    let admitted = |tag, fallback| Event::Lottery(LotteryEvent::Admitted { candidate: who(tag), epoch: 4, fallback });
    let done = vec![
        (submit(), Outcome::Success, vec![ticket]),
        (submit(), Outcome::LotteryWrongEpoch, Vec::new()),
        (submit(), Outcome::BadLotteryProof, Vec::new()),
        (submit(), Outcome::BadLotteryProof, Vec::new()),
        (pay, Outcome::InsufficientBalance, vec![heartbeat]),
    ];
    let block = block(done, vec![admitted(1, false), admitted(2, true), admitted(3, true)]);
    assert_eq!(proofs(&block), ProofCounts { uptime: 1, consensus: 0 });
    let metrics = Metrics::new();
    let elections = Elections::new(metrics.standing.clone());
    elections.observe(&block);
    elections.observe(&block);
    let rejected: BTreeMap<&str, u64> = [("lottery_wrong_epoch", 2), ("bad_lottery_proof", 4)].into();
    let expected = ElectionCounts { submissions: 8, tickets: 2, rejected, accepted: 6, fallback: 4 };
    assert_eq!(elections.counts(), expected);
    let standing = &metrics.standing;
    let told = [&standing.vrf_submissions, &standing.vrf_tickets, &standing.vrf_accepted, &standing.vrf_fallback];
    assert_eq!(told.map(|counter| counter.get()), [8, 2, 6, 4]);
    let refused = |reason| standing.vrf_rejections.with([reason]).get();
    assert_eq!((refused("lottery_wrong_epoch"), refused("bad_lottery_proof")), (2, 4));
    assert_eq!(standing.uptime_proofs_sum.get(), 2);
}

#[test]
fn what_the_end_of_an_epoch_paid_is_told_and_claims_are_not() {
    let paid = |tag: u8, amount| Event::RewardPaid {
        to: Address::of_module(&format!("validator {tag}")),
        amount: Amount::new(amount).unwrap(),
    };
    let claim = Action::Transfer(Transfer {
        to: Address::of_module("anybody"),
        amount: Amount::from_blocks(1),
        memo: BoundedBytes::new(Vec::new()).unwrap(),
    });
    let metrics = Metrics::new();
    let elections = Elections::new(metrics.standing.clone());
    let told = || {
        let standing = &metrics.standing;
        (standing.rewards_height.get(), standing.reward_payees.get(), standing.rewards_paid.get())
    };
    // A delegator asked in a transaction: no epoch has ended.
    elections.observe(&block(vec![(claim, Outcome::Success, vec![paid(9, 70)])], Vec::new()));
    assert_eq!(told(), (0, 0, 0));
    elections.observe(&block(Vec::new(), vec![paid(1, 5), paid(2, 6)]));
    assert_eq!(told(), (1, 2, 11));
    // Blocks within the next epoch pay nobody and change nothing; its end pays one.
    let mut later = block(Vec::new(), Vec::new());
    later.block.header.height = Height(9);
    elections.observe(&later);
    assert_eq!(told(), (1, 2, 11));
    let mut end = block(Vec::new(), vec![paid(1, 4)]);
    end.block.header.height = Height(10);
    elections.observe(&end);
    assert_eq!(told(), (10, 1, 15));
}
