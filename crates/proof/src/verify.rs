//! Verification of a window proof, and of a list of them.
//!
//! ```text
//!   statement ── check ──► public values ─┐
//!   bytes ── length, shape, elements ─────┴──► the proof stack's verifier ──► yes, or why not
//! ```
//!
//! Rules
//! - The public values are those of the statement. Nothing of what a proof claims about itself is believed.
//! - Any bytes give a verdict in bounded time and memory; none of them a panic. The verifier of the proof stack runs
//!   behind a border that turns a panic into a refusal.
//! - Every table is required by the key, so no proof can leave one out.
//!
//! Read next: [`crate::encoding`], [`crate::statement`].

use std::panic::{AssertUnwindSafe, catch_unwind};

use openvm_stark_backend::verifier::{VerifierError, verify};
use openvm_stark_sdk::config::baby_bear_poseidon2::{EF, default_duplex_sponge};
use primitives::Height;

use crate::airs::STATEMENT;
use crate::encoding::{EncodingError, decode};
use crate::keys::VerifyingKey;
use crate::statement::{JoinError, LedgerPoint, StatementError, WindowStatement};

/// Why a proof does not show its statement.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// No window can have this statement.
    #[error("the statement is impossible: {0}")]
    Statement(#[from] StatementError),
    /// The bytes are no proof.
    #[error("the bytes are no window proof: {0}")]
    Encoding(#[from] EncodingError),
    /// The proof is of something else, or of nothing.
    #[error("the proof does not show the statement: {0}")]
    Refused(VerifierError<EF>),
    /// The verifier stopped on something it did not expect, which counts as a refusal.
    #[error("the verifier could not read the proof")]
    Unreadable,
}

/// Whether the proof shows the statement.
///
/// # Errors
/// The first of [`ProofError`] in its order.
pub fn verify_window(key: &VerifyingKey, statement: &WindowStatement, bytes: &[u8]) -> Result<(), ProofError> {
    statement.check()?;
    let mut proof = decode(key, bytes)?;
    proof.public_values[STATEMENT] = statement.public_values();
    let verdict =
        catch_unwind(AssertUnwindSafe(|| verify(key.config(), key.inner(), &proof, &mut default_duplex_sponge())));
    verdict.map_err(|_| ProofError::Unreadable)?.map_err(ProofError::Refused)
}

/// Why a list of windows does not show the chain.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The first window does not start where it should.
    #[error("the first window starts at height {found}, with another ledger than the one at height {expected}")]
    Start {
        /// Where it starts.
        found: Height,
        /// Where it should start.
        expected: Height,
    },
    /// A window does not follow the one before it.
    #[error("{0}")]
    Join(#[from] JoinError),
    /// A proof does not show its statement.
    #[error("the window from height {height}: {error}")]
    Window {
        /// The first height of the window.
        height: Height,
        /// What is wrong.
        error: ProofError,
    },
}

/// Whether the windows lead from `start` without a gap, each proven. Returns where they lead: `start` for no window.
///
/// Every statement must come from certified headers and the genesis file. With `start` at genesis this is the proof of
/// the whole ledger up to the returned height.
///
/// # Errors
/// [`ChainError`] for the first window that does not fit or is not proven.
pub fn verify_chain<'a>(
    key: &VerifyingKey,
    start: LedgerPoint,
    windows: impl IntoIterator<Item = (&'a WindowStatement, &'a [u8])>,
) -> Result<LedgerPoint, ChainError> {
    let mut before: Option<&WindowStatement> = None;
    for (statement, bytes) in windows {
        match before {
            Some(before) => statement.follows(before)?,
            None if statement.before == start => {}
            None => return Err(ChainError::Start { found: statement.before.height, expected: start.height }),
        }
        let height = statement.first_height();
        verify_window(key, statement, bytes).map_err(|error| ChainError::Window { height, error })?;
        before = Some(statement);
    }
    Ok(before.map_or(start, |statement| statement.after))
}
