//! Runs the operations of a window over its witness and writes down a row for everything that happens.
//!
//! ```text
//!   witness ──► operation by operation: rows of operations, supply, accesses, opens
//!           ──► slot by slot: boundary        ──► level by level: merkle ──► root after, statement
//! ```
//!
//! Rules
//! - The rules are those of `spec/ledger.md`. A list that breaks one cannot be proven, so it is refused here by name.
//! - Before the first operation is index 1; an operation's debit is at time 2 · index and its credit right after.
//!
//! Read next: [`crate::tables`], `proof/src/airs`.

use std::collections::BTreeMap;

use openvm_stark_backend::p3_field::PrimeField32;
use primitives::ledger::{FEE_POT, ISSUANCE_POT, SLOTS_MAX};
use primitives::part::{PART_HASHES_MAX, PART_OPS_MAX};
use primitives::{Address, Amount, Height, LedgerDigest, LedgerOp, LedgerSlot, Nonce, PartLimits, SlotIndex};
use proof::statement::digest;
use proof::{LedgerPoint, StatementError, WindowStatement};

use crate::airs::accesses::Account;
use crate::airs::merkle::Changed;
use crate::airs::operations::State;
use crate::airs::{accesses, boundary, merkle, opens, operations, statement, supply};
use crate::call_off::CalledOff;
use crate::hash::Half;
use crate::tables::Tables;
use crate::witness::WindowWitness;

/// A rule of the ledger that an operation breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// The slot holds no account.
    #[error("names a slot that holds no account")]
    UnknownSlot,
    /// Slots are opened one after another.
    #[error("opens another slot than the next free one")]
    NotNextSlot,
    /// The account has less than is taken.
    #[error("takes more than the account has")]
    Overdraft,
    /// The account would hold 2^63 µBLOCK.
    #[error("takes a balance to 2^63 µBLOCK")]
    BalanceRange,
    /// The nonce is at the end of its range.
    #[error("charges an account whose nonce is at its end")]
    NonceExhausted,
    /// A block ends in its only seal, of its own height.
    #[error("is no seal of the block's height at its end, or one before its end")]
    Seal,
    /// More new money than a block may make.
    #[error("issues more than a block may")]
    IssuanceAboveBound,
    /// More money than there may be.
    #[error("takes the supply above the cap, or below nothing")]
    SupplyRange,
}

/// Why a window cannot be proven.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// Nobody wants it any more.
    #[error("{0}")]
    CalledOff(#[from] CalledOff),
    /// An operation breaks a rule.
    #[error("operation {op} of height {height} {rule}")]
    Rule {
        /// The block.
        height: Height,
        /// Its place in the block, from 0; the length of the block when the end is missing.
        op: usize,
        /// What it does.
        rule: Rule,
    },
    /// More than a part may have.
    #[error(
        "{operations} operations with {hashes} hashes are too many for one proof, which takes {PART_OPS_MAX} with \
         {PART_HASHES_MAX}; split the window into parts"
    )]
    TooLarge {
        /// How many operations there are.
        operations: usize,
        /// How many hashes they may need.
        hashes: u64,
    },
    /// The witness does not say what a touched slot held.
    #[error("the witness lacks slot {slot}")]
    SlotMissing {
        /// The slot.
        slot: SlotIndex,
    },
    /// The witness lacks a node beside a path.
    #[error("the witness lacks node {index} of level {level} of the ledger tree")]
    SiblingMissing {
        /// Its level, 0 for leaves.
        level: usize,
        /// Its place within the level.
        index: u32,
    },
    /// No slot is touched, so there is no path to the root.
    #[error("the window touches no slot")]
    NothingTouched,
    /// The witness hashes to another ledger than it claims.
    #[error("the slots and nodes of the witness belong to the ledger {found}, not to {claimed}")]
    OtherLedger {
        /// What they hash to.
        found: LedgerDigest,
        /// What the witness claims.
        claimed: LedgerDigest,
    },
    /// No window can have this statement.
    #[error("the statement is impossible: {0}")]
    Statement(#[from] StatementError),
    /// The proof stack failed.
    #[error("the proof stack failed: {reason}")]
    Backend {
        /// What it said.
        reason: String,
    },
    /// The proof has not the shape it should have.
    #[error("the proof cannot be encoded: {0}")]
    Encoding(#[from] proof::EncodingError),
    /// The rows break a constraint: the trace generator is wrong.
    #[error("the rows break {count} constraints, first {first}")]
    Unsound {
        /// How many are broken.
        count: usize,
        /// The first one.
        first: crate::check::Violation,
    },
}

/// The rows of a window and what they show.
///
/// # Errors
/// [`ProveError`] when the witness is incomplete or the operations break a rule.
pub fn replay(witness: &WindowWitness) -> Result<(WindowStatement, Tables), ProveError> {
    let size = witness.size();
    if !PartLimits::PART.admit(&size) {
        return Err(ProveError::TooLarge { operations: size.operations, hashes: size.hashes() });
    }
    let mut run = Run::new(witness);
    for (height, ops) in &witness.blocks {
        run.block(*height, ops)?;
    }
    run.finish()
}

/// What ends a replay: the operation, or the witness.
enum Stop {
    Rule(Rule),
    Witness(ProveError),
}

impl From<Rule> for Stop {
    fn from(rule: Rule) -> Self {
        Self::Rule(rule)
    }
}

impl From<ProveError> for Stop {
    fn from(error: ProveError) -> Self {
        Self::Witness(error)
    }
}

/// An account in the middle of the window.
struct Touched {
    address: Address,
    before: Option<LedgerSlot>,
    now: Account,
}

struct Run<'a> {
    witness: &'a WindowWitness,
    state: State,
    touched: BTreeMap<SlotIndex, Touched>,
    tables: Tables,
    seals: u32,
}

impl<'a> Run<'a> {
    fn new(witness: &'a WindowWitness) -> Self {
        let before = &witness.before;
        let state = State {
            index: 1,
            digest: digest(&before.ops_digest),
            height: before.height.0,
            supply: before.supply.micro(),
            next_slot: before.next_slot,
            sealed: true,
        };
        Self { witness, state, touched: BTreeMap::new(), tables: Tables::default(), seals: 0 }
    }

    fn block(&mut self, height: Height, ops: &[LedgerOp]) -> Result<(), ProveError> {
        let broken = |op: usize, rule: Rule| ProveError::Rule { height, op, rule };
        let sealed = matches!(ops.last(), Some(LedgerOp::Seal { .. }));
        if !sealed {
            return Err(broken(ops.len(), Rule::Seal));
        }
        for (at, op) in ops.iter().enumerate() {
            if let LedgerOp::Seal { height: named, .. } = op
                && (at + 1 != ops.len() || *named != height || named.0 != self.state.height.saturating_add(1))
            {
                return Err(broken(at, Rule::Seal));
            }
            self.operation(op).map_err(|stop| match stop {
                Stop::Rule(rule) => broken(at, rule),
                Stop::Witness(error) => error,
            })?;
        }
        Ok(())
    }

    /// One operation: its row, those of its accesses, and the state after it.
    fn operation(&mut self, op: &LedgerOp) -> Result<(), Stop> {
        let time = 2 * self.state.index;
        let state = self.state;
        let mut supply_after = state.supply;
        match *op {
            LedgerOp::Open { slot, address } => {
                if slot.get() != state.next_slot || state.next_slot >= SLOTS_MAX {
                    return Err(Rule::NotNextSlot.into());
                }
                let now = Account { time, nonce: 0, balance: 0 };
                self.touched.insert(slot, Touched { address, before: None, now });
                self.tables.opens.push(opens::row(slot, &address));
                self.state.next_slot += 1;
            }
            LedgerOp::Charge { slot, fee } => {
                self.debit(slot, time, fee, true)?;
                self.credit(FEE_POT, time + 1, fee)?;
            }
            LedgerOp::Transfer { from, to, amount } => {
                self.debit(from, time, amount, false)?;
                self.credit(to, time + 1, amount)?;
            }
            LedgerOp::Burn { slot, amount } => {
                self.debit(slot, time, amount, false)?;
                let Some(after) = state.supply.checked_sub(amount.micro()) else {
                    return Err(Rule::SupplyRange.into());
                };
                supply_after = after;
                self.tables.supply.push(supply::burn(state.height, state.supply, amount.micro()));
            }
            LedgerOp::Seal { issuance, .. } => {
                if issuance > self.witness.chain.issuance_max {
                    return Err(Rule::IssuanceAboveBound.into());
                }
                supply_after = state.supply.saturating_add(issuance.micro());
                if supply_after > self.witness.chain.supply_cap.micro() {
                    return Err(Rule::SupplyRange.into());
                }
                self.credit(ISSUANCE_POT, time + 1, issuance)?;
                let row = supply::seal(state.height, state.supply, issuance.micro(), &self.witness.chain);
                self.tables.supply.push(row);
                self.state.height += 1;
                self.seals += 1;
            }
        }
        let row = operations::row(op, &state, supply_after);
        self.state.index += 1;
        self.state.digest = row.digest_after;
        self.state.supply = supply_after;
        self.state.sealed = matches!(op, LedgerOp::Seal { .. });
        self.tables.operations.push(row);
        Ok(())
    }

    fn debit(&mut self, slot: SlotIndex, time: u32, amount: Amount, charge: bool) -> Result<(), Stop> {
        let account = self.account(slot)?;
        let before = account.now;
        let Some(balance) = before.balance.checked_sub(amount.micro()) else { return Err(Rule::Overdraft.into()) };
        if charge && before.nonce >= Nonce::MAX.get() {
            return Err(Rule::NonceExhausted.into());
        }
        account.now = Account { time, nonce: before.nonce + u64::from(charge), balance };
        let row = accesses::row(slot, &before, &account.now);
        self.tables.accesses.push(row);
        Ok(())
    }

    fn credit(&mut self, slot: SlotIndex, time: u32, amount: Amount) -> Result<(), Stop> {
        let account = self.account(slot)?;
        let before = account.now;
        let sum = before.balance.checked_add(amount.micro()).filter(|sum| *sum <= Amount::MAX.micro());
        let Some(balance) = sum else { return Err(Rule::BalanceRange.into()) };
        account.now = Account { time, nonce: before.nonce, balance };
        let row = accesses::row(slot, &before, &account.now);
        self.tables.accesses.push(row);
        Ok(())
    }

    /// The account in a slot.
    fn account(&mut self, slot: SlotIndex) -> Result<&mut Touched, Stop> {
        if !self.touched.contains_key(&slot) {
            let content = self.witness.slots.get(&slot).ok_or(ProveError::SlotMissing { slot })?;
            let content = content.ok_or(Rule::UnknownSlot)?;
            let now = Account { time: 0, nonce: content.nonce.get(), balance: content.balance.micro() };
            self.touched.insert(slot, Touched { address: content.address, before: Some(content), now });
        }
        Ok(self.touched.get_mut(&slot).ok_or(Rule::UnknownSlot)?)
    }

    /// The rows over the touched slots and the statement.
    fn finish(mut self) -> Result<(WindowStatement, Tables), ProveError> {
        let mut leaves = BTreeMap::new();
        for (slot, touched) in &self.touched {
            let row = boundary::row(*slot, &touched.address, touched.before.as_ref(), &touched.now);
            leaves.insert(slot.get(), Changed { old: row.old, new: row.new });
            self.tables.boundary.push(row);
        }
        let (rows, root) = merkle::rows(leaves, &self.witness.siblings)?;
        self.tables.merkle = rows;
        let (found, claimed) = (ledger_digest(&root.old), self.witness.before.ledger_root);
        if found != claimed {
            return Err(ProveError::OtherLedger { found, claimed });
        }
        let statement = WindowStatement {
            genesis: self.witness.chain.genesis,
            before: self.witness.before,
            after: LedgerPoint {
                height: Height(self.state.height),
                ledger_root: ledger_digest(&root.new),
                ops_digest: ledger_digest(&self.state.digest),
                supply: Amount::new(self.state.supply).unwrap_or(Amount::MAX),
                next_slot: self.state.next_slot,
            },
            issuance_max: self.witness.chain.issuance_max,
            supply_cap: self.witness.chain.supply_cap,
            payout: self.witness.payout,
        };
        statement.check()?;
        self.tables.statement = statement::row(self.state.index - 1, self.seals);
        self.tables.public_values = statement.public_values();
        Ok((statement, self.tables))
    }
}

fn ledger_digest(digest: &Half) -> LedgerDigest {
    LedgerDigest::new(digest.map(|element| element.as_canonical_u32()))
        .expect("canonical elements are below the modulus")
}
