//! Bonding, leaving, moving, jailing: outcomes one by one, the way of a newcomer into the set and back, and
//! random actions under the whole-state invariants.

use primitives::actions::stake::{Bond, Candidacy, vrf_possession_input};
use primitives::params::{EvidenceParams, StakingParams};
use primitives::{Action, Address, Amount, Event, Nonce, Outcome, Params, Rejection, StakeAction, Transaction};
use state::{BlockInvalid, staking, view};
use testkit::Seed;

use crate::chain::{Chain, address, amount, vrf};

pub const EPOCH: u64 = 4;
const BLOCK: u64 = 1_000_000;

/// Short epochs, three of them to unbond; stake alone decides who enters.
pub fn params() -> Params {
    Params {
        epoch_blocks: EPOCH,
        staking: StakingParams {
            unbonding_epochs: 3,
            trusting_epochs: 2,
            power_cap_bps: 10_000,
            ..StakingParams::default()
        },
        evidence: EvidenceParams { age_epochs: 1, delay_epochs: 1, together_epochs: 1, ..EvidenceParams::default() },
        // Stake alone decides who enters.
        lottery: primitives::params::LotteryParams { min_tier: 0, ..Default::default() },
        ..Params::default()
    }
}

pub fn chain() -> Chain {
    Chain::bft(params(), &[10, 10, 10, 10])
}

pub fn candidacy(chain: &Chain, who: u8) -> Candidacy {
    Candidacy {
        vrf_key: vrf(who).public_key(),
        vrf_proof: vrf(who).prove(&vrf_possession_input(&chain.genesis, &address(who))).unwrap(),
        commission_bps: 1_000,
    }
}

pub fn first_bond(chain: &Chain, who: u8, micro: u64) -> StakeAction {
    StakeAction::Bond(Bond { amount: amount(micro), candidacy: Some(candidacy(chain, who)) })
}

pub fn signed(chain: &Chain, who: u8, action: StakeAction) -> Transaction {
    chain.sign(who, chain.body(who, Action::Stake(action)))
}

/// One block with one staking action; its outcome and events.
pub fn act(chain: &mut Chain, who: u8, action: StakeAction) -> (Outcome, Vec<Event>) {
    let transaction = signed(chain, who, action);
    transaction.check(&chain.genesis).unwrap();
    let executed = chain.block(&[transaction]).unwrap();
    (executed.receipts[0].outcome, executed.receipts[0].events.to_vec())
}

pub fn blocks(chain: &mut Chain, count: u64) -> Vec<Event> {
    (0..count).flat_map(|_| chain.block(&[]).unwrap().events.into_inner()).collect()
}

pub fn epochs(chain: &mut Chain, count: u64) -> Vec<Event> {
    let left = EPOCH - chain.height.0 % EPOCH;
    blocks(chain, left + (count - 1) * EPOCH)
}

pub fn power(chain: &Chain, who: u8) -> u64 {
    view::validators(chain).unwrap().get(&address(who)).map_or(0, |member| member.power)
}

pub fn bonded(chain: &Chain, who: u8) -> u64 {
    staking::candidate(chain, &address(who)).unwrap().map_or(0, |found| found.bonded.tokens.micro())
}

#[test]
fn a_newcomer_bonds_enters_at_the_end_of_an_epoch_leaves_and_is_paid() {
    let mut chain = chain();
    let before = chain.balance(&address(0));
    let bond = first_bond(&chain, 0, 8 * BLOCK);
    let (outcome, events) = act(&mut chain, 0, bond);
    assert_eq!(outcome, Outcome::Success);
    assert_eq!(events, [Event::Bonded { owner: address(0), validator: address(0), amount: amount(8 * BLOCK) }]);
    assert_eq!(power(&chain, 0), 0, "not before the epoch ends");
    // A tenth of 40 may change in an epoch, then a tenth of 44.
    let events = epochs(&mut chain, 1);
    assert!(events.iter().any(|event| matches!(event, Event::ValidatorSetChanged { .. })));
    assert_eq!(power(&chain, 0), 4);
    epochs(&mut chain, 1);
    assert_eq!(power(&chain, 0), 8);
    let all = StakeAction::Unbond { validator: address(0), amount: amount(8 * BLOCK) };
    let (outcome, events) = act(&mut chain, 0, all);
    assert_eq!(outcome, Outcome::Success);
    assert!(events.iter().any(|event| matches!(event, Event::Unbonding { epoch: 5, .. })), "{events:?}");
    epochs(&mut chain, 2);
    assert_eq!(power(&chain, 0), 0, "4 of 48 leave, then 4 of 44");
    let held = chain.balance(&address(0));
    let events = epochs(&mut chain, 2);
    assert!(!events.iter().any(|event| matches!(event, Event::Unbonded { .. })), "not before the unbonding time");
    let events = blocks(&mut chain, 1);
    let paid = Event::Unbonded { owner: address(0), validator: address(0), amount: amount(8 * BLOCK) };
    assert!(events.contains(&paid), "{events:?}");
    assert!(chain.balance(&address(0)) >= held + 8 * BLOCK);
    assert!(chain.balance(&address(0)) > before, "rewards are above the fees");
    assert_eq!(staking::candidate(&chain, &address(0)).unwrap(), None, "nothing is left of it");
}

type Prepare = fn(&mut Chain);
type Make = fn(&Chain) -> StakeAction;

#[test]
fn every_refusal_has_its_outcome_and_moves_nothing() {
    let none: Prepare = |_| {};
    let cases: [(&str, u8, Prepare, Make, Outcome); 17] = [
        ("bond below the minimum", 0, none, |c| first_bond(c, 0, BLOCK - 1), Outcome::StakeBelowMinimum),
        ("second candidacy", 200, none, |c| first_bond(c, 200, BLOCK), Outcome::AlreadyCandidate),
        (
            "bond without candidacy",
            0,
            none,
            |_| StakeAction::Bond(Bond { amount: amount(BLOCK), candidacy: None }),
            Outcome::NotCandidate,
        ),
        (
            "delegate to nobody",
            0,
            none,
            |_| StakeAction::Delegate { validator: address(3), amount: amount(BLOCK) },
            Outcome::UnknownValidator,
        ),
        (
            "delegate dust",
            0,
            none,
            |_| StakeAction::Delegate { validator: address(200), amount: amount(1) },
            Outcome::StakeBelowMinimum,
        ),
        (
            "delegate more than one has",
            0,
            none,
            |_| StakeAction::Delegate { validator: address(200), amount: amount(101 * BLOCK) },
            Outcome::InsufficientBalance,
        ),
        (
            "unbond from nobody",
            0,
            none,
            |_| StakeAction::Unbond { validator: address(3), amount: amount(BLOCK) },
            Outcome::UnknownValidator,
        ),
        (
            "unbond another's stake",
            0,
            none,
            |_| StakeAction::Unbond { validator: address(200), amount: amount(BLOCK) },
            Outcome::NotEnoughStake,
        ),
        (
            "unbond more than one has",
            200,
            none,
            |_| StakeAction::Unbond { validator: address(200), amount: amount(10 * BLOCK + 1) },
            Outcome::NotEnoughStake,
        ),
        (
            "unbond the largest amount",
            200,
            none,
            |_| StakeAction::Unbond { validator: address(200), amount: Amount::MAX },
            Outcome::NotEnoughStake,
        ),
        (
            "redelegate to nobody",
            200,
            none,
            |_| StakeAction::Redelegate { from: address(200), to: address(3), amount: amount(BLOCK) },
            Outcome::UnknownValidator,
        ),
        (
            "redelegated stake moves on",
            0,
            |c| {
                act(c, 0, StakeAction::Delegate { validator: address(200), amount: amount(BLOCK) });
                act(c, 0, StakeAction::Redelegate { from: address(200), to: address(201), amount: amount(BLOCK) });
            },
            |_| StakeAction::Redelegate { from: address(201), to: address(202), amount: amount(BLOCK) },
            Outcome::StakeHeld,
        ),
        (
            "commission jumps",
            200,
            |c| drop(epochs(c, 1)),
            |_| StakeAction::SetCommission { commission_bps: 101 },
            Outcome::CommissionStep,
        ),
        (
            "commission changes twice in one epoch",
            200,
            |c| {
                epochs(c, 1);
                assert_eq!(act(c, 200, StakeAction::SetCommission { commission_bps: 100 }).0, Outcome::Success);
            },
            |_| StakeAction::SetCommission { commission_bps: 90 },
            Outcome::CommissionStep,
        ),
        ("unjail without jail", 200, none, |_| StakeAction::Unjail, Outcome::NotJailed),
        ("unjail a stranger", 0, none, |_| StakeAction::Unjail, Outcome::NotCandidate),
        ("claim nothing", 0, none, |_| StakeAction::Claim { validator: address(200) }, Outcome::NothingToClaim),
    ];
    for (name, who, prepare, make, expected) in cases {
        let mut chain = chain();
        prepare(&mut chain);
        let (balance, staked) = (chain.balance(&address(who)), bonded(&chain, 200));
        let action = make(&chain);
        let transaction = signed(&chain, who, action);
        let executed = chain.block(&[transaction]).unwrap();
        let receipt = &executed.receipts[0];
        assert_eq!(receipt.outcome, expected, "{name}");
        assert!(receipt.events.is_empty(), "{name}");
        assert_eq!(bonded(&chain, 200), staked, "{name}");
        let fee = receipt.fee_burned.micro();
        let own: u64 = executed.events.iter().map(|event| paid_to(event, &address(who))).sum();
        assert_eq!(chain.balance(&address(who)), balance - fee + own, "{name}");
    }
}

fn paid_to(event: &Event, who: &Address) -> u64 {
    match event {
        Event::RewardPaid { to, amount } if to == who => amount.micro(),
        _ => 0,
    }
}

#[test]
fn forms_that_no_state_can_allow_are_refused_before_the_block() {
    let chain = chain();
    let zero = StakeAction::Delegate { validator: address(200), amount: Amount::ZERO };
    let same = StakeAction::Redelegate { from: address(200), to: address(200), amount: amount(BLOCK) };
    let over = StakeAction::SetCommission { commission_bps: 10_001 };
    let mut stolen = candidacy(&chain, 0);
    stolen.vrf_key = vrf(1).public_key();
    let mut replayed = candidacy(&chain, 0);
    replayed.vrf_proof = vrf(0).prove(&vrf_possession_input(&primitives::Hash([9; 32]), &address(0))).unwrap();
    let mut greedy = candidacy(&chain, 0);
    greedy.commission_bps = 10_001;
    let bond = |candidacy| StakeAction::Bond(Bond { amount: amount(BLOCK), candidacy: Some(candidacy) });
    let cases = [
        ("nothing", zero, Rejection::EmptyPayment),
        ("to itself", same, Rejection::SameValidator),
        ("commission", over, Rejection::BadCommission),
        ("another's VRF key", bond(stolen), Rejection::BadPossessionProof),
        ("a proof for another chain", bond(replayed), Rejection::BadPossessionProof),
        ("commission of a candidacy", bond(greedy), Rejection::BadCommission),
    ];
    for (name, action, expected) in cases {
        assert_eq!(signed(&chain, 0, action).check(&chain.genesis), Err(expected), "{name}");
    }
    // The neutral element of the curve: every message fits it.
    let neutral = "0100000000000000000000000000000000000000000000000000000000000000".parse().unwrap();
    let action = bond(Candidacy { vrf_key: neutral, ..candidacy(&chain, 0) });
    assert_eq!(signed(&chain, 0, action).check(&chain.genesis), Err(Rejection::WeakKey));
}

#[test]
fn an_absent_validator_is_jailed_without_a_slash_and_returns_when_it_asks_after_its_time() {
    let mut chain = chain();
    chain.absent.insert(address(203));
    let events = epochs(&mut chain, 2);
    assert!(events.contains(&Event::Jailed { validator: address(203) }), "{events:?}");
    assert_eq!((power(&chain, 203), bonded(&chain, 203)), (0, 10 * BLOCK));
    assert_eq!(act(&mut chain, 203, StakeAction::Unjail).0, Outcome::JailNotOver);
    chain.absent.clear();
    epochs(&mut chain, 1);
    assert_eq!(act(&mut chain, 203, StakeAction::Unjail).0, Outcome::Success);
    epochs(&mut chain, 1);
    assert_eq!(power(&chain, 203), 3, "it comes back by the churn: a tenth of 30");
    epochs(&mut chain, 4);
    assert_eq!(power(&chain, 203), 10);
}

#[test]
fn all_validators_may_leave_but_the_last_one() {
    let mut chain = chain();
    let all = |who| StakeAction::Unbond { validator: address(who), amount: amount(10 * BLOCK) };
    let leave: Vec<Transaction> = (200..204).map(|who| signed(&chain, who, all(who))).collect();
    let executed = chain.block(&leave).unwrap();
    let outcomes: Vec<Outcome> = executed.receipts.iter().map(|receipt| receipt.outcome).collect();
    assert_eq!(outcomes, [Outcome::Success, Outcome::Success, Outcome::Success, Outcome::LastValidator]);
    // What is above the least self-stake may go, by either way; the rest may not, whoever else has stake behind it.
    let own = |micro| StakeAction::Unbond { validator: address(203), amount: amount(micro) };
    let away = |micro| StakeAction::Redelegate { from: address(203), to: address(200), amount: amount(micro) };
    assert_eq!(
        act(&mut chain, 0, StakeAction::Delegate { validator: address(203), amount: amount(7 * BLOCK) }).0,
        Outcome::Success
    );
    assert_eq!(act(&mut chain, 203, away(9 * BLOCK + 1)).0, Outcome::LastValidator);
    assert_eq!(act(&mut chain, 203, own(9 * BLOCK)).0, Outcome::Success);
    assert_eq!(act(&mut chain, 203, own(BLOCK)).0, Outcome::LastValidator);
    assert_eq!(
        act(&mut chain, 0, StakeAction::Unbond { validator: address(203), amount: amount(7 * BLOCK) }).0,
        Outcome::Success
    );
    epochs(&mut chain, 30);
    assert_eq!(view::validators(&chain).unwrap().validators().len(), 1);
    // A candidate that waits is no successor yet.
    let bond = first_bond(&chain, 1, 8 * BLOCK);
    assert_eq!(act(&mut chain, 1, bond).0, Outcome::Success);
    assert_eq!(act(&mut chain, 203, own(BLOCK)).0, Outcome::LastValidator);
    epochs(&mut chain, 1);
    assert!(power(&chain, 1) > 0);
    assert_eq!(act(&mut chain, 203, own(BLOCK)).0, Outcome::Success);
    epochs(&mut chain, 40);
    let set = view::validators(&chain).unwrap();
    assert_eq!(set.validators().iter().map(|one| (one.address, one.power)).collect::<Vec<_>>(), [(address(1), 8)]);
    for who in 200..204 {
        assert_eq!(bonded(&chain, who), 0);
        assert!(chain.balance(&address(who)) > 109 * BLOCK, "everyone was paid out");
    }
}

#[test]
fn a_jailed_member_is_no_successor() {
    let mut chain = Chain::bft(params(), &[10, 10]);
    let mut jailed = staking::candidate(&chain, &address(201)).unwrap().unwrap();
    jailed.jailed_until = Some(1_000);
    chain.state.insert(staking::keys::candidate(&address(201)), primitives::encode(&jailed));
    let all = |who| StakeAction::Unbond { validator: address(who), amount: amount(10 * BLOCK) };
    assert_eq!(act(&mut chain, 200, all(200)).0, Outcome::LastValidator);
    assert_eq!(act(&mut chain, 201, all(201)).0, Outcome::Success, "the other one votes on");
}

#[test]
fn whoever_has_less_self_stake_than_the_least_has_no_seat_whatever_others_delegate() {
    let mut params = params();
    params.staking.min_self_stake = amount(5 * BLOCK);
    let mut chain = Chain::bft(params, &[10, 10, 10, 10]);
    let delegate = StakeAction::Delegate { validator: address(203), amount: amount(20 * BLOCK) };
    assert_eq!(act(&mut chain, 0, delegate).0, Outcome::Success);
    let own = |micro| StakeAction::Unbond { validator: address(203), amount: amount(micro) };
    // Exactly the least keeps the seat.
    assert_eq!(act(&mut chain, 203, own(5 * BLOCK)).0, Outcome::Success);
    epochs(&mut chain, 8);
    assert_eq!(power(&chain, 203), 25, "all that is behind it");
    assert_eq!(act(&mut chain, 203, own(BLOCK)).0, Outcome::Success);
    epochs(&mut chain, 12);
    assert_eq!((power(&chain, 203), bonded(&chain, 203)), (0, 24 * BLOCK));
    // And back, with the one BLOCK that was missing.
    let more = StakeAction::Bond(Bond { amount: amount(BLOCK), candidacy: None });
    assert_eq!(act(&mut chain, 203, more.clone()).0, Outcome::Success);
    epochs(&mut chain, 1);
    assert!(power(&chain, 203) > 0);

    // From jail it comes back with the least only.
    chain.absent.insert(address(202));
    let jailed = epochs(&mut chain, 2);
    assert!(jailed.contains(&Event::Jailed { validator: address(202) }), "{jailed:?}");
    let away = StakeAction::Unbond { validator: address(202), amount: amount(6 * BLOCK) };
    assert_eq!(act(&mut chain, 202, away).0, Outcome::Success);
    epochs(&mut chain, 2);
    assert_eq!(act(&mut chain, 202, StakeAction::Unjail).0, Outcome::StakeBelowMinimum);
    assert_eq!(act(&mut chain, 202, more).0, Outcome::Success);
    assert_eq!(act(&mut chain, 202, StakeAction::Unjail).0, Outcome::Success);
}

fn random_action(chain: &Chain, seed: &mut Seed, who: u8) -> StakeAction {
    let any = |seed: &mut Seed| {
        let list = [0, 1, 2, 3, 200, 201, 202, 203];
        address(list[usize::try_from(seed.below(8)).unwrap()])
    };
    let most = if seed.below(6) == 0 { 500 * BLOCK } else { 6 * BLOCK };
    let money = amount(1 + seed.below(most));
    match seed.below(9) {
        0 => StakeAction::Bond(Bond { amount: money, candidacy: Some(candidacy(chain, who)) }),
        1 => StakeAction::Bond(Bond { amount: money, candidacy: None }),
        2 | 3 => StakeAction::Delegate { validator: any(seed), amount: money },
        4 | 5 => StakeAction::Unbond { validator: any(seed), amount: money },
        6 => {
            let from = any(seed);
            let to = any(seed);
            let to = if to == from { address(if from == address(0) { 1 } else { 0 }) } else { to };
            StakeAction::Redelegate { from, to, amount: money }
        }
        7 => StakeAction::Claim { validator: any(seed) },
        _ => StakeAction::Unjail,
    }
}

#[test]
fn random_actions_keep_every_invariant_and_replay_to_the_same_state() {
    let mut seed = Seed::new();
    let mut seen = std::collections::BTreeMap::<Outcome, u64>::new();
    for _ in 0..6 {
        let (mut first, mut second) = (chain(), chain());
        for _ in 0..70 {
            first.absent.clear();
            for who in 200..204 {
                if seed.below(5) == 0 {
                    first.absent.insert(address(who));
                }
            }
            second.absent = first.absent.clone();
            let mut transactions = Vec::new();
            for who in [0, 1, 2, 3, 200, 201, 202, 203_u8] {
                if seed.below(2) == 0 {
                    let action = random_action(&first, &mut seed, who);
                    let mut body = first.body(who, Action::Stake(action));
                    body.nonce = Nonce::new(first.nonce(&address(who))).unwrap();
                    transactions.push(first.sign(who, body));
                }
            }
            if seed.below(25) == 0 {
                let offender = 200 + u8::try_from(seed.below(4)).unwrap();
                transactions.insert(0, crate::evidence::double_vote(&first, 3, offender, first.height));
            }
            // The payer of evidence sends nothing else in that block, and nobody is punished twice.
            let executed = loop {
                match first.block(&transactions) {
                    Ok(executed) => break executed,
                    Err(BlockInvalid::Transaction { index, .. }) => {
                        transactions.remove(index);
                    }
                    Err(other) => unreachable!("{other}"),
                }
            };
            for receipt in &executed.receipts {
                *seen.entry(receipt.outcome).or_default() += 1;
            }
            assert_eq!(second.block(&transactions).unwrap(), executed);
        }
        assert_eq!((first.state, first.slots), (second.state, second.slots));
    }
    assert!(seen[&Outcome::Success] > 100, "{seen:?}");
}

#[test]
fn votes_left_out_and_lost_turns_jail_where_the_chain_says_how_many() {
    for (left_out_max_bps, turns_lost_max_bps, jailed) in
        [(10_000, 10_000, [0, 0]), (4_000, 10_000, [0, 0]), (3_334, 10_000, [1, 0]), (10_000, 5_000, [0, 1])]
    {
        let mut params = params();
        params.staking.left_out_max_bps = left_out_max_bps;
        params.staking.turns_lost_max_bps = turns_lost_max_bps;
        params.validate().unwrap();
        let mut chain = Chain::bft(params, &[10, 10, 10, 10, 10]);
        blocks(&mut chain, 4);
        // Validator 200 builds every block. In this epoch two different ones of five miss in each of its certificates, so nobody is
        // absent for long, and the turns of rounds 0 and 1 are lost once.
        let mut loser = None;
        for block in 0..4_u8 {
            chain.absent = [200 + block, 200 + (block + 1) % 5].map(address).into_iter().collect();
            let mut context = chain.context();
            if block == 1 {
                let (set, commit) = (state::view::validators(&chain).unwrap(), context.last_commit.as_mut().unwrap());
                commit.round = primitives::Round(1);
                let beacon = primitives::hash(primitives::Domain::Beacon, &[&(context.height.0 - 3).to_le_bytes()]);
                loser = Some((set, beacon, primitives::Height(context.height.0 - 1)));
            }
            chain.block_in(context, &[]).unwrap();
        }
        chain.absent.clear();
        let (set, beacon, height) = loser.unwrap();
        let lost = primitives::proposer::proposer(&set, &beacon, height, primitives::Round(0)).address;
        let of = |who: &Address| staking::statistics::statistics(&chain, who).unwrap();
        let (builder, loser) = (of(&address(200)), of(&lost));
        assert_eq!((builder.votes_left_out, loser.turns_lost), (8, 1), "8 of 20 votes, and one turn");
        let is_builder = lost == address(200);
        assert_eq!(builder.jailed, jailed[0], "{left_out_max_bps}");
        // One turn lost of one is more than half; of the builder's five it is not.
        assert!(is_builder || loser.jailed == jailed[1], "{turns_lost_max_bps}");
        let set = state::view::validators(&chain).unwrap();
        assert_eq!(set.get(&address(200)).is_none(), jailed[0] == 1, "it left with the epoch");
        for who in 200..205 {
            assert_eq!(bonded(&chain, who), 10 * BLOCK, "nothing of this slashes");
        }
    }
}

#[test]
fn statistics_tell_absence_left_out_votes_and_lost_turns_and_slash_nobody() {
    use primitives::proposer::proposer;
    let mut chain = chain();
    blocks(&mut chain, 4);
    let of = |chain: &Chain, who: u8| staking::statistics::statistics(chain, &address(who)).unwrap();
    let first = of(&chain, 200);
    assert_eq!((first.epochs, first.commits, first.missed, first.built), (1, 4, 0, 4));
    chain.absent.insert(address(203));
    let mut context = chain.context();
    let set = state::view::validators(&chain).unwrap();
    let beacon = primitives::hash(primitives::Domain::Beacon, &[&2_u64.to_le_bytes()]);
    let expected: Vec<_> =
        (0..2).map(|round| proposer(&set, &beacon, primitives::Height(4), primitives::Round(round)).address).collect();
    if let Some(commit) = &mut context.last_commit {
        commit.round = primitives::Round(2);
    }
    let supply_before = bonded(&chain, 203);
    chain.block_in(context, &[]).unwrap();
    for who in 200..204 {
        let turns = staking::statistics::turns(&chain, &address(who)).unwrap();
        assert_eq!(turns.turns_lost, u32::from(expected.contains(&address(who))), "{who}");
    }
    blocks(&mut chain, 3);
    let (builder, absent) = (of(&chain, 200), of(&chain, 203));
    assert_eq!((builder.built, builder.votes_left_out), (8, 4));
    assert_eq!((absent.missed, absent.jailed), (4, 1));
    let lost: u64 = (200..204).map(|who| of(&chain, who).turns_lost).sum();
    assert_eq!(lost, 2);
    assert_eq!(bonded(&chain, 203), supply_before, "nothing of this slashes");
    assert_eq!(staking::statistics::turns(&chain, &address(200)).unwrap(), Default::default(), "a new epoch");
}
