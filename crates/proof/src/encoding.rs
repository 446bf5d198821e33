//! The bytes of a window proof.
//!
//! ```text
//!   version 1 | log2 of the rows of each table, 9 × 1 byte | field elements, 4 bytes each, little-endian
//! ```
//!
//! Model: the key and the heights of the tables fix how many elements there are and what each is for, so the bytes
//! hold no lengths. Decoding makes an empty proof of that shape and fills it; encoding walks it the same way.
//!
//! Rules
//! - One proof has one encoding: the length is exact and every element is below the modulus.
//! - Public values are not in the bytes; the verifier puts in those of the statement.
//!
//! The proof stack has an encoding of its own with lengths inside; it makes some of them loop counts before any
//! byte is read for them, so it is not used on input from others.
//!
//! Read next: `shape.rs`, [`crate::verify_window`].

use openvm_stark_backend::proof::Proof;

use crate::airs::TABLES;
use crate::keys::{Config, VerifyingKey};
use crate::params::PROOF_BYTES_MAX;
use crate::shape;

/// The only version.
pub(crate) const VERSION: u8 = 1;
/// Bytes before the elements.
const HEAD_BYTES: usize = 1 + TABLES;
/// Bytes that are no proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    /// Not even a head.
    #[error("{bytes} bytes are too few for a proof")]
    TooShort {
        /// How many there are.
        bytes: usize,
    },
    /// More than any proof has.
    #[error("{bytes} bytes are more than a proof may have, which is {PROOF_BYTES_MAX}")]
    TooLong {
        /// How many there are.
        bytes: usize,
    },
    /// Of a version that does not exist.
    #[error("proofs have version {VERSION}, this one has {version}")]
    Version {
        /// What was found.
        version: u8,
    },
    /// A fold that is neither of lifted windows nor of folds.
    #[error("folds are of kind 0 or 1, this one is of {kind}")]
    Kind {
        /// What was found.
        kind: u8,
    },
    /// A table is higher than it may be.
    #[error("table {table} claims 2^{log_rows} rows, more than its key admits")]
    TooManyRows {
        /// Place of the table in the key.
        table: usize,
        /// The claim.
        log_rows: u8,
    },
    /// The tables together are larger than they may be.
    #[error("the tables need {columns} committed columns, at most {max} are possible")]
    TooManyCells {
        /// What is needed.
        columns: usize,
        /// The bound.
        max: usize,
    },
    /// Another number of elements than the heights ask for.
    #[error("a proof with these table heights has {expected} bytes, this one has {bytes}")]
    Length {
        /// What the heights ask for.
        expected: usize,
        /// What is there.
        bytes: usize,
    },
    /// An element at or above the modulus.
    #[error("field element {element} is not below the modulus")]
    NotCanonical {
        /// Its place among the elements.
        element: usize,
    },
    /// A proof in memory that has not the shape of its heights.
    #[error("the proof has not the shape that its table heights ask for")]
    Shape,
}

/// Reads a proof. Its public values are empty.
///
/// # Errors
/// [`EncodingError`] when the bytes are not the one encoding of a proof under this key.
pub fn decode(key: &VerifyingKey, bytes: &[u8]) -> Result<Proof<Config>, EncodingError> {
    if bytes.len() > PROOF_BYTES_MAX {
        return Err(EncodingError::TooLong { bytes: bytes.len() });
    }
    let Some((head, body)) = bytes.split_first_chunk::<HEAD_BYTES>() else {
        return Err(EncodingError::TooShort { bytes: bytes.len() });
    };
    if head[0] != VERSION {
        return Err(EncodingError::Version { version: head[0] });
    }
    shape::read(key.inner(), &head[1..], HEAD_BYTES, body)
}

/// Writes a proof, without its public values.
///
/// # Errors
/// [`EncodingError::Shape`] when it was not made under this key.
pub fn encode(key: &VerifyingKey, proof: &Proof<Config>) -> Result<Vec<u8>, EncodingError> {
    let log_rows = shape::heights(key.inner(), proof)?;
    let mut bytes = vec![VERSION];
    bytes.extend(&log_rows);
    shape::write(key.inner(), &log_rows, proof, &mut bytes)?;
    Ok(bytes)
}

/// Columns of the committed matrix when the tables have so many rows, as powers of two.
///
/// # Errors
/// [`EncodingError::TooManyRows`] or [`EncodingError::TooManyCells`] when no proof can have these heights.
pub fn stacked_columns(key: &VerifyingKey, log_rows: &[u8; TABLES]) -> Result<usize, EncodingError> {
    Ok(shape::columns(key.inner(), log_rows)?.iter().sum())
}
