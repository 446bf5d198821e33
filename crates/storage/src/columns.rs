//! Every key space of the store, with an id that is never reused, and every key drawn to the byte.
//!
//! An engine key is `column id (1) ‖ key`. Integers in keys are big-endian, so that byte order is
//! numeric order. Columns that are written in the same pattern share one engine space: a block's
//! bytes are appended in height order and must not be rewritten whenever random keys are merged.
//!
//! ```text
//! id column        space     key                                            payload
//!  1 meta          meta      name (ASCII)                                   see `meta` below
//!  2 candidates    meta      height 8 ‖ origin 1 (0 received, 1 built) ‖ number 4   block bytes
//!  3 blocks        blocks    height 8                                       n 4 LE ‖ certificate n ‖ block bytes
//!  4 receipts      receipts  height 8                                       borsh list of receipts
//!  5 hashes        index     block hash 32                                  height 8 LE
//!  6 transactions  index     transaction id 32                              height 8 LE ‖ index 4 LE
//!  7 history       index     address 30 ‖ height 8 ‖ index 4 ‖ part 4       kind, transaction, other, amount, outcome
//!  8 slots         state     slot index 4                                   address 30 ‖ nonce 8 LE ‖ balance 8 LE
//!  9 state         state     key of the module state                        value of the module state
//! 10 nodes         state     key of the module-state tree                   node bytes
//! 11 operations    receipts  height 8                                       borsh list of ledger operations
//! 12 proofs        receipts  window 8                                       bytes of the window's proof
//! 13 closing       receipts  height 8                                       borsh list of the block's closing events
//! 14 chain_proof   receipts  "chain"                                        windows 8 LE ‖ bytes of the chain proof
//! 15 headers       blocks    height 8                                       n 4 LE ‖ certificate n ‖ header
//!
//! meta:  "schema" 4 LE   "genesis" 32   "tip" borsh Mark   "history" 1 (0 = being rebuilt, 1 = complete)
//!        "evidence" what waits to be reported (`evidence.rs`), from the first save on
//!        "base" header and certificate of the height that the history begins after; absent when it begins with genesis
//!        "pruning" what was pruned, and the checkpoint at its end (`prune.rs`); absent before the first piece
//!        "removed" about how many bytes of each space were removed and not yet given back (`compact.rs`); absent before the first piece
//!        "quarantine" heights whose bodies are damaged (`quarantine.rs`); absent while there is none
//!        "sequence" 8 LE: on disk only, the engine's next sequence when the batch was made (`journal.rs`)
//! ```
//!
//! Every stored value is `checksum 8 ‖ payload`: see `value.rs`. Rule: a removed column leaves its id behind.

use primitives::{Address, Hash, Height, Round, SlotIndex};

/// The layout above. A store of another schema is refused by number; add one when the layout changes.
pub const SCHEMA_VERSION: u32 = 5;

/// A group of columns that the engine keeps, flushes and merges together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Space {
    /// Small and hot.
    Meta,
    /// Appended in height order.
    Blocks,
    /// Appended in height order.
    Receipts,
    /// Random keys, written once.
    Index,
    /// Random keys, overwritten.
    State,
}

impl Space {
    /// Every space.
    pub const ALL: [Self; 5] = [Self::Meta, Self::Blocks, Self::Receipts, Self::Index, Self::State];

    /// The name on disk.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Blocks => "blocks",
            Self::Receipts => "receipts",
            Self::Index => "index",
            Self::State => "state",
        }
    }
}

/// One key space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// Facts about the store itself.
    Meta,
    /// Built and received blocks of heights that are not decided.
    Candidates,
    /// Decided blocks with their certificates.
    Blocks,
    /// Receipts of a block.
    Receipts,
    /// Block hash to height.
    Hashes,
    /// Transaction id to its place.
    Transactions,
    /// Payments of an address.
    History,
    /// The provable ledger.
    Slots,
    /// Module state, flat.
    State,
    /// Nodes of the module-state tree.
    Nodes,
    /// Ledger operations of a block: what provers replay.
    Operations,
    /// Window proofs that were verified here.
    Proofs,
    /// What the end of a block did by itself.
    Closing,
    /// The one proof of the chain, and how many windows it covers.
    ChainProof,
    /// Headers and certificates of heights whose blocks were pruned.
    Headers,
}

impl Column {
    /// Every column, by id.
    pub const ALL: [Self; 15] = [
        Self::Meta,
        Self::Candidates,
        Self::Blocks,
        Self::Receipts,
        Self::Hashes,
        Self::Transactions,
        Self::History,
        Self::Slots,
        Self::State,
        Self::Nodes,
        Self::Operations,
        Self::Proofs,
        Self::Closing,
        Self::ChainProof,
        Self::Headers,
    ];

    /// The first byte of its engine keys.
    pub const fn id(self) -> u8 {
        match self {
            Self::Meta => 1,
            Self::Candidates => 2,
            Self::Blocks => 3,
            Self::Receipts => 4,
            Self::Hashes => 5,
            Self::Transactions => 6,
            Self::History => 7,
            Self::Slots => 8,
            Self::State => 9,
            Self::Nodes => 10,
            Self::Operations => 11,
            Self::Proofs => 12,
            Self::Closing => 13,
            Self::ChainProof => 14,
            Self::Headers => 15,
        }
    }

    /// Its name in errors and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Candidates => "candidates",
            Self::Blocks => "blocks",
            Self::Receipts => "receipts",
            Self::Hashes => "hashes",
            Self::Transactions => "transactions",
            Self::History => "history",
            Self::Slots => "slots",
            Self::State => "state",
            Self::Nodes => "nodes",
            Self::Operations => "operations",
            Self::Proofs => "proofs",
            Self::Closing => "closing",
            Self::ChainProof => "chain_proof",
            Self::Headers => "headers",
        }
    }

    /// Where it lives.
    pub const fn space(self) -> Space {
        match self {
            Self::Meta | Self::Candidates => Space::Meta,
            Self::Blocks | Self::Headers => Space::Blocks,
            Self::Receipts | Self::Operations | Self::Proofs | Self::Closing | Self::ChainProof => Space::Receipts,
            Self::Hashes | Self::Transactions | Self::History => Space::Index,
            Self::Slots | Self::State | Self::Nodes => Space::State,
        }
    }

    /// The column and the key of an engine key.
    pub fn of_engine_key(engine_key: &[u8]) -> Option<(Self, &[u8])> {
        let (id, key) = engine_key.split_first()?;
        let column = Self::ALL.into_iter().find(|column| column.id() == *id)?;
        Some((column, key))
    }

    /// The engine key of `key`.
    pub fn engine_key(self, key: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + key.len());
        bytes.push(self.id());
        bytes.extend_from_slice(key);
        bytes
    }
}

/// Meta key of the schema version.
pub(crate) const SCHEMA: &[u8] = b"schema";
/// Meta key of the genesis hash.
pub(crate) const GENESIS: &[u8] = b"genesis";
/// Meta key of the last batch.
pub(crate) const TIP: &[u8] = b"tip";
/// Meta key of a batch's floor.
pub(crate) const SEQUENCE: &[u8] = b"sequence";
/// Meta key that says whether the history index is complete.
pub(crate) const HISTORY: &[u8] = b"history";
/// Meta key of where the history begins.
pub(crate) const BASE: &[u8] = b"base";
/// Meta key of what was pruned.
pub(crate) const PRUNING: &[u8] = b"pruning";
/// Meta key of what was removed and not yet given back.
pub(crate) const REMOVED: &[u8] = b"removed";
/// Name of the heights whose bodies are damaged.
pub(crate) const QUARANTINE: &[u8] = b"quarantine";
/// Meta key of the evidence that waits to be reported.
pub(crate) const EVIDENCE: &[u8] = b"evidence";
/// The one key of [`Column::ChainProof`].
pub(crate) const CHAIN_PROOF: &[u8] = b"chain";

/// Key of a height.
pub(crate) fn height_key(height: Height) -> [u8; 8] {
    height.0.to_be_bytes()
}

/// The height of a key made by [`height_key`].
pub(crate) fn height_of_key(key: &[u8]) -> Option<Height> {
    Some(Height(u64::from_be_bytes(key.try_into().ok()?)))
}

/// Where a candidate block comes from, with what tells it from others of its height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CandidateOrigin {
    /// Received and judged valid, in this order: the caller numbers them.
    Received(u32),
    /// Built here for this round: never replaced by other bytes.
    Built(Round),
}

/// Bytes of a candidate's key.
const CANDIDATE_KEY_BYTES: usize = 13;

/// Key of a candidate.
pub(crate) fn candidate_key(height: Height, origin: CandidateOrigin) -> [u8; CANDIDATE_KEY_BYTES] {
    let (tag, number) = match origin {
        // Received ones come first, so that they make room before a built one does.
        CandidateOrigin::Received(number) => (0, number),
        CandidateOrigin::Built(round) => (1, round.0),
    };
    let mut key = [0_u8; CANDIDATE_KEY_BYTES];
    key[..8].copy_from_slice(&height.0.to_be_bytes());
    key[8] = tag;
    key[9..].copy_from_slice(&number.to_be_bytes());
    key
}

/// The height and origin of a key made by [`candidate_key`].
pub(crate) fn candidate_of_key(key: &[u8]) -> Option<(Height, CandidateOrigin)> {
    let key: &[u8; CANDIDATE_KEY_BYTES] = key.try_into().ok()?;
    let (height, rest) = key.split_at(8);
    let number = u32::from_be_bytes(rest.get(1..)?.try_into().ok()?);
    let origin = match rest.first()? {
        0 => CandidateOrigin::Received(number),
        1 => CandidateOrigin::Built(Round(number)),
        _ => return None,
    };
    Some((Height(u64::from_be_bytes(height.try_into().ok()?)), origin))
}

/// Key of a ledger slot.
pub(crate) fn slot_key(slot: SlotIndex) -> [u8; 4] {
    slot.get().to_be_bytes()
}

/// Key of a proof window.
pub(crate) fn window_key(window: u64) -> [u8; 8] {
    window.to_be_bytes()
}

/// The window of a key made by [`window_key`].
pub(crate) fn window_of_key(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.try_into().ok()?))
}

/// Key of a block hash.
pub(crate) fn hash_key(hash: &Hash) -> [u8; 32] {
    hash.0
}

/// Bytes of a history key.
pub(crate) const HISTORY_KEY_BYTES: usize = primitives::address::ADDRESS_BYTES + 16;

/// Key of a history entry.
pub(crate) fn history_key(address: &Address, height: Height, index: u32, part: u32) -> [u8; HISTORY_KEY_BYTES] {
    let mut key = [0_u8; HISTORY_KEY_BYTES];
    key[..30].copy_from_slice(&address.0);
    key[30..38].copy_from_slice(&height.0.to_be_bytes());
    key[38..42].copy_from_slice(&index.to_be_bytes());
    key[42..].copy_from_slice(&part.to_be_bytes());
    key
}
