//! Forged windows, each with one lie, about slots that open, accounts at the borders of a window, and the tree over them.
//!
//! The other tables, and how a forgery is made: `forgeries.rs`.

use openvm_stark_backend::p3_field::{Field, PrimeCharacteristicRing};
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use primitives::Address;
use proof::airs::boundary::BoundaryColumns;
use proof::airs::merkle::MerkleColumns;
use tree::LedgerTree;

use super::forge::{WrongHash, climb, content, points, rechain, small};
use super::forgeries::{Forgery, base, lie, nothing, opening, retree};
use super::world::slot;
use crate::Tables;
use crate::hash::{node, permute, sponge};

/// Lies to the opens table.
pub fn opens() -> Vec<Forgery> {
    let (_, base) = base();
    let mut list = Vec::new();
    let mut tables = base.clone();
    let row = tables.opens[0];
    tables.opens.push(row);
    tables.opens.push(proof::airs::opens::OpenColumns { real: -F::ONE, ..row });
    list.push(lie("minus one address", tables));

    for limb in 0..8 {
        let mut tables = base.clone();
        tables.opens[0].low[limb] += F::from_u32(1 << 16);
        tables.opens[0].high[limb] -= F::ONE;
        list.push(lie(format!("a low part of 17 bits in limb {limb}"), tables));

        let mut tables = base.clone();
        let quarter = F::from_u8(4).inverse();
        let row = &mut tables.opens[0];
        if small(row.low[limb]) >= 1 << 14 {
            row.low[limb] -= F::from_u32(1 << 14);
            row.high[limb] += quarter;
        } else {
            row.low[limb] += F::from_u32(3 << 14);
            row.high[limb] -= quarter * F::from_u8(3);
        }
        list.push(lie(format!("a quarter in limb {limb}"), tables));

        let mut tables = base.clone();
        let more = F::from_u32(1 << 30);
        tables.opens[1].high[limb] += F::from_u32(1 << 14);
        tables.operations[9].payload[limb] += more;
        let row = tables.boundary.iter_mut().find(|row| small(row.slot) == 10).expect("slot 10 is opened");
        row.address[limb] += more;
        (row.capacity, row.new) = sponge(row.address, content(row.nonce_after, row.balance_after));
        rechain(&mut tables, WrongHash::No);
        climb(&mut tables, None);
        list.push(lie(format!("an address of more than 30 bits in limb {limb}"), tables));
    }
    list
}

/// Lies to the boundary table.
pub fn boundary() -> Vec<Forgery> {
    let (ledger, base) = base();
    let mut list = Vec::new();
    let mut tables = base.clone();
    let row = *tables.boundary.iter().find(|row| row.opened == F::ZERO).expect("an account that was there");
    tables.boundary.push(row);
    tables.boundary.push(BoundaryColumns { real: -F::ONE, ..row });
    list.push(lie("minus one slot", tables));

    let (_, mut tables) = opening(Address([3; 30]));
    let row = tables.boundary.iter_mut().find(|row| row.opened == F::ONE).expect("one slot is opened");
    let padding = BoundaryColumns { real: F::ZERO, ..*row };
    row.opened = F::ZERO;
    tables.boundary.push(padding);
    list.push(lie("padding that opens", tables));

    let opened = base.boundary.iter().position(|row| row.opened == F::ONE).expect("slots are opened");
    for element in 0..8 {
        let mut tables = base.clone();
        tables.boundary[opened].old[element] = F::ONE;
        climb(&mut tables, None);
        list.push(lie(format!("an open of an occupied slot, element {element}"), tables));
    }

    let mut changed = |name: &str, change: &dyn Fn(&mut BoundaryColumns<F>)| {
        let mut tables = base.clone();
        change(&mut tables.boundary[2]);
        climb(&mut tables, None);
        list.push(lie(name, tables));
    };
    changed("another address", &|row| {
        row.capacity[0] += F::ONE;
        row.old = permute(content(row.nonce, row.balance), row.capacity).0;
        row.new = permute(content(row.nonce_after, row.balance_after), row.capacity).0;
    });
    changed("another content before", &|row| row.old[0] += F::ONE);
    changed("another content after", &|row| row.new[0] += F::ONE);

    for limb in 0..8 {
        let mut tables = base.clone();
        let mut row = untouched(&ledger, 7);
        let number = if limb < 4 { &mut row.nonce } else { &mut row.balance };
        number[limb % 4] += F::from_u32(1 << 16);
        (row.nonce_after, row.balance_after) = (row.nonce, row.balance);
        row.old = permute(content(row.nonce, row.balance), row.capacity).0;
        row.new = row.old;
        tables.boundary.push(row);
        let rows = tables.boundary.clone();
        retree(&mut tables, &ledger, &rows);
        list.push(lie(format!("a limb in the tree that is none: {limb}"), tables));
    }

    let mut tables = base.clone();
    let root = *tables.merkle.last().expect("the root is the last row");
    tables.merkle = vec![untouched_node(&root)];
    points(&mut tables, |before, after| after.root = before.root);
    list.push(lie("a slot outside the tree", tables));
    list
}

/// The boundary row of a slot that nothing happens to.
pub fn untouched(ledger: &LedgerTree, at: u32) -> BoundaryColumns<F> {
    let held = ledger.slot(slot(at)).expect("an account");
    let now = crate::airs::accesses::Account { time: 0, nonce: held.nonce.get(), balance: held.balance.micro() };
    crate::airs::boundary::row(slot(at), &held.address, Some(held), &now)
}

/// A node that nothing happens to.
fn untouched_node(row: &MerkleColumns<F>) -> MerkleColumns<F> {
    MerkleColumns {
        left_touched: F::ZERO,
        right_touched: F::ZERO,
        left_new: row.left_old,
        right_new: row.right_old,
        new: row.old,
        ..*row
    }
}

/// Lies to the merkle table.
pub fn merkle() -> Vec<Forgery> {
    let (ledger, base) = base();
    let mut list = Vec::new();
    let find = |tables: &Tables, level: u32, index: u32| {
        let place = tables.merkle.iter().position(|row| (small(row.level), small(row.index)) == (level, index));
        place.expect("a touched node")
    };

    let mut tables = base.clone();
    let row = untouched_node(&tables.merkle[0]);
    let row = MerkleColumns { old: node(row.left_old, row.right_old), new: node(row.left_old, row.right_old), ..row };
    tables.merkle.push(row);
    tables.merkle.push(MerkleColumns { real: -F::ONE, ..row });
    list.push(lie("minus one node", tables));

    // A left child that comes twice.
    let mut tables = base.clone();
    let row = untouched(&ledger, 8);
    tables.boundary.extend([row, row]);
    let parent = find(&tables, 1, 4);
    tables.merkle[parent].left_touched = F::TWO;
    list.push(lie("two left children", tables));

    // A right child that comes twice.
    let mut tables = base.clone();
    let empty = (0..3).fold([F::ZERO; 8], |below, _| node(below, below));
    let parent = find(&tables, 5, 0);
    let child = MerkleColumns {
        real: F::ONE,
        level: F::from_u8(4),
        index: F::ONE,
        left_old: empty,
        left_new: empty,
        right_old: empty,
        right_new: empty,
        old: tables.merkle[parent].right_old,
        new: tables.merkle[parent].right_old,
        ..MerkleColumns::default()
    };
    tables.merkle.extend([child, child]);
    tables.merkle[parent].right_touched = F::TWO;
    list.push(lie("two right children", tables));

    for (name, slot, right) in [("padding takes a left child", 4, false), ("padding takes a right child", 5, true)] {
        let mut tables = base.clone();
        let (taken, rows): (Vec<_>, Vec<_>) = tables.boundary.iter().partition(|row| small(row.slot) == slot);
        retree(&mut tables, &ledger, &rows);
        let mut row = MerkleColumns { level: F::ONE, index: F::from_u32(slot / 2), ..MerkleColumns::default() };
        if right {
            (row.right_touched, row.right_old, row.right_new) = (F::ONE, taken[0].old, taken[0].new);
        } else {
            (row.left_touched, row.left_old, row.left_new) = (F::ONE, taken[0].old, taken[0].new);
        }
        tables.merkle.push(row);
        list.push(lie(name, tables));
    }

    for element in 0..8 {
        let mut tables = base.clone();
        let row = find(&tables, 1, 4);
        tables.merkle[row].left_new[element] += F::ONE;
        climb(&mut tables, None);
        list.push(lie(format!("an untouched left child changes in element {element}"), tables));
        let mut tables = base.clone();
        let row = find(&tables, 1, 5);
        tables.merkle[row].right_new[element] += F::ONE;
        climb(&mut tables, None);
        list.push(lie(format!("an untouched right child changes in element {element}"), tables));
    }

    for right in [false, true] {
        let mut tables = nothing(true);
        let mut row = untouched_node(base.merkle.last().expect("the root is the last row"));
        if right {
            (row.right_touched, row.right_new[0]) = (F::ONE, row.right_new[0] + F::ONE);
        } else {
            (row.left_touched, row.left_new[0]) = (F::ONE, row.left_new[0] + F::ONE);
        }
        tables.merkle.push(row);
        climb(&mut tables, None);
        list.push(lie(format!("a child that is nowhere, right: {right}"), tables));
    }

    for new in [false, true] {
        let mut tables = base.clone();
        let changed = if new { &mut tables.merkle[0].new } else { &mut tables.merkle[0].old };
        changed[0] += F::ONE;
        climb(&mut tables, Some(0));
        list.push(lie(format!("a node that is no hash, after: {new}"), tables));
    }
    list
}
