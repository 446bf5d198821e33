//! The chain proof as it travels, is kept and is judged: one proof from genesis to the end of a window.
//!
//! ```text
//!   end height 8 LE | payout address 30 | fold (crate::folded)
//!
//!   genesis ──► ChainOrigin ─┐
//!   ledger at the end height ┼──► check_chain ──► every coin since genesis moved by the rules
//!   bytes ──► SealedChain ───┘
//! ```
//!
//! Rules
//! - The statement is not in the bytes: whoever checks makes it of genesis and of a ledger that he trusts for other
//!   reasons: his own, one that is certified, one that the state remembers.
//! - [`check_chain`] is the one judge of chain proofs, for nodes, light clients and blocks alike. Its verdict depends on
//!   its arguments alone.
//!
//! Read next: [`crate::verify_chain_proof`], [`crate::light::Proven::of_chain`].

use primitives::address::ADDRESS_BYTES;
use primitives::{Address, Amount, Hash, Height, decode, encode};

use crate::folded::{FoldKey, verify_chain_proof};
use crate::params::PROOF_BYTES_MAX;
use crate::statement::{LedgerPoint, WindowStatement};
use crate::verify::ChainError;

/// Bytes before the proof.
const HEAD_BYTES: usize = 8 + ADDRESS_BYTES;
/// Most bytes of a sealed chain proof, 4 MiB.
pub const SEALED_CHAIN_BYTES_MAX: usize = PROOF_BYTES_MAX;

/// What every chain proof of one chain starts from and obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainOrigin {
    /// The chain.
    pub genesis: Hash,
    /// The ledger of genesis.
    pub start: LedgerPoint,
    /// Most new money in a block, µBLOCK.
    pub issuance_max: Amount,
    /// All the money there may ever be, µBLOCK.
    pub supply_cap: Amount,
}

/// A chain proof with what its verifier cannot know otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedChain {
    /// The last height that is proven.
    pub height: Height,
    /// Who is paid for the proof of the last window: part of its statement.
    pub payout: Address,
    /// The proof.
    pub proof: Vec<u8>,
}

/// Why a chain proof does not count.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealedChainError {
    /// More than there may be.
    #[error("{bytes} bytes are more than a chain proof may have, which is {SEALED_CHAIN_BYTES_MAX}")]
    TooLong {
        /// How many there are.
        bytes: usize,
    },
    /// Not even a head.
    #[error("{bytes} bytes are too few: a chain proof starts with its last height and a payout address")]
    TooShort {
        /// How many there are.
        bytes: usize,
    },
    /// The payout address is none.
    #[error("the payout address is not one")]
    Payout,
    /// The ledger it is compared with is of another height.
    #[error("the chain proof ends at height {found}, it was compared with the ledger of height {expected}")]
    OtherHeight {
        /// The height of that ledger.
        expected: Height,
        /// The height that the proof is said to end at.
        found: Height,
    },
    /// It does not show the statement.
    #[error("{0}")]
    Chain(#[from] ChainError),
}

impl SealedChain {
    /// The bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.height.0.to_le_bytes().as_slice(), &encode(&self.payout), &self.proof].concat()
    }

    /// Reads what [`Self::to_bytes`] made. The length is checked before anything else; the proof is not looked at.
    ///
    /// # Errors
    /// [`SealedChainError::TooLong`], [`SealedChainError::TooShort`], [`SealedChainError::Payout`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealedChainError> {
        if bytes.len() > SEALED_CHAIN_BYTES_MAX {
            return Err(SealedChainError::TooLong { bytes: bytes.len() });
        }
        let short = || SealedChainError::TooShort { bytes: bytes.len() };
        let (height, rest) = bytes.split_first_chunk::<8>().ok_or_else(short)?;
        let (payout, proof) = rest.split_at_checked(HEAD_BYTES - 8).ok_or_else(short)?;
        let payout = decode(payout).map_err(|_| SealedChainError::Payout)?;
        Ok(Self { height: Height(u64::from_le_bytes(*height)), payout, proof: proof.to_vec() })
    }

    /// What it claims, if the ledger at its last height is `after`.
    pub fn statement(&self, origin: &ChainOrigin, after: LedgerPoint) -> WindowStatement {
        WindowStatement {
            genesis: origin.genesis,
            before: origin.start,
            after,
            issuance_max: origin.issuance_max,
            supply_cap: origin.supply_cap,
            payout: self.payout,
        }
    }
}

/// Whether the proof shows that the ledger `after` follows from genesis.
///
/// `after` must come from elsewhere than the proof: this node's own header, a certified one, or an end record.
///
/// # Errors
/// [`SealedChainError::OtherHeight`] when `after` is of another height, [`SealedChainError::Chain`] when the proof shows
/// something else or nothing.
pub fn check_chain(
    key: &FoldKey,
    origin: &ChainOrigin,
    after: LedgerPoint,
    sealed: &SealedChain,
) -> Result<(), SealedChainError> {
    if sealed.height != after.height {
        return Err(SealedChainError::OtherHeight { expected: after.height, found: sealed.height });
    }
    verify_chain_proof(key, origin.start, &sealed.statement(origin, after), &sealed.proof)?;
    Ok(())
}
