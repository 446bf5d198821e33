//! Tools to forge windows: rows that are consistent in everything but the lie that a test puts in.
//!
//! Arithmetic is done on field elements, so that limbs and carries can be what no honest one is.

use std::collections::BTreeMap;

use openvm_stark_backend::interaction::BusIndex;
use openvm_stark_backend::p3_field::{PrimeCharacteristicRing, PrimeField32};
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use proof::VerifyingKey;
use proof::airs::accesses::{AccessColumns, ELAPSED_WEIGHT};
use proof::airs::bus::{ABSORB, COMPRESS, LIMITS, RANGE};
use proof::airs::operations::OperationColumns;
use proof::airs::range::RangeColumns;
use proof::airs::statement::{PointValues, StatementValues};

use crate::airs::poseidon2;
use crate::check::{Part, each_row};
use crate::hash::{Half, node, permute, sponge};
use crate::tables::HashLookups;
use crate::{Tables, Traces};

/// A carry that is no boolean: 65,536 · 30,720 is −1 in the field.
pub const STRANGE_CARRY: u32 = 30_720;

/// 2^16 as a field element.
pub fn limb_size() -> F {
    F::from_u32(1 << 16)
}

/// Whether an element is a limb.
pub fn is_limb(value: F) -> bool {
    value.as_canonical_u32() < 1 << 16
}

/// An element as a small number.
pub fn small(value: F) -> u32 {
    value.as_canonical_u32()
}

/// A lie about one access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// None.
    No,
    /// This carry of the balance has this value.
    BalanceCarry(usize, u32),
    /// This limb of the balance after is one more than it is.
    BalanceLimb(usize),
    /// This carry of the nonce has this value.
    NonceCarry(usize, u32),
    /// This limb of the nonce after is one more than it is.
    NonceLimb(usize),
}

/// One debit or credit to be remembered, in the order of the list.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// What an honest row has in these columns.
    pub row: AccessColumns<F>,
    /// What is wrong with it.
    pub lie: Lie,
}

/// The accesses of the tables.
pub fn requests(tables: &Tables) -> Vec<Request> {
    tables.accesses.iter().map(|row| Request { row: *row, lie: Lie::No }).collect()
}

/// Limb by limb: value + sign · change, with the carries that keep limbs in range unless one is forced.
pub fn step(value: [F; 4], change: [F; 4], sign: F, forced: Option<(usize, u32)>) -> ([F; 4], [F; 3]) {
    let (mut after, mut carries, mut carry) = ([F::ZERO; 4], [F::ZERO; 3], F::ZERO);
    for limb in 0..4 {
        let sum = value[limb] + sign * (change[limb] + carry);
        let choice = match forced {
            Some((at, forced)) if at == limb => F::from_u32(forced),
            _ if limb == 3 || is_limb(sum) || !is_limb(sum - sign * limb_size()) => F::ZERO,
            _ => F::ONE,
        };
        after[limb] = sum - sign * choice * limb_size();
        carry = choice;
        if limb < 3 {
            carries[limb] = choice;
        }
    }
    (after, carries)
}

/// Makes accesses, boundary, tree and roots of these requests.
pub fn remember(tables: &mut Tables, requests: &[Request]) {
    let opened: BTreeMap<u32, F> = tables
        .operations
        .iter()
        .filter(|row| row.open == F::ONE)
        .map(|row| (small(row.slot), row.index.double()))
        .collect();
    let mut accounts: BTreeMap<u32, ([F; 4], [F; 4], F)> = BTreeMap::new();
    for row in &tables.boundary {
        let time = opened.get(&small(row.slot)).copied().unwrap_or_default();
        accounts.insert(small(row.slot), (row.nonce, row.balance, time));
    }
    tables.accesses.clear();
    for request in requests {
        let mut row = request.row;
        let Some(account) = accounts.get_mut(&small(row.slot)) else { continue };
        (row.nonce, row.balance, row.previous_time) = *account;
        let sign = row.credit.double() - F::ONE;
        let balance_forced = if let Lie::BalanceCarry(at, carry) = request.lie { Some((at, carry)) } else { None };
        (row.balance_after, row.balance_carry) = step(row.balance, row.amount, sign, balance_forced);
        let nonce_forced = if let Lie::NonceCarry(at, carry) = request.lie { Some((at, carry)) } else { None };
        let one = [row.charge, F::ZERO, F::ZERO, F::ZERO];
        (row.nonce_after, row.nonce_carry) = step(row.nonce, one, F::ONE, nonce_forced);
        match request.lie {
            Lie::BalanceLimb(limb) => row.balance_after[limb] += F::ONE,
            Lie::NonceLimb(limb) => row.nonce_after[limb] += F::ONE,
            _ => {}
        }
        row.elapsed = elapsed(row.time - row.previous_time - F::ONE);
        *account = (row.nonce_after, row.balance_after, row.time);
        tables.accesses.push(row);
    }
    for row in &mut tables.boundary {
        if let Some(account) = accounts.get(&small(row.slot)) {
            (row.nonce_after, row.balance_after, row.last_time) = *account;
        }
        row.new = permute(content(row.nonce_after, row.balance_after), row.capacity).0;
    }
    climb(tables, None);
}

/// The limbs of an elapsed time. One that goes backwards leaves the range in the lower limb alone.
pub fn elapsed(elapsed: F) -> [F; 2] {
    let value = small(elapsed);
    if value >= 1 << 30 {
        [elapsed, F::ZERO]
    } else {
        [F::from_u32(value & 0xFFFF), F::from_u32((value >> 16) * ((1 << 16) / ELAPSED_WEIGHT))]
    }
}

/// The second half of a leaf.
pub fn content(nonce: [F; 4], balance: [F; 4]) -> Half {
    std::array::from_fn(|at| if at < 4 { nonce[at] } else { balance[at - 4] })
}

/// Hashes the tree from the leaves up and puts its roots into the public values. The row `except` keeps its own.
pub fn climb(tables: &mut Tables, except: Option<usize>) {
    let mut nodes: BTreeMap<(u32, u32), (Half, Half)> =
        tables.boundary.iter().map(|row| ((0, small(row.slot)), (row.old, row.new))).collect();
    for (at, row) in tables.merkle.iter_mut().enumerate() {
        let (level, index) = (small(row.level), small(row.index));
        if let Some((old, new)) = nodes.get(&(level.wrapping_sub(1), 2 * index))
            && row.left_touched == F::ONE
        {
            (row.left_old, row.left_new) = (*old, *new);
        }
        if let Some((old, new)) = nodes.get(&(level.wrapping_sub(1), 2 * index + 1))
            && row.right_touched == F::ONE
        {
            (row.right_old, row.right_new) = (*old, *new);
        }
        if except != Some(at) {
            (row.old, row.new) = (node(row.left_old, row.right_old), node(row.left_new, row.right_new));
        }
        nodes.insert((level, index), (row.old, row.new));
    }
    if let Some((old, new)) = nodes.get(&(30, 0)).copied() {
        points(tables, |before, after| (before.root, after.root) = (old, new));
    }
}

/// Changes the points in the public values.
pub fn points(tables: &mut Tables, change: impl FnOnce(&mut PointValues<F>, &mut PointValues<F>)) {
    let mut values = StatementValues::read(&tables.public_values);
    let (mut before, mut after) = (PointValues::read(&values.before), PointValues::read(&values.after));
    change(&mut before, &mut after);
    let row = |point: PointValues<F>| -> [F; 25] {
        let mut row = Vec::new();
        point.write(&mut row);
        std::array::from_fn(|at| row[at])
    };
    (values.before, values.after) = (row(before), row(after));
    tables.public_values.clear();
    values.write(&mut tables.public_values);
}

/// Which hash of an operation is not the true one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongHash {
    /// None.
    No,
    /// The capacity of this row.
    Capacity(usize),
    /// The row digest of this row.
    Row(usize),
    /// The running digest after this row.
    Step(usize),
}

/// Leads the states and digests through the operations again and puts their end into the public values.
pub fn rechain(tables: &mut Tables, wrong: WrongHash) {
    let mut before: Option<OperationColumns<F>> = None;
    for (at, row) in tables.operations.iter_mut().enumerate() {
        if row.open + row.charge + row.transfer + row.burn + row.seal == F::ZERO {
            continue;
        }
        if let Some(before) = before {
            let changes = before.seal + before.burn;
            row.digest = before.digest_after;
            row.next_slot = before.next_slot + before.open;
            row.sealed = before.seal;
            for limb in 0..4 {
                row.height[limb] = before.height[limb] + before.seal * (before.payload[4 + limb] - before.height[limb]);
                row.supply[limb] = before.supply[limb] + changes * (before.supply_after[limb] - before.supply[limb]);
            }
        }
        let (first, second) = halves(row);
        (row.capacity, row.row_digest) = sponge(first, second);
        if wrong == WrongHash::Capacity(at) {
            row.capacity[0] += F::ONE;
            row.row_digest = permute(second, row.capacity).0;
        }
        if wrong == WrongHash::Row(at) {
            row.row_digest[0] += F::ONE;
        }
        row.digest_after = node(row.digest, row.row_digest);
        if wrong == WrongHash::Step(at) {
            row.digest_after[0] += F::ONE;
        }
        before = Some(*row);
    }
    let Some(last) = before else { return };
    let changes = last.seal + last.burn;
    points(tables, |_, after| {
        after.ops_digest = last.digest_after;
        after.next_slot = last.next_slot + last.open;
        for limb in 0..4 {
            after.height[limb] = last.height[limb] + last.seal * (last.payload[4 + limb] - last.height[limb]);
            after.supply[limb] = last.supply[limb] + changes * (last.supply_after[limb] - last.supply[limb]);
        }
    });
}

/// The elements of an operation's row.
fn halves(row: &OperationColumns<F>) -> (Half, Half) {
    let tag = row.open
        + row.charge.double()
        + row.transfer * F::from_u8(3)
        + row.burn * F::from_u8(4)
        + row.seal * F::from_u8(5);
    let payload = row.payload;
    let first = [tag, row.slot, row.second_slot, payload[0], payload[1], payload[2], payload[3], payload[4]];
    let zero = F::ZERO;
    (first, [payload[5], payload[6], payload[7], zero, zero, zero, zero, zero])
}

/// Makes matrices of the rows, with the multiplicities that fit whatever they look up when `without` is left out.
pub fn settle(key: &VerifyingKey, tables: &Tables, without: Option<Part>) -> Traces {
    let mut traces = tables.traces();
    let mut asked: BTreeMap<(BusIndex, Vec<F>), F> = BTreeMap::new();
    // The two tables at the end only answer; the key of the limits is the only other answer.
    for table in 0..7 {
        let dag = &key.inner().inner.per_air[table].symbolic_constraints;
        each_row(dag, &traces.matrices[table], &traces.public_values, |_, values| {
            for (at, interaction) in dag.interactions.iter().enumerate() {
                let bus = interaction.bus_index;
                let lookup = [ABSORB.index, COMPRESS.index, RANGE.index, LIMITS.index].contains(&bus);
                let answers = table == 0 && bus == LIMITS.index;
                let count = values[interaction.count];
                if lookup && !answers && count != F::ZERO && without != Some(Part::Interaction(table, at)) {
                    let message = interaction.message.iter().map(|node| values[*node]).collect();
                    *asked.entry((bus, message)).or_default() += count;
                }
            }
        });
    }
    let limits = tables.public_values[66..74].to_vec();
    let mut hashes: BTreeMap<[F; 16], [F; 2]> = BTreeMap::new();
    let mut range = vec![F::ZERO; 1 << 16];
    let mut seals = F::ZERO;
    for ((bus, message), count) in asked {
        if bus == RANGE.index && is_limb(message[0]) {
            range[usize::try_from(small(message[0])).expect("a limb")] = count;
        } else if bus == LIMITS.index && message == limits {
            seals = count;
        } else if bus == ABSORB.index || bus == COMPRESS.index {
            let (lower, upper): (Half, Half) =
                (std::array::from_fn(|at| message[at]), std::array::from_fn(|at| message[8 + at]));
            let (low, high) = permute(lower, upper);
            let counts = hashes.entry(std::array::from_fn(|at| message[at])).or_default();
            if bus == ABSORB.index && high == message[16..] {
                counts[0] = count;
            }
            if bus == COMPRESS.index && low == message[16..] {
                counts[1] = count;
            }
        }
    }
    traces.matrices[0].values[2] = seals;
    let inputs = hashes.keys().map(|input| (*input, HashLookups::default())).collect();
    traces.matrices[7] = poseidon2::trace(&inputs);
    let width = traces.matrices[7].width;
    for (row, counts) in traces.matrices[7].values.chunks_exact_mut(width).zip(hashes.values()) {
        row[width - 2..].copy_from_slice(counts);
    }
    for (row, count) in traces.matrices[8].values.chunks_exact_mut(RangeColumns::<F>::WIDTH).zip(range) {
        row[1] = count;
    }
    traces
}
