//! Where the new money goes, to the last µBLOCK.

use primitives::ledger::ISSUANCE_POT;
use primitives::{Address, Amount, Event, LedgerOp, Outcome, StakeAction};
use state::{StateView, rewards};

use crate::chain::{address, amount};
use crate::staking::{act, blocks, chain, epochs, params};

const ISSUED: u64 = 100_000;
const BLOCK: u64 = 1_000_000;

fn paid(events: &[Event], who: &Address) -> u64 {
    let one = |event: &Event| match event {
        Event::RewardPaid { to, amount } if to == who => amount.micro(),
        Event::PoolFunded { pool, amount } if pool == who => amount.micro(),
        _ => 0,
    };
    events.iter().map(one).sum()
}

/// Shares are counted in 2^-64 µBLOCK and rounded down, so a part may be one µBLOCK short.
fn nearly(found: u64, exact: u64) {
    assert!(found == exact || found + 1 == exact, "{found}, exactly {exact}");
}

fn pot(chain: &crate::chain::Chain) -> u64 {
    chain.balance(&Address::of_module("issuance_pot"))
}

#[test]
fn equal_validators_share_equally_and_the_pools_get_their_parts() {
    let mut chain = chain();
    // Paid at the end of the second epoch: the last block of the first and three of the second.
    let first = epochs(&mut chain, 1);
    assert_eq!(paid(&first, &Address::of_module("treasury")), 3 * ISSUED / 20);
    let events = epochs(&mut chain, 1);
    let validators = 4 * ISSUED * 55 / 100;
    for who in 201..204 {
        nearly(paid(&events, &address(who)), validators / 4);
    }
    // One proposer built everything with full certificates: all of the bonus.
    nearly(paid(&events, &address(200)), validators / 4 + 4 * ISSUED * 20 / 100);
    for (pool, percent) in [("witness_pool", 5), ("timetoke_pool", 5), ("prover_pool", 10), ("treasury", 5)] {
        assert_eq!(paid(&events, &Address::of_module(pool)), 4 * ISSUED * percent / 100, "{pool}");
        assert_eq!(chain.balance(&Address::of_module(pool)), 7 * ISSUED * percent / 100, "{pool}");
    }
    let left = pot(&chain) - ISSUED - ISSUED / 5;
    assert!(left <= 8, "this block's, the first block's bonus without a certificate, and {left} of rounding");
}

#[test]
fn absence_costs_the_absent_and_the_proposer_and_stays_in_the_pot_or_with_the_others() {
    let mut chain = chain();
    blocks(&mut chain, 4);
    chain.absent.insert(address(203));
    let before = pot(&chain);
    let events = epochs(&mut chain, 1);
    // Blocks 5 to 8 include certificates without 203; the payment uses the promises of blocks 4 to 7.
    let validators = 4 * ISSUED * 55 / 100;
    assert_eq!(paid(&events, &address(203)), 0);
    nearly(paid(&events, &address(201)), validators / 3);
    // 30 of 40 signed: (3·30 − 2·40)/40 is a quarter of the bonus; block 4 still had all of it.
    let bonus = ISSUED / 5 + 3 * (ISSUED / 5 / 4);
    nearly(paid(&events, &address(200)), validators / 3 + bonus);
    let out: u64 = events
        .iter()
        .map(|event| match event {
            Event::RewardPaid { amount, .. } | Event::PoolFunded { amount, .. } => amount.micro(),
            _ => 0,
        })
        .sum();
    assert_eq!(pot(&chain), before + 4 * ISSUED - out, "nothing appears and nothing vanishes");
}

#[test]
fn delegators_get_their_part_after_commission_when_they_ask() {
    let mut chain = chain();
    for bps in [50, 100] {
        epochs(&mut chain, 1);
        assert_eq!(act(&mut chain, 201, StakeAction::SetCommission { commission_bps: bps }).0, Outcome::Success);
    }
    let delegate = StakeAction::Delegate { validator: address(201), amount: amount(30 * BLOCK) };
    assert_eq!(act(&mut chain, 0, delegate).0, Outcome::Success);
    let events = epochs(&mut chain, 1);
    let reward = 4 * ISSUED * 55 / 100 / 4;
    let commission = reward / 100;
    let own = commission + (reward - commission) / 4;
    assert!(paid(&events, &address(201)).abs_diff(own) <= 1, "{} {own}", paid(&events, &address(201)));
    let (outcome, claimed) = act(&mut chain, 0, StakeAction::Claim { validator: address(201) });
    assert_eq!(outcome, Outcome::Success);
    let theirs = (reward - commission) * 3 / 4;
    assert!(paid(&claimed, &address(0)).abs_diff(theirs) <= 1, "{} {theirs}", paid(&claimed, &address(0)));
    let (outcome, _) = act(&mut chain, 0, StakeAction::Claim { validator: address(201) });
    assert_eq!(outcome, Outcome::NothingToClaim, "once");
}

#[test]
fn a_stake_split_over_two_validators_earns_what_it_earned_in_one() {
    let earned = |powers: &[u64], whose: &[u8]| -> u64 {
        let mut chain = crate::chain::Chain::bft(params(), powers);
        epochs(&mut chain, 1);
        let events = epochs(&mut chain, 1);
        whose.iter().map(|who| paid(&events, &address(*who))).sum()
    };
    let (whole, split) = (earned(&[10, 10, 20], &[202]), earned(&[10, 10, 10, 10], &[202, 203]));
    assert!(whole.abs_diff(split) <= 2, "{whole} in one, {split} in two");
    nearly(whole, 4 * ISSUED * 55 / 100 / 2);
}

#[test]
fn pay_follows_the_capped_power() {
    let mut params = params();
    params.staking.power_cap_bps = 1_000;
    let mut chain = crate::chain::Chain::bft(params, &[10, 10, 10, 10, 60]);
    // It falls by a tenth of the power in each epoch, to ⌈100 / 5⌉.
    epochs(&mut chain, 8);
    assert_eq!(crate::staking::power(&chain, 204), 20);
    let events = epochs(&mut chain, 1);
    let validators = 4 * ISSUED * 55 / 100;
    nearly(paid(&events, &address(204)), validators / 3);
    nearly(paid(&events, &address(203)), validators / 6);
}

/// Transfers to the account of `who` in the last block of the next epoch.
fn transfers(chain: &mut crate::chain::Chain, who: u8) -> usize {
    while !chain.height.next().0.is_multiple_of(crate::staking::EPOCH) {
        blocks(chain, 1);
    }
    let slot = state::view::slot_of(chain, &address(who)).unwrap().unwrap();
    let executed = chain.block(&[]).unwrap();
    let to = |op: &&LedgerOp| matches!(op, LedgerOp::Transfer { to, .. } if *to == slot);
    executed.ops.iter().filter(to).count()
}

#[test]
fn a_validator_is_paid_by_one_transfer_an_epoch() {
    let mut chain = chain();
    epochs(&mut chain, 1);
    for who in 200..204 {
        assert_eq!(transfers(&mut chain, who), 1, "the builder's bonus is in the same one");
    }
}

#[test]
fn a_pot_below_its_promises_is_named_and_nothing_is_minted_for_it() {
    let mut chain = chain();
    blocks(&mut chain, 7);
    let promised = rewards::promises(&chain).unwrap().total().unwrap().micro();
    let bonuses: u64 = chain
        .scan(&[rewards::keys::BONUS], 100)
        .iter()
        .map(|(_, value)| primitives::decode::<Amount>(value).unwrap().micro())
        .sum();
    let pot = usize::try_from(ISSUANCE_POT.get()).unwrap();
    assert!(promised > 0 && bonuses > 0 && chain.slots[pot].balance.micro() >= promised + bonuses);
    chain.slots[pot].balance = amount(promised + bonuses);
    rewards::pot_covers_promises(&chain).expect("exactly enough");
    chain.slots[pot].balance = amount(promised + bonuses - 1);
    let broken = rewards::pot_covers_promises(&chain).unwrap_err();
    assert_eq!(broken.0, "the issuance pot does not cover the promised rewards");
    assert!(state::invariants::check_all(&chain).is_err());
    // The end of the epoch stops instead of making the money up.
    chain.slots[pot].balance = amount(1);
    let supply = chain.supply;
    let context = chain.context();
    assert!(matches!(chain.block_in(context, &[]), Err(state::BlockInvalid::Broken(_))));
    assert_eq!((chain.supply, chain.height.0), (supply, 7));
}

#[test]
fn issuance_ends_exactly_at_the_cap() {
    let mut params = params();
    params.supply_cap = amount(100 * BLOCK * 8 + 40 * BLOCK + 3 * ISSUED + 1);
    let mut chain = crate::chain::Chain::bft(params.clone(), &[10, 10, 10, 10]);
    blocks(&mut chain, 40);
    assert_eq!(chain.supply, params.supply_cap);
    assert_eq!(rewards::issuance(&params, chain.supply).micro(), 0);
}
