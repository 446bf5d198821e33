//! Lifts windows and folds ranges.

use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_backend::proof::Proof;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use proof::airs::STATEMENT;
use proof::folded::{CHILDREN_MAX, FoldValues, FoldedProof};
use proof::keys::Config;
use proof::{EncodingError, JoinError, ProofError, VerifyingKey, WindowStatement, encoding, verify_window};

use super::extend::EXTENSION_WINDOWS_MAX;
use super::keys::FoldingKey;
use crate::call_off::{CallOff, CalledOff};
use crate::prove::WindowProof;
use crate::stoppable::Stopped;

/// Why proofs are not folded.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// None, or more than a circuit verifies.
    #[error("{children} proofs were given, a fold takes 1 to {CHILDREN_MAX}")]
    Children {
        /// How many.
        children: usize,
    },
    /// More windows than one extension takes.
    #[error("{windows} windows were given, an extension takes 1 to {EXTENSION_WINDOWS_MAX}")]
    Extension {
        /// How many.
        windows: usize,
    },
    /// They are not neighbours.
    #[error("{0}")]
    Join(#[from] JoinError),
    /// One of them does not verify.
    #[error("a proof to be folded does not verify: {0}")]
    Child(#[from] ProofError),
    /// A lifted window was not lifted with this key.
    #[error("a lifted window does not verify under the lift key")]
    Lifted,
    /// Nobody wants it any more.
    #[error("{0}")]
    CalledOff(#[from] CalledOff),
    /// The fold does not fit the encoding.
    #[error("{0}")]
    Encoding(#[from] EncodingError),
    /// The proof stack refuses.
    #[error("the proof stack cannot prove the fold: {reason}")]
    Backend {
        /// What it says.
        reason: String,
    },
}

impl From<Stopped> for FoldError {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::CalledOff => CalledOff.into(),
            Stopped::Backend(reason) => Self::Backend { reason },
        }
    }
}

/// One or two neighbouring windows, verified inside a proof that a fold can take.
#[derive(Debug, Clone)]
pub struct LiftedWindows {
    pub(crate) statement: WindowStatement,
    pub(crate) proof: Proof<Config>,
}

impl LiftedWindows {
    /// What is proven.
    pub fn statement(&self) -> &WindowStatement {
        &self.statement
    }
}

/// What neighbours come to.
fn range(children: &[WindowStatement]) -> Result<WindowStatement, FoldError> {
    let wrong = FoldError::Children { children: children.len() };
    if children.len() > CHILDREN_MAX {
        return Err(wrong);
    }
    let (Some(first), Some(last)) = (children.first(), children.last()) else {
        return Err(wrong);
    };
    for pair in children.windows(2) {
        pair[1].follows(&pair[0])?;
    }
    Ok(WindowStatement { after: last.after, payout: last.payout, ..*first })
}

/// The public values of a layer that says `statement` about its children.
fn values(key: &FoldingKey, statement: &WindowStatement, later: bool) -> FoldValues<F> {
    key.verifying().values(statement, later)
}

/// Lifts one or two neighbouring windows.
///
/// # Errors
/// [`FoldError`] when there are none or too many, or they are no neighbours, or one does not verify.
pub fn lift(key: &FoldingKey, windows: &[WindowProof]) -> Result<LiftedWindows, FoldError> {
    lift_unless(key, windows, &CallOff::default())
}

/// As [`lift`], unless it is called off.
pub(crate) fn lift_unless(
    key: &FoldingKey,
    windows: &[WindowProof],
    off: &CallOff,
) -> Result<LiftedWindows, FoldError> {
    let statements: Vec<WindowStatement> = windows.iter().map(|window| window.statement).collect();
    let statement = range(&statements)?;
    let window_key = VerifyingKey::of_verifying(key.window.clone());
    let mut children = Vec::with_capacity(windows.len());
    for window in windows {
        verify_window(&window_key, &window.statement, &window.bytes)?;
        let mut child = encoding::decode(&window_key, &window.bytes)?;
        child.public_values[STATEMENT] = window.statement.public_values();
        children.push(child);
    }
    let proof = lift_anything(key, &children, values(key, &statement, false), off)?;
    Ok(LiftedWindows { statement, proof })
}

/// Lifts proofs that say whatever they say.
pub(crate) fn lift_anything(
    key: &FoldingKey,
    children: &[Proof<Config>],
    said: FoldValues<F>,
    off: &CallOff,
) -> Result<Proof<Config>, FoldError> {
    let constraints = key.window_constraints.clone();
    Ok(key.lift.prove(&key.window, constraints, children, said, off)?)
}

/// Folds one or two neighbouring lifted windows.
///
/// # Errors
/// [`FoldError`] when there are none or too many, or they are no neighbours, or one does not verify.
pub fn fold_lifted(key: &FoldingKey, lifted: &[LiftedWindows]) -> Result<FoldedProof, FoldError> {
    fold_lifted_unless(key, lifted, &CallOff::default())
}

/// As [`fold_lifted`], unless it is called off.
pub(crate) fn fold_lifted_unless(
    key: &FoldingKey,
    lifted: &[LiftedWindows],
    off: &CallOff,
) -> Result<FoldedProof, FoldError> {
    let statements: Vec<WindowStatement> = lifted.iter().map(|lifted| lifted.statement).collect();
    let statement = range(&statements)?;
    if lifted.iter().any(|lifted| !key.lift.verify(&lifted.proof)) {
        return Err(FoldError::Lifted);
    }
    let children: Vec<Proof<Config>> = lifted.iter().map(|lifted| lifted.proof.clone()).collect();
    let proof = fold_anything(key, &children, values(key, &statement, false), off)?;
    Ok(key.verifying().encode(&statement, &proof)?)
}

/// Folds one or two neighbouring folds: the chain with what comes next, or the two halves of a range.
///
/// # Errors
/// [`FoldError`] when there are none or too many, or they are no neighbours, or one does not verify.
pub fn fold(key: &FoldingKey, folds: &[FoldedProof]) -> Result<FoldedProof, FoldError> {
    fold_unless(key, folds, &CallOff::default())
}

/// As [`fold`], unless it is called off.
pub(crate) fn fold_unless(key: &FoldingKey, folds: &[FoldedProof], off: &CallOff) -> Result<FoldedProof, FoldError> {
    let statements: Vec<WindowStatement> = folds.iter().map(|fold| fold.statement).collect();
    let statement = range(&statements)?;
    let mut children = Vec::with_capacity(folds.len());
    for fold in folds {
        proof::verify_folded(key.verifying(), &fold.statement, &fold.bytes)?;
        children.push(key.verifying().decode(&fold.statement, &fold.bytes)?);
    }
    let proof = fold_anything(key, &children, values(key, &statement, true), off)?;
    Ok(key.verifying().encode(&statement, &proof)?)
}

/// Folds proofs that say whatever they say, lifted ones when what is said is a first fold.
pub(crate) fn fold_anything(
    key: &FoldingKey,
    children: &[Proof<Config>],
    said: FoldValues<F>,
    off: &CallOff,
) -> Result<Proof<Config>, FoldError> {
    let (below, constraints) = if said.later == F::ONE {
        (key.fold.key(), &key.fold_constraints)
    } else {
        (key.lift.key(), &key.lift_constraints)
    };
    Ok(key.fold.prove(below, constraints.clone(), children, said, off)?)
}
