//! The rows of operations and the running digest over them.

use primitives::{Address, Hash, LedgerOp};
use testkit::Seed;

use super::{amount, seal, slot};
use crate::hash::{node_digest, row_digest};
use crate::ops_digest::{absorb, row_of, start};

/// One operation of each kind, with every limb different.
fn one_of_each() -> [LedgerOp; 5] {
    let money = amount(0x0004_0003_0002_0001);
    [
        LedgerOp::Open { slot: slot(77), address: Address([0xff; 30]) },
        LedgerOp::Charge { slot: slot(8), fee: money },
        LedgerOp::Transfer { from: slot(9), to: slot(10), amount: money },
        LedgerOp::Burn { slot: slot(11), amount: money },
        LedgerOp::Seal { height: primitives::Height(0x0008_0007_0006_0005), issuance: money },
    ]
}

#[test]
fn rows_are_laid_out_as_drawn() {
    const FULL: u32 = (1 << 30) - 1;
    let expected: [[u32; 16]; 5] = [
        [1, 77, 0, FULL, FULL, FULL, FULL, FULL, FULL, FULL, FULL, 0, 0, 0, 0, 0],
        [2, 8, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [3, 9, 10, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [4, 11, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [5, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0],
    ];
    assert_eq!(one_of_each().map(|op| row_of(&op)), expected);
}

#[test]
fn each_step_compresses_the_digest_with_the_row() {
    let ops = one_of_each();
    let begin = start(&Hash([3; 32]));
    let expected = ops.iter().fold(begin, |digest, op| node_digest(&digest, &row_digest(&row_of(op))));
    assert_eq!(absorb(begin, &ops), expected);
    assert_eq!(absorb(begin, &[]), begin);
}

#[test]
fn the_digest_does_not_depend_on_how_operations_are_grouped() {
    let mut seed = Seed::new();
    let ops: Vec<LedgerOp> = (0..2_500).map(|height| seal(height, seed.below(1_000))).collect();
    let begin = start(&Hash(seed.array()));
    let at_once = absorb(begin, &ops);
    let mut running = begin;
    let mut rest = &ops[..];
    while !rest.is_empty() {
        let (some, later) = rest.split_at(seed.index(rest.len()) + 1);
        running = absorb(running, some);
        rest = later;
    }
    assert_eq!(running, at_once);
}

#[test]
fn genesis_order_and_every_operation_count() {
    let ops = one_of_each();
    let digest = absorb(start(&Hash([3; 32])), &ops);
    for byte in 0..32 {
        let mut other = [3; 32];
        other[byte] ^= 1;
        assert_ne!(absorb(start(&Hash(other)), &ops), digest, "byte {byte} of the genesis hash");
    }
    let mut swapped = ops;
    swapped.swap(1, 2);
    assert_ne!(absorb(start(&Hash([3; 32])), &swapped), digest);
    assert_ne!(absorb(start(&Hash([3; 32])), &ops[..4]), digest);
    assert_ne!(absorb(start(&Hash([3; 32])), &[&ops[..], &ops[4..]].concat()), digest);
}
