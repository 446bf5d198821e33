//! What execution is told from outside the state: the block, its payer, the governed values.
//!
//! Everything here is equal on all nodes: it comes from the header, from the included certificate of the
//! block before, and from genesis. Time is the header's.

use primitives::actions::EndRecord;
use primitives::{Address, Hash, Height, Params, PublicKey, Round, SlotIndex, Timestamp};

/// Who signed the certificate that a block includes for the block before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastCommit {
    /// The round that decided the block before.
    pub round: Round,
    /// The signers, sorted by address, verified.
    pub signers: Vec<Address>,
}

/// What execution is told about the block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockContext {
    /// The chain.
    pub genesis: Hash,
    /// The block's height.
    pub height: Height,
    /// The block's time.
    pub time: Timestamp,
    /// Hash of the block before; the genesis hash at height 1.
    pub parent: Hash,
    /// The ledger after the block before, as its header has it; that of genesis at height 1.
    pub before: EndRecord,
    /// Who built it; gets the tips.
    pub proposer: Address,
    /// The block's own beacon.
    pub beacon: Hash,
    /// The included certificate; none at height 1 and on a solo chain whose blocks nobody signs.
    pub last_commit: Option<LastCommit>,
}

/// The block and the governed values, as every module hook gets them.
#[derive(Debug, Clone, Copy)]
pub struct Env<'a> {
    /// The block.
    pub block: &'a BlockContext,
    /// The governed values in force.
    pub params: &'a Params,
}

impl Env<'_> {
    /// The epoch of the block: heights 1 … `epoch_blocks` are epoch 0.
    pub fn epoch(&self) -> u64 {
        epoch_of(self.params, self.block.height)
    }

    /// True for the last height of an epoch.
    pub fn ends_epoch(&self) -> bool {
        self.block.height.0.is_multiple_of(self.params.epoch_blocks.max(1))
    }
}

/// The epoch of a height: heights 1 … `epoch_blocks` are epoch 0, as is genesis.
pub fn epoch_of(params: &Params, height: Height) -> u64 {
    height.0.saturating_sub(1) / params.epoch_blocks.max(1)
}

/// The account that pays for a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payer {
    /// Its ledger slot.
    pub slot: SlotIndex,
    /// Its address.
    pub address: Address,
    /// The key that signed.
    pub key: PublicKey,
}
