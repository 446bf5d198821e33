//! A second, simple ledger predicts what the rows must say: what each touched account holds in the end, who owns it, the supply, the
//! next slot. It shares no code with the trace generator and none with the tree: numbers in a map, and one line for each kind of operation.

use std::collections::{BTreeMap, BTreeSet};

use openvm_stark_backend::p3_field::{PrimeCharacteristicRing, PrimeField32};
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use primitives::{Address, LedgerOp, LedgerSlot};
use proof::WindowStatement;
use proof::airs::boundary::BoundaryColumns;
use testkit::Seed;

use super::world::{mixed, random};
use crate::tables::Tables;
use crate::{WindowWitness, replay};

/// Who owns a slot, its nonce, what it holds.
type Account = ([u32; 8], u128, u128);

/// The ledger as numbers.
struct Model {
    accounts: BTreeMap<u32, Account>,
    touched: BTreeSet<u32>,
    supply: u128,
    operations: usize,
}

impl Model {
    fn of(slots: &[LedgerSlot]) -> Self {
        let account =
            |slot: &LedgerSlot| (slot.address.limbs(), u128::from(slot.nonce.get()), u128::from(slot.balance.micro()));
        let accounts: BTreeMap<u32, Account> = (0..).zip(slots.iter().map(account)).collect();
        let supply = accounts.values().map(|(_, _, balance)| balance).sum();
        Self { accounts, touched: BTreeSet::new(), supply, operations: 0 }
    }

    fn change(&mut self, slot: u32, change: impl FnOnce(&mut Account)) {
        self.touched.insert(slot);
        change(self.accounts.get_mut(&slot).expect("the operations name accounts that are there"));
    }

    fn apply(&mut self, op: &LedgerOp) {
        self.operations += 1;
        match *op {
            LedgerOp::Open { slot, address } => {
                self.accounts.insert(slot.get(), (Address::limbs(&address), 0, 0));
                self.touched.insert(slot.get());
            }
            LedgerOp::Charge { slot, fee } => {
                let fee = u128::from(fee.micro());
                self.change(slot.get(), |(_, nonce, balance)| (*nonce, *balance) = (*nonce + 1, *balance - fee));
                self.change(0, |(_, _, balance)| *balance += fee);
            }
            LedgerOp::Transfer { from, to, amount } => {
                let amount = u128::from(amount.micro());
                self.change(from.get(), |(_, _, balance)| *balance -= amount);
                self.change(to.get(), |(_, _, balance)| *balance += amount);
            }
            LedgerOp::Burn { slot, amount } => {
                let amount = u128::from(amount.micro());
                self.change(slot.get(), |(_, _, balance)| *balance -= amount);
                self.supply -= amount;
            }
            LedgerOp::Seal { issuance, .. } => {
                let issuance = u128::from(issuance.micro());
                self.change(1, |(_, _, balance)| *balance += issuance);
                self.supply += issuance;
            }
        }
    }

    /// What the rows and the statement say otherwise.
    fn disagrees(&self, statement: &WindowStatement, tables: &Tables) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut expect = |is_so: bool, what: &dyn Fn() -> String| {
            if !is_so {
                wrong.push(what());
            }
        };
        let rows: BTreeMap<u32, Account> = tables
            .boundary
            .iter()
            .map(|row| {
                (row.slot.as_canonical_u32(), {
                    let number = |limbs: &[F; 4]| {
                        limbs.iter().rev().fold(0_u128, |sum, limb| (sum << 16) + u128::from(limb.as_canonical_u32()))
                    };
                    (
                        row.address.map(|limb| limb.as_canonical_u32()),
                        number(&row.nonce_after),
                        number(&row.balance_after),
                    )
                })
            })
            .collect();
        expect(rows.keys().eq(&self.touched), &|| "other slots are touched".to_owned());
        for (slot, row) in &rows {
            expect(self.accounts.get(slot) == Some(row), &|| format!("slot {slot} ends as {row:?}"));
        }
        expect(tables.operations.len() == self.operations, &|| "other operations".to_owned());
        expect(u128::from(statement.after.supply.micro()) == self.supply, &|| "another supply".to_owned());
        let held: u128 = self.accounts.values().map(|(_, _, balance)| balance).sum();
        expect(held == self.supply, &|| "the model's balances are not its supply".to_owned());
        expect(usize::try_from(statement.after.next_slot) == Ok(self.accounts.len()), &|| {
            "another next slot".to_owned()
        });
        wrong
    }
}

fn modelled(slots: &[LedgerSlot], witness: &WindowWitness) -> Model {
    let mut model = Model::of(slots);
    witness.blocks.iter().flat_map(|(_, ops)| ops).for_each(|op| model.apply(op));
    model
}

#[test]
fn an_independent_ledger_agrees_with_the_rows_of_random_windows() {
    let mut seed = Seed::new();
    for round in 0..40 {
        let (ledger, witness) = if round == 0 { mixed() } else { random(&mut seed, 12, 4, 20) };
        let (statement, tables) = replay(&witness).expect("valid");
        assert_eq!(modelled(ledger.slots(), &witness).disagrees(&statement, &tables), Vec::<String>::new());
    }
}

#[test]
fn bugs_of_a_trace_generator_are_caught_by_the_independent_ledger() {
    let (ledger, witness) = mixed();
    let model = modelled(ledger.slots(), &witness);
    // A generator that leaves an operation out, does one twice, or exchanges two amounts makes rows that obey every rule. Only the
    // second ledger knows that they are of other operations.
    let operations: Vec<(usize, usize)> = witness
        .blocks
        .iter()
        .enumerate()
        .flat_map(|(block, (_, ops))| (0..ops.len() - 1).map(move |at| (block, at)))
        .collect();
    let mut by_model = 0;
    for (block, at) in operations {
        for is_twice in [false, true] {
            let mut buggy = witness.clone();
            let ops = &mut buggy.blocks[block].1;
            if is_twice {
                ops.insert(at, ops[at]);
            } else {
                ops.remove(at);
            }
            if let Ok((statement, tables)) = replay(&buggy) {
                assert_ne!(model.disagrees(&statement, &tables), Vec::<String>::new(), "{block} {at} {is_twice}");
                by_model += 1;
            }
        }
    }
    assert!(by_model >= 8, "{by_model}");
    // A generator that gets the end of an account wrong, or the owner of one.
    let (statement, tables) = replay(&witness).expect("valid");
    for row in 0..tables.boundary.len() {
        let bugs: [fn(&mut BoundaryColumns<F>); 3] =
            [|row| row.balance_after[3] += F::ONE, |row| row.nonce_after[0] += F::ONE, |row| row.address[7] += F::ONE];
        for bug in bugs {
            let mut buggy = tables.clone();
            bug(&mut buggy.boundary[row]);
            assert_eq!(model.disagrees(&statement, &buggy).len(), 1, "row {row}");
        }
    }
}
