//! The keys that proofs of a chain are verified under, by hash: a part of its genesis.
//!
//! They are made from the tables and circuits of the proof system, bit for bit the same for everyone with the same
//! sources, and written into `fixtures/` by the examples `golden` and `golden_fold` of the `prover` crate.
//! `tb validator proofs preload` makes them again and compares.
//!
//! Rule: a version knows one set of keys. A genesis file that names none means those; one that names others is
//! refused, because this version could verify nothing on that chain.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::ledger::LedgerDigest;

/// The hash of the key of windows.
const WINDOW: &str = include_str!("../../../fixtures/window_key.txt");
/// The hash of the key of folds, and the commitments to the constraints of lifted ranges and of folds.
const FOLD: &str = include_str!("../../../fixtures/fold_key.txt");

/// The keys, by hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofKeys {
    /// The key of window proofs.
    pub window: LedgerDigest,
    /// The key of folds. The key of lifted ranges is a constant of its circuit.
    pub fold: LedgerDigest,
    /// The commitment to the constraints of lifted ranges.
    pub lift_constraints: LedgerDigest,
    /// The commitment to the constraints of folds.
    pub fold_constraints: LedgerDigest,
}

/// The digest on the line with this name.
fn pinned(name: &str) -> LedgerDigest {
    let line = FOLD.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|line| line.trim().parse().ok()).expect("fixtures/fold_key.txt has a digest for each name")
}

impl Default for ProofKeys {
    /// The keys of this version.
    fn default() -> Self {
        Self {
            window: WINDOW.trim().parse().expect("fixtures/window_key.txt is a digest"),
            fold: pinned("fold_key"),
            lift_constraints: pinned("lift_constraints"),
            fold_constraints: pinned("fold_constraints"),
        }
    }
}
