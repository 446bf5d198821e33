//! Evidence: proven offences and what they cost.
//!
//! ```text
//! two signed messages ── check_form: do they prove it by themselves? ── check: timely, new, about a staker?
//!       │ no                                                                │ no
//!       ▼                                                                   ▼
//!     refused, never in a block                             refused, never in a block
//!                              yes, an equivocation ──► slash ── tombstone ─┬─ identity ends ── receipt
//!                 yes, heartbeats or a key's proof ──► slash ── jail ──────┘
//! ```
//!
//! Invariants
//! - A validator is slashed only for two messages that its key signed on this chain.
//! - An equivocator is slashed once: it is tombstoned by it, and later evidence about it is a duplicate. So is evidence about
//!   an identity that evidence has ended.
//! - True and new evidence pays no base fee; anything else never enters a block.
//!
//! Read next: [`check`], [`execute`], `staking/slash.rs`, `spec/evidence.md`.

pub mod check;
pub mod execute;
pub mod keys;

use primitives::params::{EvidenceParams, PPM};

/// The part of the stake that an equivocation costs, ppm: `base` alone, growing to everything when the other
/// offenders of the same time hold a third of the power.
pub fn penalty_ppm(params: &EvidenceParams, others: u64, total: u64) -> u64 {
    let base = params.equivocation_ppm.min(PPM);
    let together = u128::from(others).saturating_mul(3).min(u128::from(total));
    let extra = u128::from(PPM - base) * together / u128::from(total.max(1));
    base.saturating_add(u64::try_from(extra).unwrap_or(PPM)).min(PPM)
}
