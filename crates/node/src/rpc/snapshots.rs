//! Snapshots over RPC: those of this node, one on demand, and the session that gives them to others.

use primitives::Hash;
use rpc::types::{ChunkId, ChunkView, SnapshotList, SnapshotView, StateSyncChunk, StateSyncPlan, StateSyncSession};
use rpc::{ApiError, ErrorCode};
use snapshots::{ChunkEntry, ChunkKind, Snapshot, SnapshotError};

use super::errors;
use super::server::Server;

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
/// `not_ready` before the first block, and for whatever else stands in the way.
pub fn make(server: &Server) -> Result<SnapshotView, ApiError> {
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
    Ok(StateSyncSession { active: snapshot.is_some(), snapshot, chunks_served, bytes_served })
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
        ChunkId::Height(place) => {
            let count = session.manifest.chunks().len();
            let index = usize::try_from(place.0).unwrap_or(usize::MAX);
            let entry = session.manifest.chunks().get(index).copied().ok_or_else(|| {
                ApiError::bad_request(format!("index {place} is outside the session, which has {count} chunks"))
            })?;
            (session, index, entry)
        }
    };
    match snapshot.chunk_file(&entry.id) {
        Ok(file) => {
            snapshots.served(file.len());
            Ok(StateSyncChunk::new(chunk_view(index, &entry), &file))
        }
        Err(SnapshotError::MissingChunk { id }) => Err(missing(&id)),
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
