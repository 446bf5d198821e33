//! What a node has deleted of old blocks, what it keeps, and one block as it is kept.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use primitives::{Hash, Height, LedgerDigest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::schema::{DigestText, HashText};

/// `GET /blocks/{block}/body`: what a node keeps of a block. Nothing of it is to be believed before it was checked against a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptBody {
    /// Which height.
    #[schema(value_type = u64)]
    pub height: Height,
    /// Block, certificate, receipts, operations and closing events in their canonical encoding (`storage::Body`), in Base64.
    pub payload: String,
}

impl KeptBody {
    /// Of the canonical bytes.
    pub fn new(height: Height, bytes: &[u8]) -> Self {
        Self { height, payload: STANDARD.encode(bytes) }
    }

    /// The canonical bytes; none where the payload is no Base64.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.payload).ok()
    }
}

/// What was committed at the end of the deleted range: `tb storage verify` compares it with the certified header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PruningCheckpoint {
    /// The highest height whose block is gone.
    #[schema(value_type = u64)]
    pub height: Height,
    /// The hash of that block.
    #[schema(value_type = HashText)]
    pub block: Hash,
    /// Root of the ledger after it.
    #[schema(value_type = DigestText)]
    pub ledger_root: LedgerDigest,
    /// Running digest of every ledger operation up to it.
    #[schema(value_type = DigestText)]
    pub ops_digest: LedgerDigest,
    /// Root of the module state after it.
    #[schema(value_type = HashText)]
    pub state_root: Hash,
}

/// `GET /status/pruning`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PruningStatus {
    /// Whether the gate `pruning` is on.
    pub active: bool,
    /// What the worker does: `off`, `idle`, `pruning`, `compacting`, `paused`, `backlog`, `disk_full` or `failed`.
    pub state: String,
    /// Why the last piece failed, while the state is `failed`.
    pub failure: Option<String>,
    /// Whether the emergency pause is on.
    pub emergency_pause: bool,
    /// Newest blocks that are kept whatever happens.
    pub retention_depth: u64,
    /// The lowest height whose block is kept.
    #[schema(value_type = u64)]
    pub oldest_height: Height,
    /// The lowest height whose header is kept.
    #[schema(value_type = u64)]
    pub oldest_header: Height,
    /// The highest height that may be deleted now.
    #[schema(value_type = u64)]
    pub prunable_to: Height,
    /// What keeps the block after it: `retention_depth`, `evidence_window` or `open_windows`.
    pub held_by: String,
    /// Heights that may be deleted and are not yet.
    pub lag_blocks: u64,
    /// Heights whose blocks were deleted since the store began.
    pub removed_blocks: u64,
    /// The end of the deleted range; none while nothing was deleted.
    pub checkpoint: Option<PruningCheckpoint>,
}
