//! Statements: what no window can have, how windows join, and that no two statements share their public values.

use std::collections::BTreeSet;

use openvm_stark_backend::p3_field::PrimeField32;
use primitives::ledger::SLOTS_MAX;
use primitives::{Amount, Hash, Height, LedgerDigest};

use super::golden::statement;
use crate::{JoinError, StatementError, WindowStatement};

#[test]
fn impossible_statements_are_named() {
    let honest = statement();
    assert_eq!(honest.check(), Ok(()));
    let mut forged = honest;
    forged.after.height = forged.before.height;
    assert_eq!(forged.check(), Err(StatementError::NoBlock { before: Height(0), after: Height(0) }));
    let mut forged = honest;
    forged.after.next_slot = SLOTS_MAX + 1;
    assert_eq!(forged.check(), Err(StatementError::TooManySlots { next_slot: SLOTS_MAX + 1 }));
    let mut forged = honest;
    forged.genesis = Hash([1; 32]);
    assert_eq!(forged.check(), Err(StatementError::OtherGenesis));
    forged.before.height = Height(1);
    assert_eq!(forged.check(), Ok(()), "only genesis fixes its digest");
}

#[test]
fn windows_join_where_one_ends_and_the_next_starts() {
    let first = statement();
    let mut second = first;
    second.before = first.after;
    second.after.height = Height(9);
    assert_eq!(second.follows(&first), Ok(()));
    assert_eq!(first.follows(&first), Err(JoinError::Gap { height: Height(1) }));
    let changes: [fn(&mut WindowStatement); 5] = [
        |forged| forged.before.height = Height(7),
        |forged| forged.before.ledger_root = LedgerDigest::default(),
        |forged| forged.before.ops_digest = LedgerDigest::default(),
        |forged| forged.before.supply = Amount::ZERO,
        |forged| forged.before.next_slot = 0,
    ];
    for change in changes {
        let mut forged = second;
        change(&mut forged);
        assert!(matches!(forged.follows(&first), Err(JoinError::Gap { .. })));
    }
    let changes: [fn(&mut WindowStatement); 3] = [
        |forged| forged.genesis = Hash([1; 32]),
        |forged| forged.issuance_max = Amount::MAX,
        |forged| forged.supply_cap = Amount::MAX,
    ];
    for change in changes {
        let mut forged = second;
        change(&mut forged);
        assert!(matches!(forged.follows(&first), Err(JoinError::OtherChain { .. })));
    }
}

#[test]
fn every_bit_of_a_statement_is_in_its_public_values() {
    let honest = statement();
    let values = |statement: &WindowStatement| -> Vec<u32> {
        statement.public_values().iter().map(PrimeField32::as_canonical_u32).collect()
    };
    let mut seen = BTreeSet::from([values(&honest)]);
    let mut count = 1;
    let mut add = |change: &dyn Fn(&mut WindowStatement)| {
        let mut other = honest;
        change(&mut other);
        count += 1;
        assert!(seen.insert(values(&other)), "two statements have the same public values");
    };
    for bit in 0..8 {
        for byte in 0..32 {
            add(&|other| other.genesis.0[byte] ^= 1 << bit);
        }
        for byte in 0..30 {
            add(&|other| other.payout.0[byte] ^= 1 << bit);
        }
    }
    for bit in 0..64 {
        add(&|other| other.before.height.0 ^= 1 << bit);
        add(&|other| other.after.height.0 ^= 1 << bit);
    }
    for bit in 0..63 {
        let flip = |amount: Amount| Amount::new(amount.micro() ^ (1 << bit)).expect("below 2^63");
        add(&|other| other.before.supply = flip(other.before.supply));
        add(&|other| other.after.supply = flip(other.after.supply));
        add(&|other| other.issuance_max = flip(other.issuance_max));
        add(&|other| other.supply_cap = flip(other.supply_cap));
    }
    for bit in 0..30 {
        add(&|other| other.before.next_slot ^= 1 << bit);
        add(&|other| other.after.next_slot ^= 1 << bit);
    }
    assert_eq!(seen.len(), count);
}
