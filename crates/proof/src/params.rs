//! The fixed parameters of the proof system and the limits that follow from them.
//!
//! Rules
//! - Everything here is part of the verifying key: another value is another key (`fixtures/window_key.txt`).
//! - Unique decoding only: no bound rests on a conjecture about proximity gaps. Grinding counts towards the bits.
//!
//! Read next: [`crate::keys`].

use openvm_stark_backend::{SystemParams, WhirProximityStrategy};
use openvm_stark_sdk::config::params_with_100_bits_security;

/// Largest degree of a constraint, selectors included.
pub const CONSTRAINT_DEGREE_MAX: usize = 3;
/// Rows of a table are 2^21 at most, and so is the height of the committed matrix.
pub const LOG_ROWS_MAX: usize = 21;
/// Columns of the committed matrix: 2^27 cells in all tables together.
pub const STACKED_COLUMNS_MAX: usize = 64;
/// Bytes of a window proof. A proof of the largest window has less; what is longer is not looked at.
pub const PROOF_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bits of security that the key must have.
pub const SECURITY_BITS_MIN: f64 = 100.0;

/// Rows below 2^4 are committed as 2^4.
const LOG_SKIP: usize = 4;
/// The code has twice as many points as the polynomial has coefficients.
const LOG_BLOWUP: usize = 1;
/// Grinding before each fold.
const FOLDING_POW_BITS: usize = 5;
/// Grinding before the columns are batched.
const BATCHING_POW_BITS: usize = 15;
/// Grinding before the queries of a round.
const QUERY_POW_BITS: usize = 20;
/// A fold takes 2^4 points to one.
const LOG_FOLD: usize = 4;

/// The parameters.
pub fn system_params() -> SystemParams {
    params_with_100_bits_security(
        LOG_BLOWUP,
        LOG_SKIP,
        LOG_ROWS_MAX - LOG_SKIP,
        STACKED_COLUMNS_MAX,
        FOLDING_POW_BITS,
        BATCHING_POW_BITS,
        WhirProximityStrategy::UniqueDecoding,
        CONSTRAINT_DEGREE_MAX,
        QUERY_POW_BITS,
        LOG_FOLD,
    )
}
