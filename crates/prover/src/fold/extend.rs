//! Extends the chain proof by neighbouring windows.
//!
//! ```text
//!   windows, in pairs ── lift ── fold ─┐
//!   chain proof so far ────────────────┴─ fold ── fold alone, until it is as small as folds get ──► chain proof
//! ```
//! How many rows a fold has depends on the shape of what it verifies, and a verifier of one proof has half the rows of a
//! verifier of two. So folding a proof alone makes it smaller until it has the shape of the proof below it. That is how
//! the chain proof has the same size whatever it is made of.

use proof::folded::{CHILDREN_MAX, FoldedProof};

use super::keys::FoldingKey;
use super::prove::{FoldError, fold, fold_lifted, lift};
use crate::call_off::CallOff;
use crate::prove::WindowProof;

/// Most windows that one extension takes.
pub const EXTENSION_WINDOWS_MAX: usize = CHILDREN_MAX * CHILDREN_MAX;

/// Bytes of a fold that verifies one proof of its own shape: smaller ones there are none.
pub const FOLD_BYTES: usize = 264_382;
/// How often a range is folded alone at most.
const ALONE_MAX: usize = 3;

/// The chain proof with the windows after it; without a chain proof, the first one, of windows from genesis on.
///
/// # Errors
/// [`FoldError`] when there are no windows or too many, or they are no neighbours, or one proof does not verify.
pub fn extend(
    key: &FoldingKey,
    chain: Option<&FoldedProof>,
    windows: &[WindowProof],
) -> Result<FoldedProof, FoldError> {
    extend_unless(key, chain, windows, &CallOff::default())
}

/// As [`extend`], unless it is called off before one of the lifts and folds that it is made of.
///
/// # Errors
/// As [`extend`], and [`FoldError::CalledOff`].
pub fn extend_unless(
    key: &FoldingKey,
    chain: Option<&FoldedProof>,
    windows: &[WindowProof],
    off: &CallOff,
) -> Result<FoldedProof, FoldError> {
    if windows.len() > EXTENSION_WINDOWS_MAX {
        return Err(FoldError::Extension { windows: windows.len() });
    }
    let mut lifted = Vec::with_capacity(CHILDREN_MAX);
    for pair in windows.chunks(CHILDREN_MAX) {
        off.check()?;
        lifted.push(lift(key, pair)?);
    }
    off.check()?;
    let next = fold_lifted(key, &lifted)?;
    let mut whole = match chain {
        Some(chain) => {
            off.check()?;
            fold(key, &[chain.clone(), next])?
        }
        None => next,
    };
    for _ in 0..ALONE_MAX {
        if whole.bytes.len() <= FOLD_BYTES {
            break;
        }
        off.check()?;
        whole = fold(key, &[whole])?;
    }
    Ok(whole)
}
