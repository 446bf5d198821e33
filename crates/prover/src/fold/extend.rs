//! Extends the chain proof by neighbouring windows.
//!
//! ```text
//!   windows, in pairs ── lift ── fold ─┐          (the largest parts one by one)
//!   chain proof so far ────────────────┴─ fold ── fold alone, until it is as small as folds get ──► chain proof
//! ```
//! How many rows a fold has depends on the shape of what it verifies, and a verifier of one proof has half the rows of a
//! verifier of two. So folding a proof alone makes it smaller until it has the shape of the proof below it. That is how
//! the chain proof has the same size whatever it is made of.

use proof::folded::{CHILDREN_MAX, FoldedProof};

use super::keys::FoldingKey;
use super::prove::{FoldError, fold_lifted_unless, fold_unless, lift_unless};
use crate::call_off::CallOff;
use crate::prove::WindowProof;

/// Most windows that one extension takes.
pub const EXTENSION_WINDOWS_MAX: usize = CHILDREN_MAX * CHILDREN_MAX;
/// Most bytes of window proofs that are lifted together: two ordinary windows, or one of the largest parts. What a verifier costs
/// grows with what it reads, and two of the largest would take twice the memory of one.
pub const LIFT_BYTES_MAX: usize = 900_000;

/// Bytes of a fold that verifies one proof of its own shape: smaller ones there are none.
pub const FOLD_BYTES: usize = 264_382;
/// How often a range is folded alone at most.
const ALONE_MAX: usize = 3;

/// How many proofs of these lengths, one after another, each lift takes.
fn groups(lengths: &[usize]) -> Vec<usize> {
    let mut groups = Vec::new();
    let mut rest = lengths;
    while let [first, later @ ..] = rest {
        let pairs = later.first().is_some_and(|second| first.saturating_add(*second) <= LIFT_BYTES_MAX);
        let taken = if pairs { CHILDREN_MAX } else { 1 };
        groups.push(taken);
        rest = rest.get(taken..).unwrap_or_default();
    }
    groups
}

/// How many of these windows one extension takes: as many as two lifts do.
pub fn extension_size(windows: &[WindowProof]) -> usize {
    let lengths: Vec<usize> = windows.iter().map(|window| window.bytes.len()).collect();
    groups(&lengths).into_iter().take(CHILDREN_MAX).sum()
}

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

/// As [`extend`], unless it is called off: before each proof that it is made of, and at each challenge of these.
///
/// # Errors
/// As [`extend`], and [`FoldError::CalledOff`].
pub fn extend_unless(
    key: &FoldingKey,
    chain: Option<&FoldedProof>,
    windows: &[WindowProof],
    off: &CallOff,
) -> Result<FoldedProof, FoldError> {
    let lengths: Vec<usize> = windows.iter().map(|window| window.bytes.len()).collect();
    let groups = groups(&lengths);
    if groups.len() > CHILDREN_MAX {
        return Err(FoldError::Extension { windows: windows.len() });
    }
    let (mut lifted, mut rest) = (Vec::with_capacity(CHILDREN_MAX), windows);
    for taken in groups {
        let (now, later) = rest.split_at_checked(taken).unwrap_or((rest, &[]));
        lifted.push(lift_unless(key, now, off)?);
        rest = later;
    }
    let next = fold_lifted_unless(key, &lifted, off)?;
    let mut whole = match chain {
        Some(chain) => fold_unless(key, &[chain.clone(), next], off)?,
        None => next,
    };
    for _ in 0..ALONE_MAX {
        if whole.bytes.len() <= FOLD_BYTES {
            break;
        }
        whole = fold_unless(key, &[whole], off)?;
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_windows_are_lifted_in_pairs_and_the_largest_parts_alone() {
        let (small, large) = (300_000, 810_000);
        assert!(groups(&[]).is_empty());
        assert_eq!(groups(&[small; 4]), [2, 2]);
        assert_eq!(groups(&[small; 5]), [2, 2, 1]);
        assert_eq!(groups(&[large; 3]), [1, 1, 1]);
        assert_eq!(groups(&[small, large, small, small]), [1, 1, 2]);
        assert_eq!(groups(&[small, small, large]), [2, 1]);
        assert_eq!(groups(&[usize::MAX, usize::MAX]), [1, 1], "lengths do not wrap");
    }
}
