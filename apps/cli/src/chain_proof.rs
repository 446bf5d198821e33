//! The chain proof that a store keeps, against the store's own header, and whether it covers what was pruned.
//!
//! ```text
//!   1 … pruned to │ … │ covered to │ … head
//!   ◄──── chain proof ────────────►           covered: the proof ends at or above the end of the pruned range
//! ```
//!
//! Rules
//! - The proof is judged by the ledger of the store's own header at its end. Headers from the pruning checkpoint to there lead to it, hash
//!   by hash, which the check of each height looks at.
//! - A store without a proof, and one whose proof ends below the pruned range, is whole: what it cannot show is said.
//!
//! Read next: `commands/storage.rs`, `proof::light::check_chain`, `spec/recovery.md` (RCV-11).

use std::fmt;

use primitives::{Genesis, Height};
use proof::light::{ChainRules, SealedChain, check_chain};
use proof::{LedgerPoint, fold_key};
use storage::{StorageError, Store};

use crate::output::count;

/// Why it is not known where the chain proof ends.
#[derive(Debug, thiserror::Error)]
pub enum ChainProofError {
    /// The store cannot be read.
    #[error("{0}")]
    Storage(#[from] StorageError),
    /// The proof shows nothing.
    #[error("the chain proof does not hold: {reason}")]
    Wrong {
        /// Where it is said to end.
        height: Height,
        /// What is wrong with it.
        reason: String,
    },
}

/// Where the chain proof of a store ends; none where the store has none.
///
/// # Errors
/// [`ChainProofError`].
pub fn covered_to(store: &Store, genesis: &Genesis) -> Result<Option<Height>, ChainProofError> {
    let Some((_, bytes)) = store.chain_proof()? else { return Ok(None) };
    let wrong = |height: Height, reason: String| ChainProofError::Wrong { height, reason };
    let sealed = SealedChain::from_bytes(&bytes).map_err(|error| wrong(Height::GENESIS, error.to_string()))?;
    let end = sealed.height;
    let (header, _) =
        store.header(end)?.ok_or_else(|| wrong(end, format!("there is no header at its height {end}")))?;
    let rules = ChainRules::of(genesis).map_err(|error| wrong(end, error.to_string()))?;
    let key = fold_key().map_err(|error| wrong(end, error.to_string()))?;
    check_chain(key, &rules.origin(), LedgerPoint::from(&header), &sealed)
        .map_err(|error| wrong(end, error.to_string()))?;
    Ok(Some(end))
}

/// What was pruned and what is proven of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Covered {
    /// The last height whose block was pruned; none where nothing was.
    pub pruned_to: Option<Height>,
    /// The last height of the chain proof, which holds; none without one.
    pub covered_to: Option<Height>,
}

impl Covered {
    /// Whether the chain proof covers all that was pruned; none where nothing was.
    pub fn is_covered(self) -> Option<bool> {
        self.pruned_to.map(|pruned| self.covered_to.is_some_and(|end| end >= pruned))
    }
}

impl fmt::Display for Covered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(pruned) = self.pruned_to else { return f.write_str("nothing was pruned") };
        write!(f, "to height {}, ", count(pruned.0))?;
        match self.covered_to {
            Some(end) if end >= pruned => write!(f, "covered by the chain proof to height {}", count(end.0)),
            Some(end) => write!(f, "not covered above height {}, where the chain proof ends", count(end.0)),
            None => f.write_str("not covered: there is no chain proof"),
        }
    }
}
