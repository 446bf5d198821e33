//! Snapshots over RPC: those of this node, one on demand, and the session that gives them to others.

use std::sync::Arc;

use axum::body::Bytes;
use primitives::Hash;
use rpc::types::{
    ChunkId, ChunkView, SnapshotList, SnapshotView, StateSyncChunk, StateSyncPlan, StateSyncSession, SyncProgress,
};
use rpc::{ApiError, ErrorCode};
use snapshots::{ChunkEntry, ChunkKind, Snapshot, SnapshotError};

use super::server::Server;
use super::{errors, query};
use crate::state_sync::serve::WAIT_MAX;
use crate::state_sync::session::SessionRefused;

fn view(snapshot: &Snapshot) -> SnapshotView {
    let manifest = &snapshot.manifest;
    SnapshotView {
        height: manifest.height(),
        block: manifest.content.header.hash(),
        id: manifest.id(),
        name: snapshots::shelf::folder_name(manifest),
        made_at: manifest.made_at,
        signer: manifest.signer,
        accounts: manifest.content.header.next_slot,
        chunks: u64::try_from(manifest.chunks().len()).unwrap_or(u64::MAX),
        bytes: manifest.packed_bytes(),
    }
}

fn chunk_view(index: usize, entry: &ChunkEntry) -> ChunkView {
    let kind = match entry.kind {
        ChunkKind::Ledger(_) => "ledger",
        ChunkKind::State(_) => "state",
    };
    ChunkView {
        index: u64::try_from(index).unwrap_or(u64::MAX),
        id: entry.id,
        kind: kind.to_owned(),
        bytes: entry.packed,
        unpacked_bytes: entry.unpacked,
    }
}

fn no_session() -> ApiError {
    ApiError::new(ErrorCode::NOT_READY).because("no state-sync session is active: this node has no snapshot").with_hint(
        "ask another node; this one's operator makes one with tb snapshots create, or sets snapshots.interval_blocks",
    )
}

/// `GET /snapshots`.
///
/// # Errors
/// None of its own.
pub fn list(server: &Server) -> Result<SnapshotList, ApiError> {
    Ok(SnapshotList { snapshots: server.shared.snapshots.listed().iter().map(|snapshot| view(snapshot)).collect() })
}

/// `POST /snapshots`.
///
/// # Errors
/// `not_ready` before the first block, on a disk below its floor, and for whatever else stands in the way.
pub fn make(server: &Server) -> Result<SnapshotView, ApiError> {
    if let Some((free, floor)) = server.shared.disk.low() {
        return Err(ApiError::new(ErrorCode::NOT_READY)
            .because(format!("the disk has {free} bytes free, less than the floor of {floor}: no snapshot is made"))
            .with_hint("free room, for example with tb snapshots prune, or lower disk_free_min_bytes"));
    }
    match server.shared.snapshots.make_now(&server.shared.store) {
        Ok(snapshot) => Ok(view(&snapshot)),
        Err(SnapshotError::Storage(error)) => Err(errors::of_storage(&server.shared, &error)),
        Err(error) => {
            let text = error.to_string();
            let (what, hint) = text.split_once("; next: ").unwrap_or((&text, "the node's log names the cause"));
            Err(ApiError::new(ErrorCode::NOT_READY).because(what.to_owned()).with_hint(hint))
        }
    }
}

/// `GET /state-sync/plan`.
///
/// # Errors
/// `not_ready` without a session.
pub fn plan(server: &Server) -> Result<StateSyncPlan, ApiError> {
    let snapshot = server.shared.snapshots.session().ok_or_else(no_session)?;
    let entries = snapshot.manifest.chunks().iter().enumerate();
    let chunks = entries.map(|(index, entry)| chunk_view(index, entry)).collect();
    Ok(StateSyncPlan::new(view(&snapshot), &snapshot.manifest.to_bytes(), chunks))
}

/// `GET /state-sync/session`.
///
/// # Errors
/// None of its own.
pub fn session(server: &Server) -> Result<StateSyncSession, ApiError> {
    let snapshot = server.shared.snapshots.session().map(|snapshot| view(&snapshot));
    let (chunks_served, bytes_served) = server.shared.snapshots.given();
    let fetch = server.shared.sync.progress();
    Ok(StateSyncSession { active: snapshot.is_some(), snapshot, chunks_served, bytes_served, fetch })
}

fn refused(refused: &SessionRefused) -> ApiError {
    let text = refused.to_string();
    let (what, hint) = text.split_once("; next: ").unwrap_or((&text, "tb validator snapshot status says more"));
    ApiError::new(ErrorCode::NOT_READY).because(what.to_owned()).with_hint(hint)
}

/// `POST /state-sync/session/start` and `POST /state-sync/session/resume`.
///
/// # Errors
/// `not_ready` with the reason.
pub fn start(server: &Server, resume: bool) -> Result<SyncProgress, ApiError> {
    server.shared.sync.start(&server.shared, resume).map_err(|error| refused(&error))
}

/// `POST /state-sync/session/cancel`.
///
/// # Errors
/// `not_ready` when none runs.
pub fn cancel(server: &Server) -> Result<SyncProgress, ApiError> {
    server.shared.sync.cancel().map_err(|error| refused(&error))
}

/// A chunk, once its bytes may go out.
///
/// # Errors
/// As [`chunk`], and `rate_limited` when that would take too long.
pub async fn paced_chunk(server: &Arc<Server>, id: ChunkId) -> Result<Bytes, ApiError> {
    let text = query::view(server, move |server| chunk(server, id)).await?;
    match server.shared.sync.serve.pass(text.len(), WAIT_MAX).await {
        Ok(()) => Ok(text),
        Err(wait) => Err(ApiError::new(ErrorCode::RateLimited)
            .because(format!("this node gives no more of its snapshot for {} s", wait.as_secs()))
            .with_hint("ask again later, or another node")),
    }
}

/// `GET /state-sync/chunk/{id}`.
///
/// # Errors
/// `bad_request` for a place outside the list, `not_found` for a chunk that is not there, `not_ready` without a session.
pub fn chunk(server: &Server, id: ChunkId) -> Result<StateSyncChunk, ApiError> {
    let snapshots = &server.shared.snapshots;
    let session = snapshots.session().ok_or_else(no_session)?;
    let (snapshot, index, entry) = match id {
        ChunkId::Hash(id) => snapshots.find(&id).ok_or_else(|| missing(&id))?,
        ChunkId::Place(place) => {
            let count = session.manifest.chunks().len();
            let index = usize::try_from(place).unwrap_or(usize::MAX);
            let entry = session.manifest.chunks().get(index).copied().ok_or_else(|| {
                ApiError::bad_request(format!("index {place} is outside the session, which has {count} chunks"))
            })?;
            (session, index, entry)
        }
    };
    match snapshots.give(&snapshot, &entry) {
        Ok(file) => Ok(StateSyncChunk::new(chunk_view(index, &entry), &file)),
        Err(SnapshotError::MissingChunk { id } | SnapshotError::ChunkHash { id }) => Err(missing(&id)),
        Err(error) => {
            tracing::error!(%error, "a chunk cannot be read");
            Err(ErrorCode::Internal.into())
        }
    }
}

fn missing(id: &Hash) -> ApiError {
    ApiError::not_found(format!("chunk {id}"))
        .with_hint("ask for GET /state-sync/plan again: the node may have a newer snapshot")
}
