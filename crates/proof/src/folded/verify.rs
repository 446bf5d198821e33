//! Verification of a fold, and of the chain.

use std::panic::{AssertUnwindSafe, catch_unwind};

use openvm_stark_backend::verifier::verify;
use openvm_stark_sdk::config::baby_bear_poseidon2::default_duplex_sponge;

use super::FoldKey;
use crate::statement::{LedgerPoint, WindowStatement};
use crate::verify::{ChainError, ProofError};

/// Whether the fold shows the statement: that windows without a gap lead from its start to its end.
///
/// # Errors
/// The first of [`ProofError`] in its order.
pub fn verify_folded(key: &FoldKey, statement: &WindowStatement, bytes: &[u8]) -> Result<(), ProofError> {
    statement.check()?;
    let proof = key.decode(statement, bytes)?;
    let key = key.verifying();
    let verdict =
        catch_unwind(AssertUnwindSafe(|| verify(key.config(), key.inner(), &proof, &mut default_duplex_sponge())));
    verdict.map_err(|_| ProofError::Unreadable)?.map_err(ProofError::Refused)
}

/// Whether the fold leads from `start` to where its statement ends. With `start` at genesis this is the proof of the
/// whole ledger up to there. The statement must come from a certified header and the genesis file.
///
/// # Errors
/// [`ChainError::Start`] when it starts elsewhere, [`ChainError::Window`] when it does not show its statement.
pub fn verify_chain_proof(
    key: &FoldKey,
    start: LedgerPoint,
    statement: &WindowStatement,
    bytes: &[u8],
) -> Result<LedgerPoint, ChainError> {
    if statement.before != start {
        return Err(ChainError::Start { found: statement.before.height, expected: start.height });
    }
    let height = statement.first_height();
    verify_folded(key, statement, bytes).map_err(|error| ChainError::Window { height, error })?;
    Ok(statement.after)
}
