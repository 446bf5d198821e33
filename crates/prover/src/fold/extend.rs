//! Extends the chain proof by neighbouring windows.
//!
//! ```text
//!   windows, in pairs ── lift ── fold ─┐
//!   chain proof so far ────────────────┴─ fold ── fold alone ──► chain proof
//! ```
//! The last fold has one child, so the chain proof has the same size whatever it is made of: a verifier of one proof has
//! half the rows of a verifier of two.

use proof::folded::{CHILDREN_MAX, FoldedProof};

use super::keys::FoldingKey;
use super::prove::{FoldError, fold, fold_lifted, lift};
use crate::prove::WindowProof;

/// Most windows that one extension takes.
pub const EXTENSION_WINDOWS_MAX: usize = CHILDREN_MAX * CHILDREN_MAX;

/// The chain proof with the windows after it; without a chain proof, the first one, of windows from genesis on.
///
/// # Errors
/// [`FoldError`] when there are no windows or too many, or they are no neighbours, or one proof does not verify.
pub fn extend(
    key: &FoldingKey,
    chain: Option<&FoldedProof>,
    windows: &[WindowProof],
) -> Result<FoldedProof, FoldError> {
    if windows.len() > EXTENSION_WINDOWS_MAX {
        return Err(FoldError::Extension { windows: windows.len() });
    }
    let lifted = windows.chunks(CHILDREN_MAX).map(|pair| lift(key, pair)).collect::<Result<Vec<_>, _>>()?;
    let is_alone = chain.is_none() && lifted.len() == 1;
    let next = fold_lifted(key, &lifted)?;
    if is_alone {
        return Ok(next);
    }
    let whole = match chain {
        Some(chain) => fold(key, &[chain.clone(), next])?,
        None => next,
    };
    fold(key, &[whole])
}
