//! The proof of a part of a window as the cache keeps it. It never leaves the prover: it is folded into the chain proof.
//!
//! ```text
//!   height before 8 LE | last height 8 LE | payout address 30 | proof
//! ```
//!
//! Read next: `prover/src/parts.rs`, [`crate::service`].

use primitives::address::ADDRESS_BYTES;
use primitives::{Address, Height, decode, encode};

/// Bytes before the proof.
const HEAD_BYTES: usize = 16 + ADDRESS_BYTES;

/// A proven part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedPart {
    /// The height before its first block.
    pub before: Height,
    /// Its last height.
    pub last: Height,
    /// Who is to be paid: part of its statement.
    pub payout: Address,
    /// The proof.
    pub proof: Vec<u8>,
}

impl SealedPart {
    /// The bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let heights = [self.before.0.to_le_bytes(), self.last.0.to_le_bytes()].concat();
        [heights.as_slice(), &encode(&self.payout), &self.proof].concat()
    }

    /// Reads what [`Self::to_bytes`] made; none when it is something else. The proof is not looked at.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (before, rest) = bytes.split_first_chunk::<8>()?;
        let (last, rest) = rest.split_first_chunk::<8>()?;
        let (payout, proof) = rest.split_at_checked(HEAD_BYTES - 16)?;
        let [before, last] = [before, last].map(|height| Height(u64::from_le_bytes(*height)));
        let payout = decode(payout).ok()?;
        (before < last).then(|| Self { before, last, payout, proof: proof.to_vec() })
    }
}
