//! Snapshots of a node, and how another node takes one over HTTP.
//!
//! ```text
//!   GET /state-sync/plan ──► manifest and list of chunks ──► GET /state-sync/chunk/{id} for each ──► checked one by one
//! ```
//! Rules
//! - Nothing here is to be believed: the manifest's certificate is judged by a light client, each chunk by the roots of the
//!   certified header. The SHA-256 finds faults of the way, not lies.
//! - A chunk is named by its hash or by its place in the list; the hash stays right when the node makes a newer snapshot.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use primitives::{Hash, Height, PublicKey, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::sync::SyncProgress;
use super::text::{BlockId, Hex, TextError};
use crate::schema::{HashText, HexText, PublicKeyText};

/// How a request names a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkId {
    /// By its place in the list, from 0.
    Place(u64),
    /// By its hash.
    Hash(Hash),
}

impl FromStr for ChunkId {
    type Err = TextError;
    fn from_str(text: &str) -> Result<Self, TextError> {
        // The same two forms as those of a block.
        match text.parse().map_err(|_| TextError::ChunkId)? {
            BlockId::Height(place) => Ok(Self::Place(place.0)),
            BlockId::Hash(hash) => Ok(Self::Hash(hash)),
        }
    }
}

/// One snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SnapshotView {
    /// The height that it is of.
    #[schema(value_type = u64)]
    pub height: Height,
    /// The hash of that block.
    #[schema(value_type = HashText)]
    pub block: Hash,
    /// What two nodes that copy this height agree on.
    #[schema(value_type = HashText)]
    pub id: Hash,
    /// The name of its folder.
    pub name: String,
    /// When it was made, by the clock of its node.
    #[schema(value_type = u64)]
    pub made_at: Timestamp,
    /// The node that made it.
    #[schema(value_type = PublicKeyText)]
    pub signer: PublicKey,
    /// Accounts in it.
    pub accounts: u32,
    /// How many chunks it has.
    pub chunks: u64,
    /// Bytes of its chunks.
    pub bytes: u64,
}

/// `GET /snapshots`: the snapshots of this node, the highest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SnapshotList {
    /// They.
    pub snapshots: Vec<SnapshotView>,
}

/// One chunk of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChunkView {
    /// Its place in the list.
    pub index: u64,
    /// Its hash.
    #[schema(value_type = HashText)]
    pub id: Hash,
    /// `ledger` or `state`.
    pub kind: String,
    /// Bytes of its file.
    pub bytes: u32,
    /// Bytes of its content.
    pub unpacked_bytes: u32,
}

/// `GET /state-sync/plan`: what the session holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateSyncPlan {
    /// The snapshot.
    pub snapshot: SnapshotView,
    /// The bytes of its manifest in Base64.
    pub manifest: String,
    /// Its chunks, in order.
    pub chunks: Vec<ChunkView>,
}

/// `GET /state-sync/session`: what this node gives to others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateSyncSession {
    /// Whether there is a snapshot to give.
    pub active: bool,
    /// Which one; none without one.
    pub snapshot: Option<SnapshotView>,
    /// Chunks given since the start.
    pub chunks_served: u64,
    /// Bytes given since the start.
    pub bytes_served: u64,
    /// The session in which this node takes a snapshot itself.
    pub fetch: SyncProgress,
}

/// `GET /state-sync/chunk/{id}`: one chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateSyncChunk {
    /// Which.
    pub chunk: ChunkView,
    /// Its file in Base64.
    pub payload: String,
    /// SHA-256 of the file.
    #[schema(value_type = HexText)]
    pub sha256: Hex,
}

/// Bytes that do not arrive as they were sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Not Base64.
    #[error("the payload is not Base64")]
    Encoding,
    /// The SHA-256 is another one.
    #[error("the payload does not have the SHA-256 that is given with it")]
    Checksum,
}

/// The place of a chunk, as older clients ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChunkQuery {
    /// Its place in the list.
    pub index: u64,
}

impl StateSyncPlan {
    /// The bytes of the manifest.
    ///
    /// # Errors
    /// [`PayloadError::Encoding`].
    pub fn manifest_bytes(&self) -> Result<Vec<u8>, PayloadError> {
        STANDARD.decode(&self.manifest).map_err(|_| PayloadError::Encoding)
    }

    /// With the bytes of a manifest.
    pub fn new(snapshot: SnapshotView, manifest: &[u8], chunks: Vec<ChunkView>) -> Self {
        Self { snapshot, manifest: STANDARD.encode(manifest), chunks }
    }
}

impl StateSyncChunk {
    /// With the bytes of its file.
    pub fn new(chunk: ChunkView, file: &[u8]) -> Self {
        Self { chunk, payload: STANDARD.encode(file), sha256: Hex(Sha256::digest(file).to_vec()) }
    }

    /// The file, if it came as it was sent.
    ///
    /// # Errors
    /// [`PayloadError`].
    pub fn file(&self) -> Result<Vec<u8>, PayloadError> {
        let file = STANDARD.decode(&self.payload).map_err(|_| PayloadError::Encoding)?;
        let same = Sha256::digest(&file).as_slice() == self.sha256.0.as_slice();
        if same { Ok(file) } else { Err(PayloadError::Checksum) }
    }
}
