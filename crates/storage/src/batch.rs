//! What callers hand over: the genesis state once, then one batch per block.

use primitives::{
    ClosingEvents, CommitCertificate, Hash, Height, LedgerOp, LedgerSlot, Receipt, SlotIndex, TransactionId,
};

use crate::history::HistoryEntry;

/// Key and value of the module state or of its tree; the bytes mean nothing to the store.
pub type Entry = (Vec<u8>, Vec<u8>);

/// The state before the first block.
#[derive(Debug, Clone, Default)]
pub struct GenesisBatch {
    /// Every ledger slot, in slot order from 0.
    pub slots: Vec<LedgerSlot>,
    /// Module state.
    pub state: Vec<Entry>,
    /// Nodes of the module-state tree.
    pub nodes: Vec<Entry>,
}

/// Everything one decided block changes. It becomes durable as a whole or not at all.
#[derive(Debug, Clone)]
pub struct CommitBatch {
    /// The height after the head.
    pub height: Height,
    /// Hash of the block.
    pub block_hash: Hash,
    /// Canonical bytes of the block.
    pub block: Vec<u8>,
    /// The certificate that decided it.
    pub certificate: Option<CommitCertificate>,
    /// One receipt per transaction, in order.
    pub receipts: Vec<Receipt>,
    /// Ledger operations of the block, in order, ending in its seal.
    pub operations: Vec<LedgerOp>,
    /// What the end of the block did by itself, in order.
    pub closing: ClosingEvents,
    /// Ids of the block's transactions, in order.
    pub transactions: Vec<TransactionId>,
    /// What [`history_of`](crate::history_of) makes of the block and its receipts.
    pub history: Vec<HistoryEntry>,
    /// Slots that changed or were opened.
    pub slots: Vec<(SlotIndex, LedgerSlot)>,
    /// Module state that changed; `None` removes the key.
    pub state: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// New nodes of the module-state tree.
    pub nodes_new: Vec<Entry>,
    /// Keys of nodes that no later version needs.
    pub nodes_stale: Vec<Vec<u8>>,
}

/// Where a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionPlace {
    /// Height of its block.
    pub height: Height,
    /// Its position in the block, from 0.
    pub index: u32,
}
