//! A window's proof as it travels and as it is kept.
//!
//! ```text
//!   window 8 LE | payout address 30 | proof (crate::encoding)
//! ```
//! The statement is not in it: who checks makes it of headers that he trusts.

use primitives::address::ADDRESS_BYTES;
use primitives::{Address, decode, encode};

use crate::params::PROOF_BYTES_MAX;

/// Bytes before the proof.
const HEAD_BYTES: usize = 8 + ADDRESS_BYTES;
/// Most bytes of a sealed window.
pub const SEALED_BYTES_MAX: usize = PROOF_BYTES_MAX;

/// The proof of one window with what its verifier cannot know otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedWindow {
    /// Which window, from 0.
    pub window: u64,
    /// Who is paid for the proof: part of its statement.
    pub payout: Address,
    /// The proof.
    pub proof: Vec<u8>,
}

/// Bytes that are no sealed window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealedWindowError {
    /// Not even a head.
    #[error("{bytes} bytes are too few: a window's proof starts with its number and a payout address")]
    TooShort {
        /// How many there are.
        bytes: usize,
    },
    /// More than there may be.
    #[error("{bytes} bytes are more than a window's proof may have, which is {SEALED_BYTES_MAX}")]
    TooLong {
        /// How many there are.
        bytes: usize,
    },
    /// The payout address is none.
    #[error("the payout address is not one")]
    Payout,
}

impl SealedWindow {
    /// The bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.window.to_le_bytes().as_slice(), &encode(&self.payout), &self.proof].concat()
    }

    /// Reads what [`Self::to_bytes`] made. The proof is not looked at.
    ///
    /// # Errors
    /// [`SealedWindowError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealedWindowError> {
        if bytes.len() > SEALED_BYTES_MAX {
            return Err(SealedWindowError::TooLong { bytes: bytes.len() });
        }
        let short = SealedWindowError::TooShort { bytes: bytes.len() };
        let (window, rest) = bytes.split_first_chunk::<8>().ok_or(short.clone())?;
        let (payout, proof) = rest.split_at_checked(HEAD_BYTES - 8).ok_or(short)?;
        let payout = decode(payout).map_err(|_| SealedWindowError::Payout)?;
        Ok(Self { window: u64::from_le_bytes(*window), payout, proof: proof.to_vec() })
    }
}
