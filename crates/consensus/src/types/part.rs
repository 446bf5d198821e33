//! Proposal parts: how a block's bytes travel to the other validators.
//!
//! ```text
//! sequence 0   Init  the proposer's signed Proposal, and how many bytes follow
//! sequence 1…n Data  at most 64 KiB each, in order; every one but the last is full
//! ```
//! The signature in [`ProposalInit`] is the one over the round's `Proposal`, so that a stream costs a
//! receiver memory only when the right proposer stands behind it, and no further kind of signature exists.
//! The header hash that it names commits to every byte of the block.

use arc_malachitebft_app_channel::app::types::core;
use borsh::{BorshDeserialize, BorshSerialize};
use primitives::block::BLOCK_BYTES_MAX;
use primitives::{Proposal, Signature};

use crate::codec::Blob;
use crate::context::ChainContext;

/// Most block bytes in one part.
pub const PART_BYTES_MAX: usize = 64 * 1024;

/// Block bytes of one part.
pub type PartData = Blob<PART_BYTES_MAX>;

/// Opens a stream of parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ProposalInit {
    /// The proposal that the parts belong to.
    pub proposal: Proposal,
    /// The proposer's signature over it.
    pub signature: Signature,
    /// Length of the block in bytes.
    pub bytes: u32,
}

impl ProposalInit {
    /// How many data parts follow, or `None` when the length is zero or above the largest block.
    pub fn data_parts(&self) -> Option<u64> {
        let bytes = usize::try_from(self.bytes).ok()?;
        let parts = u64::try_from(bytes.div_ceil(PART_BYTES_MAX)).ok()?;
        (bytes > 0 && bytes <= BLOCK_BYTES_MAX).then_some(parts)
    }
}

/// One part of a proposal.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ProposalPart {
    /// The first part.
    Init(ProposalInit),
    /// A piece of the block.
    Data {
        /// True on the final piece.
        last: bool,
        /// The bytes.
        bytes: PartData,
    },
}

impl core::ProposalPart<ChainContext> for ProposalPart {
    fn is_first(&self) -> bool {
        matches!(self, Self::Init(_))
    }

    fn is_last(&self) -> bool {
        matches!(self, Self::Data { last: true, .. })
    }
}
