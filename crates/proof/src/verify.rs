//! Verification of one window proof.
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

use crate::airs::STATEMENT;
use crate::encoding::{EncodingError, decode};
use crate::keys::VerifyingKey;
use crate::statement::{StatementError, WindowStatement};

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
