//! Evidence: what proves an offence, what it costs, and everything that is refused.

use primitives::actions::IdentityEvent;
use primitives::actions::evidence::{Evidence, SignedProposal, SignedVote};
use primitives::params::EvidenceParams;
use primitives::{
    Action, Event, Hash, Height, Outcome, Proposal, Rejection, Round, StakeAction, Transaction, Vote, VoteKind,
};
use state::evidence::penalty_ppm;
use state::reputation::{Counters, Tier, counters};
use state::{BlockInvalid, staking, view};

use crate::chain::{Chain, address, amount, key};
use crate::people::{VALIDATOR, World, short, validator};
use crate::staking::{act, bonded, chain, epochs, power};

const BLOCK: u64 = 1_000_000;

fn vote(who: u8, height: Height, value: Option<u8>) -> Vote {
    Vote {
        kind: VoteKind::Precommit,
        height,
        round: Round(0),
        value: value.map(|byte| Hash([byte; 32])),
        voter: address(who),
    }
}

fn signed_vote(chain: &Chain, who: u8, vote: Vote) -> SignedVote {
    SignedVote { vote, signature: key(who).sign(&vote.signing_bytes(&chain.genesis)) }
}

fn of_votes(chain: &Chain, who: u8, left: Vote, right: Vote) -> Evidence {
    let (left, right) = (signed_vote(chain, who, left), signed_vote(chain, who, right));
    Evidence::of_votes(key(who).public_key(), left, right)
}

fn carry(chain: &Chain, payer: u8, evidence: Evidence) -> Transaction {
    chain.sign(payer, chain.body(payer, Action::Evidence(evidence)))
}

/// A transaction of `payer` that shows two precommits of `offender` at `height`.
pub fn double_vote(chain: &Chain, payer: u8, offender: u8, height: Height) -> Transaction {
    let evidence = of_votes(chain, offender, vote(offender, height, Some(1)), vote(offender, height, Some(2)));
    carry(chain, payer, evidence)
}

fn refused(chain: &mut Chain, transaction: Transaction) -> Rejection {
    match chain.block(&[transaction]) {
        Err(BlockInvalid::Transaction { rejection, .. }) => rejection,
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn a_double_vote_burns_a_tenth_tombstones_and_costs_the_reporter_nothing() {
    let mut chain = chain();
    chain.block(&[]).unwrap();
    let (reporter, supply) = (chain.balance(&address(0)), chain.supply.micro());
    let transaction = double_vote(&chain, 0, 203, Height(1));
    transaction.check(&chain.genesis).unwrap();
    let executed = chain.block(&[transaction]).unwrap();
    assert_eq!(executed.receipts[0].outcome, Outcome::Success);
    assert!(matches!(executed.receipts[0].events[..], [Event::Slashed { validator, amount, .. }, ..]
        if validator == address(203) && amount.micro() == BLOCK));
    assert_eq!(chain.balance(&address(0)), reporter);
    assert_eq!(bonded(&chain, 203), 9 * BLOCK);
    let issued = chain_params().rewards.issuance_per_block.micro();
    assert_eq!(chain.supply.micro(), supply - BLOCK + issued, "slashed money is burned");
    assert_eq!(power(&chain, 203), 10, "sets change at epoch ends only");
    epochs(&mut chain, 1);
    assert_eq!(power(&chain, 203), 0);
    assert_eq!(act(&mut chain, 203, StakeAction::Unjail).0, Outcome::Tombstoned);
    let more = StakeAction::Delegate { validator: address(203), amount: amount(BLOCK) };
    assert_eq!(act(&mut chain, 0, more).0, Outcome::Tombstoned);
    let rest = StakeAction::Unbond { validator: address(203), amount: amount(9 * BLOCK) };
    assert_eq!(act(&mut chain, 203, rest).0, Outcome::Success, "what is left can leave");
}

#[test]
fn a_double_vote_ends_the_identity_with_its_hours_and_counters() {
    let mut world = World::new(short(), 4);
    world.run_to(40);
    let (offender, who) = (VALIDATOR + 1, validator(1));
    assert!(world.hours(offender) > 0 && counters(&world.chain, &who).unwrap().successes > 0);
    let transaction = double_vote(&world.chain, 0, offender, world.chain.height);
    let executed = world.block(&[transaction]);
    let last = executed.receipts[0].events.last().cloned();
    let punished = IdentityEvent::Punished { identity: who, burned: amount(0) };
    assert_eq!(last, Some(Event::Identity(punished)), "a genesis identity has no bond to burn");
    assert!(state::identity::get(&world.chain, &who).unwrap().unwrap().tombstoned);
    assert_eq!(counters(&world.chain, &who).unwrap(), Counters::default());
    assert_eq!(state::timetoke::get(&world.chain, &who).unwrap(), Default::default());
    // Nothing comes back although it signs on until its seat is gone.
    world.run_to(60);
    assert_eq!((world.hours(offender), world.explain(offender).tier), (0, Tier::New));
    assert!(world.hours(VALIDATOR + 2) > 0, "the others keep theirs");
}

fn chain_params() -> primitives::Params {
    crate::staking::params()
}

#[test]
fn a_double_proposal_is_evidence_too() {
    let mut chain = chain();
    let proposal = |value: u8| {
        let proposal = Proposal {
            height: Height(1),
            round: Round(2),
            value: Hash([value; 32]),
            pol_round: None,
            proposer: address(201),
        };
        SignedProposal { proposal, signature: key(201).sign(&proposal.signing_bytes(&chain.genesis)) }
    };
    let evidence = Evidence::of_proposals(key(201).public_key(), proposal(2), proposal(1));
    let transaction = carry(&chain, 0, evidence);
    transaction.check(&chain.genesis).unwrap();
    chain.block(&[transaction]).unwrap();
    assert!(staking::tombstone(&chain, &address(201)).unwrap().is_some());
}

#[test]
fn messages_that_prove_nothing_are_refused_by_their_form() {
    let chain = chain();
    let (one, two) = (vote(203, Height(1), Some(1)), vote(203, Height(1), Some(2)));
    let foreign = Chain::bft(chain_params(), &[10, 10, 10]);
    let swapped = match of_votes(&chain, 203, one, two) {
        Evidence::DoubleVote(mut pair) => {
            std::mem::swap(&mut pair.first, &mut pair.second);
            Evidence::DoubleVote(pair)
        }
        other => other,
    };
    let framed = {
        // Somebody else's signatures under the name of an honest validator.
        let forge = |vote: Vote| SignedVote { vote, signature: key(1).sign(&vote.signing_bytes(&chain.genesis)) };
        Evidence::of_votes(key(1).public_key(), forge(one), forge(two))
    };
    let half = {
        let forged = SignedVote { vote: two, signature: key(1).sign(&two.signing_bytes(&chain.genesis)) };
        Evidence::of_votes(key(203).public_key(), signed_vote(&chain, 203, one), forged)
    };
    let other_height = vote(203, Height(2), Some(2));
    let other_kind = Vote { kind: VoteKind::Prevote, ..two };
    let other_round = Vote { round: Round(1), ..two };
    use Rejection::{EvidenceBadSignature as Signature, EvidenceNotConflicting as Conflict};
    let cases = [
        ("the same vote twice", of_votes(&chain, 203, one, one), Conflict),
        ("other heights", of_votes(&chain, 203, one, other_height), Conflict),
        ("other steps", of_votes(&chain, 203, one, other_kind), Conflict),
        ("other rounds", of_votes(&chain, 203, one, other_round), Conflict),
        ("the other order", swapped, Conflict),
        ("another chain", of_votes(&foreign, 203, one, two), Signature),
        ("a framed honest validator", framed, Signature),
        ("one forged half", half, Signature),
    ];
    for (name, evidence, expected) in cases {
        assert_eq!(carry(&chain, 0, evidence).check(&chain.genesis), Err(expected), "{name}");
    }
    // A vote for nothing and a vote for a block do conflict.
    let nil = of_votes(&chain, 203, one, vote(203, Height(1), None));
    assert_eq!(carry(&chain, 0, nil).check(&chain.genesis), Ok(()));
}

#[test]
fn stale_future_duplicate_and_strange_evidence_never_enters_a_block() {
    let mut chain = chain();
    chain.block(&[]).unwrap();
    let future = double_vote(&chain, 0, 203, Height(3));
    assert_eq!(refused(&mut chain, future), Rejection::EvidenceStale);
    let genesis = double_vote(&chain, 0, 203, Height(0));
    assert_eq!(refused(&mut chain, genesis), Rejection::EvidenceStale);
    let stranger = double_vote(&chain, 0, 1, Height(1));
    assert_eq!(refused(&mut chain, stranger), Rejection::EvidenceUnknownOffender);
    let now = double_vote(&chain, 0, 202, Height(2));
    let again = double_vote(&chain, 1, 202, Height(1));
    assert_eq!(
        chain.block(&[now.clone(), again.clone()]).unwrap_err(),
        BlockInvalid::Transaction { index: 1, rejection: Rejection::EvidenceDuplicate }
    );
    chain.block(&[now]).unwrap();
    assert_eq!(refused(&mut chain, again), Rejection::EvidenceDuplicate);
    // Height 4 is the last of epoch 0; in epoch 2 it is two epochs old, one more than counts.
    epochs(&mut chain, 1);
    let last = double_vote(&chain, 0, 203, Height(4));
    while chain.height.0 < 8 {
        chain.block(&[]).unwrap();
    }
    assert_eq!(refused(&mut chain, last), Rejection::EvidenceStale);
    let in_time = double_vote(&chain, 0, 203, Height(5));
    chain.block(&[in_time]).unwrap();
}

#[test]
fn stake_that_left_is_cut_where_it_is() {
    let mut chain = chain();
    act(&mut chain, 0, StakeAction::Delegate { validator: address(203), amount: amount(20 * BLOCK) });
    act(&mut chain, 0, StakeAction::Unbond { validator: address(203), amount: amount(5 * BLOCK) });
    let moved = StakeAction::Redelegate { from: address(203), to: address(200), amount: amount(10 * BLOCK) };
    assert_eq!(act(&mut chain, 0, moved).0, Outcome::Success);
    assert_eq!((bonded(&chain, 203), bonded(&chain, 200)), (15 * BLOCK, 20 * BLOCK));
    let transaction = double_vote(&chain, 1, 203, Height(1));
    let executed = chain.block(&[transaction]).unwrap();
    let burned = 15 * BLOCK / 10 + 5 * BLOCK / 10 + 10 * BLOCK / 10;
    assert!(matches!(executed.receipts[0].events[..], [Event::Slashed { amount, .. }, ..] if amount.micro() == burned));
    assert_eq!(bonded(&chain, 203), 15 * BLOCK * 9 / 10);
    assert_eq!(bonded(&chain, 200), 19 * BLOCK, "only the moved stake was cut");
    let held = StakeAction::Unbond { validator: address(200), amount: amount(BLOCK) };
    assert_eq!(act(&mut chain, 0, held.clone()).0, Outcome::StakeHeld);
    let events = epochs(&mut chain, 5);
    let paid = Event::Unbonded { owner: address(0), validator: address(203), amount: amount(5 * BLOCK * 9 / 10) };
    assert!(events.contains(&paid), "{events:?}");
    assert_eq!(act(&mut chain, 0, held).0, Outcome::Success, "free after the unbonding time");
}

#[test]
fn offences_together_cost_more_and_a_third_costs_everything() {
    let params = EvidenceParams::default();
    let cases = [
        ("alone", 0, 40, 100_000),
        ("with a tenth", 4, 40, 370_000),
        ("with a third", 14, 40, 1_000_000),
        ("with all", 40, 40, 1_000_000),
        ("in an empty set", 0, 0, 100_000),
        ("at the edges of numbers", u64::MAX, u64::MAX, 1_000_000),
    ];
    for (name, others, total, expected) in cases {
        assert_eq!(penalty_ppm(&params, others, total), expected, "{name}");
    }
    let mut chain = chain();
    for (offender, left) in [(200, 9 * BLOCK), (201, 10 * BLOCK - 7_750_000)] {
        let transaction = double_vote(&chain, 0, offender, Height(1));
        chain.block(&[transaction]).unwrap();
        assert_eq!(bonded(&chain, offender), left);
    }
    let transaction = double_vote(&chain, 0, 202, Height(1));
    chain.block(&[transaction]).unwrap();
    assert_eq!(bonded(&chain, 202), 0, "the third of four loses everything");
    epochs(&mut chain, 1);
    let set = view::validators(&chain).unwrap();
    assert_eq!(set.validators().len(), 1, "the honest one goes on");
}
