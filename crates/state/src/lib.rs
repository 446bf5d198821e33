//! The state transition function: `(state, block) → (writes, ledger operations, receipts)`.
//!
//! Model: [`block::BlockExecution`] is the one control flow (begin → each transaction → end). Modules
//! are folders with the same file names; they read through [`view::StateView`], write module state
//! into an overlay and return [`primitives::LedgerOp`]s for every change of a balance.
//!
//! Rules
//! - Pure and integer-only: no clock, no disk, no unordered map. The same input gives the same bytes.
//! - State knows no trees: `tree` turns writes and operations into roots, and checks the operations
//!   again by its own rules.
//! - A user's fault is a named [`primitives::Rejection`] (not in a block) or [`primitives::Outcome`]
//!   (in a receipt). A broken invariant is our fault and stops the node ([`block::BlockInvalid::Broken`]).
//!
//! Read next: [`block`], [`transaction`], `spec/transactions.md`, `spec/fees.md`.

pub mod accounts;
pub mod block;
pub mod columns;
pub mod context;
pub mod evidence;
pub mod fees;
pub mod genesis;
pub mod identity;
pub mod invariants;
pub mod lottery;
pub mod overlay;
pub mod proving;
pub mod reputation;
pub mod rewards;
pub mod staking;
pub mod timetoke;
pub mod transaction;
pub mod validators;
pub mod view;
pub mod witness;

pub use block::{BlockExecution, BlockInvalid, Executed, execute_block};
pub use context::{BlockContext, LastCommit};
pub use proving::{NoProofSystem, ProofVerifier};
pub use view::StateView;
