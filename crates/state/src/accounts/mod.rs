//! Accounts: payments between them, and opening them.
//!
//! ```text
//!            first payment to the address
//!  (nothing) ────────────────────────────► open ──► (never closed)
//! ```
//!
//! Invariants
//! - The account column and the ledger slots name each other, one to one.
//! - A payment to a module's own account never happens: only modules move money there.
//! - An action pays everyone or nobody; the fee is paid either way.
//!
//! Read next: [`execute`], `spec/transactions.md`.

pub mod check;
pub mod execute;
