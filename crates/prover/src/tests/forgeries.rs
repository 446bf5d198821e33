//! Forged windows, each with one lie. Every list is named after the table that must refuse it. Those of slots and trees are in `forged_trees.rs`.

use openvm_stark_backend::p3_field::{Field, PrimeCharacteristicRing};
use openvm_stark_backend::p3_matrix::dense::RowMajorMatrix;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use primitives::{Address, Amount, Hash, Height, LedgerOp};
use proof::airs::boundary::BoundaryColumns;
use proof::airs::operations::OperationColumns;
use proof::airs::statement::StatementColumns;
use proof::airs::supply::SupplyColumns;
use std::collections::BTreeMap;
use tree::LedgerTree;

use super::forge::{
    Lie, Request, STRANGE_CARRY, WrongHash, climb, content, points, rechain, remember, requests, small, step,
};
use super::forged_trees::{boundary, merkle, opens, untouched};
use super::world::{ledger, micro, mixed, slot, witness};
use crate::airs::merkle::{self as merkle_table, Changed};
use crate::hash::permute;
use crate::{ChainConstants, Tables, Traces, WindowWitness, replay};

/// What a forgery does to the matrices after the rows are settled.
pub type Raw = fn(&mut Traces);

/// A window with one lie.
pub struct Forgery {
    /// What the lie is.
    pub name: String,
    /// Its rows.
    pub tables: Tables,
    /// What cannot be said in rows.
    pub raw: Option<Raw>,
}

pub fn lie(name: impl Into<String>, tables: Tables) -> Forgery {
    Forgery { name: name.into(), tables, raw: None }
}

/// Limits so wide that a seal far beyond anything honest is within them.
fn wide(mut witness: WindowWitness) -> WindowWitness {
    witness.chain = ChainConstants { genesis: Hash([7; 32]), issuance_max: Amount::MAX, supply_cap: Amount::MAX };
    witness
}

/// The rows of the window with every operation.
pub fn base() -> (LedgerTree, Tables) {
    let (ledger, witness) = mixed();
    (ledger, replay(&wide(witness)).expect("valid").1)
}

/// The rows of a window that opens slot 9 for `address` and seals.
pub fn opening(address: Address) -> (LedgerTree, Tables) {
    let ledger = ledger(9);
    let ops = vec![LedgerOp::Open { slot: slot(9), address }, LedgerOp::Burn { slot: slot(0), amount: micro(0) }];
    let witness = wide(witness(&ledger, 5, &[(ops, 0)]));
    (ledger, replay(&witness).expect("valid").1)
}

/// The rows of a window in which accounts with enough money pay others.
fn spending() -> Tables {
    let ops = vec![
        LedgerOp::Transfer { from: slot(3), to: slot(4), amount: micro(70_000) },
        LedgerOp::Charge { slot: slot(5), fee: micro(70_000) },
    ];
    replay(&wide(witness(&ledger(9), 5, &[(ops, 9)]))).expect("valid").1
}

/// The tree over these boundary rows, with untouched nodes from the ledger.
pub fn retree(tables: &mut Tables, ledger: &LedgerTree, rows: &[BoundaryColumns<F>]) {
    let named = rows.iter().map(|row| LedgerOp::Burn { slot: slot(small(row.slot)), amount: micro(0) });
    let mut named: Vec<LedgerOp> = named.collect();
    // A seal names slot 1; here only the rows count.
    named.push(LedgerOp::Burn { slot: slot(small(rows[0].slot)), amount: micro(0) });
    let chain = ChainConstants { genesis: Hash([7; 32]), issuance_max: Amount::MAX, supply_cap: Amount::MAX };
    let digest = tree::ops_digest::start(&Hash([7; 32]));
    let blocks = vec![(Height(1), named)];
    let witness = WindowWitness::of_ledger(ledger, chain, Height(0), digest, Address([0; 30]), blocks);
    let leaves: BTreeMap<u32, Changed> =
        rows.iter().map(|row| (small(row.slot), Changed { old: row.old, new: row.new })).collect();
    let (rows, root) = merkle_table::rows(leaves, &witness.siblings).expect("every sibling is there");
    tables.merkle = rows;
    points(tables, |before, after| (before.root, after.root) = (root.old, root.new));
}

/// Moves a request to its place in time.
fn add(list: &mut Vec<Request>, like: Request, time: u32, at: u32, credit: bool, amount: [F; 4]) {
    let mut row = like.row;
    (row.time, row.slot, row.credit, row.charge) = (F::from_u32(time), F::from_u32(at), F::from_bool(credit), F::ZERO);
    row.amount = amount;
    let place = list.iter().position(|other| small(other.row.time) > time).unwrap_or(list.len());
    list.insert(place, Request { row, lie: Lie::No });
}

/// The place of the request at this time.
fn at_time(list: &[Request], time: u32) -> usize {
    list.iter().position(|request| small(request.row.time) == time).expect("a request at this time")
}

/// A window without operations.
pub fn nothing(real: bool) -> Tables {
    let (_, base) = base();
    let mut tables = Tables { public_values: base.public_values, ..Tables::default() };
    tables.statement = StatementColumns { real: F::from_bool(real), index_after: F::ONE, limits_lookups: F::ZERO };
    points(&mut tables, |before, after| *after = *before);
    tables
}

/// Lies to the statement table.
pub fn statement() -> Vec<Forgery> {
    let mut unsaid = nothing(false);
    points(&mut unsaid, |_, after| after.supply[3] += F::ONE);
    let mut root = nothing(true);
    points(&mut root, |_, after| after.root[0] += F::ONE);
    vec![lie("nothing is stated", unsaid), lie("the root is not looked at", root)]
}

/// Lies to the operations table about kinds.
pub fn kinds() -> Vec<Forgery> {
    let mut list = Vec::new();
    let blank = OperationColumns::<F>::default();
    let minus = -F::ONE;
    let (_, base) = base();

    for (name, row) in [
        ("minus one charge", OperationColumns { charge: minus, transfer: F::ONE, ..blank }),
        ("minus one transfer", OperationColumns { transfer: minus, charge: F::ONE, ..blank }),
    ] {
        let mut tables = base.clone();
        tables.operations.push(row);
        list.push(lie(name, tables));
    }

    // A burn whose debit is taken back, and whose amount goes to the issuance pot.
    let mut tables = base.clone();
    let burn = tables.operations[5];
    let row = OperationColumns { burn: minus, seal: F::ONE, index: burn.index, payload: burn.payload, ..blank };
    tables.operations.push(row);
    let mut asked = requests(&tables);
    let taken = asked.remove(at_time(&asked, 12));
    add(&mut asked, taken, 13, 1, true, taken.row.amount);
    remember(&mut tables, &asked);
    list.push(lie("minus one burn", tables));

    // A seal whose credit is taken back.
    let mut tables = base.clone();
    let seal = tables.operations[8];
    let row = OperationColumns { seal: minus, burn: F::ONE, index: seal.index, second_slot: F::TWO, ..blank };
    tables.operations.push(row);
    let mut asked = requests(&tables);
    let taken = asked.remove(at_time(&asked, 19));
    add(&mut asked, taken, 18, 0, false, taken.row.amount);
    remember(&mut tables, &asked);
    list.push(lie("minus one seal", tables));

    // A slot that is opened and never comes into the tree.
    let (ledger, mut tables) = opening(Address([0; 30]));
    let open = tables.operations[0];
    let row = OperationColumns { open: minus, transfer: F::ONE, index: F::from_u8(3), ..open };
    tables.operations.push(row);
    let mut asked = requests(&tables);
    let like = asked[0];
    add(&mut asked, like, 6, 9, false, [F::ZERO; 4]);
    add(&mut asked, like, 7, 0, true, [F::ZERO; 4]);
    remember(&mut tables, &asked);
    tables.opens.clear();
    tables.boundary.retain(|row| row.opened == F::ZERO);
    let rows = tables.boundary.clone();
    retree(&mut tables, &ledger, &rows);
    list.push(lie("minus one open", tables));
    list
}

/// Lies to the operations table about what an operation says.
pub fn operations() -> Vec<Forgery> {
    let (_, base) = base();
    let mut list = kinds();
    let mut changed = |name: String, change: &dyn Fn(&mut Tables), wrong: WrongHash| {
        let mut tables = base.clone();
        change(&mut tables);
        rechain(&mut tables, wrong);
        list.push(lie(name, tables));
    };
    changed("a seal names a slot".into(), &|tables| tables.operations[8].slot = F::from_u8(5), WrongHash::No);
    changed("a burn names two slots".into(), &|tables| tables.operations[5].second_slot = F::from_u8(3), WrongHash::No);
    for at in 4..8 {
        let name = format!("a transfer has something in payload {at}");
        changed(name, &|tables| tables.operations[1].payload[at] = F::ONE, WrongHash::No);
    }
    for wrong in [WrongHash::Capacity(1), WrongHash::Row(1), WrongHash::Step(1)] {
        changed(format!("a wrong hash: {wrong:?}"), &|_| {}, wrong);
    }
    let from_nowhere = |tables: &mut Tables| {
        tables.supply.clear();
        tables.operations[13].supply_after[0] += F::from_u8(5);
    };
    changed("a supply that no table checks".into(), &from_nowhere, WrongHash::No);

    for (name, credit) in [("no debits", F::ZERO), ("no credits", F::ONE)] {
        let mut tables = spending();
        let asked = requests(&tables).into_iter().filter(|request| request.row.credit != credit);
        remember(&mut tables, &asked.collect::<Vec<_>>());
        list.push(lie(name, tables));
    }

    // An amount that is −1 with one limb that is no limb.
    for limb in 0..4 {
        let mut tables = base.clone();
        let amount: [F; 4] = std::array::from_fn(|at| match at.cmp(&limb) {
            std::cmp::Ordering::Less => F::from_u32(65_535),
            std::cmp::Ordering::Equal => -F::ONE,
            std::cmp::Ordering::Greater => F::ZERO,
        });
        tables.operations[12].payload[..4].copy_from_slice(&amount);
        rechain(&mut tables, WrongHash::No);
        let mut asked = requests(&tables);
        for time in [26, 27] {
            let at = at_time(&asked, time);
            asked[at].row.amount = amount;
        }
        remember(&mut tables, &asked);
        list.push(lie(format!("an amount below nothing in limb {limb}"), tables));
    }

    let (ledger, mut tables) = opening(Address([3; 30]));
    tables.operations[0].slot = F::from_u8(12);
    tables.opens[0].slot = F::from_u8(12);
    for row in &mut tables.boundary {
        if row.opened == F::ONE {
            row.slot = F::from_u8(12);
        }
    }
    rechain(&mut tables, WrongHash::No);
    let rows = tables.boundary.clone();
    retree(&mut tables, &ledger, &rows);
    list.push(lie("a slot out of turn", tables));
    list
}

/// A number that the supply table checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Height,
    Supply,
    Issuance,
    Cap,
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Carry(usize),
    Toggle(usize),
    Limb(usize),
}

/// Limb arithmetic with a lie.
fn lied(value: [F; 4], change: [F; 4], sign: F, wrong: Option<Wrong>) -> ([F; 4], [F; 3]) {
    let honest = step(value, change, sign, None);
    match wrong {
        None => honest,
        Some(Wrong::Carry(at)) => step(value, change, sign, Some((at, STRANGE_CARRY))),
        Some(Wrong::Toggle(at)) => step(value, change, sign, Some((at, 1 - small(honest.1[at])))),
        Some(Wrong::Limb(at)) => {
            let (mut after, carries) = honest;
            after[at] += F::ONE;
            (after, carries)
        }
    }
}

/// Leads height and supply through the supply table again, with a lie in one of its rows, and then the states.
fn resupply(tables: &mut Tables, at: usize, number: Number, wrong: Wrong) {
    let limits: Vec<F> = tables.public_values[66..74].to_vec();
    let (bound, cap): ([F; 4], [F; 4]) = (std::array::from_fn(|i| limits[i]), std::array::from_fn(|i| limits[4 + i]));
    let (mut height, mut supply) = (tables.operations[0].height, tables.operations[0].supply);
    let mut operations = tables.operations.iter_mut().filter(|row| row.seal + row.burn == F::ONE);
    let one = [F::ONE, F::ZERO, F::ZERO, F::ZERO];
    for (place, row) in tables.supply.iter_mut().enumerate() {
        let wrong = |of: Number| (place == at && number == of).then_some(wrong);
        let operation = operations.next().expect("an operation for each row");
        (row.height, row.supply) = (height, supply);
        if row.seal == F::ONE {
            (row.height_after, row.height_carry) = lied(height, one, F::ONE, wrong(Number::Height));
            (row.supply_after, row.supply_carry) = lied(supply, row.amount, F::ONE, wrong(Number::Supply));
            (row.issuance_slack, row.issuance_carry) = lied(bound, row.amount, -F::ONE, wrong(Number::Issuance));
            (row.cap_slack, row.cap_carry) = lied(cap, row.supply_after, -F::ONE, wrong(Number::Cap));
            height = row.height_after;
            operation.payload[4..].copy_from_slice(&height);
        } else {
            (row.supply_after, row.supply_carry) = lied(supply, row.amount, -F::ONE, wrong(Number::Supply));
        }
        supply = row.supply_after;
        operation.supply_after = supply;
    }
    rechain(tables, WrongHash::No);
}

/// Lies to the supply table.
pub fn supply() -> Vec<Forgery> {
    let (_, base) = base();
    let mut list = Vec::new();
    let (burn, seal) = (0, 3);

    let mut tables = base.clone();
    let row = tables.supply[burn];
    tables.supply.push(row);
    tables.supply.push(SupplyColumns { real: -F::ONE, ..row });
    list.push(lie("minus one change", tables));

    let mut tables = base.clone();
    let limits = tables.public_values[66..74].to_vec();
    let mut row = SupplyColumns { seal: F::ONE, ..SupplyColumns::default() };
    row.height_after[0] = F::ONE;
    row.issuance_slack.copy_from_slice(&limits[..4]);
    row.cap_slack.copy_from_slice(&limits[4..]);
    tables.supply.push(row);
    list.push(lie("padding that seals", tables));

    let mut wrong = |name: &str, at: usize, number: Number, wrong: Wrong, change: &dyn Fn(&mut Tables)| {
        let mut tables = base.clone();
        change(&mut tables);
        resupply(&mut tables, at, number, wrong);
        list.push(lie(format!("{name}: {number:?} {wrong:?} in row {at}"), tables));
    };
    let rich = |tables: &mut Tables| {
        let supply = &mut tables.operations[0].supply;
        (supply[0], supply[3]) = (F::from_u32(65_535), F::from_u8(5));
        let supply = *supply;
        points(tables, |before, _| before.supply = supply);
    };
    for limb in 0..4 {
        for number in [Number::Height, Number::Supply] {
            wrong("a wrong sum", seal, number, Wrong::Limb(limb), &|_| {});
        }
        wrong("a wrong difference", burn, Number::Supply, Wrong::Limb(limb), &rich);
    }
    for limb in 0..3 {
        for number in [Number::Height, Number::Supply, Number::Issuance, Number::Cap] {
            wrong("a carry that is none", seal, number, Wrong::Carry(limb), &|_| {});
        }
        for number in [Number::Height, Number::Issuance, Number::Cap] {
            wrong("a limb that is none", seal, number, Wrong::Toggle(limb), &|_| {});
        }
        wrong("a limb that is none", burn, Number::Supply, Wrong::Toggle(limb), &rich);
    }
    // No lie in a row, but in where it all starts. The row is one that there is not.
    let none = usize::MAX;
    wrong("a height past the last", none, Number::Height, Wrong::Limb(0), &|tables| {
        tables.operations[0].height = [F::from_u32(65_535); 4];
        points(tables, |before, _| before.height = [F::from_u32(65_535); 4]);
    });
    wrong("a burn of more than there is", none, Number::Supply, Wrong::Limb(0), &|tables| {
        let little = [F::from_u8(10), F::ZERO, F::ZERO, F::ZERO];
        tables.operations[0].supply = little;
        points(tables, |before, _| before.supply = little);
    });
    wrong("issuance above the bound", none, Number::Issuance, Wrong::Limb(0), &|tables| {
        let below = 1_000_000_u32 - 1;
        let limbs = [F::from_u32(below & 0xFFFF), F::from_u32(below >> 16), F::ZERO, F::ZERO];
        tables.public_values[66..70].copy_from_slice(&limbs);
    });
    wrong("a supply above the cap", none, Number::Cap, Wrong::Limb(0), &|tables| {
        let mut cap = tables.supply[3].supply_after;
        cap[0] -= F::ONE;
        tables.public_values[70..74].copy_from_slice(&cap);
    });

    let mut tables = base.clone();
    tables.supply[3].issuance_slack[0] -= F::ONE;
    list.push(lie("other limits", tables));
    list
}

/// Lies to the accesses table.
pub fn accesses() -> Vec<Forgery> {
    let (_, base) = base();
    let mut list = Vec::new();
    let honest = requests(&base);
    let last = honest.len() - 2;
    assert_eq!(small(honest[last].row.time), 27, "the last credit of an account with money");

    let mut tables = base.clone();
    let row = tables.accesses[last];
    tables.accesses.push(row);
    tables.accesses.push(proof::airs::accesses::AccessColumns { real: -F::ONE, ..row });
    list.push(lie("minus one access", tables));

    let mut tables = base.clone();
    tables.accesses[last].elapsed[0] += F::ONE;
    list.push(lie("more time than there was", tables));

    let mut tables = base.clone();
    let row = &mut tables.accesses[last];
    row.elapsed = [F::ZERO, (row.time - row.previous_time - F::ONE) * F::from_u32(1 << 14).inverse()];
    list.push(lie("time in another unit", tables));

    let mut tables = base.clone();
    let mut asked = honest.clone();
    asked.swap(at_time(&honest, 22), at_time(&honest, 24));
    remember(&mut tables, &asked);
    list.push(lie("time that goes back", tables));

    let mut lies = Vec::new();
    for limb in 0..3 {
        lies.push(Lie::BalanceCarry(limb, STRANGE_CARRY));
        lies.push(Lie::NonceCarry(limb, STRANGE_CARRY));
        lies.push(Lie::BalanceCarry(limb, 1 - small(row_of(&base, last).0[limb])));
        lies.push(Lie::NonceCarry(limb, 1 - small(row_of(&base, last).1[limb])));
    }
    for limb in 0..4 {
        lies.push(Lie::BalanceLimb(limb));
        lies.push(Lie::NonceLimb(limb));
    }
    for told in lies {
        let mut tables = base.clone();
        let mut asked = honest.clone();
        // A strange carry adds a lot to the next limb; the issuance pot has room for it.
        let place = if matches!(told, Lie::BalanceCarry(_, STRANGE_CARRY)) { last + 1 } else { last };
        asked[place].lie = told;
        remember(&mut tables, &asked);
        list.push(lie(format!("{told:?}"), tables));
    }

    let mut tables = base.clone();
    let amount = [F::ZERO, F::ZERO, F::from_u8(5), F::ZERO];
    tables.operations[12].payload[..4].copy_from_slice(&amount);
    rechain(&mut tables, WrongHash::No);
    let mut asked = honest.clone();
    for time in [26, 27] {
        let at = at_time(&asked, time);
        asked[at].row.amount = amount;
    }
    remember(&mut tables, &asked);
    list.push(lie("an overdraft", tables));

    let mut tables = base.clone();
    let row = tables.boundary.iter_mut().find(|row| small(row.slot) == 3).expect("slot 3 is touched");
    row.nonce = [F::from_u32(65_535), F::from_u32(65_535), F::from_u32(65_535), F::from_u32(32_767)];
    row.old = permute(content(row.nonce, row.balance), row.capacity).0;
    remember(&mut tables, &honest);
    list.push(lie("a nonce past its end", tables));
    list
}

/// The carries of an honest access.
fn row_of(tables: &Tables, at: usize) -> ([F; 3], [F; 3]) {
    (tables.accesses[at].balance_carry, tables.accesses[at].nonce_carry)
}

/// Lies to the range table.
pub fn range() -> Vec<Forgery> {
    let raw: [(&str, Raw); 3] = [
        ("values from below zero", |traces| longer(traces, true)),
        ("values above a limb", |traces| longer(traces, false)),
        ("values out of order", |traces| {
            let values = &mut traces.matrices[8].values;
            values.swap(10, 12);
            values.swap(11, 13);
        }),
    ];
    let forged = raw.into_iter().map(|(name, raw)| Forgery { name: name.into(), tables: base().1, raw: Some(raw) });
    forged.collect()
}

/// A range table of twice the height, with what it should not have before or after the honest part.
fn longer(traces: &mut Traces, before: bool) {
    let honest = traces.matrices[8].values.clone();
    let more = (0..1_u32 << 16).flat_map(|at| {
        let value = if before { F::from_u32(at) - F::from_u32(1 << 16) } else { F::from_u32((1 << 16) + at) };
        [value, F::ZERO]
    });
    let values = if before { more.chain(honest).collect() } else { honest.into_iter().chain(more).collect() };
    traces.matrices[8] = RowMajorMatrix::new(values, 2);
}

/// Attacks that break more than one thing, under the names they are known by.
pub fn named() -> Vec<Forgery> {
    let (ledger, base) = base();
    let mut list = Vec::new();

    let mut tables = base.clone();
    let again = tables.operations[2];
    tables.operations[9] = OperationColumns { payload: again.payload, slot: again.slot, ..tables.operations[9] };
    tables.opens[1] = tables.opens[0];
    rechain(&mut tables, WrongHash::No);
    list.push(lie("double open", tables));

    let mut tables = base.clone();
    let place = tables.boundary.iter().position(|row| row.opened == F::ONE).expect("slots are opened");
    let before = untouched(&ledger, 8);
    tables.boundary[place].old = before.old;
    climb(&mut tables, None);
    list.push(lie("open of an occupied slot", tables));

    let mut tables = base.clone();
    let (first, second) = (tables.boundary[2], tables.boundary[3]);
    (tables.boundary[2].balance_after, tables.boundary[3].balance_after) = (second.balance_after, first.balance_after);
    for row in &mut tables.boundary {
        row.new = permute(content(row.nonce_after, row.balance_after), row.capacity).0;
    }
    climb(&mut tables, None);
    list.push(lie("the finals of two slots swapped", tables));

    // The second height has no block of its own: its seal repeats the first height.
    let mut tables = base.clone();
    let first: [F; 4] = tables.supply[1].height_after;
    tables.operations[8].payload[4..].copy_from_slice(&first);
    tables.supply[2].height_after = first;
    rechain(&mut tables, WrongHash::No);
    list.push(lie("two seals of a height", tables));

    // Slot 9 pays itself all it has in the fifth operation: without the debit it has twice as much.
    let mut tables = base.clone();
    let mut asked = requests(&tables);
    asked.remove(at_time(&asked, 10));
    remember(&mut tables, &asked);
    list.push(lie("a self-transfer that only credits", tables));

    let mut tables = base.clone();
    let asked = requests(&tables);
    let (first, second) = (at_time(&asked, 22), at_time(&asked, 24));
    let mut twice = asked.clone();
    twice[second].row.time = asked[first].row.time;
    remember(&mut tables, &twice);
    list.push(lie("the same time twice", tables));

    // The index of slot 5's parent, had it been the left child: (5 + modulus) / 2.
    let mut tables = base.clone();
    let place = tables.merkle.iter().position(|row| (small(row.level), small(row.index)) == (1, 2));
    let row = &mut tables.merkle[place.expect("the parent of slot 5")];
    (row.left_touched, row.right_touched) = (row.right_touched, F::ZERO);
    (row.left_old, row.left_new, row.right_old, row.right_new) =
        (row.right_old, row.right_new, row.left_old, row.left_new);
    row.index = F::from_u8(5) * F::TWO.inverse();
    climb(&mut tables, None);
    list.push(lie("index plus modulus", tables));

    let mut tables = base.clone();
    let row = tables.merkle.last_mut().expect("the root is the last row");
    (row.left_touched, row.right_touched) = (F::ZERO, F::ZERO);
    list.push(lie("a root without its tree", tables));

    let mut tables = base;
    tables.statement.index_after -= F::ONE;
    list.push(lie("a window that ends before its last operation", tables));
    list
}

/// Every forgery.
pub fn all() -> Vec<Forgery> {
    let mut list = statement();
    list.extend(operations());
    list.extend(supply());
    list.extend(accesses());
    list.extend(opens());
    list.extend(boundary());
    list.extend(merkle());
    list.extend(range());
    list
}
