//! The size of a part: an upper bound of what its tree has, growing with everything.

use std::collections::BTreeSet;

use primitives::ledger::LEDGER_DEPTH;
use primitives::{Address, LedgerOp, PartLimits, PartMeter, PartSize, SlotIndex};
use testkit::Seed;

/// Inner nodes above these slots, counted one by one.
fn counted(slots: &BTreeSet<u32>) -> u64 {
    let level = |level: usize| slots.iter().map(|slot| slot >> level).collect::<BTreeSet<_>>().len() as u64;
    (1..=LEDGER_DEPTH).map(level).sum()
}

#[test]
fn the_bound_is_never_below_the_nodes_of_a_tree() {
    let mut seed = Seed::new();
    for _ in 0..300 {
        let depth = seed.below(31);
        let slots: BTreeSet<u32> = (0..=seed.below(200)).map(|_| seed.below(1 << depth) as u32).collect();
        let highest = *slots.last().unwrap();
        let next_slot = highest + 1 + seed.below(u64::from((1 << 30) - highest)) as u32;
        let size = PartSize { operations: 0, slots: slots.len(), next_slot };
        assert!(size.nodes() >= counted(&slots), "{slots:?}");
        let all: BTreeSet<u32> = (0..slots.len() as u32).collect();
        let full = PartSize { operations: 0, slots: all.len(), next_slot: all.len() as u32 };
        let at_most = counted(&all);
        assert_eq!(full.nodes(), at_most, "all slots in use");
    }
}

#[test]
fn slots_that_lie_apart_reach_the_bound_exactly() {
    // 16 slots, one below each node of level 26: no two paths meet below it.
    let slots: BTreeSet<u32> = (0..16).map(|at| at << 26).collect();
    let size = PartSize { operations: 0, slots: 16, next_slot: 1 << 30 };
    assert_eq!(size.nodes(), counted(&slots));
    assert_eq!(size.nodes(), 26 * 16 + 8 + 4 + 2 + 1);
    assert_eq!(PartSize { operations: 7, ..size }.hashes(), 7 * 3 + 16 * 3 + 2 * size.nodes());
}

#[test]
fn the_size_grows_with_each_of_its_parts() {
    let mut seed = Seed::new();
    for _ in 0..300 {
        let size = PartSize {
            operations: seed.index(70_000),
            slots: seed.index(20_000),
            next_slot: seed.below(1 << 30) as u32,
        };
        for larger in [
            PartSize { operations: size.operations + 1, ..size },
            PartSize { slots: size.slots + 1, ..size },
            PartSize { next_slot: size.next_slot + 1, ..size },
        ] {
            assert!(larger.hashes() >= size.hashes(), "{size:?}");
        }
    }
    let most = PartSize { operations: usize::MAX, slots: usize::MAX, next_slot: u32::MAX };
    assert!(!PartLimits::PART.admit(&most), "sums do not wrap");
}

#[test]
fn meters_add_up() {
    let at = |slot: u32| SlotIndex::new(slot).unwrap();
    let open = LedgerOp::Open { slot: at(10), address: Address([1; 30]) };
    let pay = |from: u32, to: u32| LedgerOp::Transfer { from: at(from), to: at(to), amount: Default::default() };
    let (mut first, mut second) = (PartMeter::new(10), PartMeter::new(11));
    first.add(&[open, pay(3, 10)]);
    second.add(&[pay(3, 4), LedgerOp::Seal { height: Default::default(), issuance: Default::default() }]);
    assert_eq!(first.size(), PartSize { operations: 2, slots: 2, next_slot: 11 });
    assert_eq!(second.size(), PartSize { operations: 2, slots: 3, next_slot: 11 });
    let both = first.with(&second);
    assert_eq!(both, PartSize { operations: 4, slots: 4, next_slot: 11 }, "slots 1, 3, 4 and 10");
    first.join(second);
    assert_eq!(first.size(), both);
}
