//! The buses between the tables, and the one place that fixes the order of each message.
//!
//! ```text
//!   statement ──STATE──► operations ──STATE──► … ──► statement        a chain: each operation takes the state
//!       │                 │   │  │ └─SUPPLY─► supply ─LIMITS─► statement      before it and gives the one after
//!       │                 │   │  └─OPENED──► opens ──ACCOUNT─► boundary
//!       │                 │   └──ACCESS────► accesses
//!      NODE             MEMORY                  │MEMORY
//!       │                 └──────► memory ◄─────┴──────────► boundary
//!       └──────◄ merkle ◄──NODE── merkle ◄──NODE── boundary
//!   everyone ──ABSORB, COMPRESS──► poseidon2        everyone ──RANGE──► range
//! ```
//!
//! Rules
//! - A permutation bus carries equal multisets of sent and received messages. Every multiplicity on it is a sum
//!   of cells that the sender or receiver constrains to be 0 or 1.
//! - A lookup bus has free multiplicities on the side of the table only.
//! - Messages of one bus have one length.
//!
//! Read next: the `air.rs` of each table.

use openvm_stark_backend::interaction::{LookupBus, PermutationCheckBus};
use openvm_stark_backend::p3_air::AirBuilder;

/// From one operation to the next: what a window has come to.
pub const STATE: PermutationCheckBus = PermutationCheckBus::new(0);
/// From an operation to the accounts it debits and credits.
pub const ACCESS: PermutationCheckBus = PermutationCheckBus::new(1);
/// An account's nonce and balance, from each change to the next.
pub const MEMORY: PermutationCheckBus = PermutationCheckBus::new(2);
/// From an operation that changes the supply to the table that checks it.
pub const SUPPLY: PermutationCheckBus = PermutationCheckBus::new(3);
/// From an `open` to the table that checks its address.
pub const OPENED: PermutationCheckBus = PermutationCheckBus::new(4);
/// From a checked address to the slot that holds it from now on.
pub const ACCOUNT: PermutationCheckBus = PermutationCheckBus::new(5);
/// From a changed node of the ledger tree to its parent.
pub const NODE: PermutationCheckBus = PermutationCheckBus::new(6);
/// Sixteen elements and the upper half of their permutation.
pub const ABSORB: LookupBus = LookupBus::new(7);
/// Sixteen elements and the lower half of their permutation.
pub const COMPRESS: LookupBus = LookupBus::new(8);
/// Every 16-bit value.
pub const RANGE: LookupBus = LookupBus::new(9);
/// The two genesis constants: issuance bound and supply cap.
pub const LIMITS: LookupBus = LookupBus::new(10);
/// The genesis hash and the payout address, from the statement to itself.
pub const BOUND: PermutationCheckBus = PermutationCheckBus::new(11);

/// Elements of a digest, and of a permutation's half.
pub const DIGEST: usize = 8;
/// 16-bit limbs of a 64-bit number.
pub const LIMBS: usize = 4;

/// What the operations of a window have come to: the message of [`STATE`].
#[derive(Debug, Clone)]
pub struct State<E> {
    /// Counts the operations; the first one of a window has 1.
    pub index: E,
    /// The running operations digest.
    pub digest: [E; DIGEST],
    /// The last sealed height.
    pub height: [E; LIMBS],
    /// The sum of all balances.
    pub supply: [E; LIMBS],
    /// The next free slot.
    pub next_slot: E,
    /// 1 right after a seal.
    pub sealed: E,
}

impl<E> State<E> {
    /// The elements in the order of the bus.
    pub fn message(self) -> Vec<E> {
        let mut message = vec![self.index, self.next_slot, self.sealed];
        message.extend(self.digest);
        message.extend(self.height);
        message.extend(self.supply);
        message
    }
}

/// One debit or credit: the message of [`ACCESS`].
#[derive(Debug, Clone)]
pub struct Access<E> {
    /// 2 · index of the operation, plus 1 for its credit.
    pub time: E,
    /// The account's slot.
    pub slot: E,
    /// 1 for a credit, 0 for a debit.
    pub credit: E,
    /// 1 when the access also adds one to the nonce.
    pub charge: E,
    /// How much.
    pub amount: [E; LIMBS],
}

impl<E> Access<E> {
    /// The elements in the order of the bus.
    pub fn message(self) -> Vec<E> {
        let mut message = vec![self.time, self.slot, self.credit, self.charge];
        message.extend(self.amount);
        message
    }
}

/// An account at a time: the message of [`MEMORY`].
#[derive(Debug, Clone)]
pub struct Memory<E> {
    /// The account's slot.
    pub slot: E,
    /// When it became so; 0 is before the first operation.
    pub time: E,
    /// Its nonce.
    pub nonce: [E; LIMBS],
    /// Its money.
    pub balance: [E; LIMBS],
}

impl<E> Memory<E> {
    /// The elements in the order of the bus.
    pub fn message(self) -> Vec<E> {
        let mut message = vec![self.slot, self.time];
        message.extend(self.nonce);
        message.extend(self.balance);
        message
    }
}

/// A change of the supply: the message of [`SUPPLY`].
#[derive(Debug, Clone)]
pub struct SupplyChange<E> {
    /// 1 for a seal, 0 for a burn.
    pub seal: E,
    /// The last sealed height before the operation.
    pub height: [E; LIMBS],
    /// The height that the seal names.
    pub height_after: [E; LIMBS],
    /// What is issued or burned.
    pub amount: [E; LIMBS],
    /// The supply before.
    pub supply: [E; LIMBS],
    /// The supply after.
    pub supply_after: [E; LIMBS],
}

impl<E> SupplyChange<E> {
    /// The elements in the order of the bus.
    pub fn message(self) -> Vec<E> {
        let mut message = vec![self.seal];
        message.extend(self.height);
        message.extend(self.height_after);
        message.extend(self.amount);
        message.extend(self.supply);
        message.extend(self.supply_after);
        message
    }
}

/// A node of the ledger tree before and after the window: the message of [`NODE`].
#[derive(Debug, Clone)]
pub struct Node<E> {
    /// 0 for a leaf, 30 for the root.
    pub level: E,
    /// Place within the level.
    pub index: E,
    /// Its digest before.
    pub old: [E; DIGEST],
    /// Its digest after.
    pub new: [E; DIGEST],
}

impl<E> Node<E> {
    /// The elements in the order of the bus.
    pub fn message(self) -> Vec<E> {
        let mut message = vec![self.level, self.index];
        message.extend(self.old);
        message.extend(self.new);
        message
    }
}

/// Two or three runs of elements as one message.
pub fn joined<E>(first: impl IntoIterator<Item = E>, second: impl IntoIterator<Item = E>) -> Vec<E> {
    first.into_iter().chain(second).collect()
}

/// Cells as expressions.
pub fn exprs<AB: AirBuilder, const N: usize>(cells: [AB::Var; N]) -> [AB::Expr; N] {
    cells.map(Into::into)
}
