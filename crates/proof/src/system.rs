//! Proof systems by name, and the judge of chain proofs in blocks.
//!
//! ```text
//!   features of the build ──► REGISTRY
//!   genesis: proof_system ──► proof_system(kind) ──► a ProofSystem of this build, or refused by name
//!   window: statement, bytes ──► ProofSystem::verify_window
//!   block: claim, bytes ──► ChainJudge ── known? ── yes ──► the verdict of before
//!                                           └── no ──► ProofSystem::verify_chain
//! ```
//!
//! Rules
//! - A verdict is consensus: it depends on claim and bytes alone. That is why a judge is made before the first block, and only
//!   where the pinned key was read.
//! - A proposal is executed by its builder and again by each who judges it, and may come back in a later round: verdicts are kept
//!   by the hash of claim and proof, [`VERDICTS_MAX`] of them.
//! - Making proofs is in the `prover` crate, under the same names.
//!
//! Read next: [`crate::verify_chain_proof`], `spec/proving.md`.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use primitives::actions::{EndRecord, ProofClaim, ProofSystemKind};
use primitives::defect::{Defect, is_seeded};
use primitives::hash::{Domain, hash};
use primitives::{Hash, encode};

use crate::folded::{FoldKey, fold_key, verify_chain_proof};
use crate::keys::{KeyError, verifying_key};
use crate::statement::{LedgerPoint, WindowStatement};
use crate::verify::{ChainError, ProofError, verify_window};

/// Verdicts that a judge keeps, newest last.
pub const VERDICTS_MAX: usize = 64;

/// The tables that a window proof of `plonky3` has rows in.
const PLONKY3_CIRCUITS: [&str; 9] =
    ["statement", "operations", "supply", "accesses", "opens", "boundary", "merkle", "poseidon2", "range"];

/// What verifies the proofs of a chain.
pub trait ProofSystem: Send + Sync {
    /// Its name.
    fn kind(&self) -> ProofSystemKind;

    /// The tables of its window proofs.
    fn circuits(&self) -> &'static [&'static str];

    /// Proven bits of security that its keys are required to have.
    fn security_bits_min(&self) -> u32;

    /// Whether a window's proof shows its statement.
    ///
    /// # Errors
    /// [`WindowError`]: it shows something else, or nothing, or the key of windows is not the network's.
    fn verify_window(&self, statement: &WindowStatement, proof: &[u8]) -> Result<(), WindowError>;

    /// Whether a chain proof shows its claim.
    ///
    /// # Errors
    /// [`ChainError`]: it shows something else, or nothing.
    fn verify_chain(&self, claim: &ProofClaim, proof: &[u8]) -> Result<(), ChainError>;
}

/// Why a window's proof was not taken.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// The key cannot be used.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// It does not show the statement.
    #[error("{0}")]
    Proof(#[from] ProofError),
}

/// A proof system that this build does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("proof system {} is not in this build, which verifies {}", .kind.name(), names(.registry))]
pub struct UnknownSystem {
    /// The one that was asked for.
    pub kind: ProofSystemKind,
    /// Those that the build has.
    pub registry: &'static [ProofSystemKind],
}

/// Why a proof system cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// This build does not have it.
    #[error("{0}")]
    Unknown(#[from] UnknownSystem),
    /// Its pinned key cannot be read.
    #[error("{0}")]
    Key(#[from] KeyError),
}

/// AIRs over BabyBear with Poseidon2, folded by recursion.
struct Plonky3 {
    key: &'static FoldKey,
}

impl ProofSystem for Plonky3 {
    fn kind(&self) -> ProofSystemKind {
        ProofSystemKind::Plonky3
    }

    fn circuits(&self) -> &'static [&'static str] {
        circuits(self.kind())
    }

    fn security_bits_min(&self) -> u32 {
        100
    }

    fn verify_window(&self, statement: &WindowStatement, proof: &[u8]) -> Result<(), WindowError> {
        Ok(verify_window(verifying_key()?, statement, proof)?)
    }

    fn verify_chain(&self, claim: &ProofClaim, proof: &[u8]) -> Result<(), ChainError> {
        let statement = WindowStatement {
            genesis: claim.genesis,
            before: LedgerPoint::from(&claim.origin),
            after: LedgerPoint::from(&claim.end),
            issuance_max: claim.issuance_max,
            supply_cap: claim.supply_cap,
            payout: claim.payout,
        };
        verify_chain_proof(self.key, statement.before, &statement, proof).map(|_| ())
    }
}

/// The tables of the proof system with this name; none of one that has no tables yet.
pub const fn circuits(kind: ProofSystemKind) -> &'static [&'static str] {
    match kind {
        ProofSystemKind::Plonky3 => &PLONKY3_CIRCUITS,
        ProofSystemKind::Stwo => &[],
    }
}

/// The systems of this build: those whose feature it was built with.
pub const REGISTRY: &[ProofSystemKind] =
    if cfg!(feature = "backend-plonky3") { &[ProofSystemKind::Plonky3] } else { &[] };

fn names(registry: &[ProofSystemKind]) -> String {
    if registry.is_empty() {
        return "none".to_owned();
    }
    registry.iter().map(|system| system.name()).collect::<Vec<_>>().join(", ")
}

/// Whether a build with this registry has the proof system: [`REGISTRY`] is the one of this build.
///
/// # Errors
/// [`UnknownSystem`], with what the build has.
pub fn require_system(kind: ProofSystemKind, registry: &'static [ProofSystemKind]) -> Result<(), UnknownSystem> {
    if registry.contains(&kind) { Ok(()) } else { Err(UnknownSystem { kind, registry }) }
}

/// The proof system with this name.
///
/// # Errors
/// [`SystemError`].
pub fn proof_system(kind: ProofSystemKind) -> Result<Box<dyn ProofSystem>, SystemError> {
    require_system(kind, REGISTRY)?;
    match kind {
        ProofSystemKind::Plonky3 => Ok(Box::new(Plonky3 { key: fold_key()? })),
        ProofSystemKind::Stwo => Err(UnknownSystem { kind, registry: REGISTRY }.into()),
    }
}

impl From<&EndRecord> for LedgerPoint {
    fn from(record: &EndRecord) -> Self {
        let EndRecord { height, ledger_root, ops_digest, supply, next_slot } = *record;
        Self { height, ledger_root, ops_digest, supply, next_slot }
    }
}

/// A verdict of a [`ChainJudge`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the proof shows its claim.
    pub accepted: bool,
    /// Whether it was known from before.
    pub known: bool,
}

/// Judges the chain proofs in blocks of one chain.
pub struct ChainJudge {
    system: Box<dyn ProofSystem>,
    verdicts: Mutex<VecDeque<(Hash, bool)>>,
}

impl ChainJudge {
    /// The judge of a chain with this proof system.
    ///
    /// # Errors
    /// As [`proof_system`].
    pub fn new(kind: ProofSystemKind) -> Result<Self, SystemError> {
        Ok(Self::of(proof_system(kind)?))
    }

    /// The judge of a chain whose proofs are made with this system. A node names its system instead ([`Self::new`]): only the
    /// simulator brings one of its own.
    pub fn of(system: Box<dyn ProofSystem>) -> Self {
        Self { system, verdicts: Mutex::default() }
    }

    /// Whether `proof` shows `claim`.
    pub fn judge(&self, claim: &ProofClaim, proof: &[u8]) -> Verdict {
        let asked = if is_seeded(Defect::ForgetsTheClaim) { Vec::new() } else { encode(claim) };
        let name = hash(Domain::Proof, &[&asked, hash(Domain::Proof, &[proof]).as_bytes()]);
        let before = self.known(&name);
        if let Some(accepted) = before {
            return Verdict { accepted, known: true };
        }
        let accepted = claim.system == self.system.kind() && self.system.verify_chain(claim, proof).is_ok();
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        if verdicts.len() >= VERDICTS_MAX {
            verdicts.pop_front();
        }
        verdicts.push_back((name, accepted));
        Verdict { accepted, known: false }
    }

    fn known(&self, name: &Hash) -> Option<bool> {
        let verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.iter().find(|(known, _)| known == name).map(|(_, accepted)| *accepted)
    }
}
