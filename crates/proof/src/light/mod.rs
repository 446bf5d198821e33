//! A light client: what one can be sure of from a genesis file, certificates and proofs, without executing a block.
//!
//! ```text
//!   genesis ─► ChainRules ─┬─► Attested: certified headers, by skipping  ─► attested height H
//!                          └─► Proven: the chain proof, then newer windows one by one ─► ledger at height H_p
//!                 H_p's header is certified, or an ancestor of a certified one
//!   address ─► check_slot (balance in the proven ledger) · check_account (an account at an attested height, or that there is none)
//! ```
//!
//! Rules
//! - No I/O, no clock, no threads: bytes and the time come in, verdicts go out. Whoever fetches is not trusted.
//! - The two chains of reasoning are apart: a proof says nothing about who signed, a certificate nothing about money.
//! - A header counts from one that is trusted only within the trusting period ([`LightError::CheckpointTooOld`]).
//!
//! Read next: [`Attested::advance`], [`check_chain`], [`Proven::of_chain`], [`Proven::extend`], [`check_account`], then `spec/light.md`.

mod account;
mod attested;
mod chain;
mod proven;
mod rules;
mod walk;
mod window;

#[cfg(test)]
mod tests;

pub use account::{AccountError, AccountWitness, SlotOf, account_key, check_account, check_place, check_slot};
pub use attested::{Attested, CLOCK_DRIFT_MS, CertifiedHeader, LightError};
pub use chain::{ChainOrigin, SEALED_CHAIN_BYTES_MAX, SealedChain, SealedChainError, check_chain};
pub use proven::{ChainStartError, Proven, WindowError};
pub use rules::{ChainRules, RulesError};
pub use walk::{STEPS_MAX, Walk};
pub use window::{SEALED_BYTES_MAX, SealedWindow, SealedWindowError};
